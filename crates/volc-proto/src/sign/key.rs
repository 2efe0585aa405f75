//! The key of one day, region and service.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// A signing key: what the secret access key becomes for one credential scope (a day, a region, a service).
///
/// From [`Credentials::signing_key`](crate::Credentials::signing_key). It can sign for its scope until its day is over,
/// and for nothing else; within that it is as secret as the secret access key. Overwritten when dropped.
#[derive(Clone)]
pub struct SigningKey {
    bytes: Zeroizing<[u8; 32]>,
    /// HMAC with both key blocks already hashed: a signature costs two compressions less.
    keyed: Hmac<Sha256>,
}

impl SigningKey {
    pub(crate) fn derive(secret: &str, day: &str, region: &str, service: &str) -> Self {
        let mut key = Zeroizing::new([0; 32]);
        *key = tag(&keyed(secret.as_bytes()), &[day]);
        for step in [region, service, "request"] {
            *key = tag(&keyed(&*key), &[step]);
        }
        Self { keyed: keyed(&*key), bytes: key }
    }

    /// The key itself. Whoever has it can sign for its scope until its day is over.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// HMAC-SHA256 over the pieces, one after another.
    pub(crate) fn tag(&self, pieces: &[&str]) -> [u8; 32] {
        tag(&self.keyed, pieces)
    }

    /// Whether `tag` is that of the pieces, in a time that does not tell where they differ.
    pub(crate) fn verify(&self, pieces: &[&str], tag: &[u8]) -> bool {
        let mut mac = self.keyed.clone();
        for piece in pieces {
            mac.update(piece.as_bytes());
        }
        mac.verify_slice(tag).is_ok()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").finish_non_exhaustive()
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

fn tag(keyed: &Hmac<Sha256>, pieces: &[&str]) -> [u8; 32] {
    let mut mac = keyed.clone();
    for piece in pieces {
        mac.update(piece.as_bytes());
    }
    mac.finalize().into_bytes().into()
}
