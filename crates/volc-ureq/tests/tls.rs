//! Certificates that are not to be trusted, and ports that do not speak TLS.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair, date_time_ymd};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::PrivateKeyDer;
use support::server::{Connection, Server};
use support::ureq::{Foreign, Ready, call};
use support::{Adapter, Failure, GENEROUS, Limits, SHORT, answer, endpoint, success, who};
use volc_proto::Fate;
use volc_ureq::Client;
use volc_ureq::ureq::Agent;
use volc_ureq::ureq::tls::{Certificate, RootCerts, TlsConfig};

/// An authority, and a server with a certificate of it. The server notes what it could decrypt.
struct TlsServer {
    authority: Vec<u8>,
    server: Server,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl TlsServer {
    fn start(name: &str, last_year: i32) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new([name.to_owned()]).unwrap();
        leaf.not_before = date_time_ymd(2000, 1, 1);
        leaf.not_after = date_time_ymd(last_year, 12, 31);
        let leaf = leaf.signed_by(&key, &authority).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let (config, heard) = (Arc::new(config), Arc::new(Mutex::new(Vec::new())));
        let noted = heard.clone();
        let server = Server::start(move |connection| serve(connection, config.clone(), &noted));
        Self { authority: authority.der().to_vec(), server, heard }
    }

    fn url(&self) -> String {
        self.server.url().replace("http", "https")
    }

    /// A client that trusts the authority.
    fn trusting(&self) -> Client {
        let roots = RootCerts::new_with_certs(&[Certificate::from_der(&self.authority).to_owned()]);
        let provider = Arc::new(ring::default_provider());
        let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
        let agent = Agent::config_builder().tls_config(tls).build().new_agent();
        Client::with_agent(agent, endpoint(&self.url()), who())
    }

    fn assert_refused_unheard(&self, failure: Failure) {
        assert!(failure.certificate_refused, "{failure:?}");
        assert_eq!(failure.fate, Fate::Unsent, "{failure:?}");
        self.server.wait_until_closed(1);
        assert_eq!((self.server.connections(), &**self.heard.lock().unwrap()), (1, &[][..]));
    }
}

fn serve(connection: &mut Connection, config: Arc<rustls::ServerConfig>, heard: &Mutex<Vec<u8>>) {
    let mut tls = rustls::ServerConnection::new(config).unwrap();
    let mut stream = rustls::Stream::new(&mut tls, connection);
    let mut bytes = [0; 4096];
    // An error is the client's alert.
    while let Ok(read @ 1..) = stream.read(&mut bytes) {
        let mut heard = heard.lock().unwrap();
        heard.extend_from_slice(&bytes[..read]);
        if heard.ends_with(b"\r\n\r\n") {
            std::io::Write::write_all(&mut stream, success().as_bytes()).unwrap();
            return;
        }
    }
}

#[test]
fn a_certificate_of_a_trusted_authority_is_accepted() {
    let server = TlsServer::start("127.0.0.1", 2100);
    assert_eq!(call(&server.trusting()).unwrap().as_deref(), Some("request-1"));
    assert!(server.heard.lock().unwrap().starts_with(b"GET /?Action=DeleteImages&"));
}

#[test]
fn a_certificate_of_an_unknown_authority_is_refused_before_anything_is_sent() {
    let server = TlsServer::start("127.0.0.1", 2100);
    server.assert_refused_unheard(Ready::new(endpoint(&server.url()), who(), GENEROUS).call().unwrap_err());
    let server = TlsServer::start("127.0.0.1", 2100);
    server.assert_refused_unheard(Foreign::new(endpoint(&server.url()), who(), GENEROUS).call().unwrap_err());
    assert!(CryptoProvider::get_default().is_none(), "a provider was installed for the whole process");
}

#[cfg(feature = "platform-verifier")]
#[test]
fn the_operating_system_does_not_know_the_authority_either() {
    let server = TlsServer::start("127.0.0.1", 2100);
    let client = Client::with_platform_verifier(endpoint(&server.url()), who());
    server.assert_refused_unheard(call(&client).unwrap_err());
}

#[test]
fn a_certificate_that_expired_is_refused_before_anything_is_sent() {
    let server = TlsServer::start("127.0.0.1", 2020);
    server.assert_refused_unheard(call(&server.trusting()).unwrap_err());
}

#[test]
fn a_certificate_of_another_host_is_refused_before_anything_is_sent() {
    let server = TlsServer::start("ecs.example", 2100);
    server.assert_refused_unheard(call(&server.trusting()).unwrap_err());
}

/// What arrived at a port that does not speak TLS, and what the client made of it.
fn without_tls(limits: Limits, script: impl Fn(&mut Connection) + Send + Sync + 'static) -> (Failure, Vec<u8>) {
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let noted = arrived.clone();
    let server = Server::start(move |connection| {
        script(connection);
        // An error is a client that left in anger; what came before it counts.
        let _ = connection.read_to_end(&mut noted.lock().unwrap());
    });
    let failure = Ready::new(endpoint(&server.url().replace("http", "https")), who(), limits).call().unwrap_err();
    server.wait_until_closed(1);
    let arrived = arrived.lock().unwrap().clone();
    (failure, arrived)
}

fn assert_got_no_request((failure, arrived): (Failure, Vec<u8>)) {
    assert_eq!(failure.fate, Fate::Unsent, "{failure:?}");
    assert!(!failure.certificate_refused, "{failure:?}");
    // A handshake record, and no request behind it.
    assert_eq!(arrived[0], 22);
    assert!(!String::from_utf8_lossy(&arrived).contains("Action="));
}

#[test]
fn a_port_that_speaks_plain_http_gets_no_request() {
    let says = answer("400 Bad Request", "Content-Length: 0\r\n", "");
    assert_got_no_request(without_tls(GENEROUS, move |connection| {
        connection.send(&says);
    }));
}

#[test]
fn a_port_that_says_nothing_gets_no_request_and_is_left_when_the_time_to_connect_is_over() {
    let start = Instant::now();
    assert_got_no_request(without_tls(Limits { connect: SHORT.connect, ..GENEROUS }, |_| {}));
    let elapsed = start.elapsed();
    assert!((SHORT.connect..GENEROUS.total / 2).contains(&elapsed), "left after {elapsed:?}");
}
