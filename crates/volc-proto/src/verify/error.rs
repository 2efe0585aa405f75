//! Which part of a signature does not hold.

use std::error::Error;
use std::fmt;

use http::header::HeaderName;

use crate::timestamp::Timestamp;

/// Why [`verify`](crate::verify()) refuses a request: the first part of its signature that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is neither an `Authorization` header nor an `X-Signature` parameter.
    Unsigned,
    /// The signature cannot be read: a part is missing, there twice or not of its form, or a query has parameters that it does
    /// not cover.
    Malformed {
        /// What was expected, and where.
        expected: &'static str,
    },
    /// The credential of the signature cannot be read, or is of another day than the request.
    Credential {
        /// What was expected of it, such as `the day of X-Date`.
        expected: &'static str,
    },
    /// `secret_of` has no credentials of this access key.
    UnknownAccessKey,
    /// The signature is not valid at the server's time: too old, or too far ahead.
    Expired {
        /// The date of the signature: `X-Date`.
        signed_at: Timestamp,
        /// The server's time, as `verify` was given it.
        now: Timestamp,
    },
    /// A header that was signed, or is needed, is not there.
    MissingHeader {
        /// Its name: `x-date`, or one that the request says is signed.
        name: HeaderName,
    },
    /// A header that the check reads is there more than once: it is not for us to choose from.
    RepeatedHeader {
        /// Its name: a signed header, or one that is a part of the signature.
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
            Self::UnknownAccessKey => f.write_str("expected a known access key"),
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
