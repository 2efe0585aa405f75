//! Which part of a signature does not hold.

use std::error::Error;
use std::fmt;

use http::header::HeaderName;

use crate::timestamp::Timestamp;

/// Which part of a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no signature.
    Unsigned,
    /// The signature cannot be read.
    Malformed {
        /// What was expected, and where.
        expected: &'static str,
    },
    /// The credential of the signature cannot be read, or is of another day than the request.
    Credential {
        /// What was expected.
        expected: &'static str,
    },
    /// Nobody has this access key.
    UnknownAccessKey {
        /// The access key ID.
        id: String,
    },
    /// The signature is not valid at the server's time: too old, or too far ahead.
    Expired {
        /// The date of the signature.
        signed_at: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
    /// A header that was signed, or is needed, is not there.
    MissingHeader {
        /// The header.
        name: HeaderName,
    },
    /// A header that counts is there more than once.
    RepeatedHeader {
        /// The header.
        name: HeaderName,
    },
    /// `X-Content-Sha256` is not the hash of the body.
    BodyHash,
    /// The session token is not the access key's: another one, missing, or not expected.
    Token,
    /// Everything is there, and the signature is another one: the secret, or something that was signed, differs.
    Signature,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("expected a signature"),
            Self::Malformed { expected } => write!(f, "expected {expected}"),
            Self::Credential { expected } => write!(f, "expected {expected} in the credential"),
            Self::UnknownAccessKey { .. } => f.write_str("expected a known access key"),
            Self::Expired { signed_at, now } => write!(f, "expected a signature that is valid at {now}, not that of {signed_at}"),
            Self::MissingHeader { name } => write!(f, "expected the header `{name}`"),
            Self::RepeatedHeader { name } => write!(f, "expected the header `{name}` once"),
            Self::BodyHash => f.write_str("expected the hash of the body in `x-content-sha256`"),
            Self::Token => f.write_str("expected the session token of the access key"),
            Self::Signature => f.write_str("expected another signature: the secret, or something that was signed, differs"),
        }
    }
}

impl Error for VerifyError {}
