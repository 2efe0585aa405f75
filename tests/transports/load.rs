//! Many calls at once.

use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;
use volc_emulator::{Emulator, Fault, Image, When};
use volc_proto::Region;
use volc_proto::ecs::{Deletion, ImageId, Policy, Report, Snapshots};
use volc_tests::network::{Server, action, endpoint, success, who};

use crate::table::say;
use crate::{MEMORY, logs};

const MINUTES: Duration = Duration::from_secs(300);

fn patient() -> Server {
    Server::start(|connection| while connection.request().is_some() && connection.send(success()) {})
}

#[test]
fn ten_thousand_calls_at_once_share_64_connections() {
    logs::watch();
    let server = patient();
    let client = volc_hyper::Client::new(endpoint(&server.url()), who()).timeout(MINUTES);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let start = Instant::now();
    runtime.block_on(async {
        let call = || {
            let client = client.clone();
            tokio::spawn(async move { client.call(&action()).await })
        };
        let calls: Vec<_> = (0..10_000).map(|_| call()).collect();
        for call in calls {
            let reply = call.await.unwrap();
            assert!(reply.is_ok(), "{reply:?}");
        }
    });
    let (connections, memory) = (server.connections(), MEMORY.peak_usage_as_mb());
    say(&format!("10,000 calls at once: {connections} connections, {memory:.0} MB at most, {:?}", start.elapsed()));
    assert_eq!(server.requests().len(), 10_000);
    assert!(connections <= 64, "{connections}");
    assert!(memory <= 256.0, "{memory}");
    logs::assert_no_secret();
}

#[test]
fn never_more_connections_than_allowed() {
    for limit in [1, 3] {
        let server = patient();
        let client = volc_hyper::Client::new(endpoint(&server.url()), who()).timeout(MINUTES).max_connections(limit);
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let call = || {
                let client = client.clone();
                tokio::spawn(async move { client.call(&action()).await.unwrap() })
            };
            for call in (0..100).map(|_| call()).collect::<Vec<_>>() {
                call.await.unwrap();
            }
        });
        assert_eq!(server.requests().len(), 100);
        assert!(server.connections() <= limit, "{} connections, at most {limit} are allowed", server.connections());
    }
}

#[test]
fn sixty_four_threads_share_one_blocking_client() {
    logs::watch();
    let server = patient();
    let client = volc_ureq::Client::new(endpoint(&server.url()), who()).timeout(MINUTES);
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| (0..16).for_each(|_| assert!(client.call(&action()).is_ok())));
        }
    });
    assert_eq!(server.requests().len(), 64 * 16);
    say(&format!("64 threads with 16 calls each: {} connections", server.connections()));
    logs::assert_no_secret();
}

/// Deletes 10,000 images, 50 ms a request.
fn deletes_slowly(in_flight: usize) -> (Report, Duration) {
    let ids: Vec<ImageId> = (0..10_000).map(|n| ImageId::new(format!("image-{n:05}")).unwrap()).collect();
    // Some are missing, some are shared.
    let images = ids.iter().enumerate().filter(|(n, _)| n % 10 != 3).map(|(n, id)| match n % 10 {
        7 => Image::new(id.to_string()).state(volc_emulator::ImageState::Shared),
        _ => Image::new(id.to_string()),
    });
    let stall = Fault::StallHead { after_deletion: true, milliseconds: Some(50) };
    let emulator = Emulator::builder().credentials(who()).images(images).fault(When::Always, stall).start().unwrap();
    let client = volc_hyper::Client::new(emulator.endpoint(Region::new("cn-beijing").unwrap()), who());
    let mut deletion = Deletion::new(ids, Snapshots::Keep, Policy { in_flight, ..Policy::default() }).unwrap();
    let start = Instant::now();
    let report = Builder::new_current_thread().enable_all().build().unwrap().block_on(client.run(&mut deletion));
    (report, start.elapsed())
}

#[test]
fn eight_attempts_in_flight_report_the_same_in_less_time() {
    let (one_by_one, long) = deletes_slowly(1);
    let (at_once, short) = deletes_slowly(8);
    let outcomes = |report: &Report| report.outcomes().map(|(id, outcome)| format!("{id} {outcome}")).collect::<Vec<_>>();
    assert_eq!(outcomes(&one_by_one), outcomes(&at_once));
    assert_eq!((one_by_one.counts(), one_by_one.attempts().len()), (at_once.counts(), at_once.attempts().len()));
    let ratio = long.as_secs_f64() / short.as_secs_f64();
    say(&format!("10,000 images at 50 ms a request: {long:?} one by one, {short:?} with 8 in flight, {ratio:.1} times faster"));
    // Anything between: the machine may be busy.
    assert!(ratio > 2.0, "{long:?} against {short:?}");
}
