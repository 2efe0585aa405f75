//! What other people wrote to test signers, parsers, and whoever takes text from strangers: `foreign/README.md` says who.

use http::header::{HOST, HeaderName};
use http::{Request, Response, Uri};
use serde::Deserialize;
use serde_json::json;
use volc_proto::ecs::{DeleteImages, ImageId, ImageStatus, Snapshots};
use volc_proto::{Credentials, Endpoint, Query, Region, ReplyError, Signer, Timestamp, parse, verify};
use volc_tests::{load_file, oracles};

fn at() -> Timestamp {
    "20150830T123600Z".parse().expect("a date")
}

/// AWS Signature Version 4, which this service's algorithm is much like.
#[derive(Deserialize)]
struct AwsVector {
    name: String,
    request: String,
    canonical_request: String,
    presigned: Option<String>,
    presigned_canonical_request: Option<String>,
}

/// Where the canonical requests of the two algorithms part, and why.
const DIFFERENT: [(&str, &str); 14] = [
    ("double-encode-path", "AWS escapes a path twice, this service once"),
    ("double-url-encode", "AWS escapes a path twice, this service once"),
    ("get-header-key-duplicate", "no document says how a repeated header is signed: it is refused"),
    ("get-header-value-multiline", "HTTP has no headers of several lines (RFC 9112, 5.2)"),
    ("get-header-value-order", "no document says how a repeated header is signed: it is refused"),
    ("get-header-value-trim", "blanks inside a value are kept (disagreements.json, d05)"),
    ("get-relative-normalized", "the path is signed as it is sent"),
    ("get-relative-relative-normalized", "the path is signed as it is sent"),
    ("get-slash-dot-slash-normalized", "the path is signed as it is sent"),
    ("get-slash-normalized", "the path is signed as it is sent"),
    ("get-slash-pointless-dot-normalized", "the path is signed as it is sent"),
    ("get-slashes-normalized", "the path is signed as it is sent"),
    ("get-space-unnormalized", "a URI has no blank"),
    ("get-vanilla-query-order-encoded", "names are sorted raw and not escaped (disagreements.json, d02)"),
];

/// As above, for the queries of presigned requests.
const DIFFERENT_QUERY: [(&str, &str); 3] = [
    ("get-vanilla-query-order-encoded", "names are sorted raw and not escaped (disagreements.json, d02)"),
    ("get-vanilla-utf8-query", "names are sorted raw and not escaped (disagreements.json, d02)"),
    ("post-sts-header-after", "the token is added once the rest is signed"),
];

/// Compares what is ours with what is AWS's. Those that are said to be different have to be.
fn compare(different: &[(&str, &str)], same: usize, pairs: impl Iterator<Item = (String, Result<String, String>, String)>) {
    let (mut equal, mut others) = (0, Vec::new());
    for (name, ours, theirs) in pairs {
        if different.iter().any(|(other, _)| *other == name) {
            assert_ne!(ours, Ok(theirs), "{name}");
            others.push(name);
        } else {
            assert_eq!(ours, Ok(theirs), "{name}");
            equal += 1;
        }
    }
    assert_eq!((equal, others.len()), (same, different.len()), "{others:?}");
}

#[test]
fn a_canonical_request_is_that_of_aws() {
    let vectors: Vec<AwsVector> = load_file("foreign/aws_sigv4.json");
    assert_eq!(vectors.len(), 40);
    let pairs = vectors.into_iter().map(|vector| (vector.name.clone(), ours(&vector), vector.canonical_request));
    compare(&DIFFERENT, 26, pairs);
}

#[test]
fn a_canonical_query_is_that_of_aws() {
    let vectors: Vec<AwsVector> = load_file("foreign/aws_sigv4.json");
    let queries = vectors.into_iter().filter_map(|vector| {
        let (presigned, canonical) = (vector.presigned?, vector.presigned_canonical_request?);
        let (_, query) = presigned.lines().next()?.strip_suffix(" HTTP/1.1")?.split_once('?')?;
        let signed: Query = Query::parse(query).iter().filter(|(name, _)| **name != *b"X-Amz-Signature").collect();
        Some((vector.name, Ok(signed.to_string()), canonical.lines().nth(2).expect("a query").to_owned()))
    });
    compare(&DIFFERENT_QUERY, 35, queries);
}

/// Our canonical request of a vector's request, but for the header `x-date`, which is always signed and AWS does not know.
fn ours(vector: &AwsVector) -> Result<String, String> {
    let (head, body) = vector.request.split_once("\n\n").unwrap_or((vector.request.trim_end(), ""));
    let (first, headers) = head.split_once('\n').expect("a header");
    let (method, target) = first.strip_suffix(" HTTP/1.1").and_then(|first| first.split_once(' ')).expect("a request line");
    if headers.lines().any(|line| line.starts_with(' ')) {
        return Err("a header of several lines".to_owned());
    }
    let header = |line| str::split_once(line, ':').map(|(name, value)| (name.parse().expect("a header's name"), value));
    let headers: Vec<(HeaderName, &str)> = headers.lines().filter_map(header).collect();
    let host = headers.iter().find(|(name, _)| *name == HOST).expect("a host").1;
    let uri: Uri = format!("https://{host}{target}").parse().map_err(|_| "no URI")?;
    let mut request = Request::builder().method(method).uri(uri).body(()).expect("a request");

    let lines: Vec<&str> = vector.canonical_request.lines().collect();
    let names = lines[lines.len() - 2].split(';').map(|name| name.parse().expect("a header's name"));
    let mut names: Vec<HeaderName> = names.collect();
    for name in &names {
        let given = headers.iter().filter(|(given, _)| given == name).map(|(_, value)| *value);
        // What AWS's signer adds, or sets anew, stands in its canonical request.
        let set = || lines.iter().find_map(|line| line.strip_prefix(name.as_str())?.strip_prefix(':'));
        let values: Vec<&str> = if name.as_str().starts_with("x-amz-") { set().into_iter().collect() } else { given.collect() };
        for value in values {
            request.headers_mut().append(name, value.parse().expect("a header's value"));
        }
    }
    names.push(HeaderName::from_static("x-date"));

    let who = Credentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY").expect("a key");
    let region = Region::new("us-east-1").expect("a region");
    let signature = Signer::new(&who, &region, "service").headers(&names).signature(&request, body.as_bytes(), at());
    let text = signature.map_err(|error| error.to_string())?.canonical_request().to_owned();
    Ok(text.replace("x-date:20150830T123600Z\n", "").replace(";x-date\n", "\n"))
}

/// JSONTestSuite. `y_…` is JSON, `n_…` is none; of `i_…` a parser may think as it likes.
#[derive(Deserialize)]
struct JsonText {
    name: String,
    repeated: Option<String>,
    times: Option<usize>,
    text: String,
}

/// Each text with its name's first letter. A U+FFFD stands for bytes that are no UTF-8: such a text is there twice, the second
/// time with such a byte.
fn json_texts() -> Vec<(char, String, Vec<u8>)> {
    let texts: Vec<JsonText> = load_file("foreign/json_test_suite.json");
    assert_eq!(texts.len(), 318);
    let mut bodies = Vec::new();
    for JsonText { name, repeated, times, text } in texts {
        let kind = name.chars().next().expect("a name");
        let text = repeated.unwrap_or_default().repeat(times.unwrap_or_default()) + &text;
        if text.contains('\u{fffd}') {
            let pieces: Vec<&[u8]> = text.split('\u{fffd}').map(str::as_bytes).collect();
            bodies.push(('n', format!("{name}, as bytes"), pieces.join(&0xff)));
        }
        bodies.push((kind, name, text.into_bytes()));
    }
    bodies
}

/// What becomes of `image-a` in a reply. There are names in it that the service might have but nobody reads.
fn read(pieces: [&[u8]; 3]) -> Result<bool, ReplyError> {
    let reply = parse::<DeleteImages>(&Response::new(pieces.concat()))?;
    Ok(reply.output.status_of(&ImageId::new("image-a").expect("an ID")) == ImageStatus::Deleted)
}

#[test]
fn what_is_not_json_is_refused_even_where_nobody_reads_it() {
    let places: [[&[u8]; 2]; 3] = [
        [br#"{"Extra":"#, br#","ResponseMetadata":{},"Result":{"OperationDetails":[{"ImageId":"image-a"}]}}"#],
        [br#"{"ResponseMetadata":{},"Result":{"OperationDetails":[{"Extra":"#, br#","ImageId":"image-a"}]}}"#],
        [br#"{"ResponseMetadata":{},"Result":{"OperationDetails":[{"ImageId":"image-a"}]},"Extra":"#, b"}"],
    ];
    for (kind, name, text) in json_texts() {
        for [before, after] in places {
            let result = read([before, &text, after]);
            match kind {
                'y' => assert!(matches!(result, Ok(true)), "{name}: {result:?}"),
                'n' => assert!(matches!(result, Err(ReplyError::Unreadable(_))), "{name}: {result:?}"),
                _ => {}
            }
        }
    }
}

#[test]
fn json_that_is_no_envelope_is_no_success() {
    for (_, name, text) in json_texts() {
        let result = read([b"", &text, b""]);
        assert!(matches!(result, Err(ReplyError::Unreadable(_))), "{name}: {result:?}");
        for status in [200_u16, 404, 500] {
            oracles::parse_response(&[&status.to_be_bytes()[..], &text].concat());
        }
    }
}

#[test]
fn an_error_is_an_object_or_null_and_else_the_image_is_not_called_deleted() {
    let mut deleted = 0;
    for (_, name, text) in json_texts() {
        let place: [&[u8]; 2] =
            [br#"{"ResponseMetadata":{},"Result":{"OperationDetails":[{"ImageId":"image-a","Error":"#, b"}]}}"];
        if matches!(read([place[0], &text, place[1]]), Ok(true)) {
            let text = text.trim_ascii();
            assert!(text == b"null" || text.starts_with(b"{"), "{name}");
            deleted += 1;
        }
    }
    assert!(deleted >= 3, "{deleted}");
}

fn naughty_strings() -> Vec<String> {
    let strings: Vec<String> = load_file("foreign/naughty_strings.json");
    assert_eq!(strings.len(), 485);
    strings
}

fn assert_clear(error: &dyn std::error::Error) {
    let text = error.to_string();
    assert!(text.starts_with("expected ") && !text.contains(char::is_control), "{text:?}");
}

#[test]
fn a_naughty_string_is_a_clear_error_or_an_id_that_survives() {
    let who = Credentials::new("AKLTnaughty", "secret").expect("a key");
    let endpoint = Endpoint::new(Region::new("cn-beijing").expect("a region"));
    let mut ids = 0;
    for string in naughty_strings() {
        let id = match ImageId::new(string.as_str()) {
            Ok(id) => id,
            Err(error) => {
                assert_clear(&error);
                continue;
            }
        };
        ids += 1;
        assert_eq!(id.as_str(), string);
        let action = DeleteImages::new(vec![id.clone()], Snapshots::Keep).expect("a batch");
        let request = endpoint.request(&action, &who, at()).expect("a request");
        let sent = Query::parse(request.uri().query().expect("a query"));
        assert_eq!(sent.first("ImageIds.1").as_deref(), Some(string.as_bytes()));
        assert!(verify(&request, b"", at(), |_| Some(who.clone())).is_ok(), "{string:?}");

        let body = json!({"ResponseMetadata": {}, "Result": {"OperationDetails": [{"ImageId": string}]}}).to_string();
        let reply = parse::<DeleteImages>(&Response::new(body)).expect("a reply");
        assert_eq!(reply.output.status_of(&id), ImageStatus::Deleted, "{string:?}");
    }
    assert!(ids >= 20, "{ids}");
}

#[test]
fn a_naughty_string_survives_as_a_parameter_and_is_signed() {
    let who = Credentials::new("AKLTnaughty", "secret").expect("a key");
    let region = Region::new("cn-beijing").expect("a region");
    for string in naughty_strings() {
        oracles::encode_query(&[string.as_bytes(), b"\xff", string.as_bytes(), b"\xffName\xff", string.as_bytes()].concat());
        let mut query = Query::new();
        query.push(&string, &string);
        let mut request = Request::get(format!("https://h/?{query}")).body(()).expect("a request");
        Signer::new(&who, &region, "ecs").sign(&mut request, string.as_bytes(), at()).expect("a signature");
        assert!(verify(&request, string.as_bytes(), at(), |_| Some(who.clone())).is_ok(), "{string:?}");
    }
}

#[test]
fn a_naughty_string_in_a_reply_stays_on_its_line() {
    for string in naughty_strings() {
        let error = json!({"Code": string, "Message": string});
        let refused = json!({"ResponseMetadata": {"RequestId": string, "Error": error}}).to_string();
        let shown = match parse::<DeleteImages>(&Response::builder().status(400).body(refused).expect("a response")) {
            // Empty texts say nothing of an error.
            Err(ReplyError::Api(error)) => {
                // Long ones are cut off, and a word as long as a signature is masked.
                let masked = error.code() == "…" && string.len() >= 64;
                assert!(masked || string.starts_with(error.code()) && !error.code().is_empty(), "{string:?}: {error}");
                error.to_string()
            }
            Err(ReplyError::Unreadable(error)) if string.is_empty() => error.to_string(),
            other => panic!("{string:?}: {other:?}"),
        };
        let page = Response::builder().status(502).body(string.as_str()).expect("a response");
        let shown = shown + &parse::<DeleteImages>(&page).expect_err("no reply").to_string();
        assert!(!shown.contains(char::is_control), "{string:?}: {shown:?}");
    }
}

#[test]
fn a_naughty_string_leads_to_no_other_host() {
    let region = || Region::new("cn-beijing").expect("a region");
    for string in naughty_strings() {
        match Region::new(string.as_str()) {
            Ok(region) => {
                let uri: Uri = Endpoint::regional(region).origin("ecs").parse().expect("a URI");
                assert_eq!(uri.host(), Some(format!("ecs.{string}.volcengineapi.com").as_str()));
            }
            Err(error) => assert_clear(&error),
        }
        for uri in [string.clone(), format!("https://{string}"), format!("https://open.volcengineapi.com{string}")] {
            match Endpoint::custom(&uri, region()) {
                Ok(endpoint) => {
                    let [meant, made] = [uri, endpoint.origin("ecs")].map(|uri| uri.parse::<Uri>().expect("a URI"));
                    assert_eq!((made.scheme(), made.authority(), made.path()), (meant.scheme(), meant.authority(), "/"));
                    assert_eq!((made.query(), meant.query(), meant.path()), (None, None, "/"));
                }
                Err(error) => assert!(!error.to_string().contains(char::is_control), "{uri:?}: {error}"),
            }
        }
        if let Err(error) = Credentials::new(string.as_str(), string.as_str()) {
            assert!(string.is_empty() || string.len() < 8 || !error.to_string().contains(&string), "{error}");
        }
    }
}
