//! Certificates that are not to be trusted, and ports that do not speak TLS.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ALL_VERSIONS, HandshakeKind, ServerConfig, ServerConnection, Stream, SupportedProtocolVersion};
use volc_proto::ecs::{Deletion, Policy, Snapshots, Stop};
use volc_tests::machine_story::ids;
use volc_tests::network::{BODY, Connection, GENEROUS, Limits, SHORT, Server, answer, endpoint};

use crate::adapters::{Adapter, READY, Roots};
use crate::table::{Expected, Seen, UNSENT, row, row_on};

/// An authority, and a server with a certificate of it. The server notes what it could decrypt, and how each handshake went
/// that ended with a request.
pub(crate) struct TlsServer {
    pub(crate) authority: CertificateDer<'static>,
    /// The same as text.
    pub(crate) authority_pem: String,
    pub(crate) server: Server,
    heard: Arc<Mutex<Vec<u8>>>,
    handshakes: Arc<Mutex<Vec<HandshakeKind>>>,
}

impl TlsServer {
    pub(crate) fn start(name: &str, last_year: i32) -> Self {
        Self::speaking(ALL_VERSIONS, name, last_year)
    }

    pub(crate) fn speaking(versions: &[&'static SupportedProtocolVersion], name: &str, last_year: i32) -> Self {
        Self::serving(versions, name, last_year, serve)
    }

    /// A server that answers each request twice, in two records that lie in one piece, of lengths that vary from one connection
    /// to the next: the second answer may end wherever a client reads to.
    pub(crate) fn answering_twice() -> Self {
        let connections = AtomicUsize::new(0);
        Self::serving(ALL_VERSIONS, "127.0.0.1", 2100, move |connection, config, _, _| {
            let padding = 3_500 + 100 * (connections.fetch_add(1, Ordering::Relaxed) % 48);
            let mut tls = ServerConnection::new(config).unwrap();
            let mut bytes = [0; 4096];
            while let Ok(1..) = Stream::new(&mut tls, connection).read(&mut bytes) {
                for padding in [padding, 0] {
                    let body = format!("{BODY}{}", " ".repeat(padding));
                    let headers = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
                    tls.writer().write_all(answer("200 OK", &headers, &body).as_bytes()).unwrap();
                }
                let mut records = Vec::new();
                while tls.wants_write() {
                    tls.write_tls(&mut records).unwrap();
                }
                if connection.write_all(&records).is_err() {
                    return;
                }
            }
        })
    }

    fn serving(
        versions: &[&'static SupportedProtocolVersion],
        name: &str,
        last_year: i32,
        serve: impl Fn(&mut Connection, Arc<ServerConfig>, &Mutex<Vec<u8>>, &Mutex<Vec<HandshakeKind>>) + Send + Sync + 'static,
    ) -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut leaf = CertificateParams::new([name.to_owned()]).unwrap();
        leaf.not_before = date_time_ymd(2000, 1, 1);
        leaf.not_after = date_time_ymd(last_year, 12, 31);
        let leaf = leaf.signed_by(&key, &authority).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let (config, heard, handshakes) = (Arc::new(config), Arc::<Mutex<_>>::default(), Arc::<Mutex<_>>::default());
        let (noted, kinds) = (heard.clone(), handshakes.clone());
        let server = Server::start(move |connection| serve(connection, config.clone(), &noted, &kinds));
        Self { authority: authority.der().clone(), authority_pem: authority.pem(), server, heard, handshakes }
    }

    pub(crate) fn url(&self) -> String {
        self.server.url().replace("http", "https")
    }

    /// The bytes of requests that it could decrypt.
    pub(crate) fn heard(&self) -> usize {
        self.heard.lock().unwrap().len()
    }

    pub(crate) fn handshakes(&self) -> Vec<HandshakeKind> {
        self.handshakes.lock().unwrap().clone()
    }
}

fn serve(connection: &mut Connection, config: Arc<ServerConfig>, heard: &Mutex<Vec<u8>>, handshakes: &Mutex<Vec<HandshakeKind>>) {
    let mut tls = ServerConnection::new(config).unwrap();
    let mut stream = Stream::new(&mut tls, connection);
    let mut bytes = [0; 4096];
    // An error is the client's alert.
    while let Ok(read @ 1..) = stream.read(&mut bytes) {
        let mut heard = heard.lock().unwrap();
        heard.extend_from_slice(&bytes[..read]);
        if heard.ends_with(b"\r\n\r\n") {
            handshakes.lock().unwrap().extend(stream.conn.handshake_kind());
            let headers = format!("Connection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n", BODY.len());
            stream.write_all(answer("200 OK", &headers, BODY).as_bytes()).unwrap();
            return;
        }
    }
}

#[test]
fn certificates() {
    let call = |adapter: &Adapter, server: &TlsServer, roots: Roots<'_>| {
        let client = adapter.trusting(roots, endpoint(&server.url()), GENEROUS);
        let outcome = client.call();
        drop(client);
        server.server.wait_until_closed(1);
        assert_eq!(server.server.connections(), 1);
        Seen { outcome, heard: server.heard() }
    };
    row("TLS, a certificate of a trusted authority", &Expected::Reply, "", |adapter| {
        let server = TlsServer::start("127.0.0.1", 2100);
        call(adapter, &server, Roots::Only(&server.authority))
    });
    for (scenario, name, last_year, known) in [
        ("TLS, a certificate of an unknown authority", "127.0.0.1", 2100, false),
        ("TLS, a certificate that expired", "127.0.0.1", 2020, true),
        ("TLS, a certificate of another host", "ecs.example", 2100, true),
    ] {
        row(scenario, &UNSENT, "a trusted certificate of `127.0.0.1`", |adapter| {
            let (server, another) = (TlsServer::start(name, last_year), TlsServer::start(name, last_year));
            let [roots, other_roots] = [&server, &another].map(|server| match known {
                true => Roots::Only(&server.authority),
                false => Roots::Mozilla,
            });
            let seen = call(adapter, &server, roots);
            assert!(seen.outcome.as_ref().is_err_and(|failure| failure.certificate_refused), "{:?}", seen.outcome);
            a_run_stops(adapter, &another, other_roots);
            seen
        });
    }
    let unknown = "TLS, a certificate of an authority that the operating system does not know";
    row_on(&READY, unknown, &UNSENT, "a trusted certificate of `127.0.0.1`", |adapter| {
        call(adapter, &TlsServer::start("127.0.0.1", 2100), Roots::System)
    });
    assert!(CryptoProvider::get_default().is_none(), "a provider was installed for the whole process");
}

/// Whatever the policy would try again.
fn a_run_stops(adapter: &Adapter, server: &TlsServer, roots: Roots<'_>) {
    let mut deletion = Deletion::new(ids(2), Snapshots::Keep, Policy { chunk: 1, ..Policy::default() }).unwrap();
    let report = adapter.trusting(roots, endpoint(&server.url()), GENEROUS).run(&mut deletion);
    assert!(matches!(report.stopped(), Some(Stop::Asked { .. })), "{:?}", report.stopped());
    assert_eq!((report.counts().not_deleted, server.server.connections()), (2, 1));
}

/// A call over TLS to a port that says something else, or nothing.
#[track_caller]
fn without_tls(scenario: &str, limits: Limits, says: &str, answer: &str) {
    // An agent from outside reports what TLS found wrong as an error that could have come later, too.
    let expected = Expected::Unsent { hidden_on: &["ureq with_agent"] };
    row(scenario, &expected, says, |adapter| {
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let (noted, answer) = (arrived.clone(), answer.to_owned());
        let server = Server::start(move |connection| {
            connection.send(&answer);
            // An error is a client that left in anger; what came before it counts.
            let _ = connection.read_to_end(&mut noted.lock().unwrap());
        });
        let outcome = adapter.client(endpoint(&server.url().replace("http", "https")), limits).call();
        server.wait_until_closed(1);
        assert!(outcome.as_ref().is_err_and(|failure| !failure.certificate_refused), "{outcome:?}");
        // The handshake's first record, and no request behind it.
        let arrived = arrived.lock().unwrap();
        assert_eq!(arrived[0], 22);
        let request = arrived.windows(7).any(|window| window == b"Action=");
        Seen { outcome, heard: if request { arrived.len() } else { 0 } }
    });
}

#[test]
fn a_port_that_does_not_speak_tls() {
    let refusal = answer("400 Bad Request", "Content-Length: 0\r\n", "");
    without_tls("TLS, and the server speaks plain HTTP", GENEROUS, "", &refusal);
    without_tls("TLS, and the server says nothing", SHORT, "in time", "");
}
