//! Proof that nothing was sent.
//!
//! ureq has one error type for all that can happen to a request, and most of its values say nothing of when it happened.
//! What fails in the connector (looking up a name, TLS and the proxy's tunnel included) fails before the first byte of a
//! request is written, so it marks its errors.

use std::error::Error;
use std::fmt;

use ureq::config::Config;
use ureq::http::Uri;
// ureq may change these in a minor version, which is why the workspace holds it to one.
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, RustlsConnector, SocksConnector, TcpConnector, Transport,
};

use crate::guard::{Checked, Guarded, within};

/// An agent whose errors carry the mark, and whose connections are [guarded](crate::guard).
pub(crate) fn agent(config: Config) -> ureq::Agent {
    resolving(config, DefaultResolver::default())
}

fn resolving(config: Config, resolver: impl Resolver) -> ureq::Agent {
    // As ureq's own, with a look at what lies between TLS and the socket.
    let socket = ().chain(SocksConnector::default()).chain(ConnectProxyConnector::default()).chain(TcpConnector::default());
    let connector = socket.chain(Checking).chain(RustlsConnector::default());
    ureq::Agent::with_parts(config, Marking { connector, resolver }, Later)
}

#[derive(Debug)]
struct Checking;

impl<In: Transport> Connector<In> for Checking {
    type Out = Checked<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(Checked))
    }
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

/// Looks nothing up: ureq would ask for the addresses of a name before it looks whether a connection is idle, in a thread of
/// its own where that has a limit of time. [`Marking`] asks, for a new connection.
#[derive(Debug)]
struct Later;

impl Resolver for Later {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

#[derive(Debug)]
struct Marking<C, R> {
    connector: C,
    resolver: R,
}

impl<C: Connector, R: Resolver> Marking<C, R> {
    /// The addresses of the host, where this machine connects to it and does not have them: of a proxy it does, and a proxy
    /// mostly looks for itself.
    fn look_up(&self, details: &ConnectionDetails<'_>) -> Result<Option<ResolvedSocketAddrs>, ureq::Error> {
        let (uri, config) = (details.uri, details.config);
        if !details.addrs.is_empty() || config.proxy().is_some_and(|proxy| !proxy.is_no_proxy(uri) && !proxy.resolve_target()) {
            return Ok(None);
        }
        // It may take as long as connecting, whose time begins after it.
        self.resolver.resolve(uri, config, details.timeout).map(Some)
    }

    fn open(&self, details: &ConnectionDetails<'_>) -> Result<Option<C::Out>, ureq::Error> {
        let (addrs, now) = match self.look_up(details)? {
            Some(found) => (found, (details.current_time)()),
            None => (details.addrs.clone(), details.now),
        };
        let details = ConnectionDetails {
            addrs,
            now,
            // ureq keeps a TLS configuration, and with it the sessions to resume, only for requests without settings of their
            // own. All of ours have some, of time and never of TLS.
            request_level: false,
            resolver: &self.resolver,
            timeout: within(details.timeout)?,
            uri: details.uri,
            config: details.config,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        self.connector.connect(&details, None)
    }
}

impl<C: Connector, R: Resolver> Connector for Marking<C, R> {
    type Out = Box<dyn Transport>;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Self::Out>, ureq::Error> {
        let transport = self.open(details).map_err(mark)?;
        Ok(transport.map(|transport| Box::new(Guarded(Box::new(transport))) as Self::Out))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use volc_tests::network::{Server, success};

    use super::*;

    #[derive(Debug)]
    struct Counting {
        looked_up: Arc<AtomicUsize>,
        address: SocketAddr,
    }

    impl Resolver for Counting {
        fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
            self.looked_up.fetch_add(1, Ordering::Relaxed);
            let mut addresses = self.empty();
            addresses.push(self.address);
            Ok(addresses)
        }
    }

    #[test]
    fn a_name_is_looked_up_for_a_new_connection_only() {
        let server = Server::start(|connection| while connection.request().is_some() && connection.send(success()) {});
        let looked_up = Arc::<AtomicUsize>::default();
        let counting = Counting { looked_up: looked_up.clone(), address: server.address() };
        let agent = resolving(ureq::Agent::config_builder().proxy(None).build(), counting);
        for _ in 0..3 {
            let mut answer = agent.get("http://ecs.volc.test/").call().unwrap();
            answer.body_mut().read_to_vec().unwrap();
        }
        assert_eq!((server.connections(), server.requests().len(), looked_up.load(Ordering::Relaxed)), (1, 3, 1));
    }
}
