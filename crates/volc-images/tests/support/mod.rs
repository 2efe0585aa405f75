//! The program, started as a user would, against an emulator in the test.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "a tool of tests, of which each file uses a part")]

pub mod gate;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use volc_emulator::{Builder, Emulator, Fault, Image};
use volc_proto::Credentials;

pub const KEY: &str = "AKLTZXhhbXBsZQexample";
pub const SECRET: &str = "dGhpcyBpcyBubyBzZWNyZXQ=";

pub fn who() -> Credentials {
    Credentials::new(KEY, SECRET).unwrap()
}

/// An emulator with the key of the tests and these available images.
pub fn emulator<'a>(ids: impl IntoIterator<Item = &'a str>) -> Builder {
    Emulator::builder().credentials(who()).images(ids.into_iter().map(Image::new))
}

/// The service answers with this `Result`.
pub fn says(result: &str) -> Fault {
    let body = format!(r#"{{"ResponseMetadata":{{"RequestId":"1"}},"Result":{result}}}"#);
    Fault::Answer { status: 200, body, content_type: Some("application/json".to_owned()), after_deletion: false }
}

/// Answers of `DescribeImages` that do not show which images there are.
pub const PROVES_NOTHING: [&str; 10] = [
    "null",
    "{}",
    r#"{"Images":null}"#,
    r#"{"Images":null,"TotalCount":1}"#,
    r#"{"TotalCount":1}"#,
    r#"{"Images":[],"TotalCount":1}"#,
    r#"{"Images":{},"TotalCount":0}"#,
    r#"{"images":[{"ImageId":"image-a"}],"TotalCount":1}"#,
    r#"{"Images":[{"imageId":"image-a"}]}"#,
    r#"{"Images":[{"ImageId":""}],"TotalCount":1}"#,
];

/// Answers that show that there is none.
pub const NONE_THERE: [&str; 4] =
    [r#"{"Images":[]}"#, r#"{"Images":[],"TotalCount":0}"#, r#"{"Images":null,"TotalCount":0}"#, r#"{"TotalCount":0}"#];

/// `image-00000`, `image-00001`, …
pub fn numbered(images: usize) -> Vec<String> {
    (0..images).map(|n| format!("image-{n:05}")).collect()
}

/// A folder of this test alone, empty.
pub fn folder() -> PathBuf {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A file in a folder of its own.
pub fn file(text: &str) -> PathBuf {
    let path = folder().join("file");
    std::fs::write(&path, text).unwrap();
    path
}

/// The program, without anything of the environment but what a process needs to live.
pub fn volc_images() -> Command {
    let home = folder();
    let mut command = Command::new(env!("CARGO_BIN_EXE_volc-images"));
    command.env_clear().env("HOME", &home).env("XDG_STATE_HOME", home.join("state")).stdin(Stdio::null());
    for name in ["PATH", "SystemRoot", "LLVM_PROFILE_FILE"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command
}

/// The program with the key of the tests and their region.
pub fn with_key() -> Command {
    let mut command = volc_images();
    command.env("VOLCENGINE_ACCESS_KEY", KEY).env("VOLCENGINE_SECRET_KEY", SECRET).env("VOLCENGINE_REGION", "cn-beijing");
    command
}

/// The program with the key of the tests, about to delete at this address.
pub fn delete_at(url: &str) -> Command {
    let mut command = with_key();
    command.args(["delete", "--endpoint", url, "--snapshots", "keep"]);
    command
}

/// The same for what is about the deletion alone: nothing is looked at, and every request is one that deletes.
pub fn delete_blindly_at(url: &str) -> Command {
    let mut command = delete_at(url);
    command.args(["--no-look", "--verify", "never"]);
    command
}

/// What a process left behind.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.out, self.err);
        self
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

pub fn run(command: &mut Command) -> Ended {
    command.output().unwrap().into()
}

pub fn run_with_input(command: &mut Command, input: &str) -> Ended {
    let mut child = start(command.stdin(Stdio::piped()));
    // Who refuses the command line does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap().into()
}

pub fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until something holds, with a limit.
#[track_caller]
pub fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What the emulator says is there, over its own socket.
pub fn inventory(emulator: &Emulator) -> BTreeSet<String> {
    let mut stream = TcpStream::connect(emulator.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(stream, "GET /_emulator/images HTTP/1.1\r\nHost: emulator\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let images: Vec<Value> = serde_json::from_str(body).unwrap();
    images.iter().map(|image| image["id"].as_str().unwrap().to_owned()).collect()
}

/// The outcome of each image in a result.
pub fn outcomes(result: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    result["images"].as_array().unwrap().iter().map(|image| (text(&image["id"]), text(&image["outcome"]))).collect()
}
