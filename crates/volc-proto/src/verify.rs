//! The server's side of signing, for emulators and gateways.
//!
//! Accepts every valid form that the official SDKs send: any set of signed headers with `x-date`, in the client's order;
//! a signature in the query; a host with or without its default port; queries that were escaped in other ways.

mod claim;
mod error;

use std::fmt;

use http::Request;
use http::header::{HOST, HeaderName};

use self::claim::Claim;
pub use self::error::VerifyError;
use crate::credentials::{Credentials, masked};
use crate::endpoint::without_default_port;
use crate::query::Query;
use crate::region::Region;
use crate::sign::canonical::{CanonicalRequest, Hex, Scope, canonical_path, joined_names, trimmed};
use crate::sign::{Repeated, X_CONTENT_SHA256, host_of, single};
use crate::timestamp::Timestamp;

/// How long a signature is valid: 900 seconds after its date, unless it says otherwise in `X-Expires`
/// ([ECS common parameters](https://www.volcengine.com/docs/6396/70458)). How far ahead a client's clock may be is not
/// documented; the same 900 seconds are allowed.
pub const VALIDITY_SECONDS: u64 = 900;

/// The longest validity that `X-Expires` may ask for. The documents have none; a day is what a signing key is derived for.
pub const MAX_VALIDITY_SECONDS: u64 = 24 * 60 * 60;

/// Checks a request's signature, as the service does: that in `Authorization`, or where there is no such header, that in
/// the query ([`Signer::presign`](crate::Signer::presign)).
///
/// `body` is what arrived, `now` the server's time; `secret_of` finds the credentials of an access key ID. Credentials
/// with a session token are for requests that carry that token, signed or not, and for no others.
///
/// Every parameter of a presigned request must be among those it says are signed, but for the signature, the token and
/// that list itself: no official SDK sends others, and whoever sees the URI could add some. A body is always signed: such
/// a request has none.
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
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let claim = Claim::read(request, &query)?;
    let who = secret_of(&claim.access_key_id).ok_or(VerifyError::UnknownAccessKey)?;
    let (signed_at, now_unix) = (claim.at.unix(), now.unix());
    if now_unix > signed_at + claim.valid_for || signed_at > now_unix + VALIDITY_SECONDS {
        return Err(VerifyError::Expired { signed_at: claim.at, now });
    }
    let body_sha256 = Hex::sha256(body);
    let claimed = once(request, &X_CONTENT_SHA256)?;
    if claimed.is_some_and(|claimed| !claimed.eq_ignore_ascii_case(body_sha256.as_str().as_bytes())) {
        return Err(VerifyError::BodyHash);
    }
    let key = who.signing_key(claim.at, &claim.region, &claim.service);
    match (&claim.token, who.session_token()) {
        (None, None) => {}
        // Tags are compared in place of the tokens, in constant time.
        (Some(given), Some(token)) if std::str::from_utf8(given).is_ok_and(|given| key.verify(&[given], &key.tag(&[token]))) => {}
        _ => return Err(VerifyError::Token),
    }

    let date = claim.at.text();
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
            query: claim.query.as_str(),
            headers: &headers,
            signed_headers: &joined_names(&headers),
            body_sha256: body_sha256.as_str(),
        };
        let scope = Scope { date: &date, region: claim.region.as_str(), service: &claim.service };
        Ok(key.verify(&scope.string_to_sign(&canonical.sha256()), &claim.signature))
    };
    // Python and Go sign the host without a default port, Node signs it as it is sent.
    if matches(without_default_port)? || matches(|host| host)? {
        let Claim { access_key_id, region, service, at: signed_at, .. } = claim;
        Ok(Verified { access_key_id, region, service, signed_at })
    } else {
        Err(VerifyError::Signature)
    }
}

/// A header's trimmed value; a header that is there twice is not for us to choose from.
fn once<'a, B>(request: &'a Request<B>, name: &HeaderName) -> Result<Option<&'a [u8]>, VerifyError> {
    match single(request.headers(), name) {
        Ok(value) => Ok(value.map(|value| trimmed(value.as_bytes()))),
        Err(Repeated) => Err(VerifyError::RepeatedHeader { name: name.clone() }),
    }
}

/// Whose request it is, and what it was signed for.
///
/// `Debug` shows the masked key ID only.
#[derive(Clone, PartialEq, Eq)]
pub struct Verified {
    access_key_id: String,
    region: Region,
    service: String,
    signed_at: Timestamp,
}

impl Verified {
    /// The ID of the access key that signed: one whose credentials `secret_of` found. For people, show
    /// [`Credentials::masked_key_id`].
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// The region of the credential scope, as the client chose it: whether it is the server's is for the caller to check.
    pub fn region(&self) -> &str {
        self.region.as_str()
    }

    /// The service of the credential scope, as the client chose it: whether it is the server's is for the caller to check.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The signature's date (`X-Date`), for which it was valid at the server's time.
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("access_key_id", &masked(&self.access_key_id))
            .field("region", &self.region)
            .field("service", &self.service)
            .field("signed_at", &self.signed_at)
            .finish()
    }
}
