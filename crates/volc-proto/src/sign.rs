//! Signing: any request, any Volcengine service, after the
//! [signature document](https://www.volcengine.com/docs/6369/67270).
//!
//! Knows a request, a secret and a time; never meets an image or JSON.

pub(crate) mod canonical;
mod key;
mod presign;

use std::error::Error;
use std::fmt;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{HeaderMap, Request, Uri};

pub use self::key::SigningKey;
pub use self::presign::PresignedUri;
use crate::credentials::Credentials;
use crate::endpoint::without_default_port;
use crate::query::{Query, decode};
use crate::region::Region;
use crate::timestamp::{Timestamp, TimestampText};
use crate::verify::MAX_VALIDITY_SECONDS;
use canonical::{ALGORITHM, CanonicalRequest, EMPTY_SHA256, Hex, Scope, canonical_path, joined_names, trimmed};

pub(crate) static X_DATE: HeaderName = HeaderName::from_static("x-date");
pub(crate) static X_CONTENT_SHA256: HeaderName = HeaderName::from_static("x-content-sha256");
pub(crate) static X_SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-security-token");

/// What a presigned request carries in its query (volcengine-python-sdk 5.0.54, `signv4.py`).
pub(crate) mod parameter {
    pub(crate) const ALGORITHM: &str = "X-Algorithm";
    pub(crate) const CREDENTIAL: &str = "X-Credential";
    pub(crate) const DATE: &str = "X-Date";
    pub(crate) const EXPIRES: &str = "X-Expires";
    /// Says that the body is not signed: a presigned request has none.
    pub(crate) const NOT_SIGN_BODY: &str = "X-NotSignBody";
    pub(crate) const SECURITY_TOKEN: &str = "X-Security-Token";
    pub(crate) const SIGNATURE: &str = "X-Signature";
    pub(crate) const SIGNED_HEADERS: &str = "X-SignedHeaders";
    pub(crate) const SIGNED_QUERIES: &str = "X-SignedQueries";

    pub(crate) const ALL: [&str; 9] =
        [ALGORITHM, CREDENTIAL, DATE, EXPIRES, NOT_SIGN_BODY, SECURITY_TOKEN, SIGNATURE, SIGNED_HEADERS, SIGNED_QUERIES];
    /// Those that a request with another signature cannot have for reasons of its own.
    pub(crate) const TELLING: [&str; 3] = [CREDENTIAL, SECURITY_TOKEN, SIGNATURE];
    /// Those that official SDKs leave unsigned; Node leaves out the list itself.
    pub(crate) const NEED_NO_SIGNATURE: [&str; 3] = [SECURITY_TOKEN, SIGNATURE, SIGNED_QUERIES];
}

/// Signs requests for one region and service.
///
/// ```
/// use volc_proto::{Credentials, Region, Signer, Timestamp};
///
/// let who = Credentials::new("AKLTexample", "secret")?;
/// let region = Region::new("cn-beijing")?;
/// let body = b"OsType=Linux";
/// let mut request = http::Request::post("https://open.volcengineapi.com/?Action=DescribeImages&Version=2020-04-01")
///     .header("content-type", "application/x-www-form-urlencoded")
///     .body(())?;
/// let at = Timestamp::from_unix(1_700_000_000).expect("before the year 10000");
/// Signer::new(&who, &region, "ecs").sign(&mut request, body, at)?;
/// assert_eq!(request.headers()["x-date"], "20231114T221320Z");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Signer<'a> {
    who: &'a Credentials,
    region: &'a Region,
    service: &'a str,
    headers: Option<&'a [HeaderName]>,
}

impl<'a> Signer<'a> {
    /// A signer for `service`, such as `ecs`. The day's signing key is kept inside `who`.
    pub fn new(who: &'a Credentials, region: &'a Region, service: &'a str) -> Self {
        Self { who, region, service, headers: None }
    }

    /// Signs exactly these headers, `x-date` among them, in ascending order. Without this: `host`, `content-type` if there
    /// is one, and every `x-` header.
    #[must_use]
    pub fn headers(mut self, names: &'a [HeaderName]) -> Self {
        self.headers = Some(names);
        self
    }

    /// Adds `Authorization`, `X-Date`, `X-Content-Sha256` (if it is to be signed) and, with a temporary key,
    /// `X-Security-Token`. Nothing else changes: in particular `Host` is left to the transport where the request has none,
    /// and then signed as the URI says. `body` is what will be sent.
    ///
    /// # Errors
    ///
    /// [`SignError`]; the request is then as it was.
    pub fn sign<B>(&self, request: &mut Request<B>, body: &[u8], at: Timestamp) -> Result<(), SignError> {
        let Signature { authorization, body_sha256, .. } = self.signature(request, body, at)?;
        self.insert(request.headers_mut(), authorization, &at.text(), body_sha256);
        Ok(())
    }

    /// What [`sign`](Self::sign) computes, as texts, to compare with what a service says it computed. The request stays as
    /// it is.
    ///
    /// # Errors
    ///
    /// [`SignError`], as for [`sign`](Self::sign).
    pub fn signature<B>(&self, request: &Request<B>, body: &[u8], at: Timestamp) -> Result<Signature, SignError> {
        let names = self.names(request)?;
        let date = at.text();
        let body_sha256 = Hex::sha256(body);
        let headers = self.values(request, &names, &date, &body_sha256)?;
        let signed_headers = joined_names(&headers);
        let query = Query::parse(request.uri().query().unwrap_or_default());
        let canonical = CanonicalRequest {
            method: request.method().as_str(),
            path: &canonical_path(request.uri().path()),
            query: query.as_str(),
            headers: &headers,
            signed_headers: &signed_headers,
            body_sha256: body_sha256.as_str(),
        };
        let scope = self.scope(&date);
        Ok(Signature {
            canonical_request: canonical.redacted(),
            string_to_sign: scope.string_to_sign(&canonical.sha256()).concat(),
            credential_scope: scope.pieces().concat(),
            authorization: self.authorize(&canonical, at, &date)?,
            body_sha256: names.contains(&X_CONTENT_SHA256).then(|| header(body_sha256.as_str())),
            signed_headers,
        })
    }

    /// For the requests of [`Endpoint`](crate::Endpoint), whose target is canonical and whose body is empty: nothing is
    /// decoded, sorted or built again.
    pub(crate) fn sign_own<B>(&self, request: &mut Request<B>, at: Timestamp) -> Result<(), SignError> {
        let date = at.text();
        let host = request.headers().get(HOST).map_or(&b""[..], HeaderValue::as_bytes);
        let token = self.who.session_token().unwrap_or_default();
        let headers: [(&str, &[u8]); 4] = [
            (HOST.as_str(), host),
            (X_CONTENT_SHA256.as_str(), EMPTY_SHA256.as_bytes()),
            (X_DATE.as_str(), date.as_str().as_bytes()),
            (X_SECURITY_TOKEN.as_str(), token.as_bytes()),
        ];
        let (headers, signed_headers) = match token {
            "" => (&headers[..3], "host;x-content-sha256;x-date"),
            _ => (&headers[..], "host;x-content-sha256;x-date;x-security-token"),
        };
        let canonical = CanonicalRequest {
            method: request.method().as_str(),
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            headers,
            signed_headers,
            body_sha256: EMPTY_SHA256,
        };
        let authorization = self.authorize(&canonical, at, &date)?;
        self.insert(request.headers_mut(), authorization, &date, Some(HeaderValue::from_static(EMPTY_SHA256)));
        Ok(())
    }

    /// The names to sign, ascending.
    fn names<B>(&self, request: &Request<B>) -> Result<Vec<HeaderName>, SignError> {
        let headers = request.headers();
        let mut parameters = decode(request.uri().query().unwrap_or_default());
        if headers.contains_key(AUTHORIZATION)
            || headers.contains_key(&X_SECURITY_TOKEN)
            || parameters.any(|(name, _)| parameter::TELLING.iter().any(|telling| *name == *telling.as_bytes()))
        {
            return Err(SignError::AlreadySigned);
        }
        let mut names: Vec<HeaderName> = match self.headers {
            Some(names) => names.to_vec(),
            None => {
                let token = self.who.session_token().map(|_| X_SECURITY_TOKEN.clone());
                let own = headers.keys().filter(|name| **name == CONTENT_TYPE || name.as_str().starts_with("x-")).cloned();
                [HOST, X_DATE.clone(), X_CONTENT_SHA256.clone()].into_iter().chain(token).chain(own).collect()
            }
        };
        names.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        if !names.contains(&X_DATE) {
            return Err(SignError::DateNotSigned);
        }
        Ok(names)
    }

    /// Each name with the value it will have once the request is signed.
    fn values<'b, B>(
        &'b self,
        request: &'b Request<B>,
        names: &'b [HeaderName],
        date: &'b TimestampText,
        body_sha256: &'b Hex,
    ) -> Result<Vec<(&'b str, &'b [u8])>, SignError> {
        let value = |name: &'b HeaderName| {
            let missing = || SignError::MissingHeader { name: name.clone() };
            if *name == X_DATE {
                return Ok(date.as_str().as_bytes());
            }
            if *name == X_CONTENT_SHA256 {
                return Ok(body_sha256.as_str().as_bytes());
            }
            if *name == X_SECURITY_TOKEN {
                return self.who.session_token().map(str::as_bytes).ok_or_else(missing);
            }
            let value = match *name == HOST {
                true => host_of(request).map(|host| host.map(without_default_port)),
                false => single(request.headers(), name).map(|value| value.map(|value| trimmed(value.as_bytes()))),
            };
            value.map_err(|Repeated| SignError::RepeatedHeader { name: name.clone() })?.ok_or_else(missing)
        };
        names.iter().map(|name| Ok((name.as_str(), value(name)?))).collect()
    }

    fn scope<'b>(&'b self, date: &'b TimestampText) -> Scope<'b> {
        Scope { date, region: self.region.as_str(), service: self.service }
    }

    /// A service stands between slashes in the credential, and is a label of regional host names.
    fn check_service(&self) -> Result<(), SignError> {
        match self.service.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            true if !self.service.is_empty() => Ok(()),
            _ => Err(SignError::InvalidService { service: self.service.to_owned() }),
        }
    }

    /// The value of `Authorization`, in one buffer: `concat` counts first, and a buffer that is full becomes the header's
    /// without a copy.
    fn authorize(&self, canonical: &CanonicalRequest<'_>, at: Timestamp, date: &TimestampText) -> Result<HeaderValue, SignError> {
        self.check_service()?;
        let scope = self.scope(date);
        let key = self.who.signing_key(at, self.region, self.service);
        let signature = scope.sign(&key, canonical);
        let [day, a, region, b, service, request] = scope.pieces();
        #[rustfmt::skip]
        let text = [
            ALGORITHM, " Credential=", self.who.access_key_id(), "/", day, a, region, b, service, request,
            ", SignedHeaders=", canonical.signed_headers, ", Signature=", signature.as_str(),
        ].concat();
        let mut value = HeaderValue::from_maybe_shared(Bytes::from(text)).expect("every piece was checked to be visible ASCII");
        value.set_sensitive(true);
        Ok(value)
    }

    fn insert(
        &self,
        headers: &mut HeaderMap,
        authorization: HeaderValue,
        date: &TimestampText,
        body_sha256: Option<HeaderValue>,
    ) {
        headers.insert(&X_DATE, header(date.as_str()));
        if let Some(hash) = body_sha256 {
            headers.insert(&X_CONTENT_SHA256, hash);
        }
        if let Some(token) = self.who.session_token() {
            let mut token = header(token);
            token.set_sensitive(true);
            headers.insert(&X_SECURITY_TOKEN, token);
        }
        headers.insert(AUTHORIZATION, authorization);
    }
}

/// The steps of one signature, as texts: what to lay beside the service's own when it says `SignatureDoesNotMatch`.
///
/// The value of a session token is left out of the texts, and `Debug` shows no signature.
pub struct Signature {
    canonical_request: String,
    string_to_sign: String,
    credential_scope: String,
    signed_headers: String,
    authorization: HeaderValue,
    body_sha256: Option<HeaderValue>,
}

impl Signature {
    /// Method, path, query, headers, names of the headers and hash of the body, a line each. Where the token's header is
    /// signed, [`HIDDEN_TOKEN`](Self::HIDDEN_TOKEN) stands for its value.
    pub fn canonical_request(&self) -> &str {
        &self.canonical_request
    }

    /// Stands for the session token in [`canonical_request`](Self::canonical_request).
    pub const HIDDEN_TOKEN: &'static str = "[session token]";

    /// Algorithm, date, credential scope and hash of the canonical request (the real one, with the token), a line each.
    pub fn string_to_sign(&self) -> &str {
        &self.string_to_sign
    }

    /// Day, region and service that the key was derived for: `20230707/cn-beijing/ecs/request`.
    pub fn credential_scope(&self) -> &str {
        &self.credential_scope
    }

    /// The names of the signed headers, sorted and joined: `host;x-content-sha256;x-date`.
    pub fn signed_headers(&self) -> &str {
        &self.signed_headers
    }

    /// The value of `Authorization`, marked sensitive. Whoever has it can send this one request for 15 minutes.
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature")
            .field("credential_scope", &self.credential_scope)
            .field("signed_headers", &self.signed_headers)
            .finish_non_exhaustive()
    }
}

/// Why a request was not signed. It is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// The request carries a signature or a session token already, in its headers or its query. Sign a fresh request: the
    /// old token may be another account's. A URI to presign must have no parameter of a signature at all.
    AlreadySigned,
    /// The names to sign lack `x-date`: such a signature would be valid for ever.
    DateNotSigned,
    /// A header that is to be signed is not there. For `host`: neither the header nor a host in the URI.
    MissingHeader {
        /// Its name. Set the header, or leave it out of [`Signer::headers`].
        name: HeaderName,
    },
    /// A header that is to be signed is there more than once, and no document says how that is signed.
    RepeatedHeader {
        /// Its name. Keep one value, or leave it out of [`Signer::headers`].
        name: HeaderName,
    },
    /// The service would break the credential scope: it is empty, or has other characters than letters, digits, `-` and `_`.
    InvalidService {
        /// The service that [`Signer::new`] was given.
        service: String,
    },
    /// A URI cannot be presigned: it would be too long, has a host without a scheme, or a parameter's name has a `;`.
    Uri {
        /// What was expected of it, such as `65,534 bytes at most`.
        expected: &'static str,
    },
    /// A presigned request cannot be valid for that long.
    Validity {
        /// The seconds that were asked for, outside 1 to [`MAX_VALIDITY_SECONDS`].
        seconds: u64,
    },
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AlreadySigned => f.write_str("expected a request without a signature or a session token"),
            Self::DateNotSigned => f.write_str("expected `x-date` among the headers to sign"),
            Self::MissingHeader { name } => write!(f, "expected the header `{name}`, which is to be signed"),
            Self::RepeatedHeader { name } => write!(f, "expected the header `{name}` once, since it is to be signed"),
            Self::InvalidService { service } => {
                write!(f, "expected a service of letters, digits, `-` and `_`, like `ecs`, not {service:?}")
            }
            Self::Uri { expected } => write!(f, "expected {expected} in the URI to presign"),
            Self::Validity { seconds } => write!(f, "expected a validity of 1 to {MAX_VALIDITY_SECONDS} seconds, not {seconds}"),
        }
    }
}

impl Error for SignError {}

fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("dates, hashes and checked tokens are visible ASCII")
}

/// A header that is there more than once.
pub(crate) struct Repeated;

pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a HeaderValue>, Repeated> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (_, Some(_)) => Err(Repeated),
        (value, None) => Ok(value),
    }
}

/// The host of a request as its transport will send it.
pub(crate) fn host_of<B>(request: &Request<B>) -> Result<Option<&[u8]>, Repeated> {
    Ok(match single(request.headers(), &HOST)? {
        Some(value) => Some(trimmed(value.as_bytes())),
        None => uri_host(request.uri()),
    })
}

/// Host and port.
fn uri_host(uri: &Uri) -> Option<&[u8]> {
    uri.authority().and_then(|authority| authority.as_str().rsplit('@').next()).map(str::as_bytes)
}
