//! Proxies that the environment names. A test cannot change its own environment, so each runs itself again in another.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::process::Command;
use std::time::Instant;

use support::server::Server;
use support::ureq::Ready;
use support::{Adapter, GENEROUS, Limits, Outcome, SHORT, answer, endpoint, success, who};
use volc_proto::Fate;

const URL: &str = "VOLC_TEST_URL";

/// The call, for the test that was run again; the others have no URL in their environment.
fn call_from_inside(limits: Limits) -> Option<Outcome> {
    let url = std::env::var(URL).ok()?;
    Some(Ready::new(endpoint(&url), who(), limits).call())
}

/// Runs the test again with a proxy in its environment and a URL to call.
fn run_again(test: &str, proxy: &str, url: &str) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env(URL, url).env_remove("NO_PROXY").env_remove("no_proxy");
    for name in ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"] {
        command.env(name, proxy);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_proxy_is_asked_for_a_tunnel_and_sees_no_request() {
    if let Some(outcome) = call_from_inside(GENEROUS) {
        assert_eq!(outcome.unwrap_err().fate, Fate::Unsent);
        return;
    }
    let proxy = Server::answering(answer("502 Bad Gateway", "Content-Length: 0\r\n", ""));
    run_again("a_proxy_is_asked_for_a_tunnel_and_sees_no_request", &proxy.url(), "https://ecs.nonexistent.invalid");
    let requests = proxy.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("CONNECT ecs.nonexistent.invalid:443 HTTP/1.1\r\n"), "{requests:?}");
    assert!(!requests[0].contains("Action") && !requests[0].to_ascii_lowercase().contains("authorization"), "{requests:?}");
}

#[test]
fn a_proxy_that_is_not_there_is_not_passed_by() {
    if let Some(outcome) = call_from_inside(GENEROUS) {
        let failure = outcome.unwrap_err();
        assert_eq!(failure.fate, Fate::Unsent);
        assert!(failure.text.to_lowercase().contains("connection refused"), "{failure:?}");
        return;
    }
    // Nothing listens on port 1, whatever the scheme.
    for proxy in ["http://127.0.0.1:1", "socks5h://127.0.0.1:1"] {
        run_again("a_proxy_that_is_not_there_is_not_passed_by", proxy, "https://ecs.nonexistent.invalid");
    }
}

#[test]
fn a_proxy_that_answers_byte_by_byte_is_left_at_the_timeout() {
    let start = Instant::now();
    if let Some(outcome) = call_from_inside(SHORT) {
        assert_eq!(outcome.unwrap_err().fate, Fate::Unsent);
        assert!((SHORT.total..GENEROUS.total / 2).contains(&start.elapsed()), "left after {:?}", start.elapsed());
        return;
    }
    let proxy = Server::start(|connection| {
        connection.request();
        connection.send("HTTP/1.1 200 OK\r\nX-Slow: ");
        connection.drip(b"x", SHORT.connect / 3);
    });
    let test = "a_proxy_that_answers_byte_by_byte_is_left_at_the_timeout";
    run_again(test, &proxy.url(), "https://ecs.nonexistent.invalid");
}

#[test]
fn a_call_to_this_machine_does_not_take_the_way_through_a_proxy() {
    if let Some(outcome) = call_from_inside(GENEROUS) {
        assert!(outcome.is_ok());
        return;
    }
    let (proxy, server) = (Server::answering(success()), Server::answering(success()));
    run_again("a_call_to_this_machine_does_not_take_the_way_through_a_proxy", &proxy.url(), &server.url());
    assert_eq!((proxy.connections(), server.requests().len()), (0, 1));
}
