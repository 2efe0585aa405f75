//! The errors that the service writes: as they lie in a body, and as they are told.

use std::error::Error;
use std::fmt;
use std::num::NonZero;

use http::StatusCode;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::json::{Blank, Integer, Text};
use crate::shown::{message, name, printable};

/// `Error`, of a call or of one resource. Services write null, `{}` or empty strings for none.
#[derive(Default)]
pub(crate) struct ErrorBody<'a> {
    code: Text<'a>,
    message: Text<'a>,
    pub(super) code_number: Option<NonZero<i64>>,
    /// Whether a member that is none of these, or that is not what it should be, says something.
    other: bool,
}

#[derive(Deserialize)]
#[serde(field_identifier)]
enum Member {
    Code,
    Message,
    CodeN,
    #[serde(other)]
    Other,
}

impl<'de: 'a, 'a> Deserialize<'de> for ErrorBody<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ErrorVisitor;

        impl<'de> Visitor<'de> for ErrorVisitor {
            type Value = ErrorBody<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an error")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(ErrorBody::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut code, mut message, mut number, mut other) = (None, None, None::<Option<Integer>>, false);
                while let Some(member) = map.next_key()? {
                    match member {
                        Member::Code => once("Code", &mut code, &mut map)?,
                        Member::Message => once("Message", &mut message, &mut map)?,
                        Member::CodeN => once("CodeN", &mut number, &mut map)?,
                        Member::Other => {
                            let Blank(blank) = map.next_value()?;
                            other |= !blank;
                        }
                    }
                }
                let Integer { number, blank } = number.flatten().unwrap_or(Integer::NONE);
                Ok(ErrorBody {
                    code: code.unwrap_or_default(),
                    message: message.unwrap_or_default(),
                    code_number: number.and_then(NonZero::new),
                    other: other || (number.is_none() && !blank),
                })
            }
        }

        deserializer.deserialize_any(ErrorVisitor)
    }
}

/// Reads a member's value. Of two, nobody knows which is meant.
fn once<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    name: &'static str,
    value: &mut Option<T>,
    map: &mut A,
) -> Result<(), A::Error> {
    match value.replace(map.next_value()?) {
        None => Ok(()),
        Some(_) => Err(serde::de::Error::duplicate_field(name)),
    }
}

impl<'a> ErrorBody<'a> {
    pub(super) fn new(code: Text<'a>, message: Text<'a>) -> Self {
        Self { code, message, ..Self::default() }
    }

    /// Fit to be shown: neither long nor with a secret in it.
    pub(crate) fn code(&self) -> String {
        name(&self.code)
    }

    /// Fit to be shown, as the code.
    pub(crate) fn message(&self) -> String {
        message(&self.message)
    }

    /// Whether both have the same code and message, as they were written.
    pub(crate) fn says_the_same(&self, other: &ErrorBody<'_>) -> bool {
        (&self.code, &self.message) == (&other.code, &other.message)
    }

    pub(crate) fn says_something(&self) -> bool {
        !self.code.is_empty() || !self.message.is_empty() || self.says_something_else()
    }

    /// Whether it is no error of the service's making: it has neither code nor message, and yet is not empty.
    pub(crate) fn is_odd(&self) -> bool {
        self.code.is_empty() && self.message.is_empty() && self.says_something_else()
    }

    fn says_something_else(&self) -> bool {
        self.other || self.code_number.is_some()
    }
}

/// The service answered that the call failed: `ResponseMetadata.Error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub(super) code: String,
    pub(super) code_number: Option<i64>,
    pub(super) message: String,
    pub(super) status: StatusCode,
    pub(super) request_id: Option<String>,
    pub(super) action: Option<String>,
    pub(super) in_envelope: bool,
    pub(super) has_result: bool,
}

impl ApiError {
    /// `Code`: `InvalidAccessKey`. As the service wrote it, 128 bytes at most, but for what may be a secret. Empty where there is
    /// only a message.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// `CodeN`, a number that some services add: 100009. `None` where it is absent or not a number.
    pub fn code_number(&self) -> Option<i64> {
        self.code_number
    }

    /// `Message`, for people: 1,024 bytes at most, without the middle of access key IDs and without words of 40 characters and
    /// more, which may be secrets.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The HTTP status it came with. 200 is possible.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What the vendor's support asks for, as [`Reply::request_id`](crate::Reply::request_id).
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The action that the service says it answers, as [`Reply::action`](crate::Reply::action).
    pub fn action(&self) -> Option<&str> {
        self.action.as_deref()
    }

    /// Whether it came inside the service's envelope, and not in the short form that anything on the way might write.
    pub(crate) fn in_envelope(&self) -> bool {
        self.in_envelope
    }

    /// Whether the service itself refused, and nothing contradicts it: the error stands in the service's envelope, at a status
    /// of 2xx or 4xx, and no `Result` that says something stands beside it. Only then does its code prove anything: that
    /// nothing was done, or that there is no such resource.
    pub fn is_conclusive(&self) -> bool {
        self.in_envelope && !self.has_result && (self.status.is_success() || self.status.is_client_error())
    }

    /// Whether a `Result` that says something stands beside it: what it says was not done may have been.
    pub(crate) fn has_result(&self) -> bool {
        self.has_result
    }

    /// What can be done about it.
    ///
    /// After the tables of the [ECS public codes](https://www.volcengine.com/docs/6396/1253687), the
    /// [platform's](https://www.volcengine.com/docs/6369/68677) and the [gateway's](https://www.volcengine.com/docs/4/65595);
    /// a code that none of them has is classed by its HTTP status, and 429 is throttling whatever the code.
    pub fn kind(&self) -> ApiErrorKind {
        use ApiErrorKind::*;
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            return Throttled;
        }
        match self.code.as_str() {
            "FlowLimitExceeded" | "AccountFlowLimitExceeded" => Throttled,
            "InvalidTimestamp" => Clock,
            "MissingAuthenticationToken"
            | "MissingSignature"
            | "InvalidAccessKey"
            | "InvalidClientTokenId"
            | "SignatureDoesNotMatch"
            | "InvalidAuthorization"
            | "InvalidCredential"
            | "InvalidSecretToken" => Credentials,
            "AccessDenied" | "LackPolicy" | "LackProjectPolicy" => Permission,
            "MissingParameter"
            | "MissingRequestInfo"
            | "InvalidArgument"
            | "InvalidActionOrVersion"
            | "ServiceNotFound"
            | "ServiceShouldCallSelfApi"
            | "InnerApiNeedAccountInfo"
            | "MethodNotAllowed" => InvalidRequest,
            "UndefinedError"
            | "InternalError"
            | "InternalServiceError"
            | "InternalServiceTimeout"
            | "FailToConnect"
            | "ServiceUnavailableTemp" => Transient,
            // The older name of ServiceNotFound, or a service that is down.
            "ServiceUnavailable" if self.status == StatusCode::NOT_FOUND => InvalidRequest,
            code if code.starts_with("MissingParameter.") || code.starts_with("LimitExceeded.") => InvalidRequest,
            code if code.starts_with("Invalid") && code.ends_with(".Malformed") => InvalidRequest,
            _ => match self.status.as_u16() {
                401 => Credentials,
                403 => Permission,
                500..=599 => Transient,
                _ => Unknown,
            },
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (HTTP {}", printable(&self.code), printable(&self.message), self.status.as_u16())?;
        if let Some(id) = &self.request_id {
            write!(f, ", request {}", printable(id))?;
        }
        f.write_str(")")
    }
}

impl Error for ApiError {}

/// What can be done about an [`ApiError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ApiErrorKind {
    /// Too many requests: wait, then send again.
    Throttled,
    /// The request's date is too far from the service's clock: correct it, sign again.
    Clock,
    /// The key, the token or the signature is not accepted: it takes another key, or a fresh token.
    Credentials,
    /// The key is known and may not do this: it takes another policy.
    Permission,
    /// The request is wrong and stays so: sending it again does not help.
    InvalidRequest,
    /// Something failed on the other side; whether the action was done is open.
    Transient,
    /// A code that no document has, at a status that says no more: read the message.
    Unknown,
}
