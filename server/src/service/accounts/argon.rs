//! Argon2 in memory that goes back to the system after each hash.
//!
//! The library asks the allocator for the 19 MiB of a hash. After the first one glibc serves such pieces from the
//! heaps of its threads, and the blocking pool has many threads: a few hundred logins, one after the other, left more
//! than a gigabyte behind. A piece above the largest threshold that it ever takes (32 MiB) is always mapped, and
//! unmapped when freed; what of it is not written costs nothing.

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::password_hash::{CustomizedPasswordHasher, PasswordHasher, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// Blocks of 1 KiB that are asked for: more than 32 MiB.
const MAPPED: usize = 33 * 1_024;

/// Hashes and verifies like [`Argon2`], but for where its memory comes from.
pub(super) struct Engine {
    params: Params,
}

impl Engine {
    /// Argon2id with these parameters.
    pub fn new(params: Params) -> Self {
        Self { params }
    }
}

impl PasswordHasher<PasswordHash> for Engine {
    fn hash_password_with_salt(&self, password: &[u8], salt: &[u8]) -> Result<PasswordHash> {
        digest(Algorithm::Argon2id, Version::V0x13, &self.params, password, salt)
    }
}

impl CustomizedPasswordHasher<PasswordHash> for Engine {
    type Params = Params;

    fn hash_password_customized(
        &self,
        password: &[u8],
        salt: &[u8],
        algorithm: Option<&str>,
        version: Option<u32>,
        params: Params,
    ) -> Result<PasswordHash> {
        let algorithm = algorithm.map(Algorithm::try_from).transpose()?.unwrap_or_default();
        let version = version.map(Version::try_from).transpose()?.unwrap_or_default();
        digest(algorithm, version, &params, password, salt)
    }
}

fn digest(
    algorithm: Algorithm,
    version: Version,
    params: &Params,
    password: &[u8],
    salt: &[u8],
) -> Result<PasswordHash> {
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    let needed = params.block_count();
    let mut memory = Vec::with_capacity(needed.max(MAPPED));
    memory.resize(needed, Block::default());
    Argon2::new(algorithm, version, params.clone()).hash_password_into_with_memory(
        password,
        salt,
        &mut out,
        &mut memory,
    )?;
    Ok(PasswordHash {
        algorithm: algorithm.ident(),
        version: Some(version.into()),
        params: ParamsString::try_from(params)?,
        salt: Some(Salt::new(salt)?),
        hash: Some(Output::new(&out)?),
    })
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::PasswordVerifier;

    use super::*;

    #[test]
    fn it_hashes_as_the_library_does() {
        let params = Params::new(64, 2, 1, None).unwrap();
        let library = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
        let engine = Engine::new(params);
        let (password, salt) = (b"correct horse", b"sixteen bytes ok");
        let ours = engine.hash_password_with_salt(password, salt).unwrap();
        assert_eq!(ours, library.hash_password_with_salt(password, salt).unwrap());
        assert!(engine.verify_password(password, &ours).is_ok());
        assert!(engine.verify_password(b"wrong horse", &ours).is_err());
    }
}
