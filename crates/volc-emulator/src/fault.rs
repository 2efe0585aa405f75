//! What goes wrong with a request.

use http::HeaderValue;
use serde::Deserialize;

use crate::catalogue::ErrorCode;

/// Something that goes wrong with a request.
///
/// Any action can go wrong; *deletion* stands for whatever the request asks for.
///
/// What happens *before* the deletion answers in place of the service, as a gateway, a proxy or a network would: the
/// request is not even checked. Everything else lets the service check the request and carry it out, and then spoils the
/// answer, whatever that is.
///
/// In JSON a fault is its name in kebab case, or an object with its name and members:
/// `"cut-body"`, `{"drop": {"after_deletion": true}}`, `{"details": "missing"}`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// The connection is closed without an answer.
    Drop {
        /// Whether the request is carried out first.
        after_deletion: bool,
    },
    /// The connection is closed half way through the headers of the answer.
    CutHead,
    /// The connection is closed half way through the body of the answer.
    CutBody,
    /// A call-level error of the [catalogue](crate::CATALOGUE), in place of the answer.
    ApiError {
        /// Its code, or its `CodeN` in digits: see [`ErrorCode::find`].
        code: String,
        /// Whether the request is carried out first.
        after_deletion: bool,
        /// Another HTTP status than the code's, 200 for example.
        #[serde(default)]
        status: Option<u16>,
        /// The value of a `Retry-After` header, sent as it is.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// 429 `FlowLimitExceeded`, nothing carried out, for requests that come faster than this (a token bucket, in real
    /// time). A request within the limit is left to the faults further down the list.
    RateLimit {
        /// Requests a second in the long run, more than 0.
        per_second: f64,
        /// Requests at once after a rest, at least 1; 1 in JSON unless set.
        #[serde(default = "one")]
        burst: u32,
        /// The value of a `Retry-After` header, sent as it is.
        #[serde(default)]
        retry_after: Option<String>,
    },
    /// Any answer, such as a proxy's page: see [`Fault::html`] and [`Fault::empty`].
    Answer {
        /// The HTTP status, from 200 to 599.
        status: u16,
        /// The body, sent as it is; empty in JSON unless set.
        #[serde(default)]
        body: String,
        /// The content type; none for no such header.
        #[serde(default)]
        content_type: Option<String>,
        /// Whether the request is carried out first.
        after_deletion: bool,
    },
    /// The first half of the answer's JSON, as a complete HTTP answer.
    Truncated,
    /// The answer's JSON followed by blanks.
    Padded {
        /// The length of the body with its blanks; an answer that is longer stays as it is.
        bytes: u64,
    },
    /// Silence before the first byte of the answer.
    StallHead {
        /// Whether the request is carried out before the silence. If not, it is carried out after it, provided that the
        /// client is still there.
        after_deletion: bool,
        /// How long; none for as long as the client stays.
        #[serde(default)]
        milliseconds: Option<u64>,
    },
    /// Silence between the headers and the body of the answer.
    StallBody {
        /// How long; none for as long as the client stays.
        #[serde(default)]
        milliseconds: Option<u64>,
    },
    /// The service's clock is wrong: signatures are judged by it, and the `Date` header tells it.
    Clock {
        /// How far ahead; negative for behind. Added to [`Builder::clock_offset`](crate::Builder::clock_offset).
        seconds: i64,
    },
    /// The session token of the access key that this request names is expired from now on.
    ExpireToken,
    /// The deletion is carried out, and `OperationDetails` tells something else of it.
    Details(DetailsFault),
}

/// How `OperationDetails` is wrong. Nothing happens to an answer that has none; what needs an entry to work on does nothing
/// when nothing is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DetailsFault {
    /// The first entry is left out.
    Missing,
    /// The first entry is listed a second time, at the end.
    Duplicate,
    /// The first image is listed a second time, at the end, with another verdict: deleted if it was refused, and
    /// `InternalError` if it was deleted.
    Contradiction,
    /// An image that nobody asked for is listed as deleted.
    Foreign,
    /// The whole list is null.
    Null,
}

fn one() -> u32 {
    1
}

impl Fault {
    /// The HTML page of a proxy whose upstream failed, with this status: in place of the service, or of its answer to what was
    /// carried out.
    pub fn html(status: u16, after_deletion: bool) -> Self {
        let body = "<html>\r\n<head><title>Bad Gateway</title></head>\r\n<body><center><h1>Bad Gateway</h1></center></body>\r\n</html>\r\n";
        Self::Answer { status, body: body.to_owned(), content_type: Some("text/html".to_owned()), after_deletion }
    }

    /// A 200 without a body, after the deletion.
    pub fn empty() -> Self {
        Self::Answer { status: 200, body: String::new(), content_type: None, after_deletion: true }
    }

    /// A call-level error of the catalogue with its own status and no `Retry-After`.
    pub fn api_error(code: impl Into<String>, after_deletion: bool) -> Self {
        Self::ApiError { code: code.into(), after_deletion, status: None, retry_after: None }
    }

    /// Checked once, before the emulator starts: what is used later needs no error.
    pub(crate) fn check(&self) -> Result<(), String> {
        let header_value = match self {
            Self::ApiError { retry_after, .. } | Self::RateLimit { retry_after, .. } => retry_after.as_deref(),
            Self::Answer { content_type, .. } => content_type.as_deref(),
            _ => None,
        };
        if let Some(value) = header_value.filter(|value| HeaderValue::from_str(value).is_err()) {
            return Err(format!("expected the value of a header, not {value:?}"));
        }
        match self {
            Self::ApiError { code, .. } if ErrorCode::find(code).is_none() => {
                Err(format!("expected a code of the catalogue, not {code:?}"))
            }
            Self::ApiError { status: Some(status), .. } | Self::Answer { status, .. } if !(200..=599).contains(status) => {
                Err(format!("expected a status from 200 to 599, not {status}"))
            }
            Self::RateLimit { per_second, .. } if !(*per_second > 0.0 && per_second.is_finite()) => {
                Err(format!("expected more than 0 requests per second, not {per_second}"))
            }
            Self::RateLimit { burst: 0, .. } => Err("expected a burst of at least 1".to_owned()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_spelling() {
        let answer = Fault::Answer { status: 418, body: String::new(), content_type: None, after_deletion: false };
        let slow = Fault::RateLimit { per_second: 0.5, burst: 1, retry_after: Some("2".to_owned()) };
        for (json, fault) in [
            (r#"{"drop": {"after_deletion": true}}"#, Fault::Drop { after_deletion: true }),
            (r#""cut-head""#, Fault::CutHead),
            (r#""cut-body""#, Fault::CutBody),
            (r#"{"api-error": {"code": "InternalError", "after_deletion": true}}"#, Fault::api_error("InternalError", true)),
            (r#"{"rate-limit": {"per_second": 0.5, "retry_after": "2"}}"#, slow),
            (r#"{"answer": {"status": 418, "after_deletion": false}}"#, answer),
            (r#""truncated""#, Fault::Truncated),
            (r#"{"padded": {"bytes": 9}}"#, Fault::Padded { bytes: 9 }),
            (r#"{"stall-head": {"after_deletion": false}}"#, Fault::StallHead { after_deletion: false, milliseconds: None }),
            (r#"{"stall-body": {"milliseconds": 5}}"#, Fault::StallBody { milliseconds: Some(5) }),
            (r#"{"clock": {"seconds": -900}}"#, Fault::Clock { seconds: -900 }),
            (r#""expire-token""#, Fault::ExpireToken),
            (r#"{"details": "missing"}"#, Fault::Details(DetailsFault::Missing)),
            (r#"{"details": "duplicate"}"#, Fault::Details(DetailsFault::Duplicate)),
            (r#"{"details": "contradiction"}"#, Fault::Details(DetailsFault::Contradiction)),
            (r#"{"details": "foreign"}"#, Fault::Details(DetailsFault::Foreign)),
            (r#"{"details": "null"}"#, Fault::Details(DetailsFault::Null)),
        ] {
            assert_eq!(serde_json::from_str::<Fault>(json).unwrap(), fault, "{json}");
        }
        for json in [r#"{"drop": {}}"#, r#"{"drop": {"after_deletion": true, "more": 1}}"#, r#""cut""#, r#"{"details": "all"}"#] {
            assert!(serde_json::from_str::<Fault>(json).is_err(), "{json}");
        }
    }
}
