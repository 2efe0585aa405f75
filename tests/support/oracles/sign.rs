use http::Request;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use volc_proto::{Signer, Timestamp, VALIDITY_SECONDS};

use super::draft::{Draft, Server, add, same, with, with_uri};
use crate::vectors::Wire;

/// Holds: what is signed verifies, and nothing else does.
///
/// - Signing adds the signature's headers and changes nothing else; where it refuses, it changes nothing at all.
/// - The request verifies within 900 seconds of its date, whatever its query's spelling and the blanks around its headers.
/// - It does not with another method, path, parameter, signed header, body, secret, token, date, region, service or key ID.
///
/// Input: bytes that are read one after another as choices (method, host, path, parameters, headers, key, time), then the
/// body. Missing bytes are zero.
pub fn sign_verify(data: &[u8]) {
    let draft = Draft::read(data);
    let Draft { who, region, service, at, body, .. } = &draft;
    let mut signer = Signer::new(who, region, service);
    if let Some(names) = &draft.signed {
        signer = signer.headers(names);
    }
    let unsigned = draft.request(Wire::Escaped);
    let mut request = unsigned.clone();
    let result = signer.sign(&mut request, body, *at);
    assert_eq!(result.as_ref().err(), signer.signature(&unsigned, body, *at).err().as_ref());
    if let Err(error) = result {
        assert!(same(&request, &unsigned), "{error}: the request was changed");
        assert!(draft.may_be_refused(&error), "{error}: {unsigned:?}");
        return;
    }

    let mut stripped = request.clone();
    for name in ["authorization", "x-date", "x-content-sha256", "x-security-token"] {
        stripped.headers_mut().remove(name);
    }
    assert!(same(&stripped, &unsigned), "{request:?} from {unsigned:?}");

    let names = signed_names(&request);
    let server = Server { who, body, at: *at };
    server.accepts("as it is", &request);
    server.accepts_until(&request, VALIDITY_SECONDS);
    for wire in Wire::ALL {
        server.accepts("its query spelled otherwise", &with_uri(&request, draft.uri(wire)));
    }
    server.accepts("another header", &with(&request, |request| add(request, "x-unsigned", "1")));
    for name in names.iter().filter(|name| request.headers().contains_key(*name)) {
        let value = [b" \t", request.headers()[name].as_bytes(), b" "].concat();
        let padded = HeaderValue::from_bytes(&value).expect("blanks are allowed around a value");
        server.accepts("blanks around a header", &with(&request, |r| drop(r.headers_mut().insert(name, padded.clone()))));
    }

    draft.changes(&mut |what, draft: &Draft| {
        server.refuses(
            what,
            &with(&request, |request| {
                *request.method_mut() = draft.method.parse().expect("a method");
                *request.uri_mut() = draft.uri(Wire::Escaped);
            }),
        );
    });
    let elsewhere = Draft { host: "elsewhere.example", ..draft.clone() }.uri(Wire::Escaped);
    if !names.contains(&HOST) {
        server.accepts("another host", &with_uri(&request, elsewhere.clone()));
    }
    for name in &names {
        server.refuses(
            "a signed header taken away",
            &with(&request, |r| {
                r.headers_mut().remove(name);
                if *name == HOST {
                    *r.uri_mut() = elsewhere.clone();
                }
            }),
        );
        if request.headers().contains_key(name) {
            let value = [request.headers()[name].as_bytes(), b"x"].concat();
            let other = HeaderValue::from_bytes(&value).expect("visible characters");
            server.refuses("a signed header changed", &with(&request, |r| drop(r.headers_mut().insert(name, other.clone()))));
        }
    }
    refuses_authorizations(&server, &request);
    server.refuses_others(&request);
}

/// Every part of `Authorization` counts.
fn refuses_authorizations(server: &Server<'_>, request: &Request<()>) {
    let header = &request.headers()[AUTHORIZATION];
    assert!(header.is_sensitive());
    let text = header.to_str().expect("ASCII");
    let (rest, signature) = text.rsplit_once('=').expect("a signature");
    let turned: String = signature.chars().map(|c| if c == '0' { '1' } else { '0' }).collect();
    let mut others = vec![
        format!("{rest}={turned}"),
        format!("{rest}={}", &signature[..63]),
        format!("{rest}={signature}0"),
        format!("{rest}="),
        text.replace("HMAC-SHA256", "HMAC-SHA1"),
        text.replace("Credential=", "Credential=x"),
        text.replace("/cn-", "/us-").replace("/ap-", "/us-"),
        text.replace("/ecs/", "/ebs/").replace("/iam/", "/ebs/").replace("/storage_ebs/", "/ebs/"),
        text.replace("/request", "/aws4_request"),
        text.replace("SignedHeaders=", "SignedHeaders=x-unsigned;"),
        text.replace(", ", ", Signature=0, "),
        String::new(),
    ];
    if signature.contains(|c: char| c.is_ascii_alphabetic()) {
        others.push(format!("{rest}={}", signature.to_ascii_uppercase()));
    }
    for other in others {
        let value = HeaderValue::from_str(&other).expect("ASCII");
        server.refuses(
            "another Authorization",
            &with(request, |r| {
                add(r, "x-unsigned", "1");
                r.headers_mut().insert(AUTHORIZATION, value.clone());
            }),
        );
    }
    server.refuses("no Authorization", &with(request, |r| drop(r.headers_mut().remove(AUTHORIZATION))));
    server.refuses("two of them", &with(request, |r| assert!(r.headers_mut().append(AUTHORIZATION, header.clone()))));
    let date = server.at.shifted(if server.at == Timestamp::MAX { -1 } else { 1 }).to_string();
    server.refuses("another date", &with(request, |r| add(r, "x-date", &date)));
    server.refuses("another hash", &with(request, |r| add(r, "x-content-sha256", "00")));
    server.refuses("another token", &with(request, |r| add(r, "x-security-token", "another/token")));
}

/// What `Authorization` says is signed.
fn signed_names(request: &Request<()>) -> Vec<HeaderName> {
    let text = request.headers()[AUTHORIZATION].to_str().expect("ASCII");
    let names = text.split("SignedHeaders=").nth(1).and_then(|rest| rest.split(',').next()).expect("signed headers");
    let names: Vec<&str> = names.split(';').collect();
    assert!(names.windows(2).all(|two| two[0] < two[1]), "expected ascending names without repetition: {names:?}");
    names.iter().map(|name| name.parse().expect("a header's name")).collect()
}
