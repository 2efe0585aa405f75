//! The protocol of Volcengine's OpenAPI, and the safe deletion of ECS images, without any IO.
//!
//! This crate opens no socket, reads no clock, no environment and no file, starts no thread, and never sleeps. It turns an
//! action, an address, credentials and a time into a signed [`http::Request`], and an [`http::Response`] into what it says.
//! Whatever can send an HTTP request can carry it: [`volc-ureq`](https://docs.rs/volc-ureq) and [`volc-hyper`](https://docs.rs/volc-hyper) do.
//!
//! In scope: building, signing and verifying requests of any Volcengine service, the envelope of its replies, and what the
//! codes of `DeleteImages` mean. Out of scope: transport, TLS, proxies, timers, and finding credentials.
//!
//! # Four words
//!
//! *What*: an [`Action`]. *Where*: an [`Endpoint`]. *Who*: [`Credentials`]. *When*: a [`Timestamp`].
//!
//! ```
//! use volc_proto::ecs::{DeleteImages, ImageId, ImageStatus, Snapshots};
//! use volc_proto::{Credentials, Endpoint, Region, Timestamp, parse};
//!
//! let id = ImageId::new("image-ebgy1og99tfct0example")?;
//! let what = DeleteImages::new(vec![id.clone()], Snapshots::Keep)?;
//! let where_to = Endpoint::new(Region::new("cn-beijing")?);
//! let who = Credentials::new("AKLTexample", "secret")?;
//! let when = Timestamp::from_unix(1_700_000_000).expect("before the year 10000");
//! let request = where_to.request(&what, &who, when)?;
//!
//! // Send it: method, URI and headers are complete, the body is empty. Then read what came back:
//! # let _ = request;
//! let response = http::Response::new(r#"{"ResponseMetadata":{"RequestId":"r"},"Result":{"OperationDetails":[]}}"#);
//! let reply = parse::<DeleteImages>(&response)?;
//! assert_eq!(reply.output.status_of(&id), ImageStatus::NotListed); // so perhaps deleted, perhaps not: ask again
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Three rules for whoever sends
//!
//! 1. Sign again for every attempt: [`Endpoint::request`] with the time of the attempt.
//! 2. Follow no redirect: it would carry the signature and the session token elsewhere.
//! 3. An answer that was lost says nothing. The images may be gone.

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
