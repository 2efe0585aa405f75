#![doc = include_str!("../README.md")]
// The documentation site shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connect;
mod connection;
mod error;
mod pages;
mod pool;
mod run;
#[cfg(feature = "tracing")]
mod trace;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use http::header::{ACCEPT_ENCODING, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Response, Uri};
use hyper::rt::{Read, Write};
#[cfg(feature = "tls")]
use rustls::ClientConfig;
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
use rustls::{ConfigBuilder, RootCertStore, WantsVerifier, crypto::CryptoProvider};
use tokio::time::{Instant, timeout_at};
use tower_service::Service;
use volc_proto::ecs::AttemptId;
use volc_proto::{Action, ClockSkew, Credentials, Endpoint, Reply, Timestamp, parse};

use crate::connect::{BoxError, Connector};
use crate::connection::Connection;
pub use crate::error::{Error, Lost};
pub use crate::pages::Pages;
use crate::pool::{Pool, origin};
#[cfg(feature = "tls")]
pub use rustls;
pub use volc_proto;

/// Calls of any action to one endpoint, each sent once, on any tokio runtime that has its IO and time drivers.
///
/// Cheap to clone and free to share between tasks; clones share connections and credentials. It starts no task: what a call
/// does, it does while it is awaited. A call that is dropped closes its connection, and says nothing of what became of its
/// request, which is then [`Fate::Unknown`](volc_proto::Fate::Unknown). Only the system's lookup of a name cannot be broken off:
/// it runs on in tokio's pool for blocking work, which a runtime waits for when it is dropped
/// ([`shutdown_background`](tokio::runtime::Runtime::shutdown_background) does not).
#[derive(Clone)]
pub struct Client {
    connector: Connector,
    pool: Arc<Pool>,
    endpoint: Endpoint,
    who: Arc<RwLock<Credentials>>,
    skew: Arc<Mutex<ClockSkew>>,
    timeout: Duration,
    connect_timeout: Duration,
    user_agent: HeaderValue,
}

const TIMEOUT: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Who sets a limit of more has none in mind, and no clock overflows.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 60 * 60);
const MAX_CONNECTIONS: usize = 64;
const PRODUCT: &str = concat!("volc-hyper/", env!("CARGO_PKG_VERSION"));

impl Client {
    /// A client that trusts Mozilla's root certificates, as they were when `webpki-roots` was published, and takes the
    /// way through a proxy that the environment names. Its cryptography is ring's.
    #[cfg(feature = "ring")]
    pub fn new(endpoint: Endpoint, who: Credentials) -> Self {
        Self::with_tls(trusting_mozilla(rustls::crypto::ring::default_provider()), endpoint, who)
    }

    /// As [`new`](Self::new), with the cryptography of AWS-LC.
    #[cfg(feature = "aws-lc-rs")]
    pub fn with_aws_lc_rs(endpoint: Endpoint, who: Credentials) -> Self {
        Self::with_tls(trusting_mozilla(rustls::crypto::aws_lc_rs::default_provider()), endpoint, who)
    }

    /// A client that asks the operating system whether it trusts a certificate, and otherwise as [`new`](Self::new).
    ///
    /// # Errors
    ///
    /// Where the operating system's certificates cannot be read.
    #[cfg(feature = "platform-verifier")]
    pub fn with_platform_verifier(endpoint: Endpoint, who: Credentials) -> Result<Self, rustls::Error> {
        use rustls_platform_verifier::BuilderVerifierExt;
        let config = tls(rustls::crypto::ring::default_provider()).with_platform_verifier()?.with_no_client_auth();
        Ok(Self::with_tls(config, endpoint, who))
    }

    /// A client with a TLS configuration of your own: other roots, a client certificate, another provider of cryptography. Its
    /// ALPN protocols are replaced: this client speaks HTTP/1.1. It takes the way through a proxy that the environment names.
    #[cfg(feature = "tls")]
    pub fn with_tls(config: ClientConfig, endpoint: Endpoint, who: Credentials) -> Self {
        Self::over(Connector::with_tls(config), endpoint, who)
    }

    /// A client over a connector of your own, which makes byte streams and nothing else: the pool and the HTTP/1.1 on them
    /// stay here, and with them all that this crate keeps to. hyper-util's and hyper-rustls's connectors fit, without HTTP/2.
    ///
    /// The connector is given scheme, host and port, and has [`connect_timeout`](Self::connect_timeout) to connect. What it
    /// fails with is [`Fate::Unsent`](volc_proto::Fate::Unsent). Proxies are its own affair, and that TLS verifies is, too.
    pub fn with_connector<C>(connector: C, endpoint: Endpoint, who: Credentials) -> Self
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Read + Write + Unpin + Send + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send,
    {
        Self::over(Connector::new(connector), endpoint, who)
    }

    fn over(connector: Connector, endpoint: Endpoint, who: Credentials) -> Self {
        Self {
            connector,
            pool: Arc::new(Pool::new(MAX_CONNECTIONS)),
            endpoint,
            who: Arc::new(RwLock::new(who)),
            skew: Arc::default(),
            timeout: TIMEOUT,
            connect_timeout: CONNECT_TIMEOUT,
            user_agent: HeaderValue::from_static(PRODUCT),
        }
    }

    /// How long a call may take altogether. 30 seconds unless set. A run follows its
    /// [`Policy::attempt_timeout`](volc_proto::ecs::Policy::attempt_timeout).
    #[must_use]
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// How long it may take to resolve the name and to connect, with TLS and a proxy's tunnel. 5 seconds unless set.
    #[must_use]
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How many connections there are at most, at least 1. 64 unless set. Further calls wait for their turn, which takes
    /// from their time.
    #[must_use]
    pub fn max_connections(mut self, limit: usize) -> Self {
        self.pool = Arc::new(Pool::new(limit));
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
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime that has its IO and time drivers; a connector of your own may do without the IO driver.
    pub async fn call<A: Action>(&self, action: &A) -> Result<Reply<A::Output>, Error> {
        let request = self.endpoint.request(action, &self.credentials(), self.now())?;
        let response = self.exchange(A::NAME, None, request, self.timeout, &AtomicBool::new(false)).await?;
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

    /// One attempt, unless its run is stopped before it has a connection. Name and number are for those who watch.
    async fn exchange(
        &self,
        _action: &'static str,
        _number: Option<AttemptId>,
        request: Request<Vec<u8>>,
        timeout: Duration,
        stopped: &AtomicBool,
    ) -> Result<Response<Vec<u8>>, Lost> {
        let sending = self.send(request, timeout, stopped);
        #[cfg(feature = "tracing")]
        let sending = trace::attempt(_action, self.endpoint.region(), _number, sending);
        sending.await
    }

    /// Sends, and reads at most 1 MiB, or says how the request was lost. Nothing is sent twice, and no redirect is followed:
    /// there is nothing here that would do either.
    async fn send(
        &self,
        mut request: Request<Vec<u8>>,
        timeout: Duration,
        stopped: &AtomicBool,
    ) -> Result<Response<Vec<u8>>, Lost> {
        let deadline = after(timeout);
        let uri = std::mem::take(request.uri_mut());
        *request.uri_mut() = uri.path_and_query().cloned().map(Uri::from).unwrap_or_default();
        request.headers_mut().insert(USER_AGENT, self.user_agent.clone());
        request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));

        let place = timeout_at(deadline, self.pool.place()).await.map_err(|_| Lost::unsent_in_time(&uri))?;
        let may_go_on = || if stopped.load(Ordering::Relaxed) { Err(Lost::stopped(&uri)) } else { Ok(()) };
        may_go_on()?;
        let mut connection = self.connection(&uri, deadline).await?;
        may_go_on()?;
        let sent = SystemTime::now().into();
        let answer = connection.exchange(request, deadline).await.map_err(|failure| Lost::new(&uri, failure))?;
        let received = SystemTime::now().into();
        match connection.is_ready().await {
            true => self.pool.keep(origin(&uri), connection),
            false => drop(connection),
        }
        // Not sooner: there would be one connection too many.
        drop(place);
        self.skew.lock().unwrap_or_else(PoisonError::into_inner).observe(&answer, sent, received);
        Ok(answer)
    }

    /// An idle connection, or a new one.
    async fn connection(&self, uri: &Uri, deadline: Instant) -> Result<Connection, Lost> {
        if let Some(connection) = self.pool.idle(&origin(uri)).await {
            return Ok(connection);
        }
        self.pool.make_room();
        let connecting = async {
            let io = self.connector.connect(without_query(uri), self.connect_timeout).await?;
            Ok::<_, BoxError>(Connection::new(io).await?)
        };
        match timeout_at(after(self.connect_timeout).min(deadline), connecting).await {
            Ok(connection) => connection.map_err(|error| Lost::unconnected(uri, error)),
            Err(_) => Err(Lost::unsent_in_time(uri)),
        }
    }
}

fn after(time: Duration) -> Instant {
    Instant::now() + time.min(LONGEST_TIMEOUT)
}

fn without_query(uri: &Uri) -> Uri {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::from_static("/"));
    Uri::from_parts(parts).expect("a URI remains one with another path")
}

/// What all providers of cryptography have in common.
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
fn tls(provider: CryptoProvider) -> ConfigBuilder<ClientConfig, WantsVerifier> {
    let builder = ClientConfig::builder_with_provider(Arc::new(provider));
    builder.with_safe_default_protocol_versions().expect("both providers know TLS 1.2 and 1.3")
}

#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
fn trusting_mozilla(provider: CryptoProvider) -> ClientConfig {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    tls(provider).with_root_certificates(roots).with_no_client_auth()
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

/// A text that cannot be part of a `User-Agent`: it is empty, or has other characters than visible ASCII and blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidUserAgent(());

impl fmt::Display for InvalidUserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a user agent of visible ASCII characters, like `my-tool/1.0`")
    }
}

impl std::error::Error for InvalidUserAgent {}
