//! The adapters under test, each with its own client and with one from outside.

use std::sync::Arc;

use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::UdpSocket;
use tokio::runtime::{Builder, Runtime};
use volc_proto::Endpoint;
use volc_proto::ecs::{Deletion, Report};
use volc_tests::network::{Failure, Limits, Outcome, action, assert_shows_no_secret, who};
use volc_ureq::ureq::Agent;
use volc_ureq::ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::logs;

/// One way to make a client.
pub(crate) struct Adapter {
    pub(crate) name: &'static str,
    client: fn(Endpoint, Limits, Roots<'_>) -> Box<dyn Client>,
}

/// Whom a client trusts.
#[derive(Clone, Copy)]
pub(crate) enum Roots<'a> {
    Mozilla,
    /// This authority and no other.
    Only(&'a CertificateDer<'static>),
    System,
}

impl Adapter {
    /// A client of the canaries' owner.
    pub(crate) fn client(&self, endpoint: Endpoint, limits: Limits) -> Box<dyn Client> {
        self.trusting(Roots::Mozilla, endpoint, limits)
    }

    pub(crate) fn trusting(&self, roots: Roots<'_>, endpoint: Endpoint, limits: Limits) -> Box<dyn Client> {
        (self.client)(endpoint, limits, roots)
    }
}

pub(crate) trait Client: Send + Sync {
    fn call(&self) -> Outcome;
    fn run(&self, deletion: &mut Deletion) -> Report;
    /// Waits until the client could have seen what came to its sockets so far.
    fn catch_up(&self) {}
}

pub(crate) const UREQ: Adapter = Adapter {
    name: "ureq",
    client: |endpoint, limits, roots| {
        let client = match roots {
            Roots::Mozilla => volc_ureq::Client::new(endpoint, who()),
            Roots::System => volc_ureq::Client::with_platform_verifier(endpoint, who()),
            // Its own agent has no other roots.
            Roots::Only(_) => return (UREQ_AGENT.client)(endpoint, limits, roots),
        };
        Box::new(Ureq { client: client.timeout(limits.total).connect_timeout(limits.connect), logs_secrets: false })
    },
};

pub(crate) const UREQ_AGENT: Adapter = Adapter {
    name: "ureq with_agent",
    client: |endpoint, limits, roots| {
        let roots = match roots {
            Roots::Mozilla => RootCerts::WebPki,
            Roots::System => RootCerts::PlatformVerifier,
            Roots::Only(authority) => RootCerts::new_with_certs(&[Certificate::from_der(authority).to_owned()]),
        };
        let provider = Arc::new(ring::default_provider());
        let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
        let client = volc_ureq::Client::with_agent(Agent::config_builder().tls_config(tls).build().new_agent(), endpoint, who());
        // Its documentation says so.
        Box::new(Ureq { client: client.timeout(limits.total).connect_timeout(limits.connect), logs_secrets: true })
    },
};

pub(crate) const HYPER: Adapter = Adapter {
    name: "hyper",
    client: |endpoint, limits, roots| {
        let client = match roots {
            Roots::Mozilla => volc_hyper::Client::new(endpoint, who()),
            Roots::System => volc_hyper::Client::with_platform_verifier(endpoint, who()).unwrap(),
            Roots::Only(authority) => volc_hyper::Client::with_tls(trusting(authority), endpoint, who()),
        };
        Box::new(Hyper::new(client, limits, Builder::new_current_thread()))
    },
};

pub(crate) const HYPER_CONNECTOR: Adapter = Adapter {
    name: "hyper with_connector",
    client: |endpoint, limits, roots| {
        let tls = match roots {
            Roots::Only(authority) => trusting(authority),
            Roots::Mozilla | Roots::System => with_roots(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }),
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        let client = volc_hyper::Client::with_connector(HttpsConnector::from((tcp, tls)), endpoint, who());
        Box::new(Hyper::new(client, limits, Builder::new_multi_thread()))
    },
};

/// Every row of the table is run on each.
pub(crate) const ALL: [&Adapter; 4] = [&UREQ, &UREQ_AGENT, &HYPER, &HYPER_CONNECTOR];

/// Those whose client is ready-made: one from outside has its own idea of proxies, for one.
pub(crate) const READY: [&Adapter; 2] = [&UREQ, &HYPER];

fn trusting(authority: &CertificateDer<'static>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    with_roots(roots)
}

fn with_roots(roots: RootCertStore) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth()
}

struct Ureq {
    client: volc_ureq::Client,
    logs_secrets: bool,
}

impl Client for Ureq {
    fn call(&self) -> Outcome {
        assert_shows_no_secret(&format!("{:?}", self.client));
        let call = || self.client.call(&action());
        let reply = if self.logs_secrets { logs::unwatched(call) } else { call() };
        reply.map(|reply| reply.request_id).map_err(|error| {
            let refused = matches!(&error, volc_ureq::Error::Lost(lost) if lost.certificate_refused());
            Failure::new(&error, error.fate(), refused)
        })
    }

    fn run(&self, deletion: &mut Deletion) -> Report {
        let run = || self.client.run(deletion);
        if self.logs_secrets { logs::unwatched(run) } else { self.client.run(deletion) }
    }
}

struct Hyper {
    client: volc_hyper::Client,
    runtime: Runtime,
}

impl Hyper {
    fn new(client: volc_hyper::Client, limits: Limits, mut runtime: Builder) -> Self {
        let client = client.timeout(limits.total).connect_timeout(limits.connect);
        Self { client, runtime: runtime.worker_threads(1).enable_all().build().unwrap() }
    }
}

impl Client for Hyper {
    fn call(&self) -> Outcome {
        assert_shows_no_secret(&format!("{:?}", self.client));
        let reply = self.runtime.block_on(self.client.call(&action()));
        reply.map(|reply| reply.request_id).map_err(|error| {
            let refused = matches!(&error, volc_hyper::Error::Lost(lost) if lost.certificate_refused());
            Failure::new(&error, error.fate(), refused)
        })
    }

    fn run(&self, deletion: &mut Deletion) -> Report {
        self.runtime.block_on(self.client.run(deletion))
    }

    /// A runtime of several threads looks at its sockets when it gets to it, and in the order of what came: this comes last.
    fn catch_up(&self) {
        let to_itself = async {
            let socket = UdpSocket::bind("127.0.0.1:0").await?;
            socket.connect(socket.local_addr()?).await?;
            socket.send(&[0]).await?;
            socket.recv(&mut [0]).await
        };
        self.runtime.block_on(to_itself).unwrap();
    }
}

impl Drop for Hyper {
    fn drop(&mut self) {
        // A name that is still being resolved would be waited for.
        let runtime = std::mem::replace(&mut self.runtime, Builder::new_current_thread().build().unwrap());
        runtime.shutdown_background();
    }
}
