//! Passwords: argon2id (19 MiB, two passes, one lane), a few at a time, so that a flood of logins cannot take the
//! machine's cores and memory from those who talk.

use std::num::NonZero;
use std::sync::Arc;

use argon2::Params;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use super::argon::Engine;
use crate::service::{Error, Result};

/// KiB of memory one hash takes.
const MEMORY: u32 = 19 * 1_024;
/// Passes over it.
const PASSES: u32 = 2;
/// Bytes of a password.
const MIN: usize = 8;
/// Bytes of a password.
const MAX: usize = 1_024;
/// Hashes running and waiting; more are `unavailable` at once, since they would not be done in time anyway.
const QUEUE: usize = 128;
/// Verified where there is no password, so that an unknown name takes as long as a known one. Nothing fits it.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$ZHVtbXlzYWx0ZHVtbXlzYQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Refuses passwords that are too short or too long.
pub(in crate::service) fn check(field: &'static str, password: &str) -> Result<()> {
    match password.len() {
        MIN..=MAX => Ok(()),
        0..MIN => Err(Error::invalid(field, "a password has at least 8 bytes; take a longer one")),
        _ => Err(Error::invalid(field, "a password has at most 1,024 bytes; take a shorter one")),
    }
}

/// Whether a password can be anybody's at all, without the work of hashing it.
pub(super) fn too_long(password: &str) -> bool {
    password.len() > MAX
}

/// Hashes on the blocking pool, at most half of the cores at once.
pub(in crate::service) struct Hasher {
    running: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Hasher {
    /// For this machine.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { running: Arc::new(Semaphore::new((cores / 2).max(1))), waiting: Arc::new(Semaphore::new(QUEUE)) }
    }

    /// The PHC string of a password.
    pub async fn hash(&self, password: String) -> Result<String> {
        self.run(move || match engine()?.hash_password(password.as_bytes()) {
            Ok(hash) => Ok(hash.to_string()),
            Err(error) => {
                tracing::error!(%error, "a password could not be hashed");
                Err(Error::Internal)
            }
        })
        .await
    }

    /// Whether the password is that of the PHC string; without one: no, after the same work.
    pub async fn verify(&self, password: String, phc: Option<String>) -> Result<bool> {
        self.run(move || {
            let known = phc.is_some();
            let phc = phc.unwrap_or_else(|| DUMMY.to_owned());
            let hash = PasswordHash::new(&phc).map_err(|error| {
                tracing::error!(%error, "a stored password hash cannot be read");
                Error::Internal
            })?;
            Ok(engine()?.verify_password(password.as_bytes(), &hash).is_ok() && known)
        })
        .await
    }

    /// Both permits go with the work: it cannot be stopped half way, whoever stops waiting for it.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let waiting = Arc::clone(&self.waiting).try_acquire_owned().map_err(|_| Error::Unavailable)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Error::Unavailable)?;
        let done = tokio::task::spawn_blocking(move || {
            let _permits = (waiting, running);
            work()
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "password hashing ended before its end");
            Error::Internal
        })?
    }
}

fn engine() -> Result<Engine> {
    let params = Params::new(MEMORY, PASSES, 1, None).map_err(|error| {
        tracing::error!(%error, "the parameters of password hashing are wrong");
        Error::Internal
    })?;
    Ok(Engine::new(params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_bytes() {
        assert!(check("password", "").is_err());
        assert!(check("password", "1234567").is_err());
        assert!(check("password", "12345678").is_ok());
        assert!(check("password", &"🦀".repeat(200)).is_ok());
        assert!(check("password", &"x".repeat(1_024)).is_ok());
        assert!(check("password", &"x".repeat(1_025)).is_err());
    }

    #[tokio::test]
    async fn nothing_is_cut_off_a_password() {
        let hasher = Hasher::new();
        let long = "x".repeat(100);
        let phc = hasher.hash(long.clone()).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        assert!(hasher.verify(long.clone(), Some(phc.clone())).await.unwrap());
        assert!(!hasher.verify(format!("{long}y"), Some(phc.clone())).await.unwrap());
        assert!(!hasher.verify(long[..72].to_owned(), Some(phc)).await.unwrap());
        assert!(!hasher.verify(long, None).await.unwrap());
    }

    #[tokio::test]
    async fn more_than_the_queue_holds_is_refused_at_once() {
        let hasher = Hasher::new();
        let _all = Arc::clone(&hasher.waiting).acquire_many_owned(u32::try_from(QUEUE).unwrap()).await.unwrap();
        assert!(matches!(hasher.verify("x".into(), None).await, Err(Error::Unavailable)));
    }
}
