//! What is refused before anything is sent, and that a plan sends nothing.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use support::*;

/// A place where somebody would notice a connection.
struct Nobody(TcpListener);

impl Nobody {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn url(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    /// The kernel takes connections without us: whatever was made waits here.
    #[track_caller]
    fn assert_not_called(&self) {
        assert_eq!(self.0.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

#[track_caller]
fn refused(command: impl FnOnce(&mut Command) -> &mut Command, says: &[&str]) {
    let nobody = Nobody::new();
    let ended = run(command(&mut delete_blindly_at(&nobody.url()))).expect(64);
    assert_eq!(ended.out, "");
    for text in says {
        assert!(ended.err.contains(text), "{text:?} in {}", ended.err);
    }
    nobody.assert_not_called();
}

#[test]
fn a_plan_opens_no_connection() {
    let nobody = Nobody::new();
    for form in ["text", "json", "ndjson"] {
        let ended = run(delete_blindly_at(&nobody.url()).args(["image-a", "image-b", "--output", form])).expect(0);
        assert!(form == "text" || ended.out.contains("\"executed\""), "{}", ended.out);
    }
    run_with_input(delete_blindly_at(&nobody.url()).arg("-"), "image-a\n").expect(0);
    nobody.assert_not_called();
}

#[test]
fn a_plan_leaves_no_journal() {
    let journal = folder().join("journal");
    let nobody = Nobody::new();
    run(delete_blindly_at(&nobody.url()).arg("image-a").arg("--journal").arg(&journal)).expect(0);
    assert!(!journal.exists());
}

#[test]
fn the_listener_of_these_tests_notices_a_connection() {
    let nobody = Nobody::new();
    run(delete_blindly_at(&nobody.url()).args(["image-a", "--attempts", "1", "--yes", "--chunk", "101"])).expect(64);
    nobody.assert_not_called();
    let mut child = start(delete_blindly_at(&nobody.url()).args(["image-a", "--yes"]));
    wait_until("a connection", || nobody.0.accept().is_ok());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn explaining_opens_no_connection() {
    let nobody = Nobody::new();
    let mut command = volc_images();
    command.env("VOLCENGINE_ACCESS_KEY", KEY).env("VOLCENGINE_SECRET_KEY", SECRET);
    run(command.args(["explain", "--region", "cn-beijing", "--endpoint", &nobody.url()])).expect(0);
    nobody.assert_not_called();
}

#[test]
fn an_empty_list_is_refused() {
    refused(|command| command.arg("--yes"), &["expected at least one image"]);
    refused(|command| command.args(["--yes", "-"]), &["expected at least one image"]);
    let empty = file("# nothing left\n\n");
    refused(|command| command.arg("--yes").arg("--ids-file").arg(&empty), &["expected at least one image"]);
    let none = file(r#"{"ResponseMetadata":{},"Result":{"Images":[],"TotalCount":0}}"#);
    refused(|command| command.arg("--yes").arg("--ids-file").arg(&none), &["expected at least one image"]);
}

#[test]
fn a_bad_line_is_refused_with_its_file_and_number() {
    let ids = file("image-a\n\n# fine\nimage b\n");
    let place = format!("{}:4: expected an image ID", ids.display());
    refused(|command| command.arg("--yes").arg("--ids-file").arg(&ids), &[&place]);
    let ids = file("[{\"ImageId\":\"image-a\"},\n{\"ImageId\":7}]");
    let place = format!("{}:2: expected the JSON of DescribeImages", ids.display());
    refused(|command| command.arg("--yes").arg("--ids-file").arg(&ids), &[&place]);
    refused(|command| command.args(["--yes", "image-a", "image b"]), &["ID 2: expected an image ID", "image b"]);
    refused(|command| command.args(["--yes", "--ids-file", "no-such-file"]), &["no-such-file: "]);
}

#[test]
fn a_bad_keep_file_is_refused() {
    let keep = file("image-a image-b\n");
    refused(|command| command.args(["--yes", "image-a"]).arg("--keep-file").arg(&keep), &[":1: expected an image ID"]);
    refused(|command| command.args(["--yes", "image-a", "--keep-file", "no-such-file"]), &["no-such-file: "]);
}

#[test]
fn a_keep_file_of_which_pages_are_missing_is_refused() {
    for token in ["NextToken", "nextToken"] {
        let keep = file(&format!(r#"{{"Result":{{"Images":[{{"ImageId":"image-a"}}],"{token}":"x"}}}}"#));
        refused(|command| command.args(["--yes", "image-a"]).arg("--keep-file").arg(&keep), &["expected every page"]);
    }
}

#[test]
fn a_keep_file_without_an_image_is_refused() {
    for text in ["", "# none\n", r#"{"Images":[]}"#] {
        let keep = file(text);
        let expected = ["expected at least one image in the keep file"];
        refused(|command| command.args(["--yes", "image-a"]).arg("--keep-file").arg(&keep), &expected);
    }
}

#[test]
fn a_list_that_is_longer_than_allowed_is_refused() {
    let ids = file(&numbered(1_001).join("\n"));
    let says = ["expected at most 1,000 images, not 1,001 images; --max-images"];
    refused(|command| command.arg("--yes").arg("--ids-file").arg(&ids), &says);
    refused(|command| command.args(["--max-images", "1", "image-a", "image-b"]), &["at most 1 image, not 2 images"]);
}

#[test]
fn what_the_flags_cannot_mean_is_refused() {
    let cases: &[(&[&str], &str)] = &[
        (&["--chunk", "0"], "--chunk"),
        (&["--chunk", "101"], "--chunk"),
        (&["--rate", "0"], "expected 0.001 to 1000000 requests per second"),
        (&["--attempts", "0"], "--attempts"),
        (&["--deadline", "10s"], "expected a duration of at least 30 s"),
        (&["--wait-busy", "soon"], "expected a duration of at least 1 s"),
        (&["--journal", "a", "--no-journal"], "--no-journal"),
        (&["--resume", "a", "--journal", "b"], "--journal"),
        (&["--resume", "a", "--no-journal"], "--no-journal"),
        (&["--resume", "no-such-file"], "no-such-file"),
        (&["--region", "cn.beijing"], "expected a region"),
        (&["--emulator"], "--endpoint"),
        (&["--byteplus"], "--endpoint"),
        (&["--emulator=faults.json"], "--endpoint"),
        (&["--output", "yaml"], "yaml"),
    ];
    for (flags, says) in cases {
        refused(|command| command.args(["image-a", "--yes"]).args(*flags), &[says]);
    }
}

#[test]
fn a_rehearsal_goes_on_with_no_journal() {
    let ended = run(volc_images().args(["delete", "--emulator", "--resume", "a", "--yes"])).expect(64);
    assert!(ended.err.contains("cannot be used with"), "{}", ended.err);
}

#[test]
fn plain_http_to_another_machine_is_refused() {
    let mut command = volc_images();
    command.env("VOLCENGINE_ACCESS_KEY", KEY).env("VOLCENGINE_SECRET_KEY", SECRET);
    command.args(["delete", "--region", "cn-beijing", "--snapshots", "keep", "image-a", "--yes"]);
    let ended = run(command.args(["--endpoint", "http://192.0.2.1"])).expect(64);
    assert!(ended.err.contains("https://"), "{}", ended.err);
}

#[test]
fn the_snapshot_choice_has_no_default() {
    let ended = run(volc_images().args(["delete", "--region", "cn-beijing", "image-a"])).expect(64);
    assert!(ended.err.contains("--snapshots"), "{}", ended.err);
}

#[test]
fn without_a_region_anywhere_nothing_is_planned() {
    let mut command = volc_images();
    command.env("VOLCENGINE_ACCESS_KEY", KEY).env("VOLCENGINE_SECRET_KEY", SECRET);
    let ended = run(command.args(["delete", "--snapshots", "keep", "image-a"])).expect(64);
    assert!(ended.err.contains("expected a region"), "{}", ended.err);
}

#[test]
fn a_journal_that_is_there_is_not_written_over() {
    let journal = file("something else\n");
    refused(|command| command.args(["image-a", "--yes", "--journal"]).arg(&journal), &["is there", "--resume"]);
    assert_eq!(std::fs::read_to_string(&journal).unwrap(), "something else\n");
    refused(|command| command.args(["--yes", "--resume"]).arg(&journal), &["expected a journal"]);
}

#[test]
fn a_journal_that_cannot_be_made_is_4_and_nothing_is_sent() {
    let nobody = Nobody::new();
    let file = file("");
    let below = Path::new(&file).join("state");
    let ended = run(delete_blindly_at(&nobody.url()).env("XDG_STATE_HOME", below).args(["image-a", "--yes"])).expect(4);
    assert!(ended.err.contains("expected a journal at"), "{}", ended.err);
    nobody.assert_not_called();
}

#[test]
fn credentials_are_not_taken_as_flags() {
    for flag in ["--access-key", "--access-key-id", "--secret-key", "--session-token"] {
        refused(|command| command.args(["image-a", flag, "hunter2"]), &["unexpected argument"]);
    }
}
