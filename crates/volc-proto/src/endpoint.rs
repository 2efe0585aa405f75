//! Where a request goes: the one place where what, where, who and when meet.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use http::Request;
use http::header::{HOST, HeaderMap, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};

use crate::action::Action;
use crate::credentials::Credentials;
use crate::query::Query;
use crate::region::Region;
use crate::sign::{SignError, Signer};
use crate::timestamp::Timestamp;

/// The service's address for one region.
///
/// ```
/// use volc_proto::{Endpoint, Region};
/// let region = Region::new("cn-beijing")?;
/// assert_eq!(Endpoint::new(region.clone()).origin("ecs"), "https://open.volcengineapi.com");
/// assert_eq!(Endpoint::regional(region.clone()).origin("ecs"), "https://ecs.cn-beijing.volcengineapi.com");
/// assert_eq!(Endpoint::custom("http://127.0.0.1:8080", region)?.origin("ecs"), "http://127.0.0.1:8080");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    region: Region,
    host: Host,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Host {
    /// One host for every service.
    Fixed { scheme: Scheme, authority: Authority, host: HeaderValue },
    /// A host of its own for each service and region.
    Regional(Site),
}

impl Host {
    /// The site's one host for all regions, but for those that were set up apart.
    fn of_site(site: Site, region: &Region) -> Self {
        if site.apart.contains(&region.as_str()) {
            return Self::Regional(site);
        }
        let (authority, host) = (Authority::from_static(site.shared), HeaderValue::from_static(site.shared));
        Self::Fixed { scheme: Scheme::HTTPS, authority, host }
    }
}

/// One of the two clouds that speak this protocol, and its names in DNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Site {
    shared: &'static str,
    /// Regions whose services answer on hosts of their own only.
    apart: &'static [&'static str],
    suffix: &'static str,
    dual_stack_suffix: &'static str,
    /// What follows the suffix in mainland China.
    mainland: &'static str,
    dual_stack: bool,
}

/// volcengine-go-sdk 1.2.49, `volcengine/volcengineutil/url.go`.
const VOLCENGINE: Site = Site {
    shared: "open.volcengineapi.com",
    apart: &["cn-beijing-autodriving", "cn-shanghai-autodriving", "cn-beijing-selfdrive", "ap-southeast-2", "ap-southeast-3"],
    suffix: ".volcengineapi.com",
    dual_stack_suffix: ".volcengine-api.com",
    mainland: "",
    dual_stack: false,
};

/// byteplus-go-sdk-v2, `byteplus/byteplusutil/url.go`.
const BYTEPLUS: Site = Site {
    shared: "open.ap-southeast-1.byteplusapi.com",
    apart: &["ap-southeast-2", "ap-southeast-3"],
    suffix: ".byteplusapi.com",
    dual_stack_suffix: ".byteplus-api.com",
    mainland: ".cn",
    dual_stack: false,
};

impl Endpoint {
    /// The official SDKs' default: `open.volcengineapi.com`, or the region's own host where only that exists.
    pub fn new(region: Region) -> Self {
        Self { host: Host::of_site(VOLCENGINE, &region), region }
    }

    /// The region's own host, `ecs.<region>.volcengineapi.com`: the official SDKs' standard resolver.
    pub fn regional(region: Region) -> Self {
        Self { region, host: Host::Regional(VOLCENGINE) }
    }

    /// BytePlus, the same services outside mainland China: `open.ap-southeast-1.byteplusapi.com`, or the region's own host
    /// where only that exists.
    pub fn byteplus(region: Region) -> Self {
        Self { host: Host::of_site(BYTEPLUS, &region), region }
    }

    /// BytePlus, the region's own host: `ecs.<region>.byteplusapi.com`, with `.cn` behind it in mainland China.
    pub fn byteplus_regional(region: Region) -> Self {
        Self { region, host: Host::Regional(BYTEPLUS) }
    }

    /// Any other address: `https://host[:port]`, or `http://` to this machine (`localhost`, `127.0.0.0/8`, `[::1]`).
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint`] for plain HTTP to another machine, and for a URI with a path, a query or credentials.
    pub fn custom(uri: &str, region: Region) -> Result<Self, InvalidEndpoint> {
        let endpoint = Self::custom_with_plain_http_anywhere(uri, region)?;
        match &endpoint.host {
            Host::Fixed { scheme, authority, .. } if *scheme == Scheme::HTTP && !is_loopback(authority.host()) => {
                Err(InvalidEndpoint { uri: uri.to_owned(), expected: "`https://`, since plain HTTP is for this machine only" })
            }
            _ => Ok(endpoint),
        }
    }

    /// As [`custom`](Self::custom), and `http://` to any host: whoever is on the way reads the image IDs and the session
    /// token, and can forge the answer. For a gateway that adds TLS on a network you trust.
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint`] for a URI with a path, a query or credentials, or another scheme.
    pub fn custom_with_plain_http_anywhere(uri: &str, region: Region) -> Result<Self, InvalidEndpoint> {
        let invalid = |expected| InvalidEndpoint { uri: redacted(uri), expected };
        if uri.contains('@') {
            return Err(invalid("no credentials in the URI"));
        }
        if uri.contains(['?', '#']) {
            return Err(invalid("no query or fragment"));
        }
        let parsed: Uri = uri.parse().map_err(|_| invalid("`https://host` or `https://host:port`"))?;
        let (Some(scheme), Some(authority)) = (parsed.scheme(), parsed.authority()) else {
            return Err(invalid("`https://host` or `https://host:port`"));
        };
        if *scheme != Scheme::HTTPS && *scheme != Scheme::HTTP {
            return Err(invalid("the scheme `https`"));
        }
        if parsed.path() != "/" {
            return Err(invalid("no path: actions live at `/`"));
        }
        let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
        let port_is_fine = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
        if authority.host().is_empty() || !port_is_fine {
            return Err(invalid("`https://host` or `https://host:port`"));
        }
        let host = HeaderValue::from_bytes(without_default_port(authority.as_str().as_bytes()))
            .map_err(|_| invalid("a host name of ASCII characters"))?;
        Ok(Self { region, host: Host::Fixed { scheme: scheme.clone(), authority: authority.clone(), host } })
    }

    /// Host names that resolve to IPv6 as well. As in the official SDKs, a default endpoint has them only in the regions
    /// with hosts of their own; a custom one stays as it is.
    #[must_use]
    pub fn dual_stack(mut self) -> Self {
        if let Host::Regional(site) = &mut self.host {
            site.dual_stack = true;
        }
        self
    }

    /// The region that requests are signed for.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Whether the address is this machine's own: `localhost`, `127.0.0.0/8` or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        matches!(&self.host, Host::Fixed { authority, .. } if is_loopback(authority.host()))
    }

    /// Scheme and host for a service, as `https://open.volcengineapi.com`.
    pub fn origin(&self, service: &str) -> String {
        match &self.host {
            Host::Fixed { scheme, authority, .. } => format!("{scheme}://{authority}"),
            Host::Regional(site) => format!("https://{}", self.name(site, service)),
        }
    }

    /// A request for `action`, signed and ready to send, without a body. Sign again for every attempt: a request
    /// is valid for 15 minutes.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the action's service is no service name, or its query is too long for a URI.
    pub fn request<A: Action>(&self, action: &A, who: &Credentials, at: Timestamp) -> Result<Request<Vec<u8>>, RequestError> {
        let mut query = Query::new();
        query.push("Action", A::NAME);
        action.query(&mut query);
        query.push("Version", A::VERSION);
        let (scheme, authority, host) = self.resolve(A::SERVICE)?;

        let target = Bytes::from(query.into_target().into_boxed_slice());
        let length = target.len();
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(scheme);
        parts.authority = Some(authority);
        parts.path_and_query =
            Some(PathAndQuery::from_maybe_shared(target).map_err(|_| RequestError::TooLong { bytes: length })?);
        let uri = Uri::from_parts(parts).map_err(|_| RequestError::TooLong { bytes: length })?;

        let mut request = Request::new(Vec::new());
        *request.method_mut() = A::METHOD;
        *request.uri_mut() = uri;
        // Host and the signature's four.
        *request.headers_mut() = HeaderMap::with_capacity(5);
        request.headers_mut().insert(HOST, host);
        Signer::new(who, &self.region, A::SERVICE).sign_own(&mut request, at)?;
        Ok(request)
    }

    fn resolve(&self, service: &str) -> Result<(Scheme, Authority, HeaderValue), RequestError> {
        match &self.host {
            Host::Fixed { scheme, authority, host } => Ok((scheme.clone(), authority.clone(), host.clone())),
            Host::Regional(site) => {
                let name = Bytes::from(self.name(site, service));
                let invalid = || RequestError::InvalidService { service: service.to_owned() };
                let authority = Authority::from_maybe_shared(name.clone()).map_err(|_| invalid())?;
                Ok((Scheme::HTTPS, authority, HeaderValue::from_maybe_shared(name).map_err(|_| invalid())?))
            }
        }
    }

    fn name(&self, site: &Site, service: &str) -> String {
        let region = self.region.as_str();
        let suffix = if site.dual_stack { site.dual_stack_suffix } else { site.suffix };
        let mainland = if region.starts_with("cn-") && region != "cn-hongkong" { site.mainland } else { "" };
        // Host labels have no underscore (volcengine-go-sdk, `standardizeDomainServiceCode`).
        let service = service.to_ascii_lowercase().replace('_', "-");
        format!("{service}.{region}{suffix}{mainland}")
    }
}

/// The host as it is signed and sent: the ports of both schemes are left away whatever the scheme, as the official Python
/// and Go SDKs do.
pub(crate) fn without_default_port(host: &[u8]) -> &[u8] {
    host.strip_suffix(b":443").or_else(|| host.strip_suffix(b":80")).unwrap_or(host)
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A URI in an error message must not repeat a password, nor the signature of a presigned one.
fn redacted(uri: &str) -> String {
    let uri = uri.split(['?', '#']).next().unwrap_or_default();
    match uri.rfind('@') {
        Some(at) => format!("…{}", &uri[at..]),
        None => uri.to_owned(),
    }
}

/// A URI that cannot be an endpoint. The message shows it without credentials, query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidEndpoint {
    uri: String,
    expected: &'static str,
}

impl fmt::Display for InvalidEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} in the endpoint {:?}", self.expected, self.uri)
    }
}

impl Error for InvalidEndpoint {}

/// Why no request could be built. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The action's service cannot be part of a host name.
    InvalidService {
        /// The action's [`SERVICE`](Action::SERVICE).
        service: String,
    },
    /// The request target does not fit into a URI, which takes 65,534 bytes.
    TooLong {
        /// The length of the request target: path, `?` and query.
        bytes: usize,
    },
    /// The request could not be signed: the action's [`SERVICE`](Action::SERVICE) cannot be part of a credential scope.
    Sign(SignError),
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidService { service } => write!(f, "expected a service name like `ecs`, not {service:?}"),
            Self::TooLong { bytes } => write!(f, "expected a request target of at most 65,534 bytes, not {bytes}"),
            Self::Sign(_) => f.write_str("the request could not be signed"),
        }
    }
}

impl Error for RequestError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Sign(error) => Some(error),
            _ => None,
        }
    }
}

impl From<SignError> for RequestError {
    fn from(error: SignError) -> Self {
        Self::Sign(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region() -> Region {
        Region::new("cn-beijing").unwrap()
    }

    #[test]
    fn plain_http_reaches_this_machine_only() {
        for uri in ["http://127.0.0.1:8080", "http://127.9.9.9", "http://localhost:1", "http://[::1]:8080", "https://example.com"]
        {
            let endpoint = Endpoint::custom(uri, region()).unwrap();
            assert_eq!(endpoint.is_loopback(), uri != "https://example.com", "{uri}");
        }
        for uri in [
            "http://example.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "http://[::2]",
        ] {
            assert!(Endpoint::custom(uri, region()).is_err(), "{uri}");
            assert!(Endpoint::custom_with_plain_http_anywhere(uri, region()).is_ok(), "{uri}");
        }
    }

    #[test]
    fn a_uri_that_says_more_than_where_is_refused() {
        for uri in [
            "",
            "example.com",
            "/",
            "https://",
            "https:///",
            "https://h/path",
            "https://h//",
            "https://h?a=b",
            "https://h/?a",
            "https://h#f",
            "https://user@h",
            "https://user:pass@h",
            "ftp://h",
            "https://h:",
            "https://h:99999",
            "https://h:port",
            "https://a b",
            "https://h\n",
        ] {
            assert!(Endpoint::custom_with_plain_http_anywhere(uri, region()).is_err(), "{uri:?}");
        }
    }

    #[test]
    fn an_error_does_not_repeat_a_password() {
        for uri in [
            "https://user:hunter2@example.com",
            "user:hunter2@example.com",
            "https://a:hunter2@b:hunter2@c",
            "user:hunter2@h/?next=https://x",
            "https://h/?X-Security-Token=hunter2",
        ] {
            let error = Endpoint::custom(uri, region()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_default_port_is_neither_signed_nor_sent() {
        let who = Credentials::new("AKLT", "s").unwrap();
        for (uri, host) in [
            ("https://example.com:443", "example.com"),
            ("http://127.0.0.1:80", "127.0.0.1"),
            ("https://example.com:8443", "example.com:8443"),
            ("https://[::1]:443", "[::1]"),
        ] {
            let endpoint = Endpoint::custom(uri, region()).unwrap();
            let request = endpoint.request(&Nothing, &who, Timestamp::MAX).unwrap();
            assert_eq!(request.headers()[HOST], host);
        }
    }

    struct Nothing;

    impl Action for Nothing {
        const NAME: &'static str = "Nothing";
        const VERSION: &'static str = "2020-04-01";
        const SERVICE: &'static str = "ecs";
        type Output = Option<()>;

        fn query(&self, _: &mut Query) {}
    }
}
