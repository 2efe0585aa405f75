use http::Request;
use volc_proto::{Query, SignError, Signer, VALIDITY_SECONDS};

use super::draft::{Draft, Pair, Server, add, with};
use crate::vectors::Wire;

const OWN: [&str; 9] = [
    "X-Algorithm",
    "X-Credential",
    "X-Date",
    "X-Expires",
    "X-NotSignBody",
    "X-Security-Token",
    "X-Signature",
    "X-SignedHeaders",
    "X-SignedQueries",
];

/// Holds: a presigned URI verifies as a GET without a body, and nothing else does.
///
/// - It is the given URI with the parameters of a signature added, and its `Debug` shows none of them.
/// - It verifies for as long as it says, whatever its spelling and headers, on its host (on any, where that is not signed).
/// - It does not with a parameter more, less or changed, its own ones included, another path, method, body, secret or token.
///
/// Input: as for [`sign_verify`](super::sign_verify); the first byte is also the validity.
pub fn presign_verify(data: &[u8]) {
    let draft = Draft { method: "GET", body: Vec::new(), ..Draft::read(data) };
    let Draft { who, region, service, at, host_header: host_is_signed, .. } = &draft;
    let mut signer = Signer::new(who, region, service);
    if !host_is_signed {
        signer = signer.headers(&[]);
    }
    let valid_for = data.first().filter(|b| **b > 0).map(|b| u64::from(*b) * 338);
    let uri = draft.uri(Wire::Escaped);
    let presigned = match signer.presign(&uri, *at, valid_for) {
        Ok(presigned) => presigned,
        Err(SignError::AlreadySigned) => return assert!(draft.query.iter().any(|(name, _)| own(name)), "{uri}"),
        Err(SignError::Uri { .. }) => return assert!(draft.query.iter().any(|(name, _)| name.contains(&b';')), "{uri}"),
        Err(error) => panic!("expected {uri} to be presigned: {error}"),
    };

    let shown = format!("{presigned:?}");
    let request = Request::get(presigned.into_uri()).body(()).expect("a request");
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let pairs: Vec<_> = query.iter().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let (added, given): (Vec<_>, Vec<_>) = pairs.iter().cloned().partition(|(name, _)| own(name));
    assert_eq!(given, sorted(&draft.query));
    assert_eq!((request.uri().path(), request.uri().authority()), (uri.path(), uri.authority()));
    assert!(added.iter().all(|(_, value)| value.len() < 20 || !shown.contains(&*String::from_utf8_lossy(value))), "{shown}");

    let server = Server { who, body: b"", at: *at };
    server.accepts_until(&request, valid_for.unwrap_or(VALIDITY_SECONDS));
    server.accepts("a header", &with(&request, |request| add(request, "x-unsigned", "1")));
    let send = |draft: &Draft, wire, query: Vec<_>| {
        let draft = Draft { query, ..draft.clone() };
        Request::builder().method(draft.method).uri(draft.uri(wire)).body(()).expect("a request")
    };
    for wire in Wire::ALL {
        server.accepts("its query spelled otherwise", &send(&draft, wire, pairs.clone()));
    }
    let elsewhere = send(&Draft { host: "elsewhere.example", ..draft.clone() }, Wire::Escaped, pairs.clone());
    match host_is_signed {
        true => server.refuses("another host", &elsewhere),
        false => server.accepts("another host", &elsewhere),
    }

    draft.changes(&mut |what, other: &Draft| {
        server.refuses(what, &send(other, Wire::Escaped, [&other.query[..], &added].concat()));
    });
    for (index, (name, value)) in pairs.iter().enumerate() {
        let changed = |change: &dyn Fn(&mut Vec<Pair>)| {
            let mut pairs = pairs.clone();
            change(&mut pairs);
            send(&draft, Wire::Escaped, pairs)
        };
        server.refuses("a parameter less", &changed(&|pairs| drop(pairs.remove(index))));
        server.refuses("another value", &changed(&|pairs| pairs[index].1.push(b'0')));
        server.refuses("a parameter twice", &changed(&|pairs| pairs.push((name.clone(), value.clone()))));
    }
    server.refuses_others(&request);
}

fn own(name: &[u8]) -> bool {
    OWN.iter().any(|own| own.as_bytes() == name)
}

fn sorted(pairs: &[Pair]) -> Vec<Pair> {
    let mut pairs = pairs.to_vec();
    pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
    pairs
}
