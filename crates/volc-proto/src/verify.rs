//! The server's side of signing, for emulators and gateways.
//!
//! Accepts every valid form that the official SDKs send: any set of signed headers with `x-date`, in the client's order;
//! a host with or without its default port; queries that were escaped in other ways.

use std::error::Error;
use std::fmt;

use http::Request;
use http::header::{AUTHORIZATION, HOST, HeaderName};

use crate::credentials::Credentials;
use crate::endpoint::{Region, without_default_port};
use crate::query::Query;
use crate::sign::canonical::{ALGORITHM, CanonicalRequest, Hex, Scope, canonical_path, trimmed};
use crate::sign::{Repeated, X_CONTENT_SHA256, X_DATE, X_SECURITY_TOKEN, host_of, single};
use crate::timestamp::Timestamp;

/// How long a signature is valid: 900 seconds after its date
/// ([ECS common parameters](https://www.volcengine.com/docs/6396/70458)). How far ahead a client's clock may be is not
/// documented; the same 900 seconds are allowed.
pub const VALIDITY_SECONDS: u64 = 900;

/// Checks a request's signature, as the service does.
///
/// `body` is what arrived, `now` the server's time; `secret_of` finds the credentials of an access key ID. Credentials
/// with a session token are for requests that carry that token, signed or not, and for no others.
///
/// ```
/// use volc_proto::{Credentials, Region, Signer, Timestamp, verify};
///
/// let who = Credentials::new("AKLTexample", "secret")?;
/// let (region, at) = (Region::new("cn-beijing")?, Timestamp::from_unix(1_700_000_000).expect("in range"));
/// let mut request = http::Request::get("https://open.volcengineapi.com/?Action=DescribeImages&Version=2020-04-01").body(())?;
/// Signer::new(&who, &region, "ecs").sign(&mut request, b"", at)?;
///
/// let known = |id: &str| (id == "AKLTexample").then(|| who.clone());
/// let verified = verify(&request, b"", at, known)?;
/// assert_eq!((verified.region(), verified.service()), ("cn-beijing", "ecs"));
///
/// let late = at.shifted(901);
/// assert!(verify(&request, b"", late, known).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`VerifyError`] says which part does not hold.
pub fn verify<B>(
    request: &Request<B>,
    body: &[u8],
    now: Timestamp,
    secret_of: impl Fn(&str) -> Option<Credentials>,
) -> Result<Verified, VerifyError> {
    let claim = Claim::read(request)?;
    let who =
        secret_of(claim.access_key_id).ok_or_else(|| VerifyError::UnknownAccessKey { id: claim.access_key_id.to_owned() })?;
    if now.unix().abs_diff(claim.at.unix()) > VALIDITY_SECONDS {
        return Err(VerifyError::Expired { signed_at: claim.at, now });
    }
    let body_sha256 = Hex::sha256(body);
    let claimed = once(request, &X_CONTENT_SHA256)?;
    if claimed.is_some_and(|claimed| !claimed.eq_ignore_ascii_case(body_sha256.as_str().as_bytes())) {
        return Err(VerifyError::BodyHash);
    }
    let key = who.signing_key(claim.at, &claim.region, claim.service);
    let token = once(request, &X_SECURITY_TOKEN)?;
    match (token, who.session_token()) {
        (None, None) => {}
        // Tags are compared in place of the tokens, in constant time.
        (Some(given), Some(token)) if std::str::from_utf8(given).is_ok_and(|given| key.verify(&[given], &key.tag(&[token]))) => {}
        _ => return Err(VerifyError::Token),
    }

    let date = claim.at.text();
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let path = canonical_path(request.uri().path());
    let matches = |host: fn(&[u8]) -> &[u8]| {
        let headers = claim.names.iter().map(|name| {
            let value = match *name == HOST {
                true => host_of(request).map_err(|Repeated| VerifyError::RepeatedHeader { name: HOST })?.map(host),
                false => once(request, name)?,
            };
            Ok((name.as_str(), value.ok_or_else(|| VerifyError::MissingHeader { name: name.clone() })?))
        });
        let headers = headers.collect::<Result<Vec<_>, VerifyError>>()?;
        let canonical = CanonicalRequest {
            method: request.method().as_str(),
            path: &path,
            query: query.as_str(),
            headers: &headers,
            body_sha256: body_sha256.as_str(),
        };
        let scope = Scope { date: &date, region: claim.region.as_str(), service: claim.service };
        Ok(key.verify(&scope.string_to_sign(&canonical.sha256()), &claim.signature))
    };
    // Python and Go sign the host without a default port, Node signs it as it is sent.
    if matches(without_default_port)? || matches(|host| host)? {
        Ok(Verified {
            access_key_id: claim.access_key_id.to_owned(),
            region: claim.region,
            service: claim.service.to_owned(),
            signed_at: claim.at,
        })
    } else {
        Err(VerifyError::Signature)
    }
}

/// Whose request it is, and what it was signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    access_key_id: String,
    region: Region,
    service: String,
    signed_at: Timestamp,
}

impl Verified {
    /// The access key that signed.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The region of the credential scope.
    pub fn region(&self) -> &str {
        self.region.as_str()
    }

    /// The service of the credential scope.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The signature's date.
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }
}

/// What a request says of its signature.
struct Claim<'a> {
    access_key_id: &'a str,
    region: Region,
    service: &'a str,
    at: Timestamp,
    names: Vec<HeaderName>,
    signature: [u8; 32],
}

impl<'a> Claim<'a> {
    fn read<B>(request: &'a Request<B>) -> Result<Self, VerifyError> {
        let malformed = |expected| VerifyError::Malformed { expected };
        let value = once(request, &AUTHORIZATION)?.ok_or(VerifyError::Unsigned)?;
        let fields = std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.strip_prefix(ALGORITHM)?.strip_prefix(' '))
            .ok_or_else(|| malformed("`HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…` in Authorization"))?;
        let field = |name: &str, expected| {
            let mut found = fields.split(',').filter_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
            match (found.next(), found.next()) {
                (Some(value), None) => Ok(value),
                _ => Err(malformed(expected)),
            }
        };

        let credential = field("Credential", "`Credential=` once in Authorization")?;
        let parts: Vec<&str> = credential.split('/').collect();
        let [access_key_id, day, region, service, "request"] = parts[..] else {
            return Err(VerifyError::Credential { expected: "`key/day/region/service/request`" });
        };
        let region = Region::new(region).map_err(|_| VerifyError::Credential { expected: "a region's name" })?;

        let date = once(request, &X_DATE)?.ok_or(VerifyError::MissingHeader { name: X_DATE.clone() })?;
        let at: Timestamp = std::str::from_utf8(date)
            .ok()
            .and_then(|date| date.parse().ok())
            .ok_or_else(|| malformed("a date like 20230707T105452Z in X-Date"))?;
        if at.text().day() != day {
            return Err(VerifyError::Credential { expected: "the day of X-Date" });
        }

        let names = field("SignedHeaders", "`SignedHeaders=` once in Authorization")?
            .split(';')
            .map(|name| HeaderName::from_bytes(name.as_bytes()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| malformed("header names joined with semicolons in SignedHeaders"))?;
        if !names.contains(&X_DATE) {
            return Err(malformed("x-date in SignedHeaders"));
        }

        let mut signature = [0; 32];
        let hex = field("Signature", "`Signature=` once in Authorization")?;
        match base16ct::lower::decode(hex, &mut signature) {
            Ok(decoded) if decoded.len() == 32 => {}
            _ => return Err(malformed("64 lower-case hex digits in Signature")),
        }
        Ok(Self { access_key_id, region, service, at, names, signature })
    }
}

/// A header's trimmed value; a header that is there twice is not for us to choose from.
fn once<'a, B>(request: &'a Request<B>, name: &HeaderName) -> Result<Option<&'a [u8]>, VerifyError> {
    match single(request.headers(), name) {
        Ok(value) => Ok(value.map(|value| trimmed(value.as_bytes()))),
        Err(Repeated) => Err(VerifyError::RepeatedHeader { name: name.clone() }),
    }
}

/// Which part of a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no signature.
    Unsigned,
    /// The signature cannot be read.
    Malformed {
        /// What was expected, and where.
        expected: &'static str,
    },
    /// The credential of the signature cannot be read, or is of another day than the request.
    Credential {
        /// What was expected.
        expected: &'static str,
    },
    /// Nobody has this access key.
    UnknownAccessKey {
        /// The access key ID.
        id: String,
    },
    /// The request was signed more than [`VALIDITY_SECONDS`] ago, or ahead.
    Expired {
        /// The date of the signature.
        signed_at: Timestamp,
        /// The server's time.
        now: Timestamp,
    },
    /// A header that was signed, or is needed, is not there.
    MissingHeader {
        /// The header.
        name: HeaderName,
    },
    /// A header that counts is there more than once.
    RepeatedHeader {
        /// The header.
        name: HeaderName,
    },
    /// `X-Content-Sha256` is not the hash of the body.
    BodyHash,
    /// The session token is not the access key's: another one, missing, or not expected.
    Token,
    /// Everything is there, and the signature is another one: the secret, or something that was signed, differs.
    Signature,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("expected a signature"),
            Self::Malformed { expected } => write!(f, "expected {expected}"),
            Self::Credential { expected } => write!(f, "expected {expected} in the credential"),
            Self::UnknownAccessKey { .. } => f.write_str("expected a known access key"),
            Self::Expired { signed_at, now } => {
                write!(f, "expected a signature within {VALIDITY_SECONDS} seconds of {now}, not of {signed_at}")
            }
            Self::MissingHeader { name } => write!(f, "expected the header `{name}`"),
            Self::RepeatedHeader { name } => write!(f, "expected the header `{name}` once"),
            Self::BodyHash => f.write_str("expected the hash of the body in `x-content-sha256`"),
            Self::Token => f.write_str("expected the session token of the access key"),
            Self::Signature => f.write_str("expected another signature: the secret, or something that was signed, differs"),
        }
    }
}

impl Error for VerifyError {}
