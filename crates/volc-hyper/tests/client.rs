//! What is this client's own: the scenarios that it shares with the blocking one are in the workspace's `tests/transports.rs`.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::convert::Infallible;
use std::future::ready;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::io::{DuplexStream, duplex};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;
use tower_service::Service;
use volc_hyper::{Client, Error};
use volc_proto::ecs::{Deletion, DescribeImages, Event, ImageId, Policy, Snapshots};
use volc_proto::{Action, Credentials, Endpoint, Fate, Query, Region};
use volc_tests::network::{LIMIT, Server, action, answer, assert_shows_no_secret, endpoint, success, who};

fn client(server: &Server) -> Client {
    Client::new(endpoint(&server.url()), who())
}

fn patient() -> Server {
    Server::start(|connection| while connection.request().is_some() && connection.send(success()) {})
}

fn deletion() -> Deletion {
    Deletion::new([ImageId::new("image-a").unwrap()], Snapshots::Keep, Policy::default()).unwrap()
}

#[tokio::test]
async fn the_request_says_who_sends_it_and_asks_for_no_encoding() {
    let server = Server::answering(success());
    client(&server).user_agent("my-tool/1.0").unwrap().call(&action()).await.unwrap();
    let request = server.requests().remove(0).to_ascii_lowercase();
    let lines: Vec<_> = request.lines().collect();
    assert!(lines[0].starts_with("get /?action=deleteimages&"), "{lines:?}");
    assert!(lines.contains(&concat!("user-agent: my-tool/1.0 volc-hyper/", env!("CARGO_PKG_VERSION"))), "{lines:?}");
    assert!(lines.contains(&"accept-encoding: identity"), "{lines:?}");
    assert!(lines.contains(&format!("host: {}", server.address()).as_str()), "{lines:?}");
    assert!(!request.contains("content-length") && !request.contains("transfer-encoding"), "{lines:?}");
}

#[test]
fn a_user_agent_that_could_not_travel_in_a_header_is_refused() {
    for product in ["", "a\r\nX-Evil: 1", "a\0", "é"] {
        assert!(Client::new(endpoint("http://127.0.0.1:1"), who()).user_agent(product).is_err(), "{product:?}");
    }
}

#[test]
fn a_client_and_what_it_does_go_wherever_a_task_goes() {
    fn check<T: Send + Sync + Clone + 'static>(_: &T) {}
    fn check_error<T: std::error::Error + Send + Sync + 'static>() {}
    fn check_future(_: impl Send) {}
    let client = Client::new(endpoint("http://127.0.0.1:1"), who());
    check(&client);
    check_error::<Error>();
    check_future(client.call(&action()));
    check_future(client.delete_images([], Snapshots::Keep));
    check_future(client.run(&mut deletion()));
    check_future(client.run_with(&mut deletion(), |_| Ok::<_, String>(ControlFlow::Continue(()))));
    check_future(client.describe_images(DescribeImages::new()).next());
    assert_shows_no_secret(&format!("{client:?}"));
    assert!(rustls::crypto::CryptoProvider::get_default().is_none(), "a provider was installed for all");
}

#[tokio::test]
async fn a_call_that_runs_goes_on_with_the_key_it_began_with() {
    let (arrived, mut arrival) = tokio::sync::mpsc::unbounded_channel();
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let server = Server::start(move |connection| {
        while connection.request().is_some() {
            arrived.send(()).unwrap();
            gate.lock().unwrap().recv_timeout(LIMIT).unwrap();
            connection.send(success());
        }
    });
    let client = client(&server);
    let running = tokio::spawn({
        let client = client.clone();
        async move { client.call(&action()).await.unwrap() }
    });
    arrival.recv().await.unwrap();
    client.clone().set_credentials(Credentials::new("AKLTanother", "secret").unwrap());
    go.send(()).unwrap();
    running.await.unwrap();
    go.send(()).unwrap();
    client.call(&action()).await.unwrap();
    let requests = server.requests();
    assert!(requests[0].contains("AKLTcanaryOfTheKeyId/") && requests[0].contains("canaryOfTheToken"));
    assert!(requests[1].contains("AKLTanother/") && !requests[1].contains("canaryOfTheToken"));
}

/// A server that reads requests and says when, and nothing else.
fn silent() -> (Server, Arc<Notify>) {
    let heard = Arc::new(Notify::new());
    let tell = heard.clone();
    let server = Server::start(move |connection| {
        connection.request();
        tell.notify_one();
        connection.wait();
    });
    (server, heard)
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_connection() {
    let (server, heard) = silent();
    let (client, action) = (client(&server), action());
    tokio::select! {
        _ = client.call(&action) => panic!("there is no answer"),
        () = heard.notified() => {}
    }
    server.wait_until_closed(1);
    assert_eq!((server.connections(), server.requests().len()), (1, 1));
}

#[tokio::test]
async fn a_call_whose_turn_does_not_come_in_time_was_not_sent() {
    let (server, heard) = silent();
    let (client, action) = (client(&server).max_connections(1), action());
    let waiting = async {
        heard.notified().await;
        client.clone().timeout(Duration::from_millis(50)).call(&action).await.unwrap_err()
    };
    tokio::select! {
        _ = client.call(&action) => panic!("there is no answer"),
        error = waiting => {
            assert_eq!(error.fate(), Fate::Unsent);
            assert!(error.to_string().contains("in time"), "{error}");
        }
    }
    assert_eq!((server.connections(), server.requests().len()), (1, 1));
    // And its place was given back with the call that was dropped.
    tokio::select! {
        _ = client.call(&action) => panic!("there is no answer"),
        () = heard.notified() => {}
    }
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn chunks_of_one_byte_are_not_read_for_ever() {
    let server = Server::start(|connection| {
        connection.request();
        connection.send(answer("200 OK", "Transfer-Encoding: chunked\r\n", ""));
        connection.flood("1\r\nx\r\n1\r\n \r\n".repeat(1 << 10).as_bytes());
    });
    let error = client(&server).call(&action()).await.unwrap_err();
    assert!(error.to_string().contains("at most 1 MiB, got HTTP 200 with `x x x"), "{error}");
    assert_eq!(error.fate(), Fate::Unknown);
}

#[tokio::test]
async fn a_limit_that_is_none_does_no_harm() {
    let server = patient();
    let client = client(&server).timeout(Duration::MAX).connect_timeout(Duration::MAX).max_connections(usize::MAX);
    assert!(client.call(&action()).await.is_ok());
}

/// Leads every host to one address.
#[derive(Clone)]
struct Everywhere(SocketAddr);

impl Service<Uri> for Everywhere {
    type Response = TokioIo<TcpStream>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        assert!(uri.query().is_none() && uri.path() == "/", "a connector has no use for {uri}");
        let address = self.0;
        Box::pin(async move { TcpStream::connect(address).await.map(TokioIo::new) })
    }
}

/// An action of another service, which is at another host.
struct Other;

impl Action for Other {
    const NAME: &'static str = "DescribeVpcs";
    const VERSION: &'static str = "2020-04-01";
    const SERVICE: &'static str = "vpc";
    type Output = serde::de::IgnoredAny;

    fn query(&self, _: &mut Query) {}
}

#[tokio::test]
async fn an_idle_connection_to_another_host_makes_room() {
    let server = patient();
    let endpoint = Endpoint::regional(Region::new("cn-beijing").unwrap());
    let client = Client::with_connector(Everywhere(server.address()), endpoint, who()).max_connections(1);
    for closed in 0..3 {
        assert!(client.call(&action()).await.is_ok());
        assert!(client.call(&action()).await.is_ok());
        server.wait_until_closed(2 * closed);
        // This envelope has a result that no VPC has, but it is one.
        assert!(client.call(&Other).await.is_ok());
        server.wait_until_closed(2 * closed + 1);
    }
    assert_eq!((server.connections(), server.requests().len()), (6, 9));
}

#[tokio::test]
async fn what_a_connector_fails_with_was_not_sent() {
    #[derive(Clone)]
    struct Broken;

    impl Service<Uri> for Broken {
        type Response = TokioIo<TcpStream>;
        type Error = std::io::Error;
        type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Uri) -> Self::Future {
            ready(Err(std::io::Error::other("no way")))
        }
    }

    let client = Client::with_connector(Broken, endpoint("https://ecs.example"), who());
    let Error::Lost(lost) = client.call(&action()).await.unwrap_err() else { panic!("it is lost") };
    assert_eq!(lost.fate(), Fate::Unsent);
    assert_eq!(lost.to_string(), "nothing was sent: expected a connection to `ecs.example`");
    assert_eq!(std::error::Error::source(&lost).unwrap().to_string(), "no way");
}

#[tokio::test]
async fn a_connector_from_hyper_util_fits() {
    let server = patient();
    let client = Client::with_connector(HttpConnector::new(), endpoint(&server.url()), who());
    assert!(client.call(&action()).await.is_ok());
}

#[tokio::test]
async fn as_many_attempts_are_under_way_as_the_policy_says() {
    let heard = Arc::new((Mutex::new(0), Condvar::new()));
    let server = Server::start(move |connection| {
        let (count, changed) = &*heard;
        while connection.request().is_some() {
            let mut heard = count.lock().unwrap();
            *heard += 1;
            changed.notify_all();
            // The first has its answer at once, each of the next eight when all of them are there.
            if *heard > 1 {
                drop(changed.wait_timeout_while(heard, LIMIT, |heard| *heard < 9).unwrap());
            } else {
                drop(heard);
            }
            connection.send(success());
        }
    });
    let ids = (0..9).map(|n| ImageId::new(format!("image-{n}")).unwrap());
    let policy = Policy { chunk: 1, in_flight: 8, attempts: 1, attempt_timeout: LIMIT / 2, ..Policy::default() };
    let mut deletion = Deletion::new(ids, Snapshots::Keep, policy).unwrap();
    let report = client(&server).run(&mut deletion).await;
    assert_eq!((report.attempts().len(), server.requests().len()), (9, 9));
    assert!(report.attempts().iter().all(|attempt| attempt.status == Some(200)), "{report:?}");
}

#[tokio::test]
async fn a_wait_is_told_and_can_be_broken_off() {
    let body = r#"{"ResponseMetadata":{"Error":{"Code":"FlowLimitExceeded","Message":"slowly"}}}"#;
    let headers = format!("Retry-After: 30\r\nContent-Length: {}\r\n", body.len());
    let server = Server::answering(answer("429 Too Many Requests", &headers, body));
    let (client, mut deletion) = (client(&server), deletion());
    let told = client.run_with(&mut deletion, |event| match event {
        Event::Wait { .. } => Err("told"),
        _ => Ok(ControlFlow::Continue(())),
    });
    assert_eq!(told.await.unwrap_err(), "told");
    assert!(!deletion.report().all_gone() && deletion.report().stopped().is_some());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_run_that_is_broken_off_sends_nothing_more_and_tells_of_what_is_under_way() {
    let server = patient();
    let ids = (0..5).map(|n| ImageId::new(format!("image-{n}")).unwrap());
    let mut deletion = Deletion::new(ids, Snapshots::Keep, Policy { chunk: 1, ..Policy::default() }).unwrap();
    let (client, mut events) = (client(&server), Vec::new());
    let report = client.run_with(&mut deletion, |event| {
        events.push(event.clone());
        let intents = events.iter().filter(|event| matches!(event, Event::Intent(_))).count();
        Ok::<_, ()>(if intents == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    let report = report.await.unwrap();
    assert_eq!(server.requests().len(), 1);
    assert_eq!(report.attempts().len(), 2);
    assert_eq!(report.attempts()[1].fate, Some(Fate::Unsent));
    assert!(matches!(events.last(), Some(Event::Outcome(_))), "{events:?}");
}

#[tokio::test]
async fn what_waits_for_a_connection_does_not_leave_after_a_break() {
    let third_intent = |event: &Event, count: &mut usize| {
        *count += usize::from(matches!(event, Event::Intent(_)));
        *count == 3
    };
    let second_outcome = |event: &Event, count: &mut usize| {
        *count += usize::from(matches!(event, Event::Outcome(_)));
        *count == 2
    };
    // Attempts that nothing was done for yet, and attempts that wait for the only connection.
    type Breaks = fn(&Event, &mut usize) -> bool;
    for (connections, breaks, sent) in [(8, third_intent as Breaks, 1), (1, second_outcome, 2)] {
        let server = patient();
        let ids = (0..9).map(|n| ImageId::new(format!("image-{n}")).unwrap());
        let policy = Policy { chunk: 1, in_flight: 4, ..Policy::default() };
        let mut deletion = Deletion::new(ids, Snapshots::Keep, policy).unwrap();
        let (client, mut count) = (client(&server).max_connections(connections), 0);
        let report = client.run_with(&mut deletion, |event| {
            Ok::<_, ()>(if breaks(event, &mut count) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        });
        let report = report.await.unwrap();
        assert_eq!(server.requests().len(), sent, "{report:?}");
        let unsent = report.attempts().iter().filter(|attempt| attempt.fate == Some(Fate::Unsent)).count();
        assert_eq!((report.attempts().len(), unsent > 0), (sent + unsent, true), "{report:?}");
    }
}

#[tokio::test]
async fn a_connection_that_has_ended_already_costs_no_time() {
    #[derive(Clone)]
    struct Ended;

    impl Service<Uri> for Ended {
        type Response = TokioIo<DuplexStream>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Uri) -> Self::Future {
            ready(Ok(TokioIo::new(duplex(64).0)))
        }
    }

    let client = Client::with_connector(Ended, endpoint("https://ecs.example"), who()).timeout(10 * LIMIT);
    let Error::Lost(lost) = timeout(LIMIT, client.call(&action())).await.unwrap().unwrap_err() else { panic!("it is lost") };
    assert_eq!(lost.to_string(), "nothing was sent: expected a complete answer of `ecs.example`");
}

#[tokio::test]
async fn pages_are_read_until_there_is_no_next_one() {
    let page = |next: &str| {
        let body = format!(r#"{{"ResponseMetadata":{{}},"Result":{{"Images":[{{"ImageId":"image-a"}}],"NextToken":"{next}"}}}}"#);
        answer("200 OK", &format!("Content-Length: {}\r\n", body.len()), &body)
    };
    for (answers, whole) in [(["1", "2", ""], true), (["1", "2", "2"], false)] {
        let server = Server::start(move |connection| {
            for next in answers {
                connection.request();
                connection.send(page(next));
            }
        });
        let client = client(&server);
        let mut pages = client.describe_images(DescribeImages::new());
        let mut read = Vec::new();
        while let Some(page) = pages.next().await {
            read.push(page);
        }
        assert_eq!(read.len(), 3);
        assert_eq!(read.iter().all(Result::is_ok), whole);
        assert_eq!(matches!(read[2], Err(Error::Pages(_))), !whole);
        assert!(pages.next().await.is_none());
        let requests = server.requests();
        assert!(
            !requests[0].contains("NextToken=") && requests[1].contains("NextToken=1&") && requests[2].contains("NextToken=2&")
        );
    }
}

/// What a client says to a port that answers in plain HTTP.
#[cfg(any(feature = "aws-lc-rs", feature = "platform-verifier"))]
async fn greets_in_tls(client: impl Fn(Endpoint) -> Client) {
    use std::io::Read;

    let server = Server::start(|connection| {
        let mut first = [0];
        connection.read_exact(&mut first).unwrap();
        assert_eq!(first, [22], "a handshake begins so");
        connection.send(success());
    });
    let client = client(endpoint(&server.url().replace("http", "https")));
    assert_eq!(client.call(&action()).await.unwrap_err().fate(), Fate::Unsent);
    assert!(server.requests().is_empty());
    server.wait_until_closed(1);
}

#[cfg(feature = "aws-lc-rs")]
#[tokio::test]
async fn a_client_with_aws_lc_speaks_tls() {
    greets_in_tls(|endpoint| Client::with_aws_lc_rs(endpoint, who())).await;
}

#[cfg(feature = "platform-verifier")]
#[tokio::test]
async fn a_client_that_asks_the_operating_system_speaks_tls() {
    greets_in_tls(|endpoint| Client::with_platform_verifier(endpoint, who()).unwrap()).await;
}
