//! The client over real sockets, with its own agent and with one from outside.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use support::scenarios;
use support::server::Server;
use support::ureq::{Foreign, Ready, call};
use support::{Adapter, GENEROUS, SHORT, assert_shows_no_secret, endpoint, success, who};
use volc_proto::{Credentials, Fate};
use volc_ureq::{Client, ureq};

/// Mounts scenarios for an adapter.
macro_rules! mount {
    ($adapter:ident in $module:ident: $($scenario:ident)*) => {
        mod $module {
            $(#[test] fn $scenario() { super::scenarios::$scenario::<super::$adapter>() })*
        }
    };
}

mount! { Ready in with_its_own_agent:
    a_reply_is_read
    a_redirect_is_an_answer_and_nobody_follows_it
    a_body_of_1_mib_is_read_and_one_byte_more_is_not
    a_body_that_never_ends_is_left
    a_server_that_stalls_is_left_at_the_timeout
    a_server_that_sends_a_byte_at_a_time_is_left_at_the_timeout
    an_answer_that_is_no_reply_is_an_error_that_shows_it
    an_encoding_that_nobody_asked_for_is_refused
    provisional_answers_are_passed_over_but_not_for_ever
    an_answer_of_http_1_0_is_read
    a_refused_connection_is_unsent
    a_name_that_does_not_resolve_is_unsent
    a_connection_that_closes_without_reading_is_unknown
    a_request_that_was_read_is_never_sent_again
    a_request_that_was_read_on_a_used_connection_is_never_sent_again
    a_connection_that_closed_while_idle_costs_no_call
    a_connection_is_used_again
}

mount! { Foreign in with_an_agent_from_outside:
    a_reply_is_read
    a_redirect_is_an_answer_and_nobody_follows_it
    a_body_of_1_mib_is_read_and_one_byte_more_is_not
    a_body_that_never_ends_is_left
    a_server_that_stalls_is_left_at_the_timeout
    an_answer_that_is_no_reply_is_an_error_that_shows_it
    an_encoding_that_nobody_asked_for_is_refused
    a_refused_connection_is_unsent
    a_request_that_was_read_is_never_sent_again
    a_request_that_was_read_on_a_used_connection_is_never_sent_again
    a_connection_that_closed_while_idle_costs_no_call
}

#[test]
fn the_request_says_who_sends_it_and_asks_for_no_encoding() {
    let server = Server::answering(success());
    let client = Client::new(endpoint(&server.url()), who()).user_agent("my-tool/1.0").unwrap();
    call(&client).unwrap();
    let request = server.requests().remove(0).to_ascii_lowercase();
    let lines: Vec<_> = request.lines().collect();
    assert!(lines[0].starts_with("get /?action=deleteimages&"), "{lines:?}");
    assert!(lines.contains(&concat!("user-agent: my-tool/1.0 volc-ureq/", env!("CARGO_PKG_VERSION"))), "{lines:?}");
    assert!(lines.contains(&"accept-encoding: identity"), "{lines:?}");
    assert!(lines.contains(&format!("host: {}", server.address()).as_str()), "{lines:?}");
    assert!(!request.contains("content-length") && !request.contains("transfer-encoding"), "{lines:?}");
}

#[test]
fn a_user_agent_that_could_not_travel_in_a_header_is_refused() {
    for product in ["", "a\r\nX-Evil: 1", "a\0", "é"] {
        let client = Client::new(endpoint("http://127.0.0.1:1"), who());
        assert!(client.user_agent(product).is_err(), "{product:?}");
    }
}

#[test]
fn an_agent_that_insists_on_https_sends_nothing_and_the_error_does_not_repeat_the_uri() {
    let server = Server::answering(success());
    let agent = ureq::Agent::config_builder().https_only(true).build().new_agent();
    let failure = call(&Client::with_agent(agent, endpoint(&server.url()), who())).unwrap_err();
    assert_eq!((failure.fate, server.connections()), (Fate::Unsent, 0), "{failure:?}");
}

#[test]
fn the_limits_of_an_agent_hold_unless_others_are_set() {
    let server = Server::start(|connection| connection.wait());
    let agent = ureq::Agent::config_builder().timeout_global(Some(SHORT.total)).build().new_agent();
    let start = Instant::now();
    let failure = call(&Client::with_agent(agent, endpoint(&server.url()), who())).unwrap_err();
    assert!(failure.text.contains("in time"), "{failure:?}");
    assert!(start.elapsed() < GENEROUS.total / 2, "left after {:?}", start.elapsed());
}

#[test]
fn no_time_is_too_long_to_be_a_limit() {
    let server = Server::answering(success());
    let client = Client::new(endpoint(&server.url()), who()).timeout(Duration::MAX).connect_timeout(Duration::MAX);
    assert!(call(&client).is_ok());
}

#[test]
fn a_call_that_runs_goes_on_with_the_key_it_began_with() {
    let (arrived, arrival) = mpsc::channel();
    let (go, gate) = mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let server = Server::start(move |connection| {
        while connection.request().is_some() {
            arrived.send(()).unwrap();
            gate.lock().unwrap().recv_timeout(support::server::LIMIT).unwrap();
            connection.send(success());
        }
    });
    let client = Client::new(endpoint(&server.url()), who());
    thread::scope(|scope| {
        let running = scope.spawn(|| call(&client).unwrap());
        arrival.recv_timeout(support::server::LIMIT).unwrap();
        client.clone().set_credentials(Credentials::new("AKLTanother", "secret").unwrap());
        go.send(()).unwrap();
        running.join().unwrap();
    });
    go.send(()).unwrap();
    call(&client).unwrap();
    let requests = server.requests();
    assert!(requests[0].contains("AKLTcanaryOfTheKeyId/") && requests[0].contains("canaryOfTheToken"));
    assert!(requests[1].contains("AKLTanother/") && !requests[1].contains("canaryOfTheToken"));
}

#[test]
fn many_threads_share_one_client() {
    let server = Server::start(|connection| while connection.request().is_some() && connection.send(success()) {});
    let client = Client::new(endpoint(&server.url()), who());
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| (0..4).for_each(|_| assert!(call(&client).is_ok())));
        }
    });
    assert_eq!(server.requests().len(), 64 * 4);
}

#[test]
fn a_client_goes_wherever_a_thread_goes() {
    fn check<T: Send + Sync + Clone + 'static>() {}
    check::<Client>();
    fn check_error<T: std::error::Error + Send + Sync + 'static>() {}
    check_error::<volc_ureq::Error>();
    assert_shows_no_secret(&format!("{:?}", Ready::new(endpoint("http://127.0.0.1:1"), who(), GENEROUS).0));
}
