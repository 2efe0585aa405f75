#![doc = include_str!("../README.md")]

mod action;
mod chain;
mod credentials;
mod endpoint;
mod fate;
mod json;
mod profile;
mod query;
mod region;
mod reply;
mod shown;
mod sign;
mod skew;
mod timestamp;
mod verify;

pub mod ecs;
pub mod sts;

pub use crate::action::Action;
pub use crate::chain::chain;
pub use crate::credentials::{Credentials, InvalidCredentials};
pub use crate::endpoint::{Endpoint, InvalidEndpoint, RequestError};
pub use crate::fate::Fate;
pub use crate::profile::{InvalidProfile, Profile};
pub use crate::query::Query;
pub use crate::region::{InvalidRegion, Region};
pub use crate::reply::{ApiError, ApiErrorKind, Reply, ReplyError, Unreadable, parse, parse_as};
pub use crate::sign::{PresignedUri, SignError, Signature, Signer, SigningKey};
pub use crate::skew::ClockSkew;
pub use crate::timestamp::{InvalidTimestamp, Timestamp};
pub use crate::verify::{MAX_VALIDITY_SECONDS, VALIDITY_SECONDS, Verified, VerifyError, verify};
