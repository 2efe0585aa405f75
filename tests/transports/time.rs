//! Servers that take their time, and how exactly the deadline is kept.

use std::thread;
use std::time::{Duration, Instant};

use volc_tests::network::{BODY, Connection, Limits, SHORT, Server, answer, endpoint};

use crate::table::{Expected, Seen, row, say};

/// One call that ends by its deadline: not sooner, and long before the server would give up. The exact moment is the
/// scheduler's; a release build on a quiet machine shows what the adapter adds.
fn late(scenario: &str, says: &str, script: impl Fn(&mut Connection) + Send + Sync + Clone + 'static) {
    let limits = Limits { total: SHORT.total, connect: SHORT.total };
    row(scenario, &Expected::Unknown, says, |adapter| {
        let script = script.clone();
        let server = Server::start(move |connection| {
            connection.request();
            script(connection);
        });
        let client = adapter.client(endpoint(&server.url()), limits);
        let start = Instant::now();
        let outcome = client.call();
        let elapsed = start.elapsed();
        assert!((limits.total..limits.total + Duration::from_secs(15)).contains(&elapsed), "{}: {elapsed:?}", adapter.name);
        say(&format!("{scenario}, {}: {:?} after the deadline", adapter.name, elapsed - limits.total));
        drop(client);
        server.wait_until_closed(1);
        assert_eq!((server.connections(), server.requests().len()), (1, 1), "{}", adapter.name);
        Seen { outcome, heard: server.bytes() }
    });
}

/// Sends it 100 times a second until the client leaves. Little enough to stay below every limit of size before the deadline.
fn trickle(connection: &mut Connection, bytes: &[u8]) {
    while connection.send(bytes) {
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_server_that_stalls() {
    late("a stall before the status line", "in time", |connection| connection.wait());
    for (scenario, says, sent) in [
        ("a stall in the status line", "in time", "HTTP/1.1 20".to_owned()),
        ("a stall in the headers", "in time", "HTTP/1.1 200 OK\r\nContent-Le".to_owned()),
        ("a stall after 100", "in time", "HTTP/1.1 100 Continue\r\n\r\n".to_owned()),
        ("a stall before the body", "in time", answer("200 OK", "Content-Length: 500\r\n", "")),
        ("a stall in the body", "HTTP 200 with `{\"Resp", answer("200 OK", "Content-Length: 500\r\n", &BODY[..40])),
    ] {
        late(scenario, says, move |connection| {
            connection.send(&sent);
            connection.wait();
        });
    }
}

#[test]
fn a_server_that_sends_a_byte_at_a_time() {
    for (scenario, head) in [
        ("a byte at a time in the headers", "HTTP/1.1 200 OK\r\nX-Slow: ".to_owned()),
        ("a byte at a time in the body", answer("200 OK", "Content-Length: 5000\r\n", "")),
    ] {
        late(scenario, "in time", move |connection| {
            connection.send(&head);
            connection.drip(b"x", SHORT.total / 6);
        });
    }
}

#[test]
fn a_server_that_floods_until_the_deadline() {
    // 100 times a second for 0.6 s: 60 KB, below the limit of 64 KiB for everything before a body.
    late("answers of status 103 until the deadline", "in time", |connection| {
        trickle(connection, "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(20).as_bytes());
    });
    // 430 KB, below 1 MiB.
    late("a body that flows until the deadline", "HTTP 200 with `on and on and on", |connection| {
        connection.send(answer("200 OK", "", ""));
        trickle(connection, "on and ".repeat(1 << 10).as_bytes());
    });
}
