//! Every signing vector, byte for byte. Each was checked by at least two programs before it came here, one of them an
//! official SDK or the signature document itself.

use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use volc_proto::{Query, Signature, Signer, verify};
use volc_tests::vectors::{Signed, Vector, Wire, signing_vectors};

fn vectors(kind: &str) -> Vec<Vector<Signed>> {
    let mut vectors = signing_vectors();
    assert!(vectors.len() >= 64, "expected the published vectors, found {}", vectors.len());
    vectors.retain(|vector| vector.kind == kind);
    vectors
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn the_canonical_query_is_that_of_the_vectors_however_it_was_written() {
    for vector in vectors("header") {
        let expected = &vector.rest.expected.canonical_query;
        assert_eq!(vector.query.iter().map(|(n, v)| (n, v)).collect::<Query>().as_str(), expected, "{}", vector.id);
        for wire in Wire::ALL {
            assert_eq!(Query::parse(&wire.write(&vector.query)).as_str(), expected, "{} {wire:?}", vector.id);
        }
    }
}

#[test]
fn every_step_of_a_signature_is_that_of_the_vectors() {
    for vector in vectors("header") {
        let (who, region, at, names, expected) =
            (vector.who(), vector.region(), vector.at(), vector.signed(), &vector.rest.expected);
        let signer = Signer::new(&who, &region, &vector.service).headers(&names);
        for wire in Wire::ALL {
            let case = format!("{} {wire:?}", vector.id);
            let signature = signer.signature(&vector.unsigned(wire), vector.body.as_bytes(), at).expect(&case);
            let shown = match vector.token() {
                Some(token) => expected.canonical_request.replace(token, Signature::HIDDEN_TOKEN),
                None => expected.canonical_request.clone(),
            };
            assert_eq!(signature.canonical_request(), shown, "{case}");
            assert_eq!(signature.string_to_sign(), expected.string_to_sign, "{case}");
            assert_eq!(signature.credential_scope(), expected.credential_scope, "{case}");
            assert_eq!(signature.signed_headers(), expected.signed_headers, "{case}");
            assert_eq!(Some(signature.authorization().to_str().expect("ASCII")), expected.authorization.as_deref(), "{case}");
        }
        let key = who.signing_key(at, &region, &vector.service);
        assert_eq!(hex(key.as_bytes()), expected.signing_key_hex, "{}", vector.id);
    }
}

#[test]
fn without_a_choice_of_headers_those_of_the_official_python_signer_are_signed() {
    let mut compared = 0;
    for vector in vectors("header") {
        let names = vector.signed();
        let needed = [HOST, HeaderName::from_static("x-content-sha256")];
        if needed.iter().all(|name| names.contains(name)) {
            let (who, region) = (vector.who(), vector.region());
            let signer = Signer::new(&who, &region, &vector.service);
            let signature =
                signer.signature(&vector.unsigned(Wire::Escaped), vector.body.as_bytes(), vector.at()).expect(&vector.id);
            assert_eq!(signature.authorization().to_str().ok(), vector.rest.expected.authorization.as_deref(), "{}", vector.id);
            compared += usize::from(names.contains(&CONTENT_TYPE));
        }
    }
    assert!(compared > 0, "expected vectors with a content type");
}

#[test]
fn a_signed_request_carries_what_the_vectors_say_and_verifies() {
    for vector in vectors("header") {
        let (who, region, at, names) = (vector.who(), vector.region(), vector.at(), vector.signed());
        let mut request = vector.unsigned(Wire::Shuffled);
        let body = vector.body.as_bytes();
        Signer::new(&who, &region, &vector.service).headers(&names).sign(&mut request, body, at).expect(&vector.id);

        for (name, value) in &vector.headers {
            assert_eq!(request.headers()[name.as_str()], value.as_str(), "{}", vector.id);
        }
        let authorization = vector.rest.expected.authorization.as_deref().expect(&vector.id);
        assert_eq!(request.headers()[AUTHORIZATION], authorization, "{}", vector.id);

        let known = |id: &str| (id == who.access_key_id()).then(|| who.clone());
        let verified = verify(&request, body, at, known).expect(&vector.id);
        assert_eq!((verified.region(), verified.service()), (vector.region.as_str(), vector.service.as_str()), "{}", vector.id);
        assert_eq!(verified.signed_at(), at, "{}", vector.id);
    }
}

#[test]
fn what_a_foreign_client_signed_verifies_in_every_spelling_of_its_query() {
    for vector in vectors("header") {
        let (who, expected) = (vector.who(), &vector.rest.expected);
        let authorization = expected.authorization.as_deref().expect(&vector.id);
        for wire in Wire::ALL {
            let request = vector.sent(wire, authorization);
            let verified = verify(&request, vector.body.as_bytes(), vector.at(), |_| Some(who.clone()));
            assert!(verified.is_ok(), "{} {wire:?}: {verified:?}", vector.id);
        }
        let last = authorization.len() - 1;
        let other = if authorization.ends_with('0') { "1" } else { "0" };
        let forged = vector.sent(Wire::Escaped, &format!("{}{other}", &authorization[..last]));
        assert!(verify(&forged, vector.body.as_bytes(), vector.at(), |_| Some(who.clone())).is_err(), "{}", vector.id);
    }
}

#[test]
fn a_presigned_uri_is_that_of_the_vectors_and_verifies() {
    for vector in vectors("presign") {
        let (who, region, at, expected) = (vector.who(), vector.region(), vector.at(), &vector.rest.expected);
        let (validity, query): (Vec<_>, Vec<_>) = vector.query.iter().partition(|(name, _)| name == "X-Expires");
        let valid_for = validity.first().map(|(_, seconds)| seconds.parse().expect("seconds"));
        let mut signer = Signer::new(&who, &region, &vector.service);
        if vector.presign_host.is_none() {
            signer = signer.headers(&[]);
        }
        for wire in Wire::ALL {
            let query: Vec<_> = query.iter().map(|(name, value)| (name, value)).collect();
            let presigned = signer.presign(&vector.uri(&wire.write(&query)), at, valid_for).expect(&vector.id);
            let query = expected.query_string_rfc3986.as_deref().expect(&vector.id);
            assert_eq!(presigned.as_str(), format!("https://{}{}?{query}", vector.host, vector.path), "{} {wire:?}", vector.id);
            assert!(query.contains(&format!("&X-Signature={}&", expected.signature)), "{}", vector.id);
        }
        assert_eq!(hex(who.signing_key(at, &region, &vector.service).as_bytes()), expected.signing_key_hex, "{}", vector.id);

        // As Python, Go and Java write it, and as RFC 3986 wants it.
        for query in [&expected.query_string, &expected.query_string_rfc3986].map(|query| query.as_deref().expect(&vector.id)) {
            let request = Request::get(vector.uri(query)).body(()).expect(&vector.id);
            let verified = verify(&request, b"", at, |_| Some(who.clone()));
            assert!(verified.is_ok(), "{}: {verified:?}", vector.id);
        }
    }
}
