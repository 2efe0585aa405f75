//! What the server's side refuses although whoever made it had the key: each request is signed by hand, from the rules of
//! the signature document, so that nothing but the part in question is wrong.

use hmac::{Hmac, KeyInit, Mac};
use http::Request;
use sha2::{Digest, Sha256};
use volc_proto::{Credentials, MAX_VALIDITY_SECONDS, Query, Timestamp, VALIDITY_SECONDS, VerifyError, verify};

const DATE: &str = "20231114T221320Z";
const SCOPE: &str = "20231114/cn-beijing/ecs/request";

fn who() -> Credentials {
    Credentials::new("AKLTexample", "secret").expect("a key")
}

fn at() -> Timestamp {
    DATE.parse().expect("a date")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The signature of a canonical request, for a date and a scope that need not belong together.
fn sign(canonical_request: &str, date: &str, scope: &str) -> String {
    let mut key = b"secret".to_vec();
    for step in scope.split('/') {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
        mac.update(step.as_bytes());
        key = mac.finalize().into_bytes().to_vec();
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key of any length");
    mac.update(format!("HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical_request))).as_bytes());
    hex(&mac.finalize().into_bytes())
}

/// A GET of `https://h/?a=b` whose headers are signed as they stand.
fn by_headers(date: &str, scope: &str, headers: &[(&str, &str)], body: &str) -> Request<()> {
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names = names.join(";");
    let signature = sign(&format!("GET\n/\na=b\n{lines}\n{names}\n{}", hex(&Sha256::digest(body))), date, scope);
    let authorization = format!("HMAC-SHA256 Credential=AKLTexample/{scope}, SignedHeaders={names}, Signature={signature}");
    let mut request = Request::get("https://h/?a=b").header("x-date", date).header("authorization", authorization);
    for (name, value) in headers.iter().filter(|(name, _)| *name != "x-date") {
        request = request.header(*name, *value);
    }
    request.body(()).expect("a request")
}

/// A presigned GET of `https://h/`, with these parameters in place of, or beside, the usual ones, and those of `bare` added
/// once it is signed.
fn by_query(changes: &[(&str, &str)], bare: &[(&str, &str)]) -> Request<()> {
    let credential = format!("AKLTexample/{SCOPE}");
    let mut pairs = vec![
        ("Action", "DescribeImages"),
        ("X-Algorithm", "HMAC-SHA256"),
        ("X-Credential", &credential),
        ("X-Date", DATE),
        ("X-NotSignBody", ""),
        ("X-SignedHeaders", "host"),
    ];
    pairs.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    pairs.extend(changes.iter().filter(|(_, value)| *value != "absent"));
    let mut names: Vec<&str> = pairs.iter().map(|(name, _)| *name).chain(["X-SignedQueries"]).collect();
    names.sort_unstable();
    names.dedup();
    let names = names.join(";");
    pairs.push(("X-SignedQueries", &names));
    let query: Query = pairs.iter().copied().collect();
    let signature = sign(&format!("GET\n/\n{query}\nhost:h\n\nhost\n{}", hex(&Sha256::digest(""))), DATE, SCOPE);
    pairs.push(("X-Signature", &signature));
    pairs.extend(bare);
    Request::get(format!("https://h/?{}", pairs.into_iter().collect::<Query>())).body(()).expect("a request")
}

fn answer(request: &Request<()>, body: &[u8], now: Timestamp) -> Result<(), VerifyError> {
    verify(request, body, now, |id| (id == "AKLTexample").then(who)).map(drop)
}

#[test]
fn what_is_signed_by_hand_verifies() {
    let request = by_headers(DATE, SCOPE, &[("host", "h"), ("x-date", DATE)], "");
    assert_eq!(answer(&request, b"", at()), Ok(()));
    assert_eq!(answer(&by_query(&[], &[]), b"", at()), Ok(()));
    assert_eq!(answer(&by_query(&[("b", "1"), ("b", "0")], &[]), b"", at()), Ok(()));
}

#[test]
fn a_date_that_is_not_signed_is_refused() {
    let request = by_headers(DATE, SCOPE, &[("host", "h")], "");
    assert!(matches!(answer(&request, b"", at()), Err(VerifyError::Malformed { .. })));
}

#[test]
fn a_scope_of_another_day_is_refused() {
    let request = by_headers(DATE, "20231115/cn-beijing/ecs/request", &[("host", "h"), ("x-date", DATE)], "");
    assert!(matches!(answer(&request, b"", at()), Err(VerifyError::Credential { .. })));
    let request = by_query(&[("X-Credential", "AKLTexample/20231115/cn-beijing/ecs/request")], &[]);
    assert!(matches!(answer(&request, b"", at()), Err(VerifyError::Credential { .. })));
}

#[test]
fn a_hash_of_another_body_is_refused_even_where_the_signature_holds() {
    let request = by_headers(DATE, SCOPE, &[("x-content-sha256", &hex(&Sha256::digest("other"))), ("x-date", DATE)], "body");
    assert_eq!(answer(&request, b"body", at()), Err(VerifyError::BodyHash));
    let upper = hex(&Sha256::digest("body")).to_ascii_uppercase();
    let request = by_headers(DATE, SCOPE, &[("x-content-sha256", &upper), ("x-date", DATE)], "body");
    assert_eq!(answer(&request, b"body", at()), Ok(()));
}

#[test]
fn a_presigned_request_has_the_validity_that_it_says_within_a_day() {
    let expires = |seconds: &str| by_query(&[("X-Expires", seconds)], &[]);
    for (seconds, last) in [("1", 1), ("60", 60), ("86400", MAX_VALIDITY_SECONDS)] {
        let last = i64::try_from(last).unwrap();
        assert_eq!(answer(&expires(seconds), b"", at().shifted(last)), Ok(()), "{seconds}");
        let late = answer(&expires(seconds), b"", at().shifted(last + 1));
        assert!(matches!(late, Err(VerifyError::Expired { .. })), "{seconds}: {late:?}");
    }
    for seconds in ["", "0", "-1", "86401", "99999999999999999999", "60.5", "a", " 60", "６０"] {
        let answer = answer(&expires(seconds), b"", at());
        assert!(matches!(answer, Err(VerifyError::Malformed { .. })), "{seconds:?}: {answer:?}");
    }
    let last = i64::try_from(VALIDITY_SECONDS).unwrap();
    assert_eq!(answer(&by_query(&[], &[]), b"", at().shifted(last)), Ok(()));
    assert!(matches!(answer(&by_query(&[], &[]), b"", at().shifted(last + 1)), Err(VerifyError::Expired { .. })));
}

#[test]
fn a_parameter_that_nobody_signed_is_refused() {
    for bare in [("ImageIds.1", "image-a"), ("X-Expires", "86400"), ("X-NotSigned", ""), ("x-signature", "")] {
        let answer = answer(&by_query(&[], &[bare]), b"", at());
        assert!(matches!(answer, Err(VerifyError::Malformed { .. })), "{bare:?}: {answer:?}");
    }
    // What needs no signature is looked at all the same.
    assert_eq!(answer(&by_query(&[], &[("X-Security-Token", "t")]), b"", at()), Err(VerifyError::Token));
    for twice in [("X-Signature", "00"), ("X-SignedQueries", "")] {
        let answer = answer(&by_query(&[], &[twice]), b"", at());
        assert!(matches!(answer, Err(VerifyError::Malformed { .. })), "{twice:?}: {answer:?}");
    }
}

#[test]
fn a_presigned_request_lacks_no_part_of_a_signature() {
    for name in ["X-Algorithm", "X-Credential", "X-Date", "X-SignedHeaders"] {
        let answer = answer(&by_query(&[(name, "absent")], &[]), b"", at());
        assert!(matches!(answer, Err(VerifyError::Malformed { .. })), "{name}: {answer:?}");
    }
    let answer = answer(&by_query(&[("X-Algorithm", "HMAC-SHA1")], &[]), b"", at());
    assert!(matches!(answer, Err(VerifyError::Malformed { .. })), "{answer:?}");
}

#[test]
fn a_presigned_request_has_no_body() {
    assert_eq!(answer(&by_query(&[], &[]), b"a=b", at()), Err(VerifyError::Signature));
}

#[test]
fn the_header_decides_where_there_are_two_signatures() {
    let mut request = by_query(&[], &[]);
    request.headers_mut().insert("authorization", "Basic YTpi".parse().unwrap());
    assert!(matches!(answer(&request, b"", at()), Err(VerifyError::Malformed { .. })));
}
