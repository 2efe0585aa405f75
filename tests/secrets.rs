//! The secret, the session token and a signature never show: not in `Debug`, not in `Display`, not in an error or its
//! source, of any public type that holds one or is made where one is.

use std::error::Error;
use std::fmt::{Debug, Display};

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{Request, Response};
use volc_proto::ecs::{DeleteImages, ImageId, Snapshots};
use volc_proto::{Credentials, Endpoint, Profile, Query, Region, Signer, Timestamp, parse, verify};

const KEY_ID: &str = "AKLTcanarycanarycanary";
const SECRET: &str = "canary/SECRET+access==key";
const TOKEN: &str = "canary/SESSION+token==";

/// All that must not show.
struct Canaries {
    secrets: Vec<String>,
}

impl Canaries {
    fn new() -> Self {
        let mut canaries = Self { secrets: Vec::new() };
        canaries.hide(SECRET);
        canaries.hide(TOKEN);
        canaries.hide(KEY_ID);
        canaries
    }

    /// Adds one, and the ways in which it could be spelled.
    fn hide(&mut self, secret: &str) {
        let escaped: Query = [(secret, "")].into_iter().collect();
        self.secrets.push(escaped.as_str().trim_end_matches('=').to_owned());
        self.secrets.push(format!("{:?}", secret.as_bytes()).trim_matches(['[', ']']).to_owned());
        self.secrets.push(secret.bytes().map(|b| format!("{b:02x}")).collect());
        self.secrets.push(secret.to_owned());
    }

    fn text(&self, text: &str) {
        let found = self.secrets.iter().find(|secret| text.contains(secret.as_str()));
        assert_eq!(found, None, "in {text}");
        assert!(!text.is_empty());
    }

    fn debug(&self, value: &impl Debug) {
        self.text(&format!("{value:?}"));
        self.text(&format!("{value:#?}"));
    }

    fn error(&self, error: &(impl Error + 'static)) {
        self.debug(error);
        let mut error: Option<&dyn Error> = Some(error);
        while let Some(shown) = error {
            self.text(&shown.to_string());
            error = shown.source();
        }
    }

    fn display(&self, value: &impl Display) {
        self.text(&value.to_string());
    }
}

fn who() -> Credentials {
    Credentials::new(KEY_ID, SECRET).expect("a key").with_session_token(TOKEN).expect("a token")
}

fn region() -> Region {
    Region::new("cn-beijing").expect("a region")
}

fn at() -> Timestamp {
    Timestamp::from_unix(1_700_000_000).expect("in range")
}

#[test]
fn a_key_and_what_signs_with_it_show_no_secret() {
    let (who, region) = (who(), region());
    let mut canaries = Canaries::new();
    canaries.debug(&who);
    canaries.debug(&Signer::new(&who, &region, "ecs"));
    canaries.debug(&Some((who.clone(), [Signer::new(&who, &region, "ecs")])));

    let key = who.signing_key(at(), &region, "ecs");
    canaries.secrets.push(format!("{:?}", key.as_bytes()).trim_matches(['[', ']']).to_owned());
    canaries.secrets.push(key.as_bytes().iter().map(|b| format!("{b:02x}")).collect());
    canaries.debug(&key);
    // The keys that are kept inside.
    canaries.debug(&who);
    canaries.display(&who.masked_key_id());
}

#[test]
fn a_signed_request_and_its_steps_show_no_secret() {
    let (who, region) = (who(), region());
    let ids = vec![ImageId::new("image-a").unwrap()];
    let mut own = Endpoint::new(region.clone()).request(&DeleteImages::new(ids, Snapshots::Keep).unwrap(), &who, at()).unwrap();
    let mut general = Request::get("https://h/?a=b").header("x-note", "n").body(()).unwrap();
    let signer = Signer::new(&who, &region, "ecs");
    let signature = signer.signature(&general, b"", at()).unwrap();
    signer.sign(&mut general, b"", at()).unwrap();

    let mut canaries = Canaries::new();
    for header in [&own.headers()[AUTHORIZATION], &general.headers()[AUTHORIZATION], signature.authorization()] {
        canaries.hide(header.to_str().unwrap().rsplit('=').next().unwrap());
    }
    canaries.debug(&own);
    canaries.debug(&general);
    canaries.debug(&own.headers()["x-security-token"]);
    canaries.debug(&own.headers()[AUTHORIZATION]);
    canaries.debug(&signature);
    canaries.text(signature.canonical_request());
    canaries.text(signature.string_to_sign());
    assert!(signature.canonical_request().contains("x-security-token:[session token]\n"));

    // A transport that takes the request apart still cannot show them by accident.
    own.headers_mut().remove("host");
    canaries.debug(&own.into_parts().0);
}

#[test]
fn a_presigned_uri_shows_no_secret() {
    let (who, region) = (who(), region());
    let uri = "https://user:canary-password@h/?a=b".parse().unwrap();
    let presigned = Signer::new(&who, &region, "ecs").presign(&uri, at(), Some(60)).unwrap();
    let query = Query::parse(presigned.as_str().split_once('?').unwrap().1);
    let mut canaries = Canaries::new();
    for name in ["X-Signature", "X-Security-Token"] {
        canaries.hide(std::str::from_utf8(&query.first(name).unwrap()).unwrap());
    }
    canaries.hide("canary-password");
    canaries.debug(&presigned);
    canaries.debug(&Ok::<_, ()>(presigned));
}

#[test]
fn the_servers_side_shows_no_secret() {
    let (who, region) = (who(), region());
    let signer = Signer::new(&who, &region, "ecs");
    let mut signed = Request::get("https://h/?a=b").body(()).unwrap();
    signer.sign(&mut signed, b"", at()).unwrap();
    let authorization = signed.headers()[AUTHORIZATION].to_str().unwrap().to_owned();
    let presigned =
        Request::get(signer.presign(&"https://h/?a=b".parse().unwrap(), at(), None).unwrap().into_uri()).body(()).unwrap();

    // Here the key ID is a client's own word, and an emulator has to repeat it.
    let mut canaries = Canaries { secrets: Vec::new() };
    canaries.hide(SECRET);
    canaries.hide(TOKEN);
    canaries.hide(authorization.rsplit('=').next().unwrap());
    for request in [&signed, &presigned] {
        canaries.debug(&verify(request, b"", at(), |_| Some(who.clone())).unwrap());
    }
    let with = |name: &'static str, value: &str| {
        let mut request = signed.clone();
        request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        request
    };
    let mut unsigned = signed.clone();
    unsigned.headers_mut().remove(AUTHORIZATION);
    let mut twice = signed.clone();
    twice.headers_mut().append("x-security-token", TOKEN.parse().unwrap());
    let other = Credentials::new(KEY_ID, SECRET).unwrap();
    let found = |who: &Credentials| Some(who.clone());
    let mut kinds = std::collections::HashSet::new();
    for error in [
        verify(&signed, b"body", at(), |_| found(&who)),
        verify(&signed, b"", at(), |_| found(&other)),
        verify(&signed, b"", at(), |_| None),
        verify(&signed, b"", Timestamp::MAX, |_| found(&who)),
        verify(&unsigned, b"", at(), |_| found(&who)),
        verify(&twice, b"", at(), |_| found(&who)),
        verify(&with("x-note", "n"), b"", at(), |_| Credentials::new(KEY_ID, "x").unwrap().with_session_token(TOKEN).ok()),
        verify(&with("x-date", TOKEN), b"", at(), |_| found(&who)),
        verify(&with("authorization", &authorization.replace("Signature=", "Signature=x")), b"", at(), |_| found(&who)),
        verify(&with("authorization", &authorization.replace("/request", "/other")), b"", at(), |_| found(&who)),
        verify(&with("authorization", &authorization.replace("=host", "=x-absent;host")), b"", at(), |_| found(&who)),
    ] {
        let error = error.unwrap_err();
        kinds.insert(std::mem::discriminant(&error));
        canaries.error(&error);
    }
    assert_eq!(kinds.len(), 10, "expected an error of every kind");
}

#[test]
fn what_is_refused_is_not_repeated() {
    let mut canaries = Canaries::new();
    canaries.hide("canary-password");
    for secret in [format!(" {SECRET}"), format!("{SECRET}\n"), format!("{SECRET}\u{1b}")] {
        canaries.error(&Credentials::new("AKLT", secret).unwrap_err());
    }
    canaries.error(&Credentials::new(format!("{KEY_ID}/"), SECRET).unwrap_err());
    canaries.error(&Credentials::new("AKLT", SECRET).unwrap().with_session_token(format!("{TOKEN} ")).unwrap_err());
    let half = |name: &str| (name == "VOLCENGINE_SECRET_KEY").then(|| SECRET.to_owned());
    canaries.error(&Credentials::from_lookup(half).unwrap_err());
    for uri in ["https://user:canary-password@h", "user:canary-password@h", "https://user:canary-password@h/path?x"] {
        canaries.error(&Endpoint::custom(uri, region()).unwrap_err());
        canaries.error(&Endpoint::custom_with_plain_http_anywhere(uri, region()).unwrap_err());
    }

    let (who, region) = (who(), region());
    let signer = Signer::new(&who, &region, "ecs");
    let mut signed = Request::get("https://h/").body(()).unwrap();
    signer.sign(&mut signed, b"", at()).unwrap();
    canaries.error(&signer.sign(&mut signed, b"", at()).unwrap_err());
    let presigned = signer.presign(&"https://h/".parse().unwrap(), at(), None).unwrap().into_uri();
    canaries.error(&signer.presign(&presigned, at(), None).unwrap_err());
}

#[test]
fn a_profile_and_its_errors_show_no_secret() {
    let text = |profile: &str| format!(r#"{{"profiles":{{"default":{profile}}}}}"#);
    let keys = format!(r#""access-key":"{KEY_ID}","secret-key":"{SECRET}","session-token":"{TOKEN}""#);
    let canaries = Canaries::new();
    canaries.debug(&Profile::parse(&text(&format!("{{{keys}}}")), None).unwrap());
    for profile in [
        format!(r#"{{{keys},"mode":"sso"}}"#),
        format!(r#"{{{keys},"region":"a.b"}}"#),
        format!(r#"{{{keys},"sts-expiration":-1}}"#),
        format!(r#"{{{keys},"secret-key":"{SECRET}"}}"#),
        format!(r#"{{{keys} "{SECRET}"}}"#),
        format!(r#"{{"access-key":{{"{SECRET}":1}}}}"#),
        format!(r#"{{"access-key":"AKLT","secret-key":"{SECRET} "}}"#),
        format!(r#"{{"access-key":"AKLT","secret-key":"s","session-token":"{TOKEN} "}}"#),
        format!("{SECRET:?}"),
    ] {
        canaries.error(&Profile::parse(&text(&profile), None).unwrap_err());
    }
}

#[test]
fn a_reply_that_repeats_the_key_id_shows_it_masked() {
    let canaries = Canaries::new();
    let api = format!(
        r#"{{"ResponseMetadata":{{"Error":{{"Code":"InvalidAccessKey","Message":"The accesskey [{KEY_ID}] is invalid."}}}}}}"#
    );
    for body in [api, format!("<html>Credential={KEY_ID}/20231114/cn-beijing/ecs/request</html>")] {
        let response = Response::builder().status(401).body(body).unwrap();
        let error = parse::<DeleteImages>(&response).unwrap_err();
        canaries.error(&error);
        assert!(error.to_string().contains("AKLT****nary"), "{error}");
    }
}

#[test]
fn a_reply_that_repeats_a_request_shows_no_secret_of_it() {
    let pieces = ["STS2LWHsEb8QJHx7szKHr25w0x1At3INrE", "R3QEjufIMNj0qdAIJNMAS6CRHaW0Kpnt", "pUqEPoudkW853VCYQUwPLii1KOc2Wj"];
    let (token, signature) = (pieces.concat(), "0123456789abcdef".repeat(4));
    let mut canaries = Canaries { secrets: pieces.map(str::to_owned).to_vec() };
    canaries.hide(KEY_ID);
    canaries.hide(&signature[..8]);
    let cut_off = |blanks: usize| {
        let token = "A".repeat(1_900 + blanks);
        format!("bad request\nx-security-token: {token}\nauthorization: HMAC-SHA256 Credential={KEY_ID}, Signature={signature}\n")
    };
    let bodies = [
        format!(r#"{{"ResponseMetadata":{{"Error":{{"Code":"InvalidAccessKey.{KEY_ID}"}}}}}}"#),
        format!(r#"{{"ResponseMetadata":{{"RequestId":"{token}","Action":"{token}","Error":{{"Code":"{token}"}}}}}}"#),
        format!(r#"{{"ErrorCode":"{token}","Message":"{token}"}}"#),
        format!(r#"{{"error":"key:\n{KEY_ID}"}}"#),
        format!("Credential%3D{KEY_ID} is wrong"),
        format!(r"\u0022{KEY_ID}\u0022"),
        pieces.join(r"\/"),
        pieces.join(r"\u002B"),
        pieces.join("&#43;"),
    ];
    for body in bodies.into_iter().chain((0..150).map(cut_off)) {
        let response = Response::builder().status(400).header("x-tt-logid", &token).body(body).unwrap();
        let error = parse::<DeleteImages>(&response).unwrap_err();
        canaries.error(&error);
        canaries.debug(&error.request_id());
    }
}
