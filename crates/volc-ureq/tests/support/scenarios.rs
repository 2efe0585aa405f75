//! A hostile network, the same for every adapter: each function is a test.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use volc_proto::Fate;

use super::server::{Connection, Server};
use super::{Adapter, BODY, Failure, GENEROUS, Limits, SHORT, answer, endpoint, success, who};

fn client<A: Adapter>(server: &Server, limits: Limits) -> A {
    A::new(endpoint(&server.url()), who(), limits)
}

/// The failure of the one call, of which the service read one request and nothing was repeated.
fn fails_once<A: Adapter>(limits: Limits, script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Failure {
    let server = Server::start(script);
    let failure = client::<A>(&server, limits).call().expect_err("this is no success");
    assert_eq!((server.connections(), server.requests().len()), (1, 1), "{failure:?}");
    assert_eq!(failure.fate, Fate::Unknown, "{failure:?}");
    assert!(!failure.certificate_refused);
    failure
}

fn fails_on<A: Adapter>(bytes: impl Into<Vec<u8>>) -> Failure {
    let bytes = bytes.into();
    fails_once::<A>(GENEROUS, move |connection| {
        connection.request();
        connection.send(&bytes);
    })
}

pub fn a_reply_is_read<A: Adapter>() {
    let server = Server::answering(success());
    assert_eq!(client::<A>(&server, GENEROUS).call().unwrap().as_deref(), Some("request-1"));
}

pub fn a_redirect_is_an_answer_and_nobody_follows_it<A: Adapter>() {
    for status in ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let other = Server::answering(success());
        for target in [other.url(), "/elsewhere".to_owned()] {
            for body in ["", "moved"] {
                let location = format!("Location: {target}/?secret\r\nContent-Length: {}\r\n", body.len());
                let failure = fails_on::<A>(answer(status, &location, body));
                assert!(failure.text.contains(&status[..3]) && !failure.text.contains("secret"), "{failure:?}");
            }
        }
        assert_eq!(other.connections(), 0, "{status}");
    }
}

pub fn a_body_of_1_mib_is_read_and_one_byte_more_is_not<A: Adapter>() {
    let padded = |length: usize| {
        answer("200 OK", &format!("Content-Length: {length}\r\n"), &format!("{BODY}{}", " ".repeat(length - BODY.len())))
    };
    let server = Server::answering(padded(1 << 20));
    assert!(client::<A>(&server, GENEROUS).call().is_ok());
    let failure = fails_on::<A>(padded((1 << 20) + 1));
    assert!(failure.text.contains("at most 1 MiB"), "{failure:?}");
}

pub fn a_body_that_never_ends_is_left<A: Adapter>() {
    for (headers, chunk) in [
        ("", "x".repeat(1 << 16)),
        ("Content-Length: 1099511627776\r\n", "x".repeat(1 << 16)),
        ("Transfer-Encoding: chunked\r\n", format!("10000\r\n{}\r\n", "x".repeat(1 << 16))),
    ] {
        let failure = fails_once::<A>(GENEROUS, move |connection| {
            connection.request();
            connection.send(answer("200 OK", headers, ""));
            // What is written beyond 1 MiB fills the buffers of two sockets, which are some MiB at most.
            assert!(connection.flood(chunk.as_bytes()) < 512, "the client went on reading");
        });
        assert!(failure.text.contains("at most 1 MiB") && failure.text.contains("HTTP 200 with `xxxx"), "{failure:?}");
    }
}

pub fn a_server_that_stalls_is_left_at_the_timeout<A: Adapter>() {
    let stalled_body = answer("200 OK", "Content-Length: 500\r\n", "{\"Resp");
    for (sent, shown) in [("", ""), ("HTTP/1.1 20", ""), ("HTTP/1.1 200 OK\r\nContent-Le", ""), (&stalled_body, "`{\"Resp`")] {
        let (start, sent) = (Instant::now(), sent.to_owned());
        let failure = fails_once::<A>(SHORT, move |connection| {
            connection.request();
            connection.send(&sent);
            connection.wait();
        });
        assert!(failure.text.contains("in time") && failure.text.contains(shown), "{failure:?}");
        assert_left_at_the_timeout(start);
    }
}

pub fn a_server_that_sends_a_byte_at_a_time_is_left_at_the_timeout<A: Adapter>() {
    for head in ["HTTP/1.1 200 OK\r\nX-Slow: ", "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"] {
        let start = Instant::now();
        let failure = fails_once::<A>(SHORT, move |connection| {
            connection.request();
            connection.send(head);
            connection.drip(b"x", SHORT.total / 6);
        });
        assert!(failure.text.contains("in time"), "{failure:?}");
        assert_left_at_the_timeout(start);
    }
}

/// Not sooner, and long before the server would have given up; the exact moment is the scheduler's.
fn assert_left_at_the_timeout(start: Instant) {
    let elapsed = start.elapsed();
    assert!((SHORT.total..SHORT.total + Duration::from_secs(15)).contains(&elapsed), "left after {elapsed:?}");
}

pub fn an_answer_that_is_no_reply_is_an_error_that_shows_it<A: Adapter>() {
    let page = "<html><title>502 Bad Gateway</title></html>";
    let half = &BODY[..BODY.len() / 2];
    let with_length = |length: usize| format!("Content-Length: {length}\r\n");
    for (bytes, shown) in [
        (answer("502 Bad Gateway", &with_length(page.len()), page), ["HTTP 502", page]),
        (answer("200 OK", &with_length(0), ""), ["HTTP 200", "an empty body"]),
        (answer("204 No Content", "", ""), ["HTTP 204", "an empty body"]),
        (answer("200 OK", &with_length(half.len()), half), ["HTTP 200", half]),
        (answer("200 OK", "", half), ["HTTP 200", half]),
        (answer("200 OK", &with_length(BODY.len()), half), ["HTTP 200", half]),
        (answer("200 OK", &with_length(BODY.len() + 1), BODY), ["a complete answer", ""]),
        (answer("200 OK", "Transfer-Encoding: chunked\r\n", "5\r\n{\"Res\r\n"), ["HTTP 200", "{\"Res"]),
        (answer("200 OK", "Transfer-Encoding: chunked\r\n", "zz\r\n"), ["a complete answer", ""]),
        (answer("200 OK", "Content-Length: 5\r\nContent-Length: 6\r\n", "{}   "), ["a complete answer", ""]),
        ("SSH-2.0-OpenSSH_9.2\r\n".to_owned(), ["a complete answer", ""]),
    ] {
        let failure = fails_on::<A>(bytes);
        assert!(shown.iter().all(|shown| failure.text.contains(shown)), "{failure:?}");
    }
}

pub fn an_encoding_that_nobody_asked_for_is_refused<A: Adapter>() {
    for encoding in ["gzip", "br", "identity, gzip"] {
        let failure = fails_on::<A>(answer("200 OK", &format!("Content-Encoding: {encoding}\r\n"), BODY));
        assert!(failure.text.contains("without content encoding"), "{failure:?}");
    }
    let server = Server::answering(answer("200 OK", "Content-Encoding: Identity\r\n", BODY));
    assert!(client::<A>(&server, GENEROUS).call().is_ok());
}

pub fn provisional_answers_are_passed_over_but_not_for_ever<A: Adapter>() {
    let hints = "HTTP/1.1 103 Early Hints\r\n\r\n";
    let server = Server::answering(format!("{hints}{hints}{}", success()));
    assert!(client::<A>(&server, GENEROUS).call().is_ok());
    fails_once::<A>(SHORT, move |connection| {
        connection.request();
        connection.flood(hints.repeat(1000).as_bytes());
    });
}

pub fn an_answer_of_http_1_0_is_read<A: Adapter>() {
    let server = Server::answering(format!("HTTP/1.0 200 OK\r\n\r\n{BODY}"));
    let client = client::<A>(&server, GENEROUS);
    assert!(client.call().is_ok() && client.call().is_ok());
    assert_eq!(server.connections(), 2);
}

pub fn a_refused_connection_is_unsent<A: Adapter>() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap().port();
    let failure = A::new(endpoint(&format!("http://127.0.0.1:{port}")), who(), GENEROUS).call().unwrap_err();
    assert_eq!(failure.fate, Fate::Unsent, "{failure:?}");
    assert!(!failure.certificate_refused && failure.text.contains("127.0.0.1"), "{failure:?}");
}

pub fn a_name_that_does_not_resolve_is_unsent<A: Adapter>() {
    let failure = A::new(endpoint("https://nonexistent.invalid"), who(), SHORT).call().unwrap_err();
    assert_eq!(failure.fate, Fate::Unsent, "{failure:?}");
    assert!(!failure.certificate_refused && failure.text.contains("nonexistent.invalid"), "{failure:?}");
}

pub fn a_connection_that_closes_without_reading_is_unknown<A: Adapter>() {
    let server = Server::start(|_| {});
    let failure = client::<A>(&server, GENEROUS).call().unwrap_err();
    assert_eq!((failure.fate, server.connections()), (Fate::Unknown, 1), "{failure:?}");
}

pub fn a_request_that_was_read_is_never_sent_again<A: Adapter>() {
    for answer in ["", "HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n"] {
        fails_on::<A>(answer);
    }
}

pub fn a_request_that_was_read_on_a_used_connection_is_never_sent_again<A: Adapter>() {
    let server = Server::start(|connection| {
        connection.request();
        connection.send(success());
        connection.request();
    });
    let client = client::<A>(&server, GENEROUS);
    assert!(client.call().is_ok());
    let failure = client.call().unwrap_err();
    assert_eq!(failure.fate, Fate::Unknown, "{failure:?}");
    assert_eq!((server.connections(), server.requests().len()), (1, 2));
}

pub fn a_connection_that_closed_while_idle_costs_no_call<A: Adapter>() {
    let server = Server::answering(success());
    let client = client::<A>(&server, GENEROUS);
    assert!(client.call().is_ok());
    server.wait_until_closed(1);
    assert!(client.call().is_ok());
    assert_eq!((server.connections(), server.requests().len()), (2, 2));
}

pub fn a_connection_is_used_again<A: Adapter>() {
    let server = Server::start(|connection| while connection.request().is_some() && connection.send(success()) {});
    let client = client::<A>(&server, GENEROUS);
    assert!((0..3).all(|_| client.call().is_ok()));
    assert_eq!((server.connections(), server.requests().len()), (1, 3));
}
