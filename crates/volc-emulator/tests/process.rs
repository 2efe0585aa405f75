//! The program, and what cannot be started.

mod wire;

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use volc_emulator::{Builder, Emulator, Fault, Image, When};
use volc_proto::{Credentials, Signer};
use wire::{LIMIT, beijing, deletion, emulator, now, open, read, send, signed, temporary, who, write};

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_volc-emulator"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A file of this process, removed when it goes.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let name = format!("{}-{name}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, text).expect("a folder for tests");
        Self(path)
    }
}

impl AsRef<std::ffi::OsStr> for File {
    fn as_ref(&self) -> &std::ffi::OsStr {
        self.0.as_ref()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

struct Running(Child);

impl Running {
    /// Starts it; the address of its first line.
    fn start(command: &mut Command) -> (Self, String) {
        let mut running = Self(command.spawn().expect("it was built"));
        let mut line = String::new();
        BufReader::new(running.0.stdout.take().expect("piped")).read_line(&mut line).expect("text");
        let address = line.strip_prefix("listening on http://").and_then(|rest| rest.strip_suffix('\n'));
        let address = address.unwrap_or_else(|| panic!("{line:?}")).to_owned();
        (running, address)
    }

    fn stop(mut self) -> String {
        self.0.kill().expect("it runs");
        let mut text = String::new();
        self.0.stderr.take().expect("piped").read_to_string(&mut text).expect("text");
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What it says when it does not start.
#[track_caller]
fn fails(command: &mut Command) -> String {
    let mut running = Running(command.spawn().expect("it was built"));
    let start = Instant::now();
    let status = loop {
        match running.0.try_wait().expect("it is our child") {
            Some(status) => break status,
            None => assert!(start.elapsed() < LIMIT, "it started"),
        }
        std::thread::yield_now();
    };
    let (mut said, mut told) = (String::new(), String::new());
    running.0.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    running.0.stdout.take().expect("piped").read_to_string(&mut told).expect("text");
    assert!(!status.success() && told.is_empty(), "{told}");
    said
}

/// Status and body.
fn ask(address: &str, target: &str, who: Option<&Credentials>) -> (u16, String) {
    let mut request = http::Request::get(target).header("host", address).body(()).expect("a request");
    if let Some(who) = who {
        Signer::new(who, &beijing(), "ecs").sign(&mut request, b"", now()).expect("unsigned before");
    }
    let mut stream = open(address.parse().expect("an address")).expect("it listens");
    write(&mut stream, &request, &[]).expect("it reads");
    let answer = read(&mut stream).expect("it answers");
    (answer.status(), String::from_utf8(answer.body().to_vec()).expect("text"))
}

#[test]
fn it_says_where_it_listens_and_that_nothing_real_is_deleted() {
    let (running, address) = Running::start(&mut command());
    let who = Credentials::new("AKLTNothingRealEmulatorOnly", "not-a-secret").unwrap();
    let (status, body) = ask(&address, &deletion(["image-available1", "image-shared"], &[]), Some(&who));
    assert_eq!((status, body.contains("InvalidImage.Shared")), (200, true));
    let (_, truth) = ask(&address, "/_emulator/images", None);
    assert!(!truth.contains("image-available1") && truth.contains("image-available2") && truth.contains("image-shared"));
    let said = running.stop();
    assert!(said.contains("nothing real is deleted"), "{said}");
    assert!(said.contains("export VOLCENGINE_ACCESS_KEY=AKLTNothingRealEmulatorOnly\n"), "{said}");
    assert!(said.contains("export VOLCENGINE_SECRET_KEY=not-a-secret\n"), "{said}");
}

#[test]
fn it_serves_a_configuration_and_a_scenario() {
    let config = File::new(
        "config.json",
        r#"{
            "region": "cn-beijing",
            "credentials": [{"access_key_id": "AKLTtest", "secret_access_key": "test-secret", "session_token": null}],
            "listing": "failed-only",
            "images": [
                {"id": "image-1", "state": "available", "snapshots": ["snap-1"]},
                {"id": "image-2", "state": "copying", "calls": 2, "snapshots": []}
            ],
            "faults": [{"when": {"requests": [1]}, "fault": {"api-error": {"code": "InternalError", "after_deletion": true}}}]
        }"#,
    );
    let scenario = File::new(
        "scenario.json",
        r#"[{"when": {"requests": [1, 2]}, "fault": {"answer": {"status": 502, "after_deletion": false}}}]"#,
    );
    let (running, address) =
        Running::start(command().arg(&config).arg("--scenario").arg(&scenario).args(["--listen", "127.0.0.1:0"]));
    let target = deletion(["image-1", "image-2"], &[]);
    let mut answers = (0..3).map(|_| ask(&address, &target, Some(&who())));
    assert_eq!(answers.next().unwrap().0, 500);
    assert_eq!(answers.next().unwrap(), (502, String::new()));
    let (status, body) = answers.next().unwrap();
    assert_eq!(status, 200);
    assert!(body.contains("InvalidImage.NotFound") && body.contains("OperationDenied.ImageIsCopying"), "{body}");
    let (_, truth) = ask(&address, "/_emulator/images", None);
    let truth: serde_json::Value = serde_json::from_str(&truth).unwrap();
    assert_eq!(truth, serde_json::json!([{"id": "image-2", "state": "available", "snapshots": []}]));
    assert!(!running.stop().contains("export"));
}

#[test]
fn it_generates_images_alone_or_beside_configured_ones() {
    let count = |address: &str| {
        let truth: serde_json::Value = serde_json::from_str(&ask(address, "/_emulator/images", None).1).unwrap();
        truth.as_array().unwrap().len()
    };
    let (running, address) = Running::start(command().args(["--images", "250", "--seed", "7"]));
    assert_eq!(count(&address), 250);
    let who = Credentials::new("AKLTNothingRealEmulatorOnly", "not-a-secret").unwrap();
    let target = "/?Action=DescribeImages&MaxResults=100&Version=2020-04-01";
    let (status, body) = ask(&address, target, Some(&who));
    assert_eq!((status, body.contains("golden-ubuntu-2204-")), (200, true), "{body}");
    assert!(running.stop().contains("export VOLCENGINE_ACCESS_KEY="));

    let config = File::new("generated.json", r#"{"images": [{"id": "image-1"}]}"#);
    let (_running, address) = Running::start(command().arg(&config).args(["--images=3"]));
    assert_eq!(count(&address), 4);
}

#[test]
fn a_configured_session_token_is_the_keys() {
    let json =
        r#"{"credentials": [{"access_key_id": "AKTPtest", "secret_access_key": "other-secret", "session_token": "to+ken/="}]}"#;
    let emulator = Builder::from_json(json).unwrap().start().unwrap();
    let target = deletion(["image-1"], &[]);
    assert_eq!(send(&emulator, &signed(&emulator, &temporary(), &target)).status(), 200);
    let without = Credentials::new("AKTPtest", "other-secret").unwrap();
    assert_eq!(send(&emulator, &signed(&emulator, &without, &target)).code(), "InvalidSecretToken");
}

#[test]
fn what_it_cannot_use_is_an_error_that_says_so() {
    let rule = |text: &str| format!(r#"{{"faults": [{{"when": "always", "fault": {text}}}]}}"#);
    for (name, text, expected) in [
        ("bad-json", "{".to_owned(), "EOF"),
        ("bad-member", r#"{"image": []}"#.to_owned(), "unknown field `image`"),
        ("bad-state", r#"{"images": [{"id": "a", "state": "gone"}]}"#.to_owned(), "unknown variant `gone`"),
        ("bad-twice", r#"{"images": [{"id": "a"}, {"id": "a"}]}"#.to_owned(), "expected the image \"a\" once"),
        (
            "bad-without",
            r#"{"images": [{"id": "a", "without": ["Createdat"]}]}"#.to_owned(),
            "such as CreatedAt, not \"Createdat\"",
        ),
        ("bad-snapshot", r#"{"images": [{"id": "a", "snapshots": [{"id": "s"}]}]}"#.to_owned(), "expected a snapshot's ID, or"),
        (
            "bad-denied",
            r#"{"denied_actions": ["DeleteImage"]}"#.to_owned(),
            "expected the action DeleteImages, DescribeImages or",
        ),
        (
            "bad-action",
            r#"{"faults": [{"when": "always", "fault": "cut-body", "action": "Describe"}]}"#.to_owned(),
            "fault 1: expected the action",
        ),
        ("bad-region", r#"{"region": "CN"}"#.to_owned(), "expected a region"),
        ("bad-key", r#"{"credentials": [{"access_key_id": "", "secret_access_key": "s"}]}"#.to_owned(), "expected"),
        (
            "bad-expiry",
            r#"{"credentials": [{"access_key_id": "A", "secret_access_key": "s", "expires_after_requests": 1}]}"#.to_owned(),
            "expected a session token",
        ),
        ("bad-fault", rule(r#"{"api-error": {"code": "Nope", "after_deletion": true}}"#), "fault 1: expected a code"),
        ("bad-drop", rule(r#"{"drop": {}}"#), "missing field `after_deletion`"),
    ] {
        let path = File::new(&format!("{name}.json"), &text);
        let said = fails(command().arg(&path));
        assert!(said.contains(&format!("{name}.json: ")) && said.contains(expected), "{said}");
    }
    for arguments in [
        &["--listen", "0.0.0.0:0"][..],
        &["--listen", "nowhere"],
        &["--nope"],
        &["no-such-file.json"],
        &["a", "b"],
        &["--listen"],
        &["--images", "some"],
        &["--images=1", "--seed=-1"],
        &["--seed=1"],
    ] {
        assert!(!fails(command().args(arguments)).is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_address_that_others_reach_must_be_allowed_by_name() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = Emulator::builder().listen(address.parse().unwrap()).start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("expected a loopback address"), "{error}");
    }
    let emulator = Emulator::builder().listen("0.0.0.0:0".parse().unwrap()).allow_non_loopback().start().unwrap();
    assert_eq!(emulator.endpoint(beijing()).origin("ecs"), format!("http://0.0.0.0:{}", emulator.address().port()));
    let (_, address) = Running::start(command().args(["--allow-non-loopback", "--listen=0.0.0.0:0"]));
    assert!(address.starts_with("0.0.0.0:"), "{address}");
}

#[test]
fn what_cannot_work_is_refused_before_it_listens() {
    let same = || Image::new("a").snapshots(["s"]);
    for (builder, expected) in [
        (emulator(1).image(Image::new("image-1")), "the image \"image-1\" once"),
        (emulator(0).image(Image::new("")), "an ID for every image"),
        (emulator(0).images([same(), Image::new("b").snapshots(["s"])]), "the snapshot \"s\" once"),
        (emulator(0).fault(When::requests([]), Fault::CutBody), "fault 1: expected numbers of requests"),
    ] {
        let error = builder.start().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn the_files_that_the_readme_shows_are_read() {
    let blocks = include_str!("../README.md").split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let [config, scenario] = blocks.collect::<Vec<_>>()[..] else { panic!("expected two JSON blocks") };
    let builder = Builder::from_json(config).unwrap().faults_from_json(scenario).unwrap();
    builder.start().unwrap();
}
