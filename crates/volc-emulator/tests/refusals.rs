//! Every request that is refused, by what causes it. Nothing is deleted by any of them.

mod wire;

use http::Request;
use http::header::{AUTHORIZATION, HOST};
use volc_emulator::{Emulator, Expiry, Image, Visibility};
use volc_proto::ecs::DescribeImages;
use volc_proto::sts::GetCallerIdentity;
use volc_proto::{Credentials, Signer, Timestamp};
use wire::{beijing, call, delete, deletion, emulator, ids, now, send, signed, temporary, unsigned, who};

/// One more than the image that must stay.
const ONE: [&str; 1] = ["image-1"];

#[track_caller]
fn refused(emulator: &Emulator, request: &Request<()>, status: u16, code: &str, code_n: Option<u32>, message: &str) {
    let answer = send(emulator, request);
    let error = &answer.json()["ResponseMetadata"]["Error"];
    assert_eq!(error["Code"], code);
    assert_eq!(error["Message"], message, "{code}");
    assert_eq!(error.get("CodeN").and_then(|n| n.as_u64()), code_n.map(u64::from), "{code}");
    assert_eq!(answer.status(), status, "{code}");
    assert!(answer.json().get("Result").is_none());
    assert_eq!(ids(emulator), ONE);
    let log = emulator.requests();
    let last = log.last().expect("it was counted");
    assert_eq!((last.status, last.code, last.deleted.len()), (Some(status), Some(code), 0));
}

/// Signed, and then changed.
fn changed(emulator: &Emulator, change: impl FnOnce(&mut Request<()>)) -> Request<()> {
    let mut request = signed(emulator, &who(), &deletion(ONE, &[]));
    change(&mut request);
    request
}

/// `Authorization` with one text in place of another.
fn rewritten(emulator: &Emulator, from: &str, to: &str) -> Request<()> {
    changed(emulator, |request| {
        let value = request.headers()[AUTHORIZATION].to_str().expect("text").replacen(from, to, 1);
        request.headers_mut().insert(AUTHORIZATION, value.parse().expect("a header's value"));
    })
}

#[test]
fn wrong_ids_and_arguments() {
    let emulator = emulator(1).start().unwrap();
    let go = |target: &str| signed(&emulator, &who(), target);
    let missing = "The required parameter ImageId is not supplied.";
    refused(&emulator, &go(&deletion([""; 0], &[])), 400, "MissingParameter.ImageId", None, missing);
    refused(&emulator, &go(&deletion([""; 0], &[("ImageIds", "")])), 400, "MissingParameter.ImageId", None, missing);
    let names: Vec<_> = (1..=101).map(|n| format!("image-{n}")).collect();
    let limit = "You've reached the limit on the number of ImageIds that you can set.";
    refused(&emulator, &go(&deletion(&names, &[])), 400, "LimitExceeded.MaximumImageIds", None, limit);
    let invalid = "The specified argument is invalid.";
    for (name, value) in [
        ("DeleteBindedSnapshots", "True"),
        ("DeleteBindedSnapshots", ""),
        ("ImageIds.0", "a"),
        ("ImageIds.x", "a"),
        ("ImageIds.2", ""),
    ] {
        refused(&emulator, &go(&deletion(ONE, &[(name, value)])), 400, "InvalidArgument", None, invalid);
    }
}

#[test]
fn wrong_action_version_service_and_method() {
    let emulator = emulator(1).start().unwrap();
    for (target, name) in
        [("/?Version=2020-04-01", "Action"), ("/?Action=DeleteImages", "Version"), ("/?Action=&Version=1", "Action")]
    {
        let message = format!("The request is missing {name} parameter.");
        refused(&emulator, &signed(&emulator, &who(), target), 400, "MissingParameter", Some(100002), &message);
    }
    for (action, version) in [("DeleteImage", "2020-04-01"), ("DeleteImages", "2025-11-01")] {
        let request = signed(&emulator, &who(), &format!("/?Action={action}&Version={version}&ImageIds.1=image-1"));
        let message = format!("Could not find operation {action} for version {version}.");
        refused(&emulator, &request, 404, "InvalidActionOrVersion", Some(100008), &message);
    }
    let mut request = unsigned(&emulator, "GET", &deletion(ONE, &[]));
    Signer::new(&who(), &beijing(), "ecx").sign(&mut request, b"", now()).unwrap();
    refused(&emulator, &request, 404, "ServiceNotFound", Some(100007), "This service[ecx] not found.");
    let mut request = unsigned(&emulator, "GET", &deletion(ONE, &[]));
    Signer::new(&who(), &beijing(), "sts").sign(&mut request, b"", now()).unwrap();
    let message = "Could not find operation DeleteImages for version 2020-04-01.";
    refused(&emulator, &request, 404, "InvalidActionOrVersion", Some(100008), message);
    for method in ["POST", "PUT", "DELETE"] {
        let mut request = unsigned(&emulator, method, &deletion(ONE, &[]));
        Signer::new(&who(), &beijing(), "ecs").sign(&mut request, b"", now()).unwrap();
        request.headers_mut().insert("content-length", "0".parse().unwrap());
        refused(&emulator, &request, 405, "MethodNotAllowed", None, "Http method is not allowed.");
    }
}

#[test]
fn a_signature_that_is_missing_or_cannot_be_read() {
    let emulator = emulator(1).start().unwrap();
    let request = changed(&emulator, |request| drop(request.headers_mut().remove(AUTHORIZATION)));
    let message = "Request is missing Authentication Token";
    refused(&emulator, &request, 401, "MissingAuthenticationToken", Some(100003), message);

    let request = rewritten(&emulator, ", Signature=", ", S=");
    refused(&emulator, &request, 401, "MissingSignature", Some(100005), "The request is missing signature.");

    let message = "Invalid 'Authorization' header, Pls check authorization header.";
    for (from, to) in
        [("HMAC-SHA256 ", "AWS4-HMAC-SHA256 "), ("x-date", "x-other"), ("Signature=", "Signature=zz"), ("Credential=", "C=")]
    {
        refused(&emulator, &rewritten(&emulator, from, to), 400, "InvalidAuthorization", Some(100024), message);
    }

    let message = "Invalid credential in 'Authorization', Pls check credential in authorization header.";
    for (from, to) in
        [("/request", "/aws4_request"), ("/ecs", ""), ("/cn-beijing", "/cn.beijing"), ("AKLTtest/20", "AKLTtest/19")]
    {
        refused(&emulator, &rewritten(&emulator, from, to), 400, "InvalidCredential", Some(100025), message);
    }

    let request = changed(&emulator, |request| drop(request.headers_mut().remove("x-date")));
    refused(&emulator, &request, 400, "MissingRequestInfo", Some(100004), "The request is missing X-Date information.");
}

#[test]
fn a_signature_that_does_not_hold() {
    let emulator = emulator(1).start().unwrap();
    let stranger = Credentials::new("AKLTstranger", "test-secret").unwrap();
    let message = "The accesskey [AKLTstranger] included in the request is invalid.";
    let request = signed(&emulator, &stranger, &deletion(ONE, &[]));
    refused(&emulator, &request, 401, "InvalidAccessKey", Some(100009), message);

    let message = "The request signature we calculated does not match the signature you provided. Check your Secret Access Key \
                   and signing method. Consult the service documentation for details.";
    let wrong_secret = Credentials::new("AKLTtest", "guess").unwrap();
    let other_ids = |request: &mut Request<()>| *request.uri_mut() = deletion(["image-1", "image-2"], &[]).parse().unwrap();
    let other_host = |request: &mut Request<()>| drop(request.headers_mut().insert(HOST, "example.com".parse().unwrap()));
    let other_body = |request: &mut Request<()>| {
        request.headers_mut().insert("x-content-sha256", "0".repeat(64).parse().unwrap());
    };
    for request in [
        signed(&emulator, &wrong_secret, &deletion(ONE, &[])),
        changed(&emulator, other_ids),
        changed(&emulator, other_host),
        changed(&emulator, other_body),
        rewritten(&emulator, "host;", "host;x-absent;"),
    ] {
        refused(&emulator, &request, 401, "SignatureDoesNotMatch", Some(100010), message);
    }
}

#[test]
fn a_signature_of_another_time() {
    let emulator = emulator(1).start().unwrap();
    let message = "The Signature of the request is expired.";
    for seconds in [-1000, 1000] {
        let mut request = unsigned(&emulator, "GET", &deletion(ONE, &[]));
        Signer::new(&who(), &beijing(), "ecs").sign(&mut request, b"", now().shifted(seconds)).unwrap();
        refused(&emulator, &request, 400, "InvalidTimestamp", Some(100006), message);
    }
}

#[test]
fn a_clock_that_is_wrong_refuses_what_is_right_and_says_its_time() {
    let emulator = emulator(1).clock_offset(-7200).start().unwrap();
    let request = signed(&emulator, &who(), &deletion(ONE, &[]));
    refused(&emulator, &request, 400, "InvalidTimestamp", Some(100006), "The Signature of the request is expired.");
    let date = send(&emulator, &request).header("date").unwrap();
    let told = Timestamp::from(httpdate::parse_http_date(&date).unwrap());
    assert!((7190..=7260).contains(&now().unix().abs_diff(told.unix())), "{date}");

    let mut request = unsigned(&emulator, "GET", &deletion(ONE, &[]));
    Signer::new(&who(), &beijing(), "ecs").sign(&mut request, b"", told).unwrap();
    assert_eq!(send(&emulator, &request).status(), 200);
}

#[test]
fn a_session_token_that_is_not_the_keys() {
    let emulator = emulator(1).start().unwrap();
    emulator.add_credentials(temporary());
    let message = "Invalid secret token, msg: token is not the access key's.";
    let without = Credentials::new("AKTPtest", "other-secret").unwrap();
    let other = without.clone().with_session_token("other").unwrap();
    let uncalled_for = who().with_session_token("any").unwrap();
    for who in [without, other, uncalled_for] {
        let request = signed(&emulator, &who, &deletion(ONE, &[]));
        refused(&emulator, &request, 401, "InvalidSecretToken", Some(100026), message);
    }
}

#[test]
fn a_session_token_that_expired_until_there_is_a_new_one() {
    let emulator = emulator(1).temporary_credentials(temporary(), Expiry::AfterRequests(2)).start().unwrap();
    let request = signed(&emulator, &temporary(), &deletion(["image-x"], &[]));
    assert_eq!([send(&emulator, &request).status(), send(&emulator, &request).status()], [200, 200]);
    let message = "Invalid secret token, msg: token expired.";
    refused(&emulator, &request, 401, "InvalidSecretToken", Some(100026), message);

    emulator.add_temporary_credentials(temporary(), Expiry::At(now().shifted(3600)));
    assert_eq!(send(&emulator, &request).status(), 200);
    emulator.add_temporary_credentials(temporary(), Expiry::At(now().shifted(-1)));
    refused(&emulator, &request, 401, "InvalidSecretToken", Some(100026), message);

    emulator.remove_credentials("AKTPtest");
    let message = "The accesskey [AKTPtest] included in the request is invalid.";
    refused(&emulator, &request, 401, "InvalidAccessKey", Some(100009), message);
}

#[test]
fn one_image_without_permission_refuses_the_whole_call() {
    let images = [Image::new("image-1"), Image::new("image-2").project("locked"), Image::new("image-3").project("open")];
    let emulator =
        Emulator::builder().credentials(who()).images(images).deny_image("image-1").deny_project("locked").start().unwrap();
    let answer = delete(&emulator, ["image-3", "image-1"]);
    assert_eq!((answer.status(), answer.code().as_str()), (403, "AccessDenied"));
    let message = "User is not authorized to perform: ecs:DeleteImages on resource: trn:ecs:cn-beijing:2100000000:image/image-1.";
    let error = &answer.json()["ResponseMetadata"]["Error"];
    assert_eq!((error["Message"].as_str(), error["CodeN"].as_u64()), (Some(message), Some(100013)));

    let answer = delete(&emulator, ["image-3", "image-2"]);
    assert_eq!((answer.status(), answer.code().as_str()), (403, "LackProjectPolicy"));
    assert_eq!(ids(&emulator).len(), 3);

    assert_eq!(delete(&emulator, ["image-3"]).status(), 200);
    assert_eq!(ids(&emulator), ["image-1", "image-2"]);
}

#[test]
fn an_image_of_somebody_else_is_one_without_permission() {
    let images = [
        Image::new("image-own").owner("21"),
        Image::new("image-public").visibility(Visibility::Public),
        Image::new("image-shared").visibility(Visibility::Shared),
        Image::new("image-foreign").owner("22"),
    ];
    let emulator = Emulator::builder().credentials(who()).account_id(21).images(images).start().unwrap();
    for id in ["image-public", "image-shared", "image-foreign"] {
        let answer = delete(&emulator, ["image-own", id]);
        assert_eq!((answer.status(), answer.code().as_str()), (403, "AccessDenied"), "{id}");
        let message = answer.json()["ResponseMetadata"]["Error"]["Message"].clone();
        assert!(message.as_str().unwrap().ends_with(&format!("trn:ecs:cn-beijing:21:image/{id}.")), "{message}");
    }
    assert_eq!(ids(&emulator).len(), 4);
    assert_eq!(delete(&emulator, ["image-own"]).details(), [("image-own".to_owned(), String::new())]);
}

#[test]
fn an_action_without_permission_is_denied_and_the_others_are_not() {
    for (denied, resource) in [
        ("DeleteImages", "ecs:DeleteImages on resource: trn:ecs:cn-beijing:2100000000:image/*."),
        ("DescribeImages", "ecs:DescribeImages on resource: trn:ecs:cn-beijing:2100000000:image/*."),
        ("GetCallerIdentity", "sts:GetCallerIdentity on resource: *."),
    ] {
        let emulator = emulator(1).deny_action(denied).start().unwrap();
        let answers = [
            ("GetCallerIdentity", call(&emulator, &GetCallerIdentity)),
            ("DescribeImages", call(&emulator, &DescribeImages::new())),
            ("DeleteImages", delete(&emulator, ONE)),
        ];
        for (action, answer) in answers {
            assert_eq!(answer.status(), if action == denied { 403 } else { 200 }, "{denied} {action}");
            if action == denied {
                let message = answer.json()["ResponseMetadata"]["Error"]["Message"].clone();
                assert_eq!(message, format!("User is not authorized to perform: {resource}"));
            }
        }
    }
}
