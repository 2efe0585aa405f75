//! What comes back, and is no answer, or too much of one.

use volc_tests::network::{BODY, Connection, GENEROUS, Server, answer, endpoint, success};

use crate::adapters::Adapter;
use crate::logs;
use crate::table::{Expected, Seen, row};

/// One call, of which the server reads one request on one connection: nothing is repeated.
pub(crate) fn once(adapter: &Adapter, script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Seen {
    let server = Server::start(script);
    let client = adapter.client(endpoint(&server.url()), GENEROUS);
    let outcome = client.call();
    drop(client);
    server.wait_until_closed(1);
    assert_eq!((server.connections(), server.requests().len()), (1, 1), "{}: {outcome:?}", adapter.name);
    Seen { outcome, heard: server.bytes() }
}

/// The answer to one request, after which the connection closes.
#[track_caller]
fn answers(scenario: &str, expected: &Expected, says: &str, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref().to_vec();
    row(scenario, expected, says, |adapter| {
        let bytes = bytes.clone();
        once(adapter, move |connection| {
            connection.request();
            connection.send(&bytes);
        })
    });
}

fn length(length: usize) -> String {
    format!("Content-Length: {length}\r\n")
}

#[test]
fn what_is_a_reply() {
    let reply = |scenario: &str, bytes: String| answers(scenario, &Expected::Reply, "", bytes);
    reply("a reply", success());
    reply("HTTP/1.0", format!("HTTP/1.0 200 OK\r\n\r\n{BODY}"));
    reply("a body that ends with the connection", answer("200 OK", "", BODY));
    let (a, b) = BODY.split_at(40);
    let chunks = format!("{:x};extension=1\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\nX-Trailer: 1\r\n\r\n", a.len(), b.len());
    reply("chunks with an extension and a trailer", answer("200 OK", "Transfer-Encoding: chunked\r\n", &chunks));
    reply("bare line feeds", success().replace("\r\n", "\n"));
    reply("the encoding `Identity`", answer("200 OK", "Content-Encoding: Identity\r\n", BODY));
    // ureq takes no headers with a 100. Nobody sends one: no request asks for it.
    reply("100 before the answer", format!("HTTP/1.1 100 Continue\r\n\r\n{}", success()));
    for status in ["102 Processing", "103 Early Hints"] {
        let provisional = format!("HTTP/1.1 {status}\r\nX-A: b\r\n\r\n");
        reply(&format!("{} twice before the answer", &status[..3]), format!("{provisional}{provisional}{}", success()));
    }
    let both = format!("Transfer-Encoding: chunked\r\n{}", length(3));
    reply("chunks and a length that is not theirs", answer("200 OK", &both, &format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len())));
}

#[test]
fn what_the_service_would_not_say() {
    let error = |scenario: &str, says, bytes: String| answers(scenario, &Expected::Unknown, says, bytes);
    let page = "<html><title>502 Bad Gateway</title></html>";
    error("a proxy's page", page, answer("502 Bad Gateway", &length(page.len()), page));
    error("200 with an empty body", "an empty body", answer("200 OK", &length(0), ""));
    error("204", "HTTP 204", answer("204 No Content", "", ""));
    error("101", "HTTP 101", answer("101 Switching Protocols", "Upgrade: h2c\r\nConnection: upgrade\r\n", ""));
    let half = &BODY[..BODY.len() / 2];
    error("half a reply with the length of it", half, answer("200 OK", &length(half.len()), half));
    error("half a reply that ends with the connection", half, answer("200 OK", "", half));
    for encoding in ["gzip", "br", "identity, gzip"] {
        let says = "without content encoding";
        error(&format!("the encoding `{encoding}`"), says, answer("200 OK", &format!("Content-Encoding: {encoding}\r\n"), BODY));
    }
}

#[test]
fn a_page_that_repeats_the_request() {
    // What comes in is in ureq's log at the level `trace`, and here it is our own.
    logs::unwatched(|| {
        row("a page that repeats the headers of the request", &Expected::Unknown, "HTTP 400", |adapter| {
            once(adapter, |connection| {
                let request = connection.request().unwrap_or_default();
                let (_, headers) = request.split_once("\r\n").unwrap();
                connection.send(answer("400 Bad Request", &length(headers.len()), headers));
            })
        });
    });
}

#[test]
fn redirects_are_answers() {
    for status in ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let other = Server::answering(success());
        for (to, target) in [("another host", other.url()), ("the same host", "/elsewhere".to_owned())] {
            for body in ["", "moved"] {
                let bytes = answer(status, &format!("Location: {target}/?hidden\r\n{}", length(body.len())), body);
                let scenario = format!("{} to {to}{}", &status[..3], if body.is_empty() { "" } else { " with a body" });
                row(&scenario, &Expected::Unknown, &status[..3], |adapter| {
                    let bytes = bytes.clone();
                    let seen = once(adapter, move |connection| {
                        connection.request();
                        connection.send(&bytes);
                        // Who followed it on this connection would be heard.
                        connection.request();
                    });
                    assert!(!format!("{:?}", seen.outcome).contains("hidden"), "{:?}", seen.outcome);
                    seen
                });
            }
        }
        assert_eq!(other.connections(), 0, "{status}");
    }
}

#[test]
fn what_is_cut_off_or_broken() {
    let broken = |scenario: &str, bytes: String| answers(scenario, &Expected::Unknown, "a complete answer", bytes);
    broken("closed before the status line", String::new());
    broken("closed in the status line", "HTTP/1.1 20".to_owned());
    broken("closed in the headers", "HTTP/1.1 200 OK\r\nContent-Le".to_owned());
    broken("closed after 100", "HTTP/1.1 100 Continue\r\n\r\n".to_owned());
    broken("closed before the body", answer("200 OK", &length(90), ""));
    broken("closed in the body", answer("200 OK", &length(BODY.len()), &BODY[..30]));
    broken("closed one byte early, behind whole JSON", answer("200 OK", &length(BODY.len() + 1), BODY));
    let chunked = |body: &str| answer("200 OK", "Transfer-Encoding: chunked\r\n", body);
    let whole = format!("{:x}\r\n{BODY}\r\n", BODY.len());
    broken("closed in a chunk", chunked(&whole[..30]));
    broken("no last chunk, behind whole JSON", chunked(&whole));
    broken("a chunk of size zz", chunked("zz\r\n"));
    broken("a chunk of 2^64 bytes", chunked("10000000000000000\r\n"));
    broken("a chunk longer than its size", chunked(&format!("3\r\n{BODY}\r\n0\r\n\r\n")));
    broken("two lengths", answer("200 OK", "Content-Length: 5\r\nContent-Length: 6\r\n", "{}   "));
    broken("the length +5", answer("200 OK", "Content-Length: +5\r\n", "{}   "));
    broken("SSH", "SSH-2.0-OpenSSH_9.2\r\n".to_owned());
    broken("HTTP/0.9", BODY.to_owned());
    broken("HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n".to_owned());
    broken("the status 099", answer("099 Odd", &length(0), ""));
    broken("a NUL in a header", answer("200 OK", &format!("X-A: a\0b\r\n{}", length(BODY.len())), BODY));
}

#[test]
fn what_is_too_much() {
    let padded = |length: usize| {
        let body = format!("{BODY}{}", " ".repeat(length - BODY.len()));
        answer("200 OK", &format!("Content-Length: {length}\r\n"), &body)
    };
    answers("a body of 1 MiB", &Expected::Reply, "", padded(1 << 20));
    let too_much = |scenario: &str, says, bytes: String| answers(scenario, &Expected::Unknown, says, bytes);
    too_much("a body of 1 MiB and a byte", "at most 1 MiB", padded((1 << 20) + 1));
    too_much("200 lines of headers", "a complete answer", answer("200 OK", &"X-A: b\r\n".repeat(200), BODY));
    let header = format!("X-A: {}\r\n", "b".repeat(100 << 10));
    too_much("a header of 100 KiB", "a complete answer", answer("200 OK", &header, BODY));

    let endless = |scenario: &str, says, head: String, again: String| {
        row(scenario, &Expected::Unknown, says, |adapter| {
            let (head, again) = (head.clone(), again.clone());
            once(adapter, move |connection| {
                connection.request();
                connection.send(&head);
                // What a client leaves unread fills the buffers of two sockets, which are some MiB at most.
                assert!(connection.flood(again.as_bytes()) * again.len() < 32 << 20, "the client went on reading");
            })
        });
    };
    let x = "x".repeat(1 << 14);
    endless("a body without end", "at most 1 MiB", answer("200 OK", "", ""), x.clone());
    endless("a body of 1 TiB", "at most 1 MiB", answer("200 OK", &length(1 << 40), ""), x.clone());
    let chunked = answer("200 OK", "Transfer-Encoding: chunked\r\n", "");
    endless("chunks without end", "at most 1 MiB", chunked, format!("4000\r\n{x}\r\n"));
    endless("a header without end", "a complete answer", "HTTP/1.1 200 OK\r\nX-A: ".to_owned(), x.clone());
    endless("headers without end", "a complete answer", "HTTP/1.1 200 OK\r\n".to_owned(), "X-A: b\r\n".repeat(1 << 11));
    endless(
        "answers of status 103 without end",
        "a complete answer",
        String::new(),
        "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1 << 10),
    );
}
