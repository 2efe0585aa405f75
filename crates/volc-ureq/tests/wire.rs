//! What is this client's own: the scenarios that it shares with the async one are in the workspace's `tests/transports.rs`.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use volc_proto::{Credentials, Fate};
use volc_tests::network::{
    Failure, GENEROUS, LIMIT, Outcome, SHORT, Server, action, assert_shows_no_secret, endpoint, success, who,
};
use volc_ureq::{Client, Error, ureq};

fn call(client: &Client) -> Outcome {
    client.call(&action()).map(|reply| reply.request_id).map_err(|error| {
        let refused = matches!(&error, Error::Lost(lost) if lost.certificate_refused());
        Failure::new(&error, error.fate(), refused)
    })
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
            gate.lock().unwrap().recv_timeout(LIMIT).unwrap();
            connection.send(success());
        }
    });
    let client = Client::new(endpoint(&server.url()), who());
    thread::scope(|scope| {
        let running = scope.spawn(|| call(&client).unwrap());
        arrival.recv_timeout(LIMIT).unwrap();
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
fn a_client_goes_wherever_a_thread_goes() {
    fn check<T: Send + Sync + Clone + 'static>() {}
    check::<Client>();
    fn check_error<T: std::error::Error + Send + Sync + 'static>() {}
    check_error::<Error>();
    assert_shows_no_secret(&format!("{:?}", Client::new(endpoint("http://127.0.0.1:1"), who())));
}
