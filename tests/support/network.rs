//! A hostile network for the adapters: a scripted server, canaries for secrets, and what a call of any adapter comes to.

mod server;

use std::error::Error;
use std::time::Duration;

use volc_proto::ecs::{DeleteImages, ImageId, Snapshots};
use volc_proto::{Credentials, Endpoint, Fate, Region};

pub use self::server::{Connection, LIMIT, Server};

/// How long a call may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Altogether.
    pub total: Duration,
    /// To connect.
    pub connect: Duration,
}

/// For scenarios that end by themselves.
pub const GENEROUS: Limits = Limits { total: LIMIT, connect: LIMIT };

/// For scenarios that last until the client gives up.
pub const SHORT: Limits = Limits { total: Duration::from_millis(600), connect: Duration::from_millis(300) };

/// The request ID of a reply, or what went wrong.
pub type Outcome = Result<Option<String>, Failure>;

/// An error of an adapter.
#[derive(Debug)]
pub struct Failure {
    /// Its fate.
    pub fate: Fate,
    /// Whether a certificate is the cause.
    pub certificate_refused: bool,
    /// The error without its sources, which are the client library's words.
    pub message: String,
    /// The error with its sources.
    pub text: String,
}

impl Failure {
    /// Takes an adapter's error apart.
    ///
    /// # Panics
    ///
    /// Where it shows a secret.
    pub fn new(error: &dyn Error, fate: Fate, certificate_refused: bool) -> Self {
        let message = error.to_string();
        let mut text = message.clone();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        assert_shows_no_secret(&format!("{text} {error:?}"));
        Self { fate, certificate_refused, message, text }
    }
}

const KEY_ID: &str = "AKLTcanaryOfTheKeyId";
const SECRET: &str = "canaryOfTheSecret";
/// As long as one of the service's: what shows a part of an answer tells secrets from words by their length.
const LONG_TOKEN: &str = "canaryOfTheTokenThatIsAsLongAsOneOfTheService/A==";
const TOKEN: &str = "canaryOfTheToken";

/// What nobody may see: of a canary, and what goes before any signature.
pub const SECRETS: [&str; 4] = [KEY_ID, SECRET, TOKEN, "Signature="];

/// Credentials that are canaries.
///
/// # Panics
///
/// Never.
pub fn who() -> Credentials {
    let who = Credentials::new(KEY_ID, SECRET).and_then(|who| who.with_session_token(LONG_TOKEN));
    who.expect("the canaries are well formed")
}

/// The action that tests call.
///
/// # Panics
///
/// Never.
pub fn action() -> DeleteImages {
    let ids = vec![ImageId::new("image-canary").expect("an ID")];
    DeleteImages::new(ids, Snapshots::Keep).expect("one image is a batch")
}

/// An endpoint of `cn-beijing`.
///
/// # Panics
///
/// For an address that is neither a loopback one nor HTTPS.
pub fn endpoint(url: &str) -> Endpoint {
    Endpoint::custom(url, Region::new("cn-beijing").expect("a region")).expect("a loopback or HTTPS address")
}

/// Holds: nothing secret, nor the query, is in what people would see.
///
/// # Panics
///
/// Where it does not hold.
pub fn assert_shows_no_secret(shown: &str) {
    for secret in SECRETS.into_iter().chain(["image-canary"]) {
        assert!(!shown.contains(secret), "`{secret}` is in what is shown: {shown}");
    }
}

/// The body of an answer that says yes.
pub const BODY: &str = concat!(
    r#"{"ResponseMetadata":{"RequestId":"request-1","Action":"DeleteImages","Version":"2020-04-01","Service":"ecs"},"#,
    r#""Result":{"OperationDetails":[{"ImageId":"image-a"}]}}"#
);

/// An answer that says yes.
pub fn success() -> String {
    answer("200 OK", &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", BODY.len()), BODY)
}

/// An answer of HTTP/1.1; each of its headers ends with a line end.
pub fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}\r\n{body}")
}
