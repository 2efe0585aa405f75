//! How a connection is made: by name resolution, a proxy's tunnel and TLS, or by a connector from outside.
//!
//! A connector is given scheme, host and port. It never sees a query or a header, so what it does or says cannot send or
//! repeat any of them.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use hyper::rt::{Read, Write};
use tower_service::Service;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// A byte stream.
pub(crate) trait Io: Read + Write + Unpin + Send {}

impl<T: Read + Write + Unpin + Send> Io for T {}

type Connecting = Pin<Box<dyn Future<Output = Result<Box<dyn Io>, BoxError>> + Send>>;

/// Makes connections, each within the time that it is given.
#[derive(Clone)]
pub(crate) struct Connector(Arc<dyn Fn(Uri, Duration) -> Connecting + Send + Sync>);

impl Connector {
    /// One from outside, which has its own idea of time.
    pub(crate) fn new<C>(connector: C) -> Self
    where
        C: Service<Uri> + Clone + Send + Sync + 'static,
        C::Response: Read + Write + Unpin + Send + 'static,
        C::Error: Into<BoxError>,
        C::Future: Send,
    {
        Self(Arc::new(move |uri, _| open(connector.clone(), uri)))
    }

    pub(crate) fn connect(&self, uri: Uri, limit: Duration) -> Connecting {
        self.0(uri, limit)
    }
}

fn open<C>(mut connector: C, uri: Uri) -> Connecting
where
    C: Service<Uri> + Send + 'static,
    C::Response: Read + Write + Unpin + Send + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send,
{
    Box::pin(async move {
        poll_fn(|cx| connector.poll_ready(cx)).await.map_err(Into::into)?;
        let io = connector.call(uri).await.map_err(Into::into)?;
        Ok(Box::new(io) as Box<dyn Io>)
    })
}

#[cfg(feature = "tls")]
mod ready_made {
    use std::net::IpAddr;

    use hyper_rustls::HttpsConnector;
    use hyper_util::client::legacy::connect::HttpConnector;
    use hyper_util::client::legacy::connect::proxy::{SocksV4, SocksV5, Tunnel};
    use hyper_util::client::proxy::matcher::{Intercept, Matcher};
    use rustls::ClientConfig;

    use super::*;

    impl Connector {
        /// With TLS, and through the proxies that the environment names.
        pub(crate) fn with_tls(mut config: ClientConfig) -> Self {
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            let (config, proxies) = (Arc::new(config), Matcher::from_env());
            Self(Arc::new(move |uri, limit| {
                let tls = config.clone();
                // Plain HTTP is allowed to this machine only. A proxy's loopback is another machine.
                let proxy = proxies.intercept(&uri).filter(|_| !uri.host().is_some_and(is_loopback));
                let mut tcp = HttpConnector::new();
                tcp.enforce_http(false);
                tcp.set_nodelay(true);
                // Shared by the addresses of a name, so that the first one cannot use it up.
                tcp.set_connect_timeout(Some(limit));
                match proxy {
                    None => open(HttpsConnector::from((tcp, tls)), uri),
                    Some(proxy) => through(proxy, tcp, tls, with_port(uri)),
                }
            }))
        }
    }

    fn through(proxy: Intercept, tcp: HttpConnector, tls: Arc<ClientConfig>, uri: Uri) -> Connecting {
        let (at, scheme) = (proxy.uri().clone(), proxy.uri().scheme_str().unwrap_or_default());
        match scheme {
            "socks4" | "socks4a" => {
                open(HttpsConnector::from((SocksV4::new(at.clone(), tcp).local_dns(scheme == "socks4"), tls)), uri)
            }
            "socks5" | "socks5h" => {
                let mut socks = SocksV5::new(at.clone(), tcp).local_dns(scheme == "socks5");
                if let Some((user, password)) = proxy.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), password.to_owned());
                }
                open(HttpsConnector::from((socks, tls)), uri)
            }
            _ => {
                let mut tunnel = Tunnel::new(at, HttpsConnector::from((tcp, tls.clone())));
                if let Some(header) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(header.clone());
                }
                open(HttpsConnector::from((tunnel, tls)), uri)
            }
        }
    }

    /// A tunnel takes an address without a port for one of HTTPS.
    fn with_port(uri: Uri) -> Uri {
        match (uri.scheme_str(), uri.authority()) {
            (Some("http"), Some(authority)) if uri.port().is_none() => {
                Uri::builder().scheme("http").authority(format!("{authority}:80")).path_and_query("/").build().unwrap_or(uri)
            }
            _ => uri,
        }
    }

    fn is_loopback(host: &str) -> bool {
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}
