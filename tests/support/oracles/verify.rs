use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use volc_proto::{Credentials, Query, Timestamp, VerifyError, verify};

/// Holds: no request makes the server's side of signing panic, and none that its key did not sign is accepted.
///
/// What an error shows has no control character and none of the request's secrets.
///
/// Input: the text of an HTTP/1.1 request, `GET /?a=b HTTP/1.1`, a line for each header, an empty one, and the body. The
/// server's clock shows the request's own date, and it knows every key ID, those with `AKTP` as temporary keys.
pub fn verify_request(data: &[u8]) {
    let Some((request, body)) = read(data) else { return };
    let query = Query::parse(request.uri().query().unwrap_or_default());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let header = |name: &str| request.headers().get(name).map(|value| text(value.as_bytes()));
    let date = header("x-date").or_else(|| query.first("X-Date").map(|date| text(&date)));
    let now = date.and_then(|date| date.trim().parse().ok()).unwrap_or(Timestamp::MAX);

    // Nobody who writes an input has this secret: whatever verifies was forged.
    let known = |id: &str| {
        let who = Credentials::new("AKLTfuzzfuzzfuzz", "of no seed and no corpus").expect("a key");
        Some(if id.starts_with("AKTP") { who.with_session_token("t").expect("a token") } else { who })
    };
    let error = match verify(&request, body, now, known) {
        Ok(verified) => panic!("expected no request to verify, not {verified:?} of {request:?}"),
        Err(error) => error,
    };
    let unknown = verify(&request, body, now, |_| None).expect_err("nobody's key");
    let signature =
        header(AUTHORIZATION.as_str()).and_then(|value| value.rsplit_once("Signature=").map(|(_, rest)| rest.to_owned()));
    let in_query = [query.first("X-Signature"), query.first("X-Security-Token")].into_iter().flatten().map(|bytes| text(&bytes));
    let secrets: Vec<String> = in_query.chain(header("x-security-token")).chain(signature).collect();
    for error in [&error, &unknown] {
        assert!(!error.to_string().contains(char::is_control), "{error}");
        let shown = format!("{error} {error:?}");
        for secret in secrets.iter().filter(|secret| secret.len() > 40) {
            assert!(!shown.contains(secret.as_str()), "{shown}");
        }
    }
    if matches!(error, VerifyError::Unsigned) {
        assert!(!request.headers().contains_key(AUTHORIZATION), "{request:?}");
    }
}

fn read(data: &[u8]) -> Option<(Request<()>, &[u8])> {
    let (first, mut rest) = line(data)?;
    let mut words = first.split(|&b| b == b' ');
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(words.next()?).ok()?;
    *request.uri_mut() = Uri::try_from(words.next()?).ok()?;
    while let Some((header, after)) = line(rest) {
        rest = after;
        if header.is_empty() {
            break;
        }
        let colon = header.iter().position(|&b| b == b':')?;
        let name = HeaderName::from_bytes(&header[..colon]).ok()?;
        request.headers_mut().try_append(name, HeaderValue::from_bytes(&header[colon + 1..]).ok()?).ok()?;
    }
    Some((request, rest))
}

/// The next line without its end, and what comes after it.
fn line(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = data.iter().position(|&b| b == b'\n')?;
    Some((data[..end].strip_suffix(b"\r").unwrap_or(&data[..end]), &data[end + 1..]))
}
