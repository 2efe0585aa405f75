use http::header::{HOST, HeaderName, HeaderValue};
use http::{Request, Uri};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use volc_proto::{Credentials, Region, SignError, Timestamp, VALIDITY_SECONDS, VerifyError, verify};

use super::cursor::Cursor;
use crate::vectors::Wire;

/// Name and value, raw.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// A request before it is signed, and who signs it.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) method: &'static str,
    pub(super) host: &'static str,
    pub(super) host_header: bool,
    pub(super) path: Vec<Vec<u8>>,
    pub(super) query: Vec<Pair>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// Which headers are signed, where that is not left to the signer.
    pub(super) signed: Option<Vec<HeaderName>>,
    pub(super) who: Credentials,
    pub(super) region: Region,
    pub(super) service: &'static str,
    pub(super) at: Timestamp,
    pub(super) body: Vec<u8>,
}

const METHODS: [&str; 6] = ["GET", "POST", "PUT", "DELETE", "HEAD", "X-OWN"];
const HOSTS: [&str; 6] = ["open.volcengineapi.com", "127.0.0.1:8080", "example.com:443", "[::1]:80", "EXAMPLE.com:8443", "h"];
const HEADERS: [&str; 6] = ["content-type", "x-note", "x-sdk-request", "accept", "user-agent", "x-security-token"];

/// What a query that is signed already has; names that are longer than those that can be drawn.
const SIGNATURE: [&str; 3] = ["X-Signature", "X-Credential", "X-Security-Token"];

/// The name of a parameter; the first few bytes, alone, stand for those of a signature.
fn parameter(name: Vec<u8>) -> Vec<u8> {
    match name[..] {
        [byte] => SIGNATURE.get(usize::from(byte)).map_or(name, |own| own.as_bytes().to_vec()),
        _ => name,
    }
}

impl Draft {
    pub(super) fn read(data: &[u8]) -> Self {
        let mut input = Cursor::new(data);
        let (method, host, host_header) = (input.one_of(&METHODS), input.one_of(&HOSTS), input.flag());
        let path = (0..input.below(4)).map(|_| input.bytes()).collect();
        let query = (0..input.below(6)).map(|_| (parameter(input.bytes()), input.bytes())).collect();
        let headers: Vec<_> = (0..input.below(4))
            .map(|_| {
                let name = HeaderName::from_static(input.one_of(&HEADERS));
                (name, HeaderValue::from_str(&input.printable()).expect("printable characters"))
            })
            .collect();
        let signed = input.flag().then(|| {
            let mut names = vec![HeaderName::from_static("x-date")];
            names.extend([HOST, HeaderName::from_static("x-content-sha256")].into_iter().filter(|_| input.flag()));
            names.extend(headers.iter().filter(|_| input.flag()).map(|(name, _)| name.clone()));
            names
        });
        let mut who = Credentials::new("AKLTfuzzfuzzfuzz", format!("s{}", input.visible())).expect("a key");
        if input.flag() {
            who = who.with_session_token(format!("t{}", input.visible())).expect("a token");
        }
        let region = Region::new(input.one_of(&["cn-beijing", "ap-southeast-1"])).expect("a region");
        let service = input.one_of(&["ecs", "iam", "storage_ebs"]);
        let at = Timestamp::from_unix(input.number() % (Timestamp::MAX.unix() + 1)).expect("in range");
        Self { method, host, host_header, path, query, headers, signed, who, region, service, at, body: input.rest() }
    }

    pub(super) fn uri(&self, wire: Wire) -> Uri {
        let mut path = String::from("/");
        path.push_str(&self.path.iter().map(|s| percent_encode(s, NON_ALPHANUMERIC).to_string()).collect::<Vec<_>>().join("/"));
        format!("https://{}{path}?{}", self.host, wire.write(&self.query)).parse().expect("a URI")
    }

    pub(super) fn request(&self, wire: Wire) -> Request<()> {
        let mut request = Request::builder().method(self.method).uri(self.uri(wire)).body(()).expect("a request");
        if self.host_header {
            add(&mut request, "host", self.host);
        }
        for (name, value) in &self.headers {
            request.headers_mut().append(name, value.clone());
        }
        request
    }

    /// Calls back with requests that differ from this one in one thing that is always signed.
    pub(super) fn changes(&self, refused: &mut dyn FnMut(&str, &Self)) {
        let mut change = |what: &str, change: &dyn Fn(&mut Self)| {
            let mut other = self.clone();
            change(&mut other);
            refused(what, &other);
        };
        change("another method", &|other| other.method = if self.method == "GET" { "POST" } else { "GET" });
        change("a longer path", &|other| other.path.push(b"more".to_vec()));
        change("a slash more", &|other| other.path.splice(0..0, [Vec::new(), Vec::new()]).for_each(drop));
        change("a parameter more", &|other| other.query.push((b"n".to_vec(), b"v".to_vec())));
        for index in 0..self.query.len() {
            change("a parameter less", &|other| drop(other.query.remove(index)));
            change("another value", &|other| other.query[index].1.push(b' '));
            change("another name", &|other| other.query[index].0.push(b'+'));
            let (name, value) = &self.query[index];
            if let Some(later) = self.query[index + 1..].iter().position(|(n, v)| n == name && v != value) {
                change("values of one name exchanged", &|other| other.query.swap(index, index + 1 + later));
            }
        }
        for index in 0..self.path.len() {
            change("another segment", &|other| other.path[index].push(b'/'));
        }
    }

    pub(super) fn may_be_refused(&self, error: &SignError) -> bool {
        let signature = |name: &[u8]| SIGNATURE.iter().any(|own| own.as_bytes() == name);
        let times = |name: &HeaderName| self.headers.iter().filter(|(other, _)| other == name).count();
        match error {
            SignError::AlreadySigned => {
                self.query.iter().any(|(name, _)| signature(name)) || times(&HeaderName::from_static("x-security-token")) > 0
            }
            SignError::RepeatedHeader { name } => times(name) > 1,
            _ => false,
        }
    }
}

/// The other side: whoever knows the key.
pub(super) struct Server<'a> {
    pub(super) who: &'a Credentials,
    pub(super) body: &'a [u8],
    pub(super) at: Timestamp,
}

impl Server<'_> {
    fn verify(&self, request: &Request<()>, body: &[u8], now: Timestamp, who: &Credentials) -> Result<(), VerifyError> {
        let known = |id: &str| (id == self.who.access_key_id()).then(|| who.clone());
        let verified = verify(request, body, now, known)?;
        assert_eq!((verified.access_key_id(), verified.signed_at()), (who.access_key_id(), self.at));
        Ok(())
    }

    pub(super) fn accepts(&self, what: &str, request: &Request<()>) {
        let result = self.verify(request, self.body, self.at, self.who);
        assert_eq!(result, Ok(()), "{what}: {request:?}");
    }

    /// Valid for so long, and no longer; and not for a clock that is more than 900 seconds behind.
    pub(super) fn accepts_until(&self, request: &Request<()>, seconds: u64) {
        let seconds = i64::try_from(seconds).expect("a validity");
        let ahead = i64::try_from(VALIDITY_SECONDS).expect("a validity");
        for (shift, valid) in [(seconds, true), (seconds + 1, false), (-ahead, true), (-ahead - 1, false)] {
            let now = self.at.shifted(shift);
            // At an end of the calendar the shift is cut short.
            if i128::from(now.unix()) - i128::from(self.at.unix()) == i128::from(shift) {
                assert_eq!(self.verify(request, self.body, now, self.who).is_ok(), valid, "{shift} s: {request:?}");
            }
        }
    }

    pub(super) fn refuses(&self, what: &str, request: &Request<()>) {
        assert!(self.verify(request, self.body, self.at, self.who).is_err(), "{what}: {request:?}");
    }

    /// Another body, another secret, another token, nobody.
    pub(super) fn refuses_others(&self, request: &Request<()>) {
        let refused = |what: &str, body: &[u8], who: &Credentials| {
            assert!(self.verify(request, body, self.at, who).is_err(), "{what}: {request:?}");
        };
        refused("another body", &[self.body, b"x"].concat(), self.who);
        if let Some((_, shorter)) = self.body.split_last() {
            refused("a shorter body", shorter, self.who);
        }
        let other = Credentials::new(self.who.access_key_id(), "another secret").expect("a key");
        refused("another secret", self.body, &other);
        let other = self.who.clone().with_session_token("another/token").expect("a token");
        refused("another token", self.body, &other);
        assert!(verify(request, self.body, self.at, |_| None).is_err(), "nobody's key: {request:?}");
    }
}

pub(super) fn add(request: &mut Request<()>, name: &'static str, value: &str) {
    request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a header's value"));
}

pub(super) fn with(request: &Request<()>, change: impl FnOnce(&mut Request<()>)) -> Request<()> {
    let mut other = request.clone();
    change(&mut other);
    other
}

pub(super) fn with_uri(request: &Request<()>, uri: Uri) -> Request<()> {
    with(request, |request| *request.uri_mut() = uri)
}

pub(super) fn same(a: &Request<()>, b: &Request<()>) -> bool {
    (a.method(), a.uri(), a.headers(), a.version()) == (b.method(), b.uri(), b.headers(), b.version())
}
