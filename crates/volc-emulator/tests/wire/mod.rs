//! A client over a bare socket: what is sent and what came back is seen as bytes.
#![allow(dead_code, reason = "each test file uses its part")]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, SystemTime};

use http::Request;
use serde_json::Value;
use volc_emulator::{Builder, Emulator, Image};
use volc_proto::ecs::{DescribeImages, ImagePage};
use volc_proto::{Action, Credentials, Query, Region, Signer, Timestamp};

/// No test waits for a network longer than this.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) fn who() -> Credentials {
    Credentials::new("AKLTtest", "test-secret").expect("valid credentials")
}

pub(crate) fn temporary() -> Credentials {
    Credentials::new("AKTPtest", "other-secret").and_then(|who| who.with_session_token("to+ken/=")).expect("valid credentials")
}

pub(crate) fn beijing() -> Region {
    Region::new("cn-beijing").expect("valid region")
}

pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}

/// An emulator that knows [`who`], with the images `image-1` to `image-N`.
pub(crate) fn emulator(images: usize) -> Builder {
    Emulator::builder().credentials(who()).images((1..=images).map(|n| Image::new(format!("image-{n}"))))
}

/// The target of a deletion.
pub(crate) fn deletion<I: AsRef<str>>(ids: impl IntoIterator<Item = I>, more: &[(&str, &str)]) -> String {
    let mut query = Query::new();
    query.push("Action", "DeleteImages");
    query.push("Version", "2020-04-01");
    for (n, id) in ids.into_iter().enumerate() {
        query.push(format!("ImageIds.{}", n + 1), id.as_ref());
    }
    more.iter().for_each(|(name, value)| query.push(name, value));
    format!("/?{query}")
}

pub(crate) fn unsigned(emulator: &Emulator, method: &str, target: &str) -> Request<()> {
    let request = Request::builder().method(method).uri(target).header("host", emulator.address().to_string());
    request.body(()).expect("valid request")
}

pub(crate) fn signed(emulator: &Emulator, who: &Credentials, target: &str) -> Request<()> {
    let mut request = unsigned(emulator, "GET", target);
    Signer::new(who, &beijing(), "ecs").sign(&mut request, b"", now()).expect("nothing was signed before");
    request
}

/// Sends one request; what came back until the connection closed.
pub(crate) fn send(emulator: &Emulator, request: &Request<()>) -> Answer {
    send_with(emulator, request, "")
}

/// Sends one request with a body, perhaps an empty one.
pub(crate) fn send_with(emulator: &Emulator, request: &Request<()>, body: &str) -> Answer {
    let exchange = || -> io::Result<Vec<u8>> {
        let mut stream = open(emulator.address())?;
        let length = body.len().to_string();
        let close = [("connection", "close"), ("content-length", length.as_str())];
        write(&mut stream, request, if body.is_empty() { &close[..1] } else { &close })?;
        stream.write_all(body.as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    Answer { bytes: exchange().expect("the connection closes without an error") }
}

pub(crate) fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(stream)
}

pub(crate) fn write(stream: &mut TcpStream, request: &Request<()>, more: &[(&str, &str)]) -> io::Result<()> {
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let mut bytes = format!("{} {target} HTTP/1.1\r\n", request.method()).into_bytes();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    for (name, value) in headers.chain(more.iter().map(|(name, value)| (*name, value.as_bytes()))) {
        bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    bytes.extend(b"\r\n");
    stream.write_all(&bytes)
}

/// Reads one answer of a connection that stays open.
pub(crate) fn read(stream: &mut TcpStream) -> io::Result<Answer> {
    let mut answer = Answer { bytes: Vec::new() };
    while !answer.is_complete() {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.bytes.push(byte[0]);
    }
    Ok(answer)
}

/// Any action, as [`who`] in the region of [`beijing`].
pub(crate) fn call<A: Action>(emulator: &Emulator, action: &A) -> Answer {
    let request = emulator.endpoint(beijing()).request(action, &who(), now()).expect("a short query");
    send(emulator, &request.map(|_| ()))
}

/// One page that was not refused.
pub(crate) fn describe(emulator: &Emulator, action: &DescribeImages) -> ImagePage {
    let answer = call(emulator, action);
    let response = http::Response::builder().status(answer.status()).body(answer.body()).expect("a status");
    volc_proto::parse::<DescribeImages>(&response).expect("a page").output
}

/// The IDs of a page.
pub(crate) fn named(page: &ImagePage) -> Vec<String> {
    page.images.iter().map(|image| image.image_id.clone().expect("an ID")).collect()
}

/// Deletes as [`who`].
pub(crate) fn delete<I: AsRef<str>>(emulator: &Emulator, ids: impl IntoIterator<Item = I>) -> Answer {
    send(emulator, &signed(emulator, &who(), &deletion(ids, &[])))
}

pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    fn end_of_head(&self) -> Option<usize> {
        self.bytes.windows(4).position(|window| window == b"\r\n\r\n")
    }

    pub(crate) fn head(&self) -> String {
        let end = self.end_of_head().expect("complete headers");
        String::from_utf8(self.bytes[..end].to_vec()).expect("text")
    }

    pub(crate) fn body(&self) -> &[u8] {
        &self.bytes[self.end_of_head().expect("complete headers") + 4..]
    }

    pub(crate) fn status(&self) -> u16 {
        self.head()["HTTP/1.1 ".len()..][..3].parse().expect("a status")
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = self.head();
        let mut found = head.lines().filter_map(|line| line.split_once(": ")).filter(|(n, _)| n.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.to_owned())
    }

    pub(crate) fn length(&self) -> usize {
        self.header("content-length").expect("a content length").parse().expect("a number")
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.end_of_head().is_some() && self.body().len() == self.length()
    }

    pub(crate) fn json(&self) -> Value {
        assert!(self.is_complete(), "{} of {} bytes", self.body().len(), self.length());
        serde_json::from_slice(self.body()).expect("JSON")
    }

    /// The code of the call-level error.
    pub(crate) fn code(&self) -> String {
        self.json()["ResponseMetadata"]["Error"]["Code"].as_str().expect("an error with a code").to_owned()
    }

    /// What is listed: IDs with the code of their error, or an empty text.
    pub(crate) fn details(&self) -> Vec<(String, String)> {
        let json = self.json();
        let details = json["Result"]["OperationDetails"].as_array().expect("a list").clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        details.iter().map(|detail| (text(&detail["ImageId"]), text(&detail["Error"]["Code"]))).collect()
    }
}

pub(crate) fn ids(emulator: &Emulator) -> Vec<String> {
    emulator.images().into_iter().map(|image| image.id).collect()
}
