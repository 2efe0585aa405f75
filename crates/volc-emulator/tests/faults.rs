//! Every fault, as a client sees it on the wire, and what it did to the images.

mod wire;

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use volc_emulator::{Builder, CATALOGUE, DetailsFault, Emulator, ErrorCode, Fault, FaultRule, Image, ImageState, When};
use volc_proto::{Signer, Timestamp};
use wire::{LIMIT, beijing, delete, deletion, emulator, ids, now, open, read, send, signed, temporary, unsigned, who, write};

const NONE: [&str; 0] = [];

/// Two images, and a fault for the first request.
fn first(fault: Fault) -> Emulator {
    emulator(2).fault(When::requests([1]), fault).start().expect("it starts")
}

/// Whether the first request deleted what it named, and the log says so.
#[track_caller]
fn deleted(emulator: &Emulator, expected: bool) {
    let record = &emulator.requests()[0];
    assert!(record.fault.is_some());
    match expected {
        true => assert_eq!((ids(emulator), &record.deleted), (vec!["image-2".to_owned()], &vec!["image-1".to_owned()])),
        false => assert_eq!((ids(emulator).len(), record.deleted.len()), (2, 0)),
    }
}

/// What the next request gets, when the fault is over.
#[track_caller]
fn recovers(emulator: &Emulator, code: &str) {
    assert_eq!(delete(emulator, ["image-1"]).details(), [("image-1".to_owned(), code.to_owned())]);
    assert_eq!(emulator.requests()[1].fault, None);
    assert_eq!(ids(emulator), ["image-2"]);
}

const NOT_FOUND: &str = "InvalidImage.NotFound";

#[test]
fn a_dropped_connection_sends_nothing() {
    for (after_deletion, then) in [(false, ""), (true, NOT_FOUND)] {
        let emulator = first(Fault::Drop { after_deletion });
        assert_eq!(delete(&emulator, ["image-1"]).bytes, b"");
        deleted(&emulator, after_deletion);
        assert_eq!(emulator.requests()[0].status, None);
        recovers(&emulator, then);
    }
}

#[test]
fn an_answer_is_cut_in_its_headers() {
    let emulator = first(Fault::CutHead);
    let answer = delete(&emulator, ["image-1"]);
    let text = String::from_utf8(answer.bytes).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\ncontent-type: "), "{text}");
    assert!(!text.contains("\r\n\r\n"), "{text}");
    deleted(&emulator, true);
    recovers(&emulator, NOT_FOUND);
}

#[test]
fn an_answer_is_cut_in_its_body() {
    let emulator = first(Fault::CutBody);
    let answer = delete(&emulator, ["image-1"]);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.body().len(), answer.length() / 2);
    deleted(&emulator, true);
    recovers(&emulator, NOT_FOUND);
}

#[test]
fn an_error_is_told_before_or_after_the_deletion() {
    for (code, status) in [("InternalError", 500), ("InternalServiceTimeout", 504), ("FlowLimitExceeded", 429)] {
        for (after_deletion, then) in [(false, ""), (true, NOT_FOUND)] {
            let emulator = first(Fault::api_error(code, after_deletion));
            let answer = delete(&emulator, ["image-1"]);
            assert_eq!((answer.status(), answer.code().as_str()), (status, code));
            assert_eq!(answer.header("retry-after"), None);
            deleted(&emulator, after_deletion);
            assert_eq!((emulator.requests()[0].status, emulator.requests()[0].code), (Some(status), Some(code)));
            recovers(&emulator, then);
        }
    }
}

#[test]
fn an_error_has_another_status_or_a_time_to_wait() {
    for code in ["FlowLimitExceeded", "AccountFlowLimitExceeded"] {
        let retry_after = Some("3".to_owned());
        let emulator = first(Fault::ApiError { code: code.to_owned(), after_deletion: false, status: Some(200), retry_after });
        let answer = delete(&emulator, ["image-1"]);
        assert_eq!((answer.status(), answer.code().as_str()), (200, code));
        assert_eq!(answer.header("retry-after").as_deref(), Some("3"));
        deleted(&emulator, false);
    }
}

#[test]
fn every_row_of_the_catalogue_can_be_forced() {
    let name = |row: &ErrorCode| match ErrorCode::find(row.code) == Some(row) {
        true => row.code.to_owned(),
        false => row.code_n.expect("a code's second row has a number").to_string(),
    };
    let rules = CATALOGUE.iter().zip(1..).map(|(row, n)| FaultRule::new(When::requests([n]), Fault::api_error(name(row), false)));
    let emulator = emulator(1).faults(rules).start().unwrap();
    for row in CATALOGUE {
        let answer = delete(&emulator, ["image-1"]);
        let error = &answer.json()["ResponseMetadata"]["Error"];
        assert_eq!((answer.status(), error["Code"].as_str()), (row.status, Some(row.code)));
        assert_eq!(error.get("CodeN").and_then(|n| n.as_u64()), row.code_n.map(u64::from));
        let message = error["Message"].as_str().unwrap();
        assert!(!message.is_empty() && !message.contains('%'), "{message}");
        if !row.message.contains("%s") {
            assert_eq!(message, row.message);
        }
    }
    assert_eq!(ids(&emulator), ["image-1"]);
}

#[test]
fn a_rate_limit_refuses_what_is_too_much() {
    // One token in eleven days.
    let limit = Fault::RateLimit { per_second: 1e-6, burst: 2, retry_after: Some("1".to_owned()) };
    let emulator = emulator(3).fault(When::Always, limit.clone()).start().unwrap();
    assert_eq!(delete(&emulator, ["image-1"]).status(), 200);
    assert_eq!(delete(&emulator, ["image-2"]).status(), 200);
    let answer = delete(&emulator, ["image-3"]);
    assert_eq!((answer.status(), answer.code().as_str()), (429, "FlowLimitExceeded"));
    assert_eq!(answer.header("retry-after").as_deref(), Some("1"));
    assert_eq!(ids(&emulator), ["image-3"]);
    assert_eq!(emulator.requests().into_iter().map(|record| record.fault).collect::<Vec<_>>(), [None, None, Some(limit)]);
}

#[test]
fn a_proxy_answers_in_place_of_the_service() {
    for (after_deletion, then) in [(false, ""), (true, NOT_FOUND)] {
        let emulator = first(Fault::html(502, after_deletion));
        let answer = delete(&emulator, ["image-1"]);
        assert_eq!((answer.status(), answer.header("content-type").as_deref()), (502, Some("text/html")));
        assert!(answer.is_complete() && answer.body().starts_with(b"<html>"));
        assert_eq!(answer.header("x-tt-logid"), None);
        deleted(&emulator, after_deletion);
        recovers(&emulator, then);
    }
}

#[test]
fn an_answer_is_empty() {
    let emulator = first(Fault::empty());
    let answer = delete(&emulator, ["image-1"]);
    assert_eq!((answer.status(), answer.length(), answer.body()), (200, 0, &b""[..]));
    deleted(&emulator, true);
    recovers(&emulator, NOT_FOUND);
}

#[test]
fn an_answer_is_complete_http_and_half_its_json() {
    let emulator = first(Fault::Truncated);
    let answer = delete(&emulator, ["image-1"]);
    assert!(answer.is_complete());
    assert!(answer.body().starts_with(br#"{"ResponseMetadata":{"#));
    assert!(serde_json::from_slice::<serde_json::Value>(answer.body()).unwrap_err().is_eof());
    deleted(&emulator, true);
    recovers(&emulator, NOT_FOUND);
}

#[test]
fn an_answer_is_as_long_as_it_is_told() {
    let emulator = first(Fault::Padded { bytes: (1 << 20) + 1 });
    let answer = delete(&emulator, ["image-1"]);
    assert_eq!(answer.body().len(), (1 << 20) + 1);
    assert_eq!(answer.details(), [("image-1".to_owned(), String::new())]);
    deleted(&emulator, true);
    recovers(&emulator, NOT_FOUND);
}

#[test]
fn an_answer_without_end_does_not_keep_the_emulator_alive() {
    let emulator = first(Fault::Padded { bytes: 1 << 50 });
    let mut stream = ask(&emulator);
    let mut some = vec![0; 3 << 20];
    stream.read_exact(&mut some).unwrap();
    stops_quickly(emulator);
    let _ = stream;
}

/// Sends the deletion of `image-1` and leaves the connection open.
fn ask(emulator: &Emulator) -> TcpStream {
    let mut stream = open(emulator.address()).expect("it listens");
    write(&mut stream, &signed(emulator, &who(), &deletion(["image-1"], &[])), &[]).expect("it reads");
    stream
}

#[track_caller]
fn stops_quickly(emulator: Emulator) {
    let start = Instant::now();
    drop(emulator);
    assert!(start.elapsed() < LIMIT);
}

/// Waits until the first request was counted, and carried out if it is to be.
fn wait_for_request(emulator: &Emulator, answered: bool) {
    let start = Instant::now();
    while !emulator.requests().first().is_some_and(|record| !answered || record.status.is_some()) {
        assert!(start.elapsed() < LIMIT);
        std::thread::yield_now();
    }
}

/// Nothing more comes, and the connection is still open.
fn is_silent(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(Duration::from_millis(50))).expect("not zero");
    let error = stream.read(&mut [0]).expect_err("nothing to read");
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
}

#[test]
fn a_stall_before_the_headers_lasts_as_long_as_the_client_stays() {
    for after_deletion in [false, true] {
        let emulator = first(Fault::StallHead { after_deletion, milliseconds: None });
        let mut stream = ask(&emulator);
        wait_for_request(&emulator, after_deletion);
        is_silent(&mut stream);
        deleted(&emulator, after_deletion);
        stops_quickly(emulator);
    }
}

#[test]
fn a_stall_after_the_headers_lasts_as_long_as_the_client_stays() {
    let emulator = first(Fault::StallBody { milliseconds: None });
    let mut stream = ask(&emulator);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
    is_silent(&mut stream);
    deleted(&emulator, true);
    stops_quickly(emulator);
}

#[test]
fn a_stall_that_ends_is_followed_by_the_answer() {
    let milliseconds = Some(30);
    for fault in [
        Fault::StallHead { after_deletion: false, milliseconds },
        Fault::StallHead { after_deletion: true, milliseconds },
        Fault::StallBody { milliseconds },
    ] {
        let emulator = first(fault);
        let start = Instant::now();
        assert_eq!(read(&mut ask(&emulator)).unwrap().details(), [("image-1".to_owned(), String::new())]);
        assert!(start.elapsed() >= Duration::from_millis(30));
        deleted(&emulator, true);
    }
}

#[test]
fn other_requests_are_answered_during_a_stall() {
    let emulator = first(Fault::StallHead { after_deletion: false, milliseconds: None });
    let _stalled = ask(&emulator);
    wait_for_request(&emulator, false);
    recovers(&emulator, "");
}

#[test]
fn the_clock_is_wrong_for_one_request_and_the_date_says_so() {
    let emulator = first(Fault::Clock { seconds: 5000 });
    let answer = delete(&emulator, ["image-1"]);
    assert_eq!((answer.status(), answer.code().as_str()), (400, "InvalidTimestamp"));
    let told = Timestamp::from(httpdate::parse_http_date(&answer.header("date").unwrap()).unwrap());
    assert!((4940..=5000).contains(&(told.unix() - now().unix())));
    deleted(&emulator, false);

    let emulator = first(Fault::Clock { seconds: 5000 });
    let mut request = unsigned(&emulator, "GET", &deletion(["image-1"], &[]));
    Signer::new(&who(), &beijing(), "ecs").sign(&mut request, b"", now().shifted(5000)).unwrap();
    assert_eq!(send(&emulator, &request).status(), 200);
    deleted(&emulator, true);
}

#[test]
fn a_token_expires_in_the_middle_until_there_is_a_new_key() {
    let emulator = emulator(2).fault(When::requests([2]), Fault::ExpireToken).start().unwrap();
    emulator.add_credentials(temporary());
    let request = signed(&emulator, &temporary(), &deletion(["image-1"], &[]));
    assert_eq!(send(&emulator, &request).status(), 200);
    for _ in 0..2 {
        assert_eq!(send(&emulator, &request).code(), "InvalidSecretToken");
    }
    assert_eq!(delete(&emulator, ["image-2"]).status(), 200);
}

fn listed(builder: Builder, fault: DetailsFault) -> Vec<(String, String)> {
    let emulator = builder.fault(When::Always, Fault::Details(fault)).start().expect("it starts");
    let listed = delete(&emulator, ["image-1", "image-2"]).details();
    assert_eq!(ids(&emulator), NONE);
    listed
}

#[test]
fn details_are_not_what_was_decided() {
    let entry = |id: &str, code: &str| (id.to_owned(), code.to_owned());
    let (one, two) = (entry("image-1", ""), entry("image-2", ""));
    assert_eq!(listed(emulator(2), DetailsFault::Missing), std::slice::from_ref(&two));
    assert_eq!(listed(emulator(2), DetailsFault::Duplicate), [one.clone(), two.clone(), one.clone()]);
    assert_eq!(listed(emulator(2), DetailsFault::Contradiction), [one.clone(), two.clone(), entry("image-1", "InternalError")]);
    assert_eq!(listed(emulator(2), DetailsFault::Foreign), [one, two, entry("image-foreign", "")]);

    let emulator = first(Fault::Details(DetailsFault::Null));
    let json = delete(&emulator, ["image-1"]).json();
    assert!(json["Result"].as_object().unwrap()["OperationDetails"].is_null());
    deleted(&emulator, true);
}

#[test]
fn a_refused_image_can_be_called_deleted_as_well() {
    let images = [Image::new("image-1").state(ImageState::Shared)];
    let contradiction = Fault::Details(DetailsFault::Contradiction);
    let emulator = Emulator::builder().credentials(who()).images(images).fault(When::Always, contradiction).start().unwrap();
    let codes: Vec<_> = delete(&emulator, ["image-1"]).details().into_iter().map(|(_, code)| code).collect();
    assert_eq!(codes, ["InvalidImage.Shared", ""]);
    assert_eq!(ids(&emulator), ["image-1"]);
}

#[test]
fn a_fault_after_the_deletion_does_not_lead_past_the_signature() {
    for fault in
        [Fault::Drop { after_deletion: true }, Fault::html(502, true), Fault::CutBody, Fault::api_error("InternalError", true)]
    {
        let emulator = first(fault);
        let mut request = signed(&emulator, &who(), &deletion(["image-1"], &[]));
        *request.uri_mut() = deletion(["image-2"], &[]).parse().unwrap();
        send(&emulator, &request);
        deleted(&emulator, false);
    }
}
