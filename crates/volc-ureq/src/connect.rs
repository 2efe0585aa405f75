//! Proof that nothing was sent.
//!
//! ureq has one error type for all that can happen to a request, and most of its values say nothing of when it happened.
//! What fails in the resolver or in the connector (TLS and the proxy's tunnel included) fails before the first byte of a
//! request is written, so these two mark their errors.

use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::http::uri::Scheme;
// ureq may change these in a minor version. Only the signatures of three traits are used.
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout, Transport};

use crate::guard::Guarded;

/// An agent whose errors carry the mark, and whose connections are [guarded](crate::guard).
pub(crate) fn agent(config: Config) -> ureq::Agent {
    ureq::Agent::with_parts(config, Marking(DefaultConnector::default()), Marking(DefaultResolver::default()))
}

/// The error and whether it bears the mark, which is taken off.
pub(crate) fn unmark(error: ureq::Error) -> (ureq::Error, bool) {
    match error {
        ureq::Error::Other(other) => match other.downcast::<NothingSent>() {
            Ok(marked) => (marked.0, true),
            Err(other) => (ureq::Error::Other(other), false),
        },
        error => (error, false),
    }
}

/// The connector calls itself for the way to a proxy: an error that has the mark keeps it.
fn mark(error: ureq::Error) -> ureq::Error {
    match error {
        ureq::Error::Other(other) if other.is::<NothingSent>() => ureq::Error::Other(other),
        error => ureq::Error::Other(Box::new(NothingSent(error))),
    }
}

#[derive(Debug)]
struct NothingSent(ureq::Error);

impl fmt::Display for NothingSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing was sent")
    }
}

impl Error for NothingSent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[derive(Debug)]
struct Marking<T>(T);

impl Resolver for Marking<DefaultResolver> {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        // ureq takes a thread for every look-up that has a limit of time, and an address needs none.
        if let Some(address) = literal(uri) {
            let mut addresses = self.empty();
            addresses.push(address);
            return Ok(addresses);
        }
        self.0.resolve(uri, config, timeout).map_err(mark)
    }
}

impl Connector for Marking<DefaultConnector> {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails<'_>, chained: Option<()>) -> Result<Option<Self::Out>, ureq::Error> {
        // ureq keeps a TLS configuration, and with it the sessions to resume, only for requests without settings of their own.
        // All of ours have some, of time and never of TLS.
        let details = ConnectionDetails {
            request_level: false,
            uri: details.uri,
            addrs: details.addrs.clone(),
            config: details.config,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let transport = self.0.connect(&details, chained).map_err(mark)?;
        Ok(transport.map(|transport| Box::new(Guarded(transport)) as Self::Out))
    }
}

/// The address of a URI that names one.
fn literal(uri: &Uri) -> Option<SocketAddr> {
    let host = uri.host()?;
    let ip = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()?;
    let default = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => Some(443),
        Some(scheme) if *scheme == Scheme::HTTP => Some(80),
        // Proxies have ports of their own.
        _ => None,
    };
    Some(SocketAddr::new(ip, uri.port_u16().or(default)?))
}
