//! What the process was given: proxies in its environment, and few file descriptors. A test cannot change that, so each runs
//! itself again with other things.

#[cfg(unix)]
use std::fs::File;
use std::io::Read;
use std::net::TcpStream;
use std::process::Command;

use rustls::pki_types::CertificateDer;
use volc_tests::network::{GENEROUS, Limits, SHORT, Server, answer, assert_shows_no_secret, endpoint, success};

use crate::adapters::{READY, Roots};
use crate::table::{Expected, Seen, UNSENT, row_on, say};
use crate::tls::TlsServer;

const URL: &str = "VOLC_TEST_URL";
const AUTHORITY: &str = "VOLC_TEST_AUTHORITY";

const UNCONNECTED: &str = "a connection to `ecs.nonexistent.invalid`";

/// The row, for the test that was run again; the others have no URL in their environment.
fn inside(scenario: &str, expected: &Expected, says: &str, limits: Limits) -> bool {
    let Ok(url) = std::env::var(URL) else { return false };
    let authority = std::env::var(AUTHORITY).ok().map(|hex| {
        let bytes = hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap());
        CertificateDer::from(bytes.collect::<Vec<_>>())
    });
    row_on(&READY, scenario, expected, says, |adapter| {
        let roots = authority.as_ref().map_or(Roots::Mozilla, Roots::Only);
        let client = adapter.trusting(roots, endpoint(&url), limits);
        // What was heard the outer test knows.
        Seen { outcome: client.call(), heard: 0 }
    });
    true
}

/// Runs the test again with a proxy in its environment and a URL to call.
#[track_caller]
fn again(test: &str, proxy: &str, url: &str, more: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env_remove("NO_PROXY").env_remove("no_proxy").envs(more.iter().copied());
    for name in ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
        command.env(name, proxy);
    }
    run(command, test, url);
}

#[track_caller]
fn run(mut command: Command, test: &str, url: &str) {
    let output = command.args(["--exact", &format!("environment::{test}"), "--nocapture"]).env(URL, url).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    said.lines().filter(|line| line.contains("  ureq: ")).for_each(say);
}

/// A proxy that makes tunnels, all to one address.
fn tunnels_to(server: &TlsServer) -> Server {
    let to = server.server.address();
    Server::start(move |connection| {
        if connection.request().is_some() && connection.send("HTTP/1.1 200 Connection established\r\n\r\n") {
            connection.tunnel(&TcpStream::connect(to).unwrap());
        }
    })
}

/// Only a tunnel was asked for, once per adapter.
fn assert_saw_no_request(proxy: &Server, host: &str) {
    let requests = proxy.requests();
    assert_eq!(requests.len(), READY.len(), "{requests:?}");
    for request in requests {
        assert!(request.starts_with(&format!("CONNECT {host}:443 HTTP/1.1\r\n")), "{request}");
        assert!(!request.contains("Action"), "{request}");
        assert_shows_no_secret(&request);
    }
}

#[test]
fn a_tunnel() {
    if inside("a tunnel through a forward proxy", &Expected::Reply, "", GENEROUS) {
        return;
    }
    let server = TlsServer::start("ecs.volc.test", 2100);
    let proxy = tunnels_to(&server);
    let authority: String = server.authority.iter().map(|byte| format!("{byte:02x}")).collect();
    again("a_tunnel", &proxy.url(), "https://ecs.volc.test", &[(AUTHORITY, &authority)]);
    assert_saw_no_request(&proxy, "ecs.volc.test");
    assert!(server.heard() > 0);
}

/// Runs the test again with the server's authority among the operating system's: these are the only ones that can be set for
/// a client of either adapter that is ready-made.
#[cfg(target_os = "linux")]
#[track_caller]
fn again_trusting(server: &TlsServer, test: &str) {
    let file = std::env::temp_dir().join(format!("volc-authority-{}-{test}.pem", std::process::id()));
    std::fs::write(&file, &server.authority_pem).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env("SSL_CERT_FILE", &file).env_remove("SSL_CERT_DIR");
    run(command, test, &server.url());
    std::fs::remove_file(file).unwrap();
}

/// The second answer may lie where neither the client library nor the system sees it: read off the socket, not yet decrypted.
#[cfg(target_os = "linux")]
#[test]
fn two_answers_to_one_request_over_tls() {
    const TIMES: usize = 100;
    if let Ok(url) = std::env::var(URL) {
        row_on(&READY, "TLS, two answers to one request", &Expected::Reply, "", |adapter| {
            let client = adapter.trusting(Roots::System, endpoint(&url), GENEROUS);
            assert!((1..TIMES).all(|_| client.call().is_ok()), "{}", adapter.name);
            Seen { outcome: client.call(), heard: 0 }
        });
        return;
    }
    let server = TlsServer::answering_twice();
    again_trusting(&server, "two_answers_to_one_request_over_tls");
    assert_eq!(server.server.connections(), READY.len() * TIMES, "an answer was taken for that to the next request");
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_connection_resumes_the_session_of_the_first() {
    use rustls::HandshakeKind;
    use rustls::version::{TLS12, TLS13};

    let test = "a_second_connection_resumes_the_session_of_the_first";
    if let Ok(url) = std::env::var(URL) {
        row_on(&READY, "TLS, the session of an earlier connection", &Expected::Reply, "", |adapter| {
            let client = adapter.trusting(Roots::System, endpoint(&url), GENEROUS);
            assert!(client.call().is_ok(), "{}", adapter.name);
            Seen { outcome: client.call(), heard: 0 }
        });
        return;
    }
    for version in [&TLS12, &TLS13] {
        let server = TlsServer::speaking(&[version], "127.0.0.1", 2100);
        again_trusting(&server, test);
        let (full, resumed) = (HandshakeKind::Full, HandshakeKind::Resumed);
        assert_eq!(server.handshakes(), [full, resumed, full, resumed], "{:?}", version.version);
    }
}

#[test]
fn a_proxy_that_wants_a_password() {
    if inside("a proxy that wants a password", &UNSENT, UNCONNECTED, GENEROUS) {
        return;
    }
    let proxy = Server::answering(answer("407 Proxy Authentication Required", "Content-Length: 0\r\n", ""));
    let url = proxy.url().replace("://", "://somebody:canaryOfTheSecret@");
    again("a_proxy_that_wants_a_password", &url, "https://ecs.nonexistent.invalid", &[]);
    assert_saw_no_request(&proxy, "ecs.nonexistent.invalid");
    let authorization = "proxy-authorization: basic c29tzwjvzhk6y2fuyxj5t2zuagvtzwnyzxq=";
    assert!(
        proxy.requests().iter().all(|request| request.to_ascii_lowercase().contains(authorization)),
        "{:?}",
        proxy.requests()
    );
}

#[test]
fn a_proxy_that_makes_no_tunnel() {
    if inside("a proxy that makes no tunnel", &UNSENT, UNCONNECTED, GENEROUS) {
        return;
    }
    let proxy = Server::answering(answer("502 Bad Gateway", "Content-Length: 0\r\n", ""));
    again("a_proxy_that_makes_no_tunnel", &proxy.url(), "https://ecs.nonexistent.invalid", &[]);
    assert_saw_no_request(&proxy, "ecs.nonexistent.invalid");
}

#[test]
fn a_proxy_that_is_not_there() {
    // Refused, by the proxy: the host itself has no address that could refuse.
    if inside("a proxy that is not there", &UNSENT, "onnection refused", GENEROUS) {
        return;
    }
    // Nothing listens on port 1, whatever the scheme.
    for proxy in ["http://127.0.0.1:1", "https://127.0.0.1:1"] {
        again("a_proxy_that_is_not_there", proxy, "https://ecs.nonexistent.invalid", &[]);
    }
}

#[test]
fn a_socks_proxy_that_hangs_up() {
    if inside("a SOCKS proxy that hangs up", &UNSENT, UNCONNECTED, GENEROUS) {
        return;
    }
    for scheme in ["socks4a", "socks5h"] {
        let proxy = Server::start(|connection| connection.read_exact(&mut [0]).unwrap());
        let url = proxy.url().replace("http", scheme);
        again("a_socks_proxy_that_hangs_up", &url, "https://ecs.nonexistent.invalid", &[]);
        assert_eq!((proxy.connections(), proxy.requests().len()), (READY.len(), 0));
    }
}

#[test]
fn a_proxy_that_answers_byte_by_byte() {
    if inside("a proxy that answers byte by byte", &UNSENT, "in time", SHORT) {
        return;
    }
    let proxy = Server::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nX-Slow: ");
        connection.drip(b"x", SHORT.connect / 3);
    });
    again("a_proxy_that_answers_byte_by_byte", &proxy.url(), "https://ecs.nonexistent.invalid", &[]);
    assert_saw_no_request(&proxy, "ecs.nonexistent.invalid");
}

#[test]
fn a_host_that_needs_no_proxy() {
    if inside("a host of NO_PROXY", &UNSENT, UNCONNECTED, GENEROUS) {
        return;
    }
    let proxy = Server::answering(success());
    let test = "a_host_that_needs_no_proxy";
    again(test, &proxy.url(), "https://ecs.nonexistent.invalid", &[("NO_PROXY", "example.com,.invalid")]);
    assert_eq!(proxy.connections(), 0);
}

#[test]
fn a_call_to_this_machine() {
    if inside("a call to this machine, with a proxy in the environment", &Expected::Reply, "", GENEROUS) {
        return;
    }
    let (proxy, server) = (Server::answering(success()), Server::answering(success()));
    again("a_call_to_this_machine", &proxy.url(), &server.url(), &[]);
    assert_eq!((proxy.connections(), server.requests().len()), (0, READY.len()));
}

#[cfg(unix)]
#[test]
fn no_file_descriptor_is_left() {
    if let Ok(url) = std::env::var(URL) {
        row_on(&READY, "no file descriptor is left", &UNSENT, "a connection to `127.0.0.1`", |adapter| {
            let client = adapter.client(endpoint(&url), GENEROUS);
            let all: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
            let outcome = client.call();
            drop(all);
            // The same client goes on once there are some.
            assert!(client.call().is_ok(), "{}", adapter.name);
            Seen { outcome, heard: 0 }
        });
        return;
    }
    let server = Server::answering(success());
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    run(command, "no_file_descriptor_is_left", &server.url());
    // The calls that went well.
    assert_eq!((server.connections(), server.requests().len()), (READY.len(), READY.len()));
}
