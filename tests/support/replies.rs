//! The replies of `replies/`: what comes back, and how it is to be read.

use http::Response;
use serde::Deserialize;
use serde_json::{Map, Value};
use volc_proto::ecs::ImageId;

/// What came back to a deletion.
#[derive(Debug, Deserialize)]
pub struct RecordedReply {
    /// Its name.
    pub id: String,
    /// The images that were asked for.
    pub requested_ids: Vec<String>,
    /// HTTP status.
    pub status: u16,
    /// HTTP headers.
    pub headers: Map<String, Value>,
    /// The body.
    pub body: String,
    /// How it is to be read.
    pub expect: Expectation,
}

/// How a reply is to be read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// `results`, `api_error`, `http_error`, `malformed_response`; joined with ` or ` where either will do.
    pub outcome: String,
    /// Of `results`: what each image that was asked for came to.
    #[serde(default)]
    pub images: Vec<ExpectedImage>,
    /// Of `results`: images that nobody asked for.
    #[serde(default)]
    pub unexpected: Vec<String>,
    /// Of `results`: the meaning of each image's code.
    #[serde(default)]
    pub classes: Map<String, Value>,
    /// The message of the one failure.
    pub message: Option<String>,
    /// Of an error: its code.
    pub code: Option<String>,
    /// Of an error: its number.
    pub code_n: Option<i64>,
    /// Of an error: the HTTP status.
    pub http_status: Option<u16>,
    /// Of an error: what can be done about it.
    pub class: Option<String>,
    /// Whether the same request may be sent again.
    pub retry_same_request: Option<bool>,
    /// Seconds to wait.
    pub retry_after_s: Option<u64>,
    /// The request's ID.
    pub request_id: Option<String>,
    /// For readers.
    #[serde(default)]
    pub note: String,
}

/// What one image came to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedImage {
    /// The image.
    pub id: String,
    /// `deleted`, `failed` or `not_listed`.
    pub state: String,
    /// Of `failed`: why.
    pub code: Option<String>,
}

impl RecordedReply {
    /// As an HTTP client gives it.
    pub fn response(&self) -> Response<Vec<u8>> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(name, value.as_str().expect("a header is a text"));
        }
        response.body(self.body.clone().into_bytes()).expect("a response")
    }

    /// The images that were asked for, where their IDs can be ones: those in documents have asterisks.
    pub fn asked(&self) -> Vec<ImageId> {
        self.requested_ids.iter().filter_map(|id| id.parse().ok()).collect()
    }
}
