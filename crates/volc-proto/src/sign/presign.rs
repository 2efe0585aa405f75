//! A signature in the query.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::Uri;
use http::header::HOST;
use http::uri::PathAndQuery;

use super::canonical::{ALGORITHM, CanonicalRequest, EMPTY_SHA256, canonical_path};
use super::{SignError, Signer, parameter, uri_host};
use crate::endpoint::without_default_port;
use crate::query::Query;
use crate::timestamp::Timestamp;
use crate::verify::MAX_VALIDITY_SECONDS;

impl Signer<'_> {
    /// A URI that carries its signature: whoever has it can send that GET request, without a key.
    ///
    /// **A sharp tool.** A presigned `DeleteImages` deletes the images for whoever opens it, a chat's link preview and a
    /// proxy's log reader included, and every time again until it expires. [`sign`](Self::sign) is for all that your own
    /// program sends.
    ///
    /// `valid_for` are seconds, 1 to [`MAX_VALIDITY_SECONDS`], sent as `X-Expires`; without it the service takes 900, and
    /// the official SDKs send none. The host is signed, so that the URI is good for that host only; [`headers`](Self::headers)
    /// with an empty list leaves it out. The session token of a temporary key is in the URI, as it must be, and not signed:
    /// the newest form of the official SDKs (volcengine-python-sdk 5.0.54 `signv4.py`, volcengine-go-sdk
    /// `volcengine/base/sign.go`; no document has it).
    ///
    /// ```
    /// use volc_proto::{Credentials, Region, Signer, Timestamp, verify};
    ///
    /// let who = Credentials::new("AKLTexample", "secret")?;
    /// let region = Region::new("cn-beijing")?;
    /// let uri = "https://open.volcengineapi.com/?Action=DescribeImages&Version=2020-04-01".parse()?;
    /// let at = Timestamp::from_unix(1_700_000_000).expect("before the year 10000");
    /// let presigned = Signer::new(&who, &region, "ecs").presign(&uri, at, Some(60))?;
    ///
    /// let request = http::Request::get(presigned.into_uri()).body(())?;
    /// assert!(verify(&request, b"", at.shifted(60), |_| Some(who.clone())).is_ok());
    /// assert!(verify(&request, b"", at.shifted(61), |_| Some(who.clone())).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`SignError`] for a URI that has a parameter of a signature already, that has no host to sign, or cannot be
    /// presigned; for another header than `host`, since a URI carries none; and for another validity.
    pub fn presign(&self, uri: &Uri, at: Timestamp, valid_for: Option<u64>) -> Result<PresignedUri, SignError> {
        self.check_service()?;
        if let Some(seconds) = valid_for.filter(|seconds| !(1..=MAX_VALIDITY_SECONDS).contains(seconds)) {
            return Err(SignError::Validity { seconds });
        }
        let mut query = Query::parse(uri.query().unwrap_or_default());
        if query.iter().any(|(name, _)| parameter::ALL.iter().any(|own| *name == *own.as_bytes())) {
            return Err(SignError::AlreadySigned);
        }
        let host = self.host_to_sign(uri)?;

        let date = at.text();
        let scope = self.scope(&date);
        query.push(parameter::ALGORITHM, ALGORITHM);
        query.push(parameter::CREDENTIAL, [self.who.access_key_id(), "/", &scope.pieces().concat()].concat());
        query.push(parameter::DATE, date.as_str());
        if let Some(seconds) = valid_for {
            query.push(parameter::EXPIRES, seconds.to_string());
        }
        query.push(parameter::NOT_SIGN_BODY, "");
        let signed_headers = if host.is_some() { HOST.as_str() } else { "" };
        query.push(parameter::SIGNED_HEADERS, signed_headers);
        query.push(parameter::SIGNED_QUERIES, signed_queries(&query)?);

        let host = host.map(|host| (HOST.as_str(), host));
        let canonical = CanonicalRequest {
            method: "GET",
            path: &canonical_path(uri.path()),
            query: query.as_str(),
            headers: host.as_slice(),
            signed_headers,
            body_sha256: EMPTY_SHA256,
        };
        let signature = scope.sign(&self.who.signing_key(at, self.region, self.service), &canonical);
        if let Some(token) = self.who.session_token() {
            query.push(parameter::SECURITY_TOKEN, token);
        }
        query.push(parameter::SIGNATURE, signature.as_str());
        PresignedUri::new(uri, &query)
    }

    fn host_to_sign<'a>(&self, uri: &'a Uri) -> Result<Option<&'a [u8]>, SignError> {
        let default = [HOST];
        let names = self.headers.unwrap_or(&default);
        if let Some(name) = names.iter().find(|name| **name != HOST) {
            return Err(SignError::MissingHeader { name: name.clone() });
        }
        match uri_host(uri) {
            _ if names.is_empty() => Ok(None),
            Some(host) => Ok(Some(without_default_port(host))),
            None => Err(SignError::MissingHeader { name: HOST }),
        }
    }
}

/// The names of all parameters, that of this list among them, each once, in the order of the query.
fn signed_queries(query: &Query) -> Result<Vec<u8>, SignError> {
    let mut names: Vec<Cow<'_, [u8]>> = query.iter().map(|(name, _)| name).collect();
    names.push(Cow::Borrowed(parameter::SIGNED_QUERIES.as_bytes()));
    names.sort();
    names.dedup();
    if names.iter().any(|name| name.contains(&b';')) {
        return Err(SignError::Uri { expected: "parameter names without `;`" });
    }
    Ok(names.join(&b';'))
}

/// A URI with its signature, and the session token, in its query. Whoever has it can use it: `Debug` shows the host only.
#[derive(Clone, PartialEq, Eq)]
pub struct PresignedUri {
    text: String,
    uri: Uri,
}

impl PresignedUri {
    fn new(uri: &Uri, query: &Query) -> Result<Self, SignError> {
        let mut parts = uri.clone().into_parts();
        let target = Bytes::from([uri.path(), "?", query.as_str()].concat());
        let target = PathAndQuery::from_maybe_shared(target);
        parts.path_and_query = Some(target.map_err(|_| SignError::Uri { expected: "65,534 bytes at most" })?);
        let uri = Uri::from_parts(parts).map_err(|_| SignError::Uri { expected: "`https://` and a host" })?;
        Ok(Self { text: uri.to_string(), uri })
    }

    /// The URI, secrets and all.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The URI, secrets and all, for a request.
    pub fn into_uri(self) -> Uri {
        self.uri
    }
}

impl fmt::Debug for PresignedUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresignedUri").field("host", &self.uri.host()).finish_non_exhaustive()
    }
}
