//! What the service says, before it becomes bytes.

use http::Request;
use serde::Serialize;
use volc_proto::{Query, Timestamp};

use crate::catalogue::{ErrorCode, FAILING, ItemCode};
use crate::fault::DetailsFault;

/// The envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Answer {
    #[serde(skip)]
    pub(crate) status: u16,
    response_metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Deleted>,
}

/// What the request says of itself comes back; what it does not say is left out, which no document describes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Metadata {
    request_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<CallError>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct CallError {
    #[serde(skip_serializing_if = "Option::is_none")]
    code_n: Option<u32>,
    code: &'static str,
    message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Deleted {
    operation_details: Option<Vec<Detail>>,
}

/// One image's verdict. `Error` is null for a deleted image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Detail {
    pub(crate) image_id: String,
    pub(crate) error: Option<DetailError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DetailError {
    code: &'static str,
    message: &'static str,
}

impl From<ItemCode> for DetailError {
    fn from(ItemCode { code, message }: ItemCode) -> Self {
        Self { code, message }
    }
}

impl Metadata {
    /// `number` counts requests. A request ID is 34 characters long and starts with the time, as in the documents; here the
    /// rest is the number.
    pub(crate) fn new(request: &Request<()>, query: &Query, number: u64, now: Timestamp) -> Self {
        let time: String = now.to_string().chars().filter(char::is_ascii_digit).collect();
        let text = |name| query.first(name).map(|value| String::from_utf8_lossy(&value).into_owned());
        let scope = Scope::claimed(request);
        Self {
            request_id: format!("{time}{number:020X}"),
            action: text("Action"),
            version: text("Version"),
            service: scope.as_ref().map(|scope| scope.service.to_owned()),
            region: scope.as_ref().map(|scope| scope.region.to_owned()),
            error: None,
        }
    }

    pub(crate) fn refuse(mut self, code: &ErrorCode, with: &[&str]) -> Answer {
        self.error = Some(CallError { code_n: code.code_n, code: code.code, message: code.filled(with) });
        Answer { status: code.status, response_metadata: self, result: None }
    }

    pub(crate) fn deleted(self, details: Vec<Detail>) -> Answer {
        Answer { status: 200, response_metadata: self, result: Some(Deleted { operation_details: Some(details) }) }
    }
}

impl Answer {
    pub(crate) fn request_id(&self) -> &str {
        &self.response_metadata.request_id
    }

    pub(crate) fn code(&self) -> Option<&'static str> {
        self.response_metadata.error.as_ref().map(|error| error.code)
    }

    pub(crate) fn spoil(&mut self, fault: DetailsFault) {
        let Some(Deleted { operation_details }) = &mut self.result else { return };
        let Some(details) = operation_details else { return };
        let first = details.first().cloned();
        match (fault, first) {
            (DetailsFault::Missing, Some(_)) => drop(details.remove(0)),
            (DetailsFault::Duplicate, Some(first)) => details.push(first),
            (DetailsFault::Contradiction, Some(Detail { image_id, error })) => {
                details.push(Detail { image_id, error: error.is_none().then(|| FAILING.into()) });
            }
            (DetailsFault::Foreign, _) => details.push(Detail { image_id: "image-foreign".to_owned(), error: None }),
            (DetailsFault::Null, _) => *operation_details = None,
            (DetailsFault::Missing | DetailsFault::Duplicate | DetailsFault::Contradiction, None) => {}
        }
    }
}

/// What `Authorization` claims, unchecked.
pub(crate) struct Scope<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

impl<'a> Scope<'a> {
    pub(crate) fn claimed(request: &'a Request<()>) -> Option<Self> {
        let value = request.headers().get(http::header::AUTHORIZATION)?.to_str().ok()?;
        let (_, credential) = value.split_once("Credential=")?;
        let credential = credential.split(',').next()?.trim();
        let [access_key_id, _day, region, service, "request"] = credential.split('/').collect::<Vec<_>>()[..] else {
            return None;
        };
        Some(Self { access_key_id, region, service })
    }
}
