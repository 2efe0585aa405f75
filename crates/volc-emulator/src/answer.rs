//! What the service says, before it becomes bytes.

use serde::Serialize;
use serde_json::Value;
use volc_proto::{Query, Timestamp};

use crate::catalogue::{ErrorCode, FAILING, ItemCode};
use crate::claim::Claim;
use crate::fault::DetailsFault;

/// The envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Answer {
    #[serde(skip)]
    pub(crate) status: u16,
    response_metadata: Metadata,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Output>,
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

/// What an action comes to: the reply's `Result`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Output {
    #[serde(rename_all = "PascalCase")]
    Deleted {
        operation_details: Option<Vec<Detail>>,
    },
    Images(Page),
    Identity(Identity),
}

impl Output {
    pub(crate) fn deleted(details: Vec<Detail>) -> Self {
        Self::Deleted { operation_details: Some(details) }
    }
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

/// One page of images. An empty token says that it is the last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Page {
    pub(crate) images: Vec<Value>,
    pub(crate) next_token: String,
    pub(crate) total_count: usize,
}

/// Whose key it is. The account is a number, as volcengine-go-sdk reads it; whoever signs is the same made-up user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Identity {
    account_id: u64,
    identity_id: &'static str,
    identity_type: &'static str,
    trn: String,
}

impl Identity {
    pub(crate) fn of(account_id: u64) -> Self {
        Self { account_id, identity_id: "1", identity_type: "User", trn: format!("trn:iam::{account_id}:user/emulator") }
    }
}

impl Metadata {
    /// `number` counts requests. A request ID is 34 characters long and starts with the time, as in the documents; here the
    /// rest is the number.
    pub(crate) fn new(claim: &Claim, query: &Query, number: u64, now: Timestamp) -> Self {
        let time: String = now.to_string().chars().filter(char::is_ascii_digit).collect();
        let text = |name| query.first(name).map(|value| String::from_utf8_lossy(&value).into_owned());
        let scope = claim.scope.as_ref();
        Self {
            request_id: format!("{time}{number:020X}"),
            action: text("Action"),
            version: text("Version"),
            service: scope.map(|scope| scope.service.clone()),
            region: scope.map(|scope| scope.region.clone()),
            error: None,
        }
    }

    pub(crate) fn refuse(mut self, code: &ErrorCode, with: &[&str]) -> Answer {
        self.error = Some(CallError { code_n: code.code_n, code: code.code, message: code.filled(with) });
        Answer { status: code.status, response_metadata: self, result: None }
    }

    pub(crate) fn succeed(self, output: Output) -> Answer {
        Answer { status: 200, response_metadata: self, result: Some(output) }
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
        let Some(Output::Deleted { operation_details }) = &mut self.result else { return };
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
