//! The keys of access and refresh tokens, both following from the server's secret (`keyfile`), and what is signed
//! with them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chat_common::{Timestamp, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use super::keyfile::{self, KeyError};
use super::password::Hasher;
use super::secret;
use crate::service::{Error, Result};

/// An access token lives so long where nothing else is said.
const ACCESS: Duration = Duration::from_secs(15 * 60);
/// No token of ours comes near it; a longer one is refused before any work.
const MAX_TOKEN: usize = 2_048;

/// Keys and password hashing: made once at start from the key file in the data folder.
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
    /// Of an access token.
    life: Duration,
}

struct Inner {
    sign: EncodingKey,
    verify: DecodingKey,
    validation: Validation,
    refresh: [u8; 32],
    fingerprint: String,
    hasher: Hasher,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth { … }")
    }
}

/// What an access token says.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    /// Who.
    pub sub: UserId,
    /// The session.
    pub sid: String,
    /// When it was made, seconds since 1970.
    pub iat: i64,
    /// When it ends, seconds since 1970.
    pub exp: i64,
}

impl Auth {
    /// Reads the key file, or makes one that only the owner can read. When several processes start at once, all use
    /// the one that was first.
    pub fn load_or_create(path: &Path) -> std::result::Result<Self, KeyError> {
        keyfile::load_or_create(path).map(|key| Self::from_key(&key))
    }

    /// Reads the key file that several nodes share and that is therefore made beforehand.
    pub fn load(path: &Path) -> std::result::Result<Self, KeyError> {
        keyfile::load(path).map(|key| Self::from_key(&key))
    }

    /// Tells keys apart without telling the key: a few hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.inner.fingerprint
    }

    /// From a key that is kept elsewhere.
    pub fn from_key(key: &[u8; 32]) -> Self {
        let access = secret::derive(key, "access token", b"");
        let mut validation = Validation::new(Algorithm::HS256);
        // The time is compared with the clock that is passed in.
        validation.validate_exp = false;
        validation.validate_aud = false;
        Self {
            life: ACCESS,
            inner: Arc::new(Inner {
                sign: EncodingKey::from_secret(&access),
                verify: DecodingKey::from_secret(&access),
                validation,
                refresh: secret::derive(key, "refresh token", b""),
                fingerprint: secret::derive(key, "fingerprint", b"")[..6].iter().map(|b| format!("{b:02x}")).collect(),
                hasher: Hasher::new(),
            }),
        }
    }

    /// With access tokens that live so long instead of 15 minutes.
    #[must_use]
    pub fn with_access_life(self, life: Duration) -> Self {
        Self { life, ..self }
    }

    /// Signs an access token; gives it with its end.
    pub(super) fn sign(&self, user: UserId, session: &str, now: Timestamp) -> Result<(String, Timestamp)> {
        let iat = now.as_millis().div_euclid(1_000);
        let exp = iat + i64::try_from(self.life.as_secs()).unwrap_or(0);
        let claims = Claims { sub: user, sid: session.to_owned(), iat, exp };
        let token =
            jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.inner.sign).map_err(|error| {
                tracing::error!(%error, "an access token could not be signed");
                Error::Internal
            })?;
        Ok((token, Timestamp::from_millis(exp.saturating_mul(1_000))))
    }

    /// Reads an access token: one algorithm, our key, not over.
    pub(super) fn verify(&self, token: &str, now: Timestamp) -> Result<Claims> {
        if token.len() > MAX_TOKEN {
            return Err(Error::Unauthorized("the token is not valid; log in again"));
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.inner.verify, &self.inner.validation)
            .map_err(|_| Error::Unauthorized("the token is not valid; log in again"))?
            .claims;
        if claims.exp.saturating_mul(1_000) <= now.as_millis() {
            return Err(Error::Unauthorized(super::EXPIRED));
        }
        Ok(claims)
    }

    /// The refresh token that replaces this one.
    pub(super) fn successor(&self, presented: &str) -> String {
        secret::successor(&self.inner.refresh, presented)
    }

    /// Password hashing.
    pub(in crate::service) fn hasher(&self) -> &Hasher {
        &self.inner.hasher
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000)
    }

    #[test]
    fn the_key_file_is_made_once_and_only_for_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let one = Auth::load_or_create(&path).unwrap();
        let two = Auth::load_or_create(&path).unwrap();
        let (token, _) = one.sign(UserId::from_bits(1), "s", now()).unwrap();
        assert_eq!(two.verify(&token, now()).unwrap().sid, "s");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        std::fs::write(&path, "short").unwrap();
        assert!(matches!(Auth::load_or_create(&path), Err(KeyError::Damaged(_))));
    }

    #[test]
    fn a_key_file_that_is_named_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shared.key");
        let error = Auth::load(&path).unwrap_err();
        assert!(matches!(error, KeyError::Missing(_)) && error.to_string().contains("openssl rand -hex 32"), "{error}");
        assert!(!path.exists());
        // As openssl prints it, with a line's end.
        std::fs::write(&path, "ab".repeat(32) + "\n").unwrap();
        let (token, _) = Auth::load(&path).unwrap().sign(UserId::from_bits(1), "s", now()).unwrap();
        assert!(Auth::from_key(&[0xab; 32]).verify(&token, now()).is_ok());
    }

    #[test]
    fn processes_that_start_at_once_use_one_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.key");
        let all: Vec<Auth> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Auth::load_or_create(&path).unwrap())).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        let (token, _) = all[0].sign(UserId::from_bits(1), "s", now()).unwrap();
        assert!(all.iter().all(|auth| auth.verify(&token, now()).is_ok()));
    }

    #[test]
    fn forged_and_foreign_tokens_are_refused() {
        let auth = Auth::from_key(&[1; 32]);
        let (good, ends) = auth.sign(UserId::from_bits(5), "s", now()).unwrap();
        assert_eq!(auth.verify(&good, now()).unwrap().sub, UserId::from_bits(5));
        assert!(matches!(auth.verify(&good, ends), Err(Error::Unauthorized("token expired"))));

        let (foreign, _) = Auth::from_key(&[2; 32]).sign(UserId::from_bits(5), "s", now()).unwrap();
        let mut parts = good.split('.');
        let (_, claims, signature) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        // {"alg":"none"}, {"alg":"None","typ":"JWT"}, {"alg":"HS512"}, {"alg":"RS256"}
        let headers = [
            "eyJhbGciOiJub25lIn0",
            "eyJhbGciOiJOb25lIiwidHlwIjoiSldUIn0",
            "eyJhbGciOiJIUzUxMiJ9",
            "eyJhbGciOiJSUzI1NiJ9",
        ];
        let mut bad = vec![foreign, String::new(), "..".into(), "a.b.c".into(), good[..good.len() - 2].to_owned()];
        for header in headers {
            bad.push(format!("{header}.{claims}."));
            bad.push(format!("{header}.{claims}.{signature}"));
        }
        bad.push("x".repeat(1 << 20));
        for token in bad {
            assert!(
                matches!(auth.verify(&token, now()), Err(Error::Unauthorized(_))),
                "{}",
                &token[..token.len().min(80)]
            );
        }
    }

    #[test]
    fn keys_do_not_show() {
        assert_eq!(format!("{:?}", Auth::from_key(&[7; 32])), "Auth { … }");
    }
}
