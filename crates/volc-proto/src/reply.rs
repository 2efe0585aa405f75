//! What came back: the envelope that all Volcengine services share, and its errors.
//!
//! Knows status, headers and bytes; never meets an image or a retry. Reads what the
//! [request structure](https://docs.byteplus.com/en/docs/ecs/Request-structure) documents and what was observed, and takes
//! nothing else for a success.

use std::error::Error;
use std::fmt;
use std::mem::take;
use std::num::NonZero;

use http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;

use crate::action::Action;
use crate::json::{Blank, Object, Text};
use crate::shown::{excerpt, name};

mod error;

pub(crate) use self::error::ErrorBody;
pub use self::error::{ApiError, ApiErrorKind};

/// A reply that says what the action did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply<T> {
    /// The reply's `Result`. Read it: an action on many resources can succeed although it failed for some of them.
    pub output: T,
    /// What the vendor's support asks for: from the envelope, else from the header `X-Tt-Logid`; `None` where neither has it.
    pub request_id: Option<String>,
    /// The action that the service says it answers, if it says so. Another one than was asked means that answers got mixed up
    /// on the way.
    pub action: Option<String>,
}

/// Reads the reply to an action.
///
/// # Errors
///
/// [`ReplyError`] for everything that is not the envelope of a success: an error inside the envelope (at any HTTP status),
/// an error status, a body that cannot be read. What happened to the resources is then open, unless the error is of a kind
/// that says otherwise.
pub fn parse<A: Action>(response: &Response<impl AsRef<[u8]>>) -> Result<Reply<A::Output>, ReplyError> {
    parse_as(response)
}

/// Reads a reply whose `Result` is a `T`, which may borrow from the response.
///
/// `T` is read from a JSON object; where the reply has no `Result`, or null, from an empty one.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_as<'de, T: Deserialize<'de>>(response: &'de Response<impl AsRef<[u8]>>) -> Result<Reply<T>, ReplyError> {
    let (status, headers, body) = (response.status(), response.headers(), response.body().as_ref());
    let source = match Envelope::<Object<T>>::read(body) {
        Ok(envelope) if status.is_success() && !envelope.says_error() => match envelope.reply(headers) {
            Ok(Some(reply)) => return Ok(reply),
            Ok(None) => None,
            Err(error) => Some(error),
        },
        Ok(_) => None,
        Err(error) => Some(error),
    };
    // Where an error stands beside it, `Result` may be of any shape, and the error wins.
    let mut envelope = Envelope::<Blank>::read(body).ok();
    if let Some(error) = envelope.as_mut().and_then(|envelope| envelope.error(status, headers)) {
        return Err(ReplyError::Api(error));
    }
    Err(ReplyError::Unreadable(Unreadable {
        status,
        request_id: log_id(headers),
        action: envelope.as_ref().and_then(Envelope::action),
        // An object that cannot be read may have one.
        has_result: envelope.as_ref().map_or(body.trim_ascii_start().starts_with(b"{"), Envelope::has_result),
        excerpt: excerpt(body),
        source: source.map(Box::new),
    }))
}

#[derive(Deserialize)]
#[serde(bound = "R: Deserialize<'de>")]
struct Envelope<'a, R> {
    #[serde(rename = "ResponseMetadata", borrow)]
    metadata: Option<Object<Metadata<'a>>>,
    #[serde(rename = "Result", default = "Option::default")]
    result: Option<R>,
    /// The gateway's short form, without an envelope. volcengine-go-sdk (`VolcengineSimpleError`) reads the names in any
    /// letter case; these are the ones that its source and its tests spell.
    #[serde(rename = "ErrorCode", alias = "errorcode", alias = "errorCode", borrow, default)]
    simple_code: Text<'a>,
    #[serde(rename = "Message", alias = "message", borrow, default)]
    simple_message: Text<'a>,
    /// No document has it here. Where it says something, nothing beside it is a success.
    #[serde(rename = "Error", alias = "error", borrow, default)]
    misplaced: ErrorBody<'a>,
}

impl<'de, R: Deserialize<'de>> Envelope<'de, R> {
    fn read(body: &'de [u8]) -> Result<Self, UnreadableBody> {
        // serde_json checks only the strings it returns: one look at the whole is stricter, and lets it borrow unchecked.
        let text = std::str::from_utf8(body).map_err(UnreadableBody::Encoding)?;
        let Object(envelope) = serde_json::from_str(text).map_err(UnreadableBody::from)?;
        Ok(envelope)
    }

    fn says_error(&self) -> bool {
        let stated = self.metadata.as_ref().is_some_and(|Object(metadata)| metadata.error.says_something());
        stated || self.misplaced.says_something() || !self.simple_code.is_empty()
    }

    fn request_id(&self, headers: &HeaderMap) -> Option<String> {
        let metadata = self.metadata.as_ref().map(|Object(metadata)| metadata);
        let mut ids = metadata.into_iter().flat_map(|metadata| [&metadata.request_id, &metadata.request_id_upper]);
        let id = ids.find(|id| !id.is_empty()).map(|id| name(id));
        id.or_else(|| log_id(headers))
    }

    fn action(&self) -> Option<String> {
        let Object(Metadata { action, .. }) = self.metadata.as_ref()?;
        (!action.is_empty()).then(|| name(action))
    }
}

impl Envelope<'_, Blank> {
    fn error(&mut self, status: StatusCode, headers: &HeaderMap) -> Option<ApiError> {
        if !self.says_error() {
            return None;
        }
        let stated = self.metadata.as_mut().map(|Object(metadata)| take(&mut metadata.error));
        let stated = stated.filter(ErrorBody::says_something);
        let in_envelope = stated.is_some();
        let error = stated.unwrap_or_else(|| match take(&mut self.misplaced) {
            misplaced if misplaced.says_something() => misplaced,
            _ => ErrorBody::new(take(&mut self.simple_code), take(&mut self.simple_message)),
        });
        Some(ApiError {
            code: error.code(),
            message: error.message(),
            code_number: error.code_number.map(NonZero::get),
            status,
            request_id: self.request_id(headers),
            action: self.action(),
            in_envelope,
            has_result: self.has_result(),
        })
    }

    fn has_result(&self) -> bool {
        self.result.as_ref().is_some_and(|Blank(blank)| !blank)
    }
}

impl<'de, T: Deserialize<'de>> Envelope<'de, Object<T>> {
    /// `None` without an envelope around the result.
    fn reply(self, headers: &HeaderMap) -> Result<Option<Reply<T>>, UnreadableBody> {
        if self.metadata.is_none() {
            return Ok(None);
        }
        let (request_id, action) = (self.request_id(headers), self.action());
        let output = match self.result {
            Some(Object(output)) => output,
            None => Object::empty().map_err(UnreadableBody::from)?,
        };
        Ok(Some(Reply { output, request_id, action }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    #[serde(borrow, default)]
    request_id: Text<'a>,
    /// As some services spell it.
    #[serde(rename = "RequestID", borrow, default)]
    request_id_upper: Text<'a>,
    #[serde(borrow, default)]
    action: Text<'a>,
    #[serde(alias = "error", borrow, default)]
    error: ErrorBody<'a>,
}

/// The request ID of an answer of any kind.
pub(crate) fn request_id_of(response: &Response<impl AsRef<[u8]>>) -> Option<String> {
    match Envelope::<IgnoredAny>::read(response.body().as_ref()) {
        Ok(envelope) => envelope.request_id(response.headers()),
        Err(_) => log_id(response.headers()),
    }
}

fn log_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get("x-tt-logid")?.to_str().ok()?;
    (!id.is_empty()).then(|| name(id))
}

/// An answer that does not say what the action did: a proxy's page, an empty or cut-off body, a redirect.
#[derive(Debug)]
pub struct Unreadable {
    status: StatusCode,
    request_id: Option<String>,
    action: Option<String>,
    has_result: bool,
    excerpt: String,
    source: Option<Box<UnreadableBody>>,
}

impl Unreadable {
    /// The HTTP status it came with; a 2xx is no success here.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The header `X-Tt-Logid`, where there is one.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The action that an envelope without an error, at a status that is none of a success, says it answers.
    pub(crate) fn action(&self) -> Option<&str> {
        self.action.as_deref()
    }

    /// Whether it has a `Result` that says something, or may have one, without being a success.
    pub(crate) fn has_result(&self) -> bool {
        self.has_result
    }

    /// The start of the body, for people: 256 bytes at most, without what may be a key or a token, and then with control
    /// characters escaped.
    pub fn excerpt(&self) -> &str {
        &self.excerpt
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected a reply of the service, got HTTP {} ", self.status.as_u16())?;
        match self.excerpt.as_str() {
            "" => f.write_str("with an empty body"),
            excerpt => write!(f, "with `{excerpt}`"),
        }
    }
}

impl Error for Unreadable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(UnreadableBody::as_error)
    }
}

#[derive(Debug)]
enum UnreadableBody {
    Encoding(std::str::Utf8Error),
    Json(Misread),
}

/// Where JSON was not what was expected. serde_json's own error would repeat parts of the body.
#[derive(Debug)]
struct Misread {
    line: usize,
    column: usize,
    what: &'static str,
}

impl From<serde_json::Error> for UnreadableBody {
    fn from(error: serde_json::Error) -> Self {
        let what = match error.classify() {
            Category::Io | Category::Syntax => "other JSON",
            Category::Data => "other members",
            Category::Eof => "more of it",
        };
        Self::Json(Misread { line: error.line(), column: error.column(), what })
    }
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at line {}, column {}", self.what, self.line, self.column)
    }
}

impl Error for Misread {}

impl UnreadableBody {
    fn as_error(&self) -> &(dyn Error + 'static) {
        match self {
            Self::Encoding(error) => error,
            Self::Json(error) => error,
        }
    }
}

/// Why a reply is not the result of its action.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReplyError {
    /// The service says that the call failed: ask the error's [`kind`](ApiError::kind).
    Api(ApiError),
    /// What came is no reply of the service, or none that can be understood: whether the action was done is open.
    Unreadable(Unreadable),
}

impl ReplyError {
    /// The HTTP status it came with. 200 is possible.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Api(error) => error.status(),
            Self::Unreadable(error) => error.status(),
        }
    }

    /// What the vendor's support asks for; `None` where the answer did not have it.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Api(error) => error.request_id(),
            Self::Unreadable(error) => error.request_id(),
        }
    }
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Api(error) => error.fmt(f),
            Self::Unreadable(error) => error.fmt(f),
        }
    }
}

impl Error for ReplyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Api(error) => error.source(),
            Self::Unreadable(error) => error.source(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str) -> ReplyError {
        let response = Response::builder().status(status).body(body).unwrap();
        parse_as::<IgnoredAny>(&response).unwrap_err()
    }

    #[test]
    fn the_key_that_the_service_repeats_is_masked() {
        let body =
            r#"{"ResponseMetadata":{"Error":{"Code":"InvalidAccessKey","Message":"The accesskey [AKLTYWViMTVmZGYz] included"}}}"#;
        let error = error(401, body);
        assert_eq!(error.to_string(), "InvalidAccessKey: The accesskey [AKLT****ZGYz] included (HTTP 401)");
        assert!(!format!("{error:?}").contains("AKLTYWViMTVmZGYz"));
    }

    #[test]
    fn a_page_that_repeats_the_request_shows_no_secret_of_it() {
        let (token, signature) = ("STSeyJBY2Nlc3NLZXlJZCI6IkFLVFBOe".repeat(4), "0123456789abcdef".repeat(4));
        for padding in [0, 200, 250] {
            let page =
                format!("{}bad request: X-Security-Token: {token}, Signature={signature}\r\nHost: h", "x ".repeat(padding / 2));
            let shown = error(400, &page).to_string();
            assert!(!shown.contains("STSeyJ") && !shown.contains("01234567"), "{shown}");
        }
    }

    #[test]
    fn what_another_side_wrote_cannot_forge_a_log_line() {
        let shown = error(502, "<html>\u{1b}[2J\r\nlevel=info all deleted").to_string();
        assert_eq!(shown, r"expected a reply of the service, got HTTP 502 with `<html>\u{1b}[2J\r\nlevel=info all deleted`");
    }

    #[test]
    fn no_text_of_another_side_is_as_long_as_it_likes_or_shows_a_secret() {
        let long = "x y ".repeat(100_000);
        let body = format!(
            r#"{{"ResponseMetadata":{{"RequestId":"{long}","Action":"{long}","Error":{{"Code":"{long}","Message":"{long}"}}}}}}"#
        );
        let ReplyError::Api(api) = error(500, &body) else { panic!("an error in the envelope") };
        assert_eq!((api.code().len(), api.message().len()), (128, 1_024));
        assert_eq!((api.request_id().map(str::len), api.action().map(str::len)), (Some(128), Some(128)));

        let token = "STSeyJBY2Nlc3NLZXlJZCI6IkFLVFBOe".repeat(4);
        let cut = format!("{}{token}", "x ".repeat(505));
        for body in [
            format!(r#"{{"ResponseMetadata":{{"Error":{{"Code":"X","Message":"{cut}"}}}}}}"#),
            format!(r#"{{"ResponseMetadata":{{"Error":{{"Code":"X","Message":"x-security-token:{token}"}}}}}}"#),
            format!(r#"{{"ResponseMetadata":{{"Error":"key AKLTcanarycanary token {token}"}}}}"#),
            r#"{"ResponseMetadata":{"Error":{"Code":"InvalidAccessKey.AKLTcanarycanary"}}}"#.to_owned(),
            format!(r#"{{"ResponseMetadata":{{"RequestId":"{token}","Action":"{token}","Error":{{"Code":"{token}"}}}}}}"#),
            format!(r#"{{"ErrorCode":"{token}"}}"#),
        ] {
            let error = error(400, &body);
            let shown = format!("{error} {error:?} {}", crate::chain(&error));
            assert!(!shown.contains("STSeyJ") && !shown.contains("canarycanary"), "{shown}");
        }
    }

    #[test]
    fn a_request_id_is_shown_whole() {
        let id = "202401120716064396688F6B01A82443A0";
        let body = format!(r#"{{"ResponseMetadata":{{"RequestId":"{id}","Error":{{"Code":"AccessDenied"}}}}}}"#);
        assert_eq!(error(403, &body).request_id(), Some(id));
    }

    #[test]
    fn the_gateways_short_form_is_read_as_an_error() {
        let shown = error(400, r#"{"ErrorCode":"InvalidArgument","Message":"no such region"}"#).to_string();
        assert_eq!(shown, "InvalidArgument: no such region (HTTP 400)");
    }

    #[test]
    fn an_error_beside_the_metadata_is_read() {
        let error = error(200, r#"{"ResponseMetadata":{},"Error":{"Code":"InvalidArgument","Message":"m"}}"#);
        assert_eq!(error.to_string(), "InvalidArgument: m (HTTP 200)");
    }

    #[test]
    fn an_answer_of_any_kind_has_its_request_id() {
        let id = |body: &'static str| {
            request_id_of(&Response::builder().status(502).header("x-tt-logid", "of-the-header").body(body).unwrap())
        };
        assert_eq!(id(r#"{"ResponseMetadata":{"RequestId":"of-the-body"}}"#).as_deref(), Some("of-the-body"));
        assert_eq!(id("<html>").as_deref(), Some("of-the-header"));
    }

    #[test]
    fn a_code_that_is_read_by_its_form_or_its_status() {
        let kind = |status, code: &str| match error(status, &format!(r#"{{"ResponseMetadata":{{"Error":{{"Code":"{code}"}}}}}}"#))
        {
            ReplyError::Api(error) => error.kind(),
            other => panic!("{other:?}"),
        };
        for (status, code, expected) in [
            (404, "ServiceUnavailable", ApiErrorKind::InvalidRequest),
            (503, "ServiceUnavailable", ApiErrorKind::Transient),
            (400, "InvalidImageId.Malformed", ApiErrorKind::InvalidRequest),
            (400, "InvalidImageId", ApiErrorKind::Unknown),
            (400, "Image.Malformed", ApiErrorKind::Unknown),
        ] {
            assert_eq!(kind(status, code), expected, "{status} {code}");
        }
    }

    #[test]
    fn an_array_is_taken_for_no_object() {
        for body in [
            "[{},null]",
            r#"[[null,null,null,null],null,null,null]"#,
            r#"{"ResponseMetadata":["r",null,null,null]}"#,
            r#"{"ResponseMetadata":{},"Result":[]}"#,
        ] {
            assert!(matches!(error(200, body), ReplyError::Unreadable(_)), "{body}");
        }
    }

    #[test]
    fn the_error_wins_whatever_stands_beside_it() {
        for result in ["\"\"", "[]", "{\"OperationDetails\":7}", "null"] {
            let body = format!(r#"{{"Result":{result},"ResponseMetadata":{{"Error":{{"Code":"AccessDenied"}}}}}}"#);
            let response = Response::builder().status(403).body(body).unwrap();
            let error = parse_as::<std::collections::BTreeMap<String, Vec<()>>>(&response).unwrap_err();
            assert!(matches!(&error, ReplyError::Api(error) if error.code() == "AccessDenied"), "{error:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_even_where_nobody_reads_them() {
        let body: &[u8] = b"{\"ResponseMetadata\":{},\"Extra\":\"\xff\"}";
        let error = parse_as::<IgnoredAny>(&Response::new(body)).unwrap_err();
        assert!(matches!(error, ReplyError::Unreadable(_)));
    }

    #[test]
    fn a_code_that_no_document_has_is_classed_by_its_status() {
        let throttled = error(429, r#"{"ResponseMetadata":{"Error":{"Code":"AccessDenied"}}}"#);
        assert!(matches!(&throttled, ReplyError::Api(error) if error.kind() == ApiErrorKind::Throttled));
        for (status, kind) in [
            (429, ApiErrorKind::Throttled),
            (401, ApiErrorKind::Credentials),
            (403, ApiErrorKind::Permission),
            (503, ApiErrorKind::Transient),
            (400, ApiErrorKind::Unknown),
            (200, ApiErrorKind::Unknown),
        ] {
            let error = error(status, r#"{"ResponseMetadata":{"Error":{"Code":"New"}}}"#);
            assert!(matches!(&error, ReplyError::Api(error) if error.kind() == kind), "{error:?}");
        }
    }
}
