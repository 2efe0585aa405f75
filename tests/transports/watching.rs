//! What a caller can see of a run, and do to it.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use volc_proto::ecs::{Deletion, Event, ImageId, Policy, Report, Snapshots};
use volc_tests::network::{GENEROUS, Server, action, answer, endpoint, success, who};

use crate::adapters::READY;
use crate::logs;
use crate::table::say;

fn deletion() -> Deletion {
    let policy = Policy { attempts: 1, ..Policy::default() };
    Deletion::new([ImageId::new("image-a").unwrap()], Snapshots::Keep, policy).unwrap()
}

#[test]
fn an_attempt_is_a_span_that_tells_what_became_of_it() {
    logs::watch();
    // Their spans are of this thread.
    for adapter in READY {
        // Each says that it is the connection's last: what becomes of a connection that is closed without a word is told elsewhere.
        let error = answer("503 Service Unavailable", "Connection: close\r\nX-Tt-Logid: request-2\r\nContent-Length: 0\r\n", "");
        let last = success().replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let server = Server::start(move |connection| {
            let answers = [&last, &error, "", &last];
            connection.request();
            connection.send(answers[connection.number() - 1]);
        });
        let client = adapter.client(endpoint(&server.url()), GENEROUS);
        let about = "attempt action=\"DeleteImages\" region=\"cn-beijing\"";
        let span_of = |call: &dyn Fn()| {
            logs::spans();
            call();
            let mut spans = logs::spans();
            spans.retain(|span| span.starts_with(about));
            assert!(spans.len() == 1 && spans[0].contains(" duration_ms="), "{}: {spans:?}", adapter.name);
            spans.remove(0)
        };

        let span = span_of(&|| assert!(client.call().is_ok()));
        assert!(span.contains(" status=200 request_id=\"request-1\"") && !span.contains("fate"), "{span}");
        let span = span_of(&|| assert!(client.call().is_err()));
        assert!(span.contains(" status=503 request_id=\"request-2\"") && !span.contains("fate"), "{span}");
        let span = span_of(&|| assert!(client.call().is_err()));
        assert!(span.contains(" fate=Unknown") && !span.contains("status") && !span.contains("attempt="), "{span}");
        let span = span_of(&|| client.run(&mut deletion()).into_result().map(drop).unwrap());
        assert!(span.contains(" attempt=1 ") && span.contains(" status=200 "), "{span}");
        say(&format!("a span, {}: {span}", adapter.name));
    }
    assert!(logs::lines() > 100, "the libraries logged {} lines", logs::lines());
    logs::assert_no_secret();
}

/// Runs with a callback that panics at the first event for which `at` holds; then without.
fn runs_on(at: fn(&Event) -> bool, run: impl Fn(&mut Deletion, &mut dyn FnMut(&Event)) -> Report) {
    let mut deletion = deletion();
    let panics = catch_unwind(AssertUnwindSafe(|| {
        run(&mut deletion, &mut |event| assert!(!at(event), "as the test wants it")).all_gone()
    }));
    assert!(panics.is_err());
    deletion.retry_left();
    assert!(run(&mut deletion, &mut |_| {}).all_gone());
}

#[test]
fn a_callback_that_panics_breaks_nothing() {
    let server = Server::start(|connection| while connection.request().is_some() && connection.send(success()) {});
    for at in [|event: &Event| matches!(event, Event::Intent(_)), |event: &Event| matches!(event, Event::Outcome(_))] {
        let client = volc_ureq::Client::new(endpoint(&server.url()), who());
        runs_on(at, |deletion, on| {
            let told = client.run_with(deletion, |event| {
                on(event);
                Ok::<_, ()>(ControlFlow::Continue(()))
            });
            told.unwrap()
        });
        assert!(client.call(&action()).is_ok());

        let client = volc_hyper::Client::new(endpoint(&server.url()), who());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runs_on(at, |deletion, on| {
            let told = client.run_with(deletion, |event| {
                on(event);
                Ok::<_, ()>(ControlFlow::Continue(()))
            });
            runtime.block_on(told).unwrap()
        });
        assert!(runtime.block_on(client.call(&action())).is_ok());
    }
}
