//! The signing vectors of `vectors/`, and how a request that they describe looks on the wire.

use http::header::{HOST, HeaderName, HeaderValue};
use http::{Request, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde::Deserialize;
use serde_json::Value;
use volc_proto::{Credentials, Region, Timestamp};

use crate::load_folder;

/// A file of vectors.
#[derive(Debug, Deserialize)]
pub struct Vectors<E> {
    /// How many it says that it holds.
    pub count: usize,
    /// What it holds.
    pub vectors: Vec<Vector<E>>,
}

/// Every vector with an expected signature, of every file in `vectors/` that holds such.
///
/// # Panics
///
/// Where a file cannot be read, or does not hold what it says.
pub fn signing_vectors() -> Vec<Vector<Signed>> {
    let mut vectors = Vec::new();
    for (name, file) in load_folder::<Value>("vectors") {
        let held = file["vectors"].as_array().map_or(&[][..], Vec::as_slice);
        if held.iter().any(|vector| vector.get("expected").is_some()) {
            assert_eq!(file["count"], held.len(), "{name}");
            let read = |vector: &Value| {
                Vector::deserialize(vector).unwrap_or_else(|error| panic!("expected another vector in {name}: {error}"))
            };
            vectors.extend(held.iter().map(read));
        }
    }
    vectors
}

/// What a signed request comes to.
#[derive(Debug, Deserialize)]
pub struct Signed {
    /// Each step.
    pub expected: Steps,
}

/// The steps of one signature.
#[derive(Debug, Deserialize)]
pub struct Steps {
    /// The query, encoded and sorted.
    pub canonical_query: String,
    /// The headers' names.
    pub signed_headers: String,
    /// The canonical request, with the session token where it is signed.
    pub canonical_request: String,
    /// Day, region, service.
    pub credential_scope: String,
    /// What is signed.
    pub string_to_sign: String,
    /// What signs.
    pub signing_key_hex: String,
    /// The signature.
    pub signature: String,
    /// The header, of a request that is signed by one.
    pub authorization: Option<String>,
    /// The whole query of a presigned request, as the official Python SDK writes it.
    pub query_string: Option<String>,
    /// The same with `%20` for a blank.
    pub query_string_rfc3986: Option<String>,
}

/// A request, who signs it, and what should come of it.
#[derive(Debug, Deserialize)]
pub struct Vector<E> {
    /// Its name.
    pub id: String,
    /// `header` or `presign`.
    pub kind: String,
    /// The method.
    pub method: String,
    /// The host, perhaps with a port.
    pub host: String,
    /// The path, raw.
    pub path: String,
    /// Parameters, raw, in the order in which they are sent.
    pub query: Vec<(String, String)>,
    /// The headers that are signed, as they are sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The key.
    pub credentials: Key,
    /// The region of the scope.
    pub region: String,
    /// The service of the scope.
    pub service: String,
    /// When it is signed.
    pub date: String,
    /// Of a presigned request: the host, where it is signed.
    #[serde(default)]
    pub presign_host: Option<String>,
    /// What is known of the outcome.
    #[serde(flatten)]
    pub rest: E,
}

/// An access key.
#[derive(Debug, Deserialize)]
pub struct Key {
    access_key: String,
    secret_key: String,
    session_token: Option<String>,
}

/// Ways to write one and the same query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Everything but letters and digits is escaped, a blank is `%20`.
    Escaped,
    /// As [`Escaped`](Self::Escaped), with hex digits in lower case.
    LowerCase,
    /// As forms do: a blank is `+`.
    Plus,
    /// Parameters of different names in reverse.
    Shuffled,
}

impl Wire {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Escaped, Self::LowerCase, Self::Plus, Self::Shuffled];

    /// The query as it is sent.
    pub fn write<N: AsRef<[u8]>, V: AsRef<[u8]>>(self, pairs: &[(N, V)]) -> String {
        let mut pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
        if self == Self::Shuffled {
            // Stable: equal names keep their order, which is part of what is signed.
            pairs.sort_by(|(a, _), (b, _)| b.cmp(a));
        }
        let escape = |text: &[u8]| {
            let escaped = percent_encode(text, NON_ALPHANUMERIC).to_string();
            match self {
                Self::Escaped | Self::Shuffled => escaped,
                Self::LowerCase => lower_case_escapes(&escaped),
                Self::Plus => escaped.replace("%20", "+"),
            }
        };
        let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        pairs.join("&")
    }
}

fn lower_case_escapes(text: &str) -> String {
    let mut pieces = text.split('%');
    let mut written = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (digits, rest) = piece.split_at(2);
        written.extend(["%", &digits.to_ascii_lowercase(), rest]);
    }
    written
}

impl<E> Vector<E> {
    /// Who signs.
    pub fn who(&self) -> Credentials {
        let who = Credentials::new(&self.credentials.access_key, &self.credentials.secret_key).expect("a key");
        match &self.credentials.session_token {
            Some(token) => who.with_session_token(token).expect("a token"),
            None => who,
        }
    }

    /// The session token.
    pub fn token(&self) -> Option<&str> {
        self.credentials.session_token.as_deref()
    }

    /// The region.
    pub fn region(&self) -> Region {
        Region::new(&self.region).expect("a region")
    }

    /// When it is signed.
    pub fn at(&self) -> Timestamp {
        self.date.parse().expect("a date")
    }

    /// The names of the headers that are signed, in lower case.
    pub fn signed(&self) -> Vec<HeaderName> {
        self.headers.iter().map(|(name, _)| name.parse().expect("a header's name")).collect()
    }

    /// Where it goes.
    pub fn uri(&self, query: &str) -> Uri {
        let path: Vec<String> =
            self.path.split('/').map(|segment| percent_encode(segment.as_bytes(), NON_ALPHANUMERIC).to_string()).collect();
        format!("https://{}{}?{query}", self.host, path.join("/")).parse().expect("a URI")
    }

    /// The request as it is before it is signed: with the headers that the signer does not make itself.
    pub fn unsigned(&self, wire: Wire) -> Request<()> {
        let mut request = Request::builder().method(self.method.as_str()).uri(self.uri(&wire.write(&self.query)));
        for (name, value) in &self.headers {
            if !["X-Date", "X-Content-Sha256", "X-Security-Token"].contains(&name.as_str()) {
                request = request.header(name, value);
            }
        }
        request.body(()).expect("a request")
    }

    /// The request as whoever made `authorization` sends it, whatever it signed.
    pub fn sent(&self, wire: Wire, authorization: &str) -> Request<()> {
        let mut request = self.unsigned(wire);
        let headers = request.headers_mut();
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().expect("a header's name");
            headers.insert(name, HeaderValue::from_str(value).expect("a header's value"));
        }
        // A client sends these even where it does not sign them.
        headers.insert(HOST, HeaderValue::from_str(&self.host).expect("a host"));
        if let Some(token) = self.token() {
            headers.insert("x-security-token", HeaderValue::from_str(token).expect("a token"));
        }
        headers.insert("authorization", HeaderValue::from_str(authorization).expect("a header's value"));
        request
    }
}
