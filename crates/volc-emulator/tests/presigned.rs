//! Requests that carry their signature in the query: what is accepted, what is refused, what is told of them.

mod wire;

use http::{Request, Uri};
use volc_emulator::{Emulator, Expiry, Fault, When};
use volc_proto::{Credentials, Signer};
use wire::{beijing, deletion, emulator, ids, now, send, temporary, unsigned, who};

/// The target of a presigned deletion of `image-1`, signed so many seconds ago.
fn target(emulator: &Emulator, who: &Credentials, ago: i64, valid_for: Option<u64>) -> String {
    let uri: Uri = format!("{}{}", emulator.url(), deletion(["image-1"], &[])).parse().expect("a URI");
    let presigned = Signer::new(who, &beijing(), "ecs").presign(&uri, now().shifted(-ago), valid_for).expect("it can be signed");
    presigned.into_uri().path_and_query().expect("a path").to_string()
}

fn presigned(emulator: &Emulator, who: &Credentials) -> Request<()> {
    unsigned(emulator, "GET", &target(emulator, who, 0, None))
}

/// The target with one parameter written in another way, or left out.
fn changed(emulator: &Emulator, change: impl Fn(&str) -> Option<String>) -> Request<()> {
    let target = target(emulator, &who(), 0, None);
    let pairs: Vec<_> = target.trim_start_matches("/?").split('&').filter_map(change).collect();
    unsigned(emulator, "GET", &format!("/?{}", pairs.join("&")))
}

#[test]
fn a_presigned_request_is_carried_out_and_its_answer_says_for_whom() {
    let emulator = emulator(2).start().unwrap();
    let answer = send(&emulator, &presigned(&emulator, &who()));
    assert_eq!(answer.details(), [("image-1".to_owned(), String::new())]);
    let metadata = &answer.json()["ResponseMetadata"];
    assert_eq!((metadata["Service"].as_str(), metadata["Region"].as_str()), (Some("ecs"), Some("cn-beijing")));
    assert_eq!(ids(&emulator), ["image-2"]);
}

#[test]
fn the_log_tells_when_it_was_signed_and_no_secret() {
    let emulator = emulator(1).start().unwrap();
    emulator.add_credentials(temporary());
    let target = target(&emulator, &temporary(), 100, None);
    assert_eq!(send(&emulator, &unsigned(&emulator, "GET", &target)).status(), 200);
    let (_, date) = target.split_once("X-Date=").unwrap();
    let log = emulator.requests();
    assert_eq!(log[0].signed_at.unwrap().to_string(), date[..16]);
    let (_, signature) = target.split_once("X-Signature=").unwrap();
    let shown = format!("{log:?}");
    for secret in ["AKTPtest", "to+ken", "to%2Bken", signature] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn what_is_wrong_with_a_query_signature_has_the_same_codes_as_in_headers() {
    let emulator = emulator(1).start().unwrap();
    let without = |name: &'static str| changed(&emulator, move |pair| (!pair.starts_with(name)).then(|| pair.to_owned()));
    let with = |from: &'static str, to: &'static str| changed(&emulator, move |pair| Some(pair.replacen(from, to, 1)));
    let cases = [
        (without("X-"), 401, "MissingAuthenticationToken"),
        (without("X-Signature="), 401, "MissingSignature"),
        (without("X-Date="), 400, "MissingRequestInfo"),
        (without("X-Algorithm="), 400, "InvalidAuthorization"),
        (with("X-Date=2", "X-Date=x"), 400, "InvalidAuthorization"),
        (with("%2Frequest", "%2Faws4_request"), 400, "InvalidCredential"),
        (with("AKLTtest", "AKLTstranger"), 401, "InvalidAccessKey"),
        (with("image-1", "image-2"), 401, "SignatureDoesNotMatch"),
        (with("Action=", "Extra=1&Action="), 400, "InvalidAuthorization"),
    ];
    for (request, status, code) in cases {
        let answer = send(&emulator, &request);
        assert_eq!((answer.code().as_str(), answer.status()), (code, status), "{}", request.uri());
    }
    assert_eq!(ids(&emulator), ["image-1"]);
}

#[test]
fn it_expires_when_it_says_so_and_otherwise_after_a_quarter_of_an_hour() {
    let emulator = emulator(1).start().unwrap();
    for (ago, valid_for, refused) in
        [(61, Some(1), true), (1000, None, true), (1000, Some(3000), false), (100, None, false), (-1000, None, true)]
    {
        let answer = send(&emulator, &unsigned(&emulator, "GET", &target(&emulator, &who(), ago, valid_for)));
        match refused {
            true => assert_eq!((answer.code().as_str(), answer.status()), ("InvalidTimestamp", 400), "{ago}"),
            false => assert_eq!(answer.status(), 200, "{ago}"),
        }
    }
}

#[test]
fn its_session_token_must_be_the_keys_and_can_expire() {
    let emulator = emulator(1).temporary_credentials(temporary(), Expiry::AfterRequests(1)).start().unwrap();
    let request = presigned(&emulator, &temporary());
    assert_eq!(send(&emulator, &request).status(), 200);
    assert_eq!(send(&emulator, &request).code(), "InvalidSecretToken");
    emulator.add_credentials(temporary());
    let other = Credentials::new("AKTPtest", "other-secret").unwrap().with_session_token("other").unwrap();
    assert_eq!(send(&emulator, &presigned(&emulator, &other)).code(), "InvalidSecretToken");
    assert_eq!(send(&emulator, &request).status(), 200);
}

#[test]
fn a_fault_finds_its_session_token() {
    let emulator = emulator(1).fault(When::requests([1]), Fault::ExpireToken).start().unwrap();
    emulator.add_credentials(temporary());
    let request = presigned(&emulator, &temporary());
    for _ in 0..2 {
        assert_eq!(send(&emulator, &request).code(), "InvalidSecretToken");
    }
    assert_eq!(ids(&emulator), ["image-1"]);
}
