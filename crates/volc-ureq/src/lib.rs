#![doc = include_str!("../README.md")]
// The documentation site shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connect;
mod error;
mod guard;
mod pages;
mod run;
#[cfg(feature = "tracing")]
mod trace;

use std::fmt;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Proxy};
use volc_proto::ecs::AttemptId;
use volc_proto::{Action, ClockSkew, Credentials, Endpoint, Reply, Timestamp, parse};

pub use crate::error::{Error, Lost};
pub use {ureq, volc_proto};

/// Calls of any action to one endpoint, each sent once, on the thread that asks.
///
/// Cheap to clone and free to share between threads; clones share connections and credentials.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    /// Whether the agent's connections are [guarded](guard).
    guarded: bool,
    endpoint: Endpoint,
    who: Arc<RwLock<Credentials>>,
    skew: Arc<Mutex<ClockSkew>>,
    timeout: Duration,
    connect_timeout: Duration,
    user_agent: HeaderValue,
}

const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// As good as for ever, and still a time that ureq can add to the present one.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
const PRODUCT: &str = concat!("volc-ureq/", env!("CARGO_PKG_VERSION"));
/// A reply about 100 images takes some 40 KB where each has failed; who sends more than this is not the service.
const MAX_BODY: u64 = 1 << 20;

impl Client {
    /// A client that trusts Mozilla's root certificates, as they were when `webpki-roots` was published, and takes the
    /// way through a proxy that the environment names.
    pub fn new(endpoint: Endpoint, who: Credentials) -> Self {
        Self::trusting(RootCerts::WebPki, endpoint, who)
    }

    /// A client that asks the operating system whether it trusts a certificate, and otherwise as [`new`](Self::new).
    #[cfg(feature = "platform-verifier")]
    pub fn with_platform_verifier(endpoint: Endpoint, who: Credentials) -> Self {
        Self::trusting(RootCerts::PlatformVerifier, endpoint, who)
    }

    fn trusting(roots: RootCerts, endpoint: Endpoint, who: Credentials) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
        let config = Agent::config_builder().tls_config(tls).user_agent(PRODUCT).build();
        Self { guarded: true, ..Self::with_agent(connect::agent(config), endpoint, who) }
    }

    /// A client over an agent of your own: other roots, a client certificate, a proxy.
    ///
    /// No redirect is followed, an error status is an answer and a body is read up to 1 MiB, whatever the agent is set to;
    /// its limits of time hold where it has them. What cannot be taken back here is yours to keep:
    ///
    /// - No middleware and no connector of the agent sends a request a second time.
    /// - TLS verifies.
    /// - ureq's log at the level `trace` goes nowhere: it shows the session token and the signature, which [`new`](Self::new)
    ///   keeps from it.
    /// - No server answers a request twice over TLS: the second answer could be taken for that to the next request.
    /// - A proxy answers at once: byte by byte, it could hold a call beyond its time, which [`new`](Self::new) does not let it.
    ///
    /// Fewer errors prove [`Fate::Unsent`](volc_proto::Fate::Unsent) than with [`new`](Self::new), whose agent tells apart
    /// what failed before the first byte: here a name that does not resolve and a connection that is refused are `Unknown`,
    /// for two. And each call looks the name up, and each connection begins a TLS session of its own.
    pub fn with_agent(agent: Agent, endpoint: Endpoint, who: Credentials) -> Self {
        let set = agent.config().timeouts();
        Self {
            timeout: set.global.unwrap_or(TIMEOUT),
            connect_timeout: set.connect.unwrap_or(CONNECT_TIMEOUT),
            user_agent: HeaderValue::from_static(PRODUCT),
            who: Arc::new(RwLock::new(who)),
            guarded: false,
            skew: Arc::default(),
            agent,
            endpoint,
        }
    }

    /// How long a call may take altogether. 30 seconds unless set. A run follows its
    /// [`Policy::attempt_timeout`](volc_proto::ecs::Policy::attempt_timeout).
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// How long it may take to resolve the name, and again to connect, with TLS and a proxy's tunnel. 5 seconds unless set.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How this machine's clock is corrected by what answers say of it. [`ClockSkew::off`] leaves it alone.
    #[must_use]
    pub fn clock_skew(mut self, skew: ClockSkew) -> Self {
        self.skew = Arc::new(Mutex::new(skew));
        self
    }

    /// Puts a product, as `my-tool/1.0`, in front of the `User-Agent`.
    ///
    /// # Errors
    ///
    /// [`InvalidUserAgent`] for a text that could not travel in a header.
    pub fn user_agent(mut self, product: &str) -> Result<Self, InvalidUserAgent> {
        let valid = !product.is_empty() && product.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        let value = valid.then(|| HeaderValue::try_from(format!("{product} {PRODUCT}")));
        self.user_agent = value.and_then(Result::ok).ok_or(InvalidUserAgent(()))?;
        Ok(self)
    }

    /// Signs with another key from the next call on, in all clones. Calls that run go on with the one they began with.
    pub fn set_credentials(&self, who: Credentials) {
        *self.who.write().unwrap_or_else(PoisonError::into_inner) = who;
    }

    /// Where the calls go, and the region that they are signed for.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Sends an action once and reads the reply.
    ///
    /// The call can succeed although it failed for some of the resources that it names: read the output.
    ///
    /// # Errors
    ///
    /// [`Error`], which tells whether the request [can have reached the service](Error::fate).
    pub fn call<A: Action>(&self, action: &A) -> Result<Reply<A::Output>, Error> {
        let request = self.endpoint.request(action, &self.credentials(), self.now())?;
        let response = self.exchange(A::NAME, None, request, self.timeout)?;
        Ok(parse::<A>(&response)?)
    }

    fn credentials(&self) -> Credentials {
        // Nothing is ever half written under this lock.
        self.who.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The program that asks, for a journal.
    fn tool(&self) -> &str {
        self.user_agent.to_str().unwrap_or(PRODUCT)
    }

    /// The time as requests are signed with it: this machine's clock, corrected by what the service's answers said of it.
    pub fn now(&self) -> Timestamp {
        self.skew.lock().unwrap_or_else(PoisonError::into_inner).correct(SystemTime::now().into())
    }

    /// One attempt. Name and number are for those who watch.
    fn exchange(
        &self,
        _action: &'static str,
        _number: Option<AttemptId>,
        request: Request<Vec<u8>>,
        timeout: Duration,
    ) -> Result<Response<Vec<u8>>, Lost> {
        let send = || self.send(request, timeout);
        #[cfg(feature = "tracing")]
        let send = || trace::attempt(_action, self.endpoint.region(), _number, send);
        send()
    }

    /// Sends, and reads at most 1 MiB, or says how the request was lost. Nothing is sent twice: ureq itself sends again
    /// only where it follows a redirect, and a connection that the pool gives out is not replaced once it was written to.
    fn send(&self, mut request: Request<Vec<u8>>, timeout: Duration) -> Result<Response<Vec<u8>>, Lost> {
        let uri = request.uri().clone();
        let sent = SystemTime::now().into();
        request.headers_mut().insert(USER_AGENT, self.user_agent.clone());
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let (timeout, connect_timeout) = (timeout.min(LONGEST), self.connect_timeout.min(LONGEST));
        let _guard = self.guarded.then(|| guard::guard(request.headers_mut(), timeout));
        // The core's requests have no body. With a method that could have one, that is said.
        if request.method() != Method::GET {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut config = (self.agent.configure_request(request.map(drop)))
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(timeout))
            .timeout_resolve(Some(connect_timeout))
            .timeout_connect(Some(connect_timeout));
        // Plain HTTP is allowed to this machine only. A proxy's loopback is another machine.
        if self.agent.config().proxy().is_some_and(Proxy::is_from_env) && self.endpoint.is_loopback() {
            config = config.proxy(None);
        }
        let (head, body) = self.agent.run(config.build()).map_err(|error| Lost::new(&uri, error))?.into_parts();
        if is_encoded(&head.headers) {
            return Err(Lost::encoded(&uri));
        }
        let length = body.content_length().unwrap_or_default().min(MAX_BODY);
        let mut response = Response::from_parts(head, Vec::with_capacity(length as usize));
        match body.into_with_config().limit(MAX_BODY).reader().read_to_end(response.body_mut()) {
            Ok(_) => {
                let mut skew = self.skew.lock().unwrap_or_else(PoisonError::into_inner);
                skew.observe(&response, sent, SystemTime::now().into());
                Ok(response)
            }
            Err(error) => Err(Lost::in_body(&uri, error.into(), &response)),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("endpoint", &self.endpoint)
            .field("credentials", &self.credentials())
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("user_agent", &self.user_agent)
            .finish_non_exhaustive()
    }
}

/// Nobody asked for an encoding, so a body in one was made by somebody who did not listen.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// A text that cannot be part of a `User-Agent`: it is empty, or has other characters than visible ASCII and blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidUserAgent(());

impl fmt::Display for InvalidUserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a user agent of visible ASCII characters, like `my-tool/1.0`")
    }
}

impl std::error::Error for InvalidUserAgent {}
