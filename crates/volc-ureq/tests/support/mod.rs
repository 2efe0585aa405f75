//! What scenarios need and no adapter is named in.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part of this")]

pub mod scenarios;
pub mod server;
pub mod ureq;

use std::error::Error;
use std::time::Duration;

use volc_proto::ecs::{DeleteImages, ImageId, Snapshots};
use volc_proto::{Credentials, Endpoint, Fate, Region};

/// An adapter under test: a client for one endpoint that calls [`action`] once.
pub trait Adapter: Sized {
    fn new(endpoint: Endpoint, who: Credentials, limits: Limits) -> Self;
    fn call(&self) -> Outcome;
}

#[derive(Clone, Copy)]
pub struct Limits {
    pub total: Duration,
    pub connect: Duration,
}

/// For scenarios that end by themselves.
pub const GENEROUS: Limits = Limits { total: server::LIMIT, connect: server::LIMIT };

/// For scenarios that last until the client gives up.
pub const SHORT: Limits = Limits { total: Duration::from_millis(600), connect: Duration::from_millis(300) };

/// The request ID of a reply, or what went wrong.
pub type Outcome = Result<Option<String>, Failure>;

#[derive(Debug)]
pub struct Failure {
    pub fate: Fate,
    pub certificate_refused: bool,
    /// The error with its sources.
    pub text: String,
}

const SECRETS: [&str; 5] = ["AKLTcanaryOfTheKeyId", "canaryOfTheSecret", "canaryOfTheToken", "Signature=", "image-canary"];

pub fn who() -> Credentials {
    let [id, secret, token, ..] = SECRETS;
    let who = Credentials::new(id, secret).and_then(|who| who.with_session_token(token));
    who.expect("the canaries are well formed")
}

pub fn action() -> DeleteImages {
    let ids = vec![ImageId::new("image-canary").expect("an ID")];
    DeleteImages::new(ids, Snapshots::Keep).expect("one image is a batch")
}

pub fn endpoint(url: &str) -> Endpoint {
    Endpoint::custom(url, Region::new("cn-beijing").expect("a region")).expect("a loopback or HTTPS address")
}

/// Fails the test where anything secret, or the query, is in what people would see.
pub fn assert_shows_no_secret(shown: &str) {
    for secret in SECRETS {
        assert!(!shown.contains(secret), "`{secret}` is in what is shown: {shown}");
    }
}

impl Failure {
    pub fn new(error: &dyn Error, fate: Fate, certificate_refused: bool) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        assert_shows_no_secret(&format!("{text} {error:?}"));
        Self { fate, certificate_refused, text }
    }
}

/// An answer that says yes.
pub fn success() -> String {
    answer("200 OK", &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", BODY.len()), BODY)
}

pub const BODY: &str = concat!(
    r#"{"ResponseMetadata":{"RequestId":"request-1","Action":"DeleteImages","Version":"2020-04-01","Service":"ecs"},"#,
    r#""Result":{"OperationDetails":[{"ImageId":"image-a"}]}}"#
);

pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n{body}")
}
