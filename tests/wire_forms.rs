//! The forms in which other official programs put a request on the wire, replayed as bytes against the emulator: the SDKs for
//! Go, Java, Node and Python, the older ones, and the vendor's demos (<https://github.com/volcengine/volc-openapi-demos>).
//!
//! What is signed stands here as text, and is signed by the few lines at the end: nothing of `volc_proto` signs, escapes or
//! sorts here.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};
use volc_emulator::{Emulator, Image, OsType};
use volc_proto::{Credentials, Timestamp};

const KEY: &str = "AKLTforms";
const SECRET: &str = "forms-secret";
const TEMPORARY_KEY: &str = "AKTPforms";
const TOKEN: &str = "to+ken/==";
const REGION: &str = "cn-beijing";

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Two images, one of which has to be escaped; a permanent key and a temporary one, with the same secret.
fn emulator() -> Emulator {
    let permanent = Credentials::new(KEY, SECRET).expect("valid credentials");
    let temporary = Credentials::new(TEMPORARY_KEY, SECRET).and_then(|who| who.with_session_token(TOKEN));
    Emulator::builder()
        .credentials(permanent)
        .credentials(temporary.expect("valid credentials"))
        .images([Image::new("image a/é"), Image::new("image-b").os_type(OsType::Windows)])
        .start()
        .expect("it starts")
}

/// The deletion of both, as it is signed: sorted, `%20` for a blank, upper-case digits.
const BOTH: &str =
    "Action=DeleteImages&DeleteBindedSnapshots=false&ImageIds.1=image%20a%2F%C3%A9&ImageIds.2=image-b&Version=2020-04-01";

/// A request: what is on the wire, and what is signed where that is something else.
#[derive(Clone, Copy)]
struct Form<'a> {
    method: &'a str,
    /// Query of the request line.
    sent: &'a str,
    /// Query that is signed.
    signed: &'a str,
    /// As sent, in order. `{date}` and `{host}` are filled in.
    headers: &'a [(&'a str, &'a str)],
    /// The names of `SignedHeaders`, in order.
    names: &'a [&'a str],
    /// The names in the order in which their headers are signed, where that is another one.
    signed_names: Option<&'a [&'a str]>,
    /// The host that is signed, where it is not the one that is sent.
    signed_host: Option<&'a str>,
    key: &'a str,
    body: &'a str,
}

impl Default for Form<'_> {
    /// What the Go SDK sends.
    fn default() -> Self {
        Self {
            method: "GET",
            sent: BOTH,
            signed: BOTH,
            headers: &[
                ("Host", "{host}"),
                ("User-Agent", "volcstack-go-sdk/1.2.49 (go1.21.0; linux; amd64)"),
                ("Content-Type", FORM),
                ("X-Content-Sha256", EMPTY_SHA256),
                ("X-Date", "{date}"),
                ("Accept-Encoding", "gzip"),
            ],
            names: &["content-type", "host", "x-content-sha256", "x-date"],
            signed_names: None,
            signed_host: None,
            key: KEY,
            body: "",
        }
    }
}

impl Form<'_> {
    fn send(&self, emulator: &Emulator) -> Answer {
        exchange(emulator, &self.text(emulator))
    }

    fn text(&self, emulator: &Emulator) -> String {
        let (date, host) = (now(), emulator.address().to_string());
        let fill = |value: &str| value.replace("{date}", &date).replace("{host}", &host);
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (*name, fill(value))).collect();
        let value = |name: &str| match self.signed_host {
            Some(host) if name == "host" => host,
            _ => headers.iter().find(|(sent, _)| sent.eq_ignore_ascii_case(name)).expect("it is sent").1.as_str(),
        };
        let block: String =
            self.signed_names.unwrap_or(self.names).iter().map(|name| format!("{name}:{}\n", value(name))).collect();
        let names = self.names.join(";");
        let canonical = format!("{}\n/\n{}\n{block}\n{names}\n{}", self.method, self.signed, sha256(self.body));
        let scope = format!("{}/{REGION}/ecs/request", &date[..8]);
        let signature = sign(&date, &scope, &canonical);

        let mut text = format!("{} /?{} HTTP/1.1\r\n", self.method, self.sent);
        headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
        let credential = format!("{}/{scope}", self.key);
        text.push_str(&format!(
            "Authorization: HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}\r\n"
        ));
        if !self.body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        format!("{text}Connection: close\r\n\r\n{}", self.body)
    }

    /// Both images are deleted.
    #[track_caller]
    fn is_accepted(&self) {
        let emulator = emulator();
        let answer = self.send(&emulator);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let metadata = &answer.body["ResponseMetadata"];
        assert_eq!((metadata["Service"].as_str(), metadata["Region"].as_str()), (Some("ecs"), Some(REGION)));
        assert_eq!(emulator.requests()[0].deleted, ["image a/é", "image-b"]);
        assert!(emulator.requests()[0].signed_at.is_some());
    }

    /// Nothing is deleted.
    #[track_caller]
    fn is_refused(&self, status: u16, code: &str) {
        let emulator = emulator();
        let answer = self.send(&emulator);
        let found = answer.body["ResponseMetadata"]["Error"]["Code"].as_str();
        assert_eq!((answer.status, found), (status, Some(code)), "{}", answer.body);
        assert_eq!(emulator.images().len(), 2);
    }
}

const MISMATCH: &str = "SignatureDoesNotMatch";

#[test]
fn go_sends_a_forms_content_type_with_get_and_a_blank_as_plus() {
    let sent =
        "Action=DeleteImages&DeleteBindedSnapshots=false&ImageIds.1=image+a%2F%C3%A9&ImageIds.2=image-b&Version=2020-04-01";
    Form { sent, ..Form::default() }.is_accepted();
}

#[test]
fn go_signs_the_token() {
    let headers = [Form::default().headers, &[("X-Security-Token", TOKEN)]].concat();
    let names = ["content-type", "host", "x-content-sha256", "x-date", "x-security-token"];
    Form { headers: &headers, names: &names, key: TEMPORARY_KEY, ..Form::default() }.is_accepted();
}

#[test]
fn go_sends_a_list_without_entries_as_its_bare_name_which_is_no_image() {
    let query = "Action=DeleteImages&ImageIds=&Version=2020-04-01";
    Form { sent: query, signed: query, ..Form::default() }.is_refused(400, "MissingParameter.ImageId");
}

#[test]
fn go_repeats_a_request_with_the_same_signature() {
    let emulator = emulator();
    let text = Form::default().text(&emulator);
    assert_eq!([exchange(&emulator, &text).status, exchange(&emulator, &text).status], [200, 200]);
    assert_eq!(emulator.requests()[1].status, Some(200));
}

const PYTHON: &[(&str, &str)] = &[
    ("Host", "{host}"),
    ("Accept-Encoding", "identity"),
    ("Accept", "application/json"),
    ("Content-Type", "text/plain"),
    ("User-Agent", "volcstack-python-sdk/5.0.54"),
    ("X-Sdk-Invocation-Id", "2cbd9a5e-8f6c-4a63-9d3a-0a6f2c5b9e01"),
    ("X-Sdk-Request", "attempt=1; max=4"),
    ("X-Date", "{date}"),
    ("X-Content-Sha256", EMPTY_SHA256),
];

#[test]
fn python_sends_an_unsorted_query_and_signs_headers_of_its_own() {
    let sent =
        "ImageIds.1=image+a%2F%C3%A9&ImageIds.2=image-b&DeleteBindedSnapshots=false&Action=DeleteImages&Version=2020-04-01";
    let names = ["content-type", "host", "x-content-sha256", "x-date", "x-sdk-invocation-id", "x-sdk-request"];
    Form { sent, headers: PYTHON, names: &names, ..Form::default() }.is_accepted();
}

#[test]
fn a_query_that_is_signed_as_it_was_sent_and_not_sorted_is_refused() {
    let query = "ImageIds.2=image-b&Action=DeleteImages&Version=2020-04-01";
    Form { sent: query, signed: query, ..Form::default() }.is_refused(401, MISMATCH);
}

#[test]
fn java_signs_its_date_alone_and_sends_the_token_unsigned() {
    let headers = [("Host", "{host}"), ("X-Date", "{date}"), ("X-Security-Token", TOKEN)];
    let form = Form { headers: &headers, names: &["x-date"], key: TEMPORARY_KEY, ..Form::default() };
    form.is_accepted();
    Form { headers: &headers[..2], key: KEY, ..form }.is_accepted();
}

#[test]
fn a_token_that_is_not_signed_must_still_be_the_keys() {
    let headers = [("Host", "{host}"), ("X-Date", "{date}"), ("X-Security-Token", "another")];
    let form = Form { headers: &headers, names: &["x-date"], key: TEMPORARY_KEY, ..Form::default() };
    form.is_refused(401, "InvalidSecretToken");
    Form { headers: &headers[..2], ..form }.is_refused(401, "InvalidSecretToken");
}

#[test]
fn node_signs_host_and_date() {
    let headers = [("host", "{host}"), ("x-date", "{date}"), ("Accept", "application/json, text/plain, */*")];
    Form { headers: &headers, names: &["host", "x-date"], ..Form::default() }.is_accepted();
}

#[test]
fn a_default_port_is_signed_by_node_and_left_out_by_python_and_go() {
    let headers = [("host", "open.volcengineapi.com:443"), ("x-date", "{date}")];
    let form = Form { headers: &headers, names: &["host", "x-date"], ..Form::default() };
    form.is_accepted();
    Form { signed_host: Some("open.volcengineapi.com"), ..form }.is_accepted();
    Form { signed_host: Some("open.volcengineapi.com:80"), ..form }.is_refused(401, MISMATCH);
}

#[test]
fn the_demos_for_go_and_java_sign_headers_in_an_order_of_their_own() {
    let names = ["host", "x-date", "x-content-sha256", "content-type"];
    let form = Form { names: &names, ..Form::default() };
    form.is_accepted();
    let sorted = ["content-type", "host", "x-content-sha256", "x-date"];
    Form { signed_names: Some(&sorted), ..form }.is_refused(401, MISMATCH);
}

#[test]
fn the_demos_for_perl_and_shell_sort_names_with_their_values_which_fails_from_ten_ids_on() {
    let ids = |numbers: &[u32]| numbers.iter().map(|n| format!("ImageIds.{n}=i&")).collect::<String>();
    let joined = format!("Action=DeleteImages&{}Version=2020-04-01", ids(&[10, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
    Form { sent: &joined, signed: &joined, ..Form::default() }.is_refused(401, MISMATCH);
    let sorted = format!("Action=DeleteImages&{}Version=2020-04-01", ids(&[1, 10, 2, 3, 4, 5, 6, 7, 8, 9]));
    let answer = Form { sent: &joined, signed: &sorted, ..Form::default() }.send(&emulator());
    assert_eq!(answer.body["Result"]["OperationDetails"].as_array().unwrap().len(), 10);
}

#[test]
fn the_demo_for_php_signs_a_blank_as_plus_which_is_refused() {
    let signed = BOTH.replace("%20", "+");
    Form { sent: &signed, signed: &signed, ..Form::default() }.is_refused(401, MISMATCH);
}

#[test]
fn the_demos_post_a_form_to_describe_images_and_no_deletion_may_be_posted() {
    let body = "OsType=Windows&MaxResults=1";
    let hash = sha256(body);
    let headers = [
        ("Host", "{host}"),
        ("X-Date", "{date}"),
        ("X-Content-Sha256", hash.as_str()),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    let query = "Action=DescribeImages&Version=2020-04-01";
    let form = Form { method: "POST", sent: query, signed: query, headers: &headers, body, ..Form::default() };
    let answer = form.send(&emulator());
    assert_eq!(answer.body["Result"]["Images"][0]["ImageId"], "image-b", "{}", answer.body);
    assert_eq!(answer.body["Result"]["TotalCount"], 1);
    Form { sent: BOTH, signed: BOTH, ..form }.is_refused(405, "MethodNotAllowed");
}

#[test]
fn a_body_with_another_hash_than_it_says_is_refused() {
    let headers = [("Host", "{host}"), ("X-Date", "{date}"), ("X-Content-Sha256", EMPTY_SHA256), ("Content-Type", FORM)];
    Form { method: "POST", headers: &headers, body: "OsType=Linux", ..Form::default() }.is_refused(401, MISMATCH);
}

#[test]
fn a_signature_without_its_date_is_none() {
    Form { names: &["host"], ..Form::default() }.is_refused(400, "InvalidAuthorization");
}

/// A signature in the query. The query is what is signed, with `{date}` and `{scope}` filled in; `more` is not.
fn presigned(emulator: &Emulator, query: &str, headers: &str, more: &str) -> Answer {
    let (date, host) = (now(), emulator.address().to_string());
    let day = &date[..8];
    let query = query.replace("{date}", &date).replace("{scope}", &format!("{day}%2F{REGION}%2Fecs%2Frequest"));
    let headers = headers.replace("{host}", &host);
    let canonical = format!("GET\n/\n{query}\n{headers}\n{EMPTY_SHA256}");
    let signature = sign(&date, &format!("{day}/{REGION}/ecs/request"), &canonical);
    let text = format!("GET /?{query}{more}&X-Signature={signature} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    exchange(emulator, &text)
}

#[track_caller]
fn one_is_deleted(emulator: &Emulator, answer: &Answer) {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.body["ResponseMetadata"]["Region"], REGION);
    assert_eq!(emulator.requests()[0].deleted, ["image-b"]);
    assert!(emulator.requests()[0].signed_at.is_some());
}

/// The parameters of Go, Java and Python, sorted; the list names itself.
const PRESIGNED: &str = "Action=DeleteImages&ImageIds.1=image-b&Version=2020-04-01&X-Algorithm=HMAC-SHA256&\
    X-Credential=AKLTforms%2F{scope}&X-Date={date}&X-NotSignBody=&X-SignedHeaders=&X-SignedQueries=Action%3BImageIds.1%3BVersion\
    %3BX-Algorithm%3BX-Credential%3BX-Date%3BX-NotSignBody%3BX-SignedHeaders%3BX-SignedQueries";

#[test]
fn a_signature_in_the_query_has_an_empty_line_in_place_of_headers() {
    let emulator = emulator();
    one_is_deleted(&emulator, &presigned(&emulator, PRESIGNED, "\n\n", ""));
}

#[test]
fn a_signature_in_the_query_may_cover_the_host() {
    let emulator = emulator();
    let query = PRESIGNED.replace("X-SignedHeaders=&", "X-SignedHeaders=host&");
    one_is_deleted(&emulator, &presigned(&emulator, &query, "host:{host}\n\nhost", ""));
}

#[test]
fn a_token_is_appended_to_a_query_that_is_signed() {
    let emulator = emulator();
    let query = PRESIGNED.replace(KEY, TEMPORARY_KEY);
    one_is_deleted(&emulator, &presigned(&emulator, &query, "\n\n", "&X-Security-Token=to%2Bken%2F%3D%3D"));
}

#[test]
fn node_leaves_the_list_of_signed_parameters_out_of_itself() {
    let emulator = emulator();
    let (listed, _) = PRESIGNED.split_once("&X-SignedQueries=").unwrap();
    let names = "Action%3BImageIds.1%3BVersion%3BX-Algorithm%3BX-Credential%3BX-Date%3BX-NotSignBody%3BX-SignedHeaders";
    let more = format!("&X-SignedQueries={names}");
    one_is_deleted(&emulator, &presigned(&emulator, listed, "\n\n", &more));
}

#[test]
fn the_older_python_signs_a_token_that_it_does_not_list_which_is_refused() {
    let emulator = emulator();
    let query = PRESIGNED
        .replace(KEY, TEMPORARY_KEY)
        .replace("X-SignedHeaders=&", "X-Security-Token=to%2Bken%2F%3D%3D&X-SignedHeaders=&");
    let answer = presigned(&emulator, &query, "\n\n", "");
    assert_eq!((answer.status, answer.body["ResponseMetadata"]["Error"]["Code"].as_str()), (401, Some(MISMATCH)));
    assert_eq!(emulator.images().len(), 2);
}

struct Answer {
    status: u16,
    body: Value,
}

/// Sends bytes; what came back until the connection closed.
fn exchange(emulator: &Emulator, text: &str) -> Answer {
    let answer = try_exchange(emulator, text).expect("the connection closes without an error");
    let (head, body) = answer.split_once("\r\n\r\n").expect("complete headers");
    let status = head["HTTP/1.1 ".len()..][..3].parse().expect("a status");
    Answer { status, body: serde_json::from_str(body).expect("JSON") }
}

fn try_exchange(emulator: &Emulator, text: &str) -> io::Result<String> {
    const LIMIT: Duration = Duration::from_secs(20);
    let mut stream = TcpStream::connect_timeout(&emulator.address(), LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(text.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn now() -> String {
    Timestamp::from(SystemTime::now()).to_string()
}

/// The rules of <https://www.volcengine.com/docs/6369/67270>, from the canonical request on.
fn sign(date: &str, scope: &str, canonical: &str) -> String {
    let text = format!("HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical));
    let key = scope.split('/').fold(SECRET.as_bytes().to_vec(), |key, part| hmac(&key, part));
    hex(&hmac(&key, &text))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
