//! Connections that are not made, that close when they should not, and that are used again.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use volc_tests::network::{BODY, Connection, GENEROUS, SHORT, Server, answer, endpoint, success};

use crate::answers::once;
use crate::table::{Expected, Seen, UNSENT, row};

#[test]
fn a_connection_that_is_refused() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Linux reports it of established connections as well, when it gives them up after an ICMP message. Only who makes the
    // connection can tell.
    let expected = Expected::Unsent { hidden_on: &["ureq with_agent"] };
    row("connection refused", &expected, "`127.0.0.1`", |adapter| {
        // Nobody is there to hear anything.
        Seen { outcome: adapter.client(endpoint(&format!("http://127.0.0.1:{port}")), GENEROUS).call(), heard: 0 }
    });
}

/// Systems make no connection to the broadcast address: "network is unreachable" on Linux.
#[test]
fn an_address_that_cannot_be_reached() {
    let expected = Expected::Unsent { hidden_on: &["ureq with_agent"] };
    row("an address that cannot be reached", &expected, "`255.255.255.255`", |adapter| Seen {
        outcome: adapter.client(endpoint("https://255.255.255.255"), SHORT).call(),
        heard: 0,
    });
}

#[test]
fn a_name_that_does_not_resolve() {
    // ureq's own resolver has no error of its own.
    let expected = Expected::Unsent { hidden_on: &["ureq with_agent"] };
    row("a name that does not resolve", &expected, "`nonexistent.invalid`", |adapter| Seen {
        outcome: adapter.client(endpoint("https://nonexistent.invalid"), GENEROUS).call(),
        heard: 0,
    });
}

/// A listener that accepts nobody drops what asks for a connection once its backlog is full.
#[test]
fn a_server_that_lets_nobody_in() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
        assert!(waiting.len() < 10_000, "the backlog has no end");
    }
    row("connect timeout", &UNSENT, "in time", |adapter| {
        let outcome = adapter.client(endpoint(&format!("http://{address}")), SHORT).call();
        Seen { outcome, heard: 0 }
    });
    // None of those who got in is one of the adapters, which would have sent something.
    drop(waiting);
    listener.set_nonblocking(true).unwrap();
    for mut stream in listener.incoming().map_while(Result::ok) {
        let mut heard = Vec::new();
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(GENEROUS.total)).unwrap();
        stream.read_to_end(&mut heard).unwrap();
        assert!(heard.is_empty(), "{heard:?}");
    }
}

#[test]
fn a_connection_that_is_closed_or_reset() {
    // Who notices before writing knows that nothing was sent. It is a race, and ureq never looks.
    let race = Expected::Unsent { hidden_on: &["ureq", "ureq with_agent", "hyper", "hyper with_connector"] };
    row("accepted, and closed with nothing read", &race, "a complete answer", |adapter| {
        let server = Server::start(|_| {});
        let outcome = adapter.client(endpoint(&server.url()), GENEROUS).call();
        assert_eq!(server.connections(), 1);
        Seen { outcome, heard: server.bytes() }
    });
    // Closing with bytes unread is a reset.
    row("reset in the middle of the request", &Expected::Unknown, "a complete answer", |adapter| {
        let server = Server::start(|connection| connection.read_exact(&mut [0]).unwrap());
        let outcome = adapter.client(endpoint(&server.url()), GENEROUS).call();
        assert_eq!(server.connections(), 1);
        Seen { outcome, heard: server.bytes() }
    });
    row("closed after the request was read", &Expected::Unknown, "a complete answer", |adapter| {
        once(adapter, |connection| {
            connection.request();
        })
    });
}

#[test]
fn a_connection_that_is_used_again() {
    row("kept alive", &Expected::Reply, "", |adapter| {
        let server = Server::start(|connection| while connection.request().is_some() && connection.send(success()) {});
        let client = adapter.client(endpoint(&server.url()), GENEROUS);
        assert!((0..3).all(|_| client.call().is_ok()));
        let outcome = client.call();
        assert_eq!((server.connections(), server.requests().len()), (1, 4), "{}", adapter.name);
        Seen { outcome, heard: server.bytes() }
    });
    let used_again = |scenario: &str, says: &str, last: fn(&mut Connection)| {
        row(scenario, &Expected::Unknown, says, |adapter| {
            let server = Server::start(move |connection| {
                connection.request();
                connection.send(success());
                last(connection);
            });
            let client = adapter.client(endpoint(&server.url()), GENEROUS);
            assert!(client.call().is_ok());
            let outcome = client.call();
            server.wait_until_closed(1);
            assert_eq!(server.connections(), 1, "{}", adapter.name);
            Seen { outcome, heard: server.bytes() }
        });
    };
    used_again("kept alive, and closed after the second request was read", "a complete answer", |connection| {
        connection.request();
    });
    used_again("kept alive, and closed at the first byte of the second request", "a complete answer", |connection| {
        connection.read_exact(&mut [0]).unwrap();
    });
    used_again("kept alive, and cut off in the second answer", "a complete answer", |connection| {
        connection.request();
        connection.send(answer("200 OK", "Content-Length: 500\r\n", &BODY[..40]));
    });
}

#[test]
fn a_connection_that_was_closed_while_it_was_idle() {
    let idle = |scenario: &str, answers: Vec<u8>| {
        row(scenario, &Expected::Reply, "", |adapter| {
            let server = Server::answering(answers.clone());
            let client = adapter.client(endpoint(&server.url()), GENEROUS);
            assert!(client.call().is_ok(), "{}", adapter.name);
            server.wait_until_closed(1);
            client.catch_up();
            let outcome = client.call();
            assert_eq!((server.connections(), server.requests().len()), (2, 2), "{}", adapter.name);
            Seen { outcome, heard: server.bytes() }
        });
    };
    idle("kept alive, and closed while idle", success().into());
    let refusal = answer("408 Request Timeout", "Content-Length: 0\r\n", "");
    idle("kept alive, and closed with a 408 while idle", format!("{}{refusal}", success()).into());
    let other = success().replace("request-1", "request-2");
    idle("two answers to one request", format!("{}{other}", success()).into());
    idle("an answer with junk behind it", format!("{}junk", success()).into());
}
