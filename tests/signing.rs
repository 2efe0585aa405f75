//! What the signer refuses, and that it then leaves everything as it was.

use http::header::{AUTHORIZATION, HOST, HeaderName};
use http::{Request, Uri};
use volc_proto::{Credentials, MAX_VALIDITY_SECONDS, Query, Region, SignError, Signer, Timestamp, verify};

const X_DATE: HeaderName = HeaderName::from_static("x-date");
const X_NOTE: HeaderName = HeaderName::from_static("x-note");

fn who() -> Credentials {
    Credentials::new("AKLTexample", "secret").expect("a key").with_session_token("token").expect("a token")
}

fn region() -> Region {
    Region::new("cn-beijing").expect("a region")
}

fn request(uri: &str) -> Request<()> {
    Request::get(uri).header("x-note", "a").body(()).expect("a request")
}

/// Signs and expects a refusal that changes nothing.
fn refusal(mut request: Request<()>, service: &str, names: Option<&[HeaderName]>) -> SignError {
    let (uri, headers) = (request.uri().clone(), request.headers().clone());
    let (who, region) = (who(), region());
    let mut signer = Signer::new(&who, &region, service);
    if let Some(names) = names {
        signer = signer.headers(names);
    }
    let error = signer.sign(&mut request, b"", Timestamp::MAX).expect_err("a refusal");
    assert_eq!((request.uri(), request.headers()), (&uri, &headers), "{error}");
    assert_eq!(signer.signature(&request, b"", Timestamp::MAX).err(), Some(error.clone()));
    error
}

#[test]
fn a_request_that_is_signed_already_is_refused() {
    for parameter in ["X-Signature=00", "X-Credential=a", "X-Security-Token=t", "X%2DSignature"] {
        assert_eq!(refusal(request(&format!("https://h/?a=b&{parameter}")), "ecs", None), SignError::AlreadySigned);
    }
    for name in [AUTHORIZATION, HeaderName::from_static("x-security-token")] {
        let mut signed = request("https://h/");
        signed.headers_mut().insert(name, "x".parse().unwrap());
        assert_eq!(refusal(signed, "ecs", None), SignError::AlreadySigned);
    }
}

#[test]
fn a_signature_that_would_be_valid_for_ever_is_refused() {
    assert_eq!(refusal(request("https://h/"), "ecs", Some(&[HOST])), SignError::DateNotSigned);
    assert_eq!(refusal(request("https://h/"), "ecs", Some(&[])), SignError::DateNotSigned);
}

#[test]
fn a_header_that_is_not_there_or_there_twice_is_not_signed() {
    let absent = HeaderName::from_static("x-absent");
    let missing = refusal(request("https://h/"), "ecs", Some(&[X_DATE, absent.clone()]));
    assert_eq!(missing, SignError::MissingHeader { name: absent });
    assert_eq!(refusal(request("/?a=b"), "ecs", None), SignError::MissingHeader { name: HOST });

    let mut twice = request("https://h/");
    twice.headers_mut().append(X_NOTE, "b".parse().unwrap());
    assert_eq!(refusal(twice.clone(), "ecs", None), SignError::RepeatedHeader { name: X_NOTE });
    twice.headers_mut().append(HOST, "h".parse().unwrap());
    twice.headers_mut().append(HOST, "h".parse().unwrap());
    assert_eq!(refusal(twice, "ecs", Some(&[X_DATE, HOST])), SignError::RepeatedHeader { name: HOST });
}

#[test]
fn a_header_that_is_named_twice_or_there_already_is_signed_once() {
    let (who, region) = (who(), region());
    let mut request = request("https://h/");
    request.headers_mut().insert(X_DATE, "20000101T000000Z".parse().unwrap());
    request.headers_mut().insert("x-content-sha256", "00".parse().unwrap());
    let signer = Signer::new(&who, &region, "ecs");
    let signature = signer.signature(&request, b"", Timestamp::MAX).unwrap();
    assert_eq!(signature.signed_headers(), "host;x-content-sha256;x-date;x-note;x-security-token");
    let signature = signer.headers(&[HOST, X_DATE, HOST, X_DATE]).signature(&request, b"", Timestamp::MAX).unwrap();
    assert_eq!(signature.signed_headers(), "host;x-date");

    // What was there is replaced, whatever it said.
    signer.sign(&mut request, b"", Timestamp::MAX).unwrap();
    assert_eq!(request.headers()[X_DATE], "99991231T235959Z");
    assert!(verify(&request, b"", Timestamp::MAX, |_| Some(who.clone())).is_ok());
}

#[test]
fn a_service_that_would_break_the_scope_is_refused() {
    for service in ["", "e/cs", "ecs\n", "e cs", "ecs,", "é"] {
        let error = SignError::InvalidService { service: service.to_owned() };
        assert_eq!(refusal(request("https://h/"), service, None), error);
        let (who, region) = (who(), region());
        let presigned = Signer::new(&who, &region, service).presign(&Uri::from_static("https://h/"), Timestamp::MAX, None);
        assert_eq!(presigned, Err(error));
    }
}

#[test]
fn what_cannot_be_presigned_is_refused() {
    let (who, region) = (who(), region());
    let presign = |uri: &str, names: &[HeaderName], valid_for| {
        let signer = Signer::new(&who, &region, "ecs").headers(names);
        signer.presign(&uri.parse().unwrap(), Timestamp::MAX, valid_for).expect_err(uri)
    };
    for parameter in [
        "X-Algorithm=HMAC-SHA256",
        "X-Credential=",
        "X-Date=20240517T081122Z",
        "X-Expires=60",
        "X-NotSignBody",
        "X-Security-Token=t",
        "X-Signature=00",
        "X-SignedHeaders",
        "X-SignedQueries",
    ] {
        assert_eq!(presign(&format!("https://h/?{parameter}"), &[HOST], None), SignError::AlreadySigned, "{parameter}");
    }
    for seconds in [0, MAX_VALIDITY_SECONDS + 1, u64::MAX] {
        assert_eq!(presign("https://h/", &[HOST], Some(seconds)), SignError::Validity { seconds });
    }
    assert_eq!(presign("https://h/", &[HOST, X_DATE], None), SignError::MissingHeader { name: X_DATE });
    assert_eq!(presign("/?a=b", &[HOST], None), SignError::MissingHeader { name: HOST });
    assert!(matches!(presign("https://h/?a;b=c", &[HOST], None), SignError::Uri { .. }));
    assert!(matches!(presign("h:443", &[HOST], None), SignError::Uri { .. }));
    let long = format!("https://h/?{}", "!".repeat(30_000));
    assert!(matches!(presign(&long, &[HOST], None), SignError::Uri { .. }));
}

#[test]
fn a_presigned_uri_lists_each_name_once_and_keeps_equal_names_in_their_order() {
    let (who, region) = (who(), region());
    let uri = Uri::from_static("https://h/?b=2&a=+&b=1");
    let presigned = Signer::new(&who, &region, "ecs").presign(&uri, Timestamp::MAX, None).unwrap();
    let query = Query::parse(presigned.as_str().split_once('?').unwrap().1);
    let listed = query.first("X-SignedQueries");
    let expected = "X-Algorithm;X-Credential;X-Date;X-NotSignBody;X-SignedHeaders;X-SignedQueries;a;b";
    assert_eq!(listed.as_deref(), Some(expected.as_bytes()));
    assert!(presigned.as_str().ends_with("&a=%20&b=2&b=1"), "{}", query.as_str().len());
    let request = Request::get(presigned.into_uri()).body(()).unwrap();
    assert!(verify(&request, b"", Timestamp::MAX, |_| Some(who.clone())).is_ok());
}

#[test]
fn a_path_alone_can_be_presigned_where_no_host_is_signed() {
    let (who, region) = (who(), region());
    let presigned = Signer::new(&who, &region, "ecs").headers(&[]).presign(&Uri::from_static("/?a=b"), Timestamp::MAX, None);
    assert!(presigned.unwrap().as_str().starts_with("/?X-Algorithm="));
}
