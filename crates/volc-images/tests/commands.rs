//! `explain`, `emulator` and `completions`.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::io::{BufRead, BufReader, Read};
use std::process::Command;

use support::*;

fn explain() -> Command {
    let mut command = volc_images();
    command.env("VOLCENGINE_ACCESS_KEY", KEY).env("VOLCENGINE_SECRET_KEY", SECRET).env("VOLCENGINE_SESSION_TOKEN", "hunter2");
    command.args(["explain", "--region", "cn-beijing", "--at", "20230707T105452Z", "image-a"]);
    command
}

#[test]
fn the_steps_of_a_signature_are_shown_without_its_secrets() {
    let shown = run(&mut explain()).expect(0).out;
    for text in [
        "\nGET\n/\nAction=DeleteImages&DeleteBindedSnapshots=false&ImageIds.1=image-a&Version=2020-04-01\nhost:open.volcengineapi.com\n",
        "\nx-date:20230707T105452Z\n",
        "\nHMAC-SHA256\n20230707T105452Z\n20230707/cn-beijing/ecs/request\n",
        "\nhost;x-content-sha256;x-date;x-security-token\n",
        "HMAC-SHA256 Credential=AKLT****mple/20230707/cn-beijing/ecs/request, ",
    ] {
        assert!(shown.contains(text), "{text:?} in {shown}");
    }
    for secret in [KEY, SECRET, "hunter2"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// The canonical request among what is shown.
fn canonical_request() -> String {
    let shown = run(&mut explain()).expect(0).out;
    shown.split_once("Canonical request\n").unwrap().1.split_once("\n\nString to sign").unwrap().0.to_owned()
}

fn compared(theirs: &str, code: i32) -> String {
    let mut command = volc_images();
    command.env("VOLCENGINE_ACCESS_KEY", KEY).env("VOLCENGINE_SECRET_KEY", SECRET).env("VOLCENGINE_SESSION_TOKEN", "hunter2");
    // Without --at: the date is the other side's.
    command.args(["explain", "--region", "cn-beijing", "image-a", "--compare"]);
    run(command.arg(file(theirs))).expect(code).out
}

#[test]
fn what_another_side_printed_is_compared() {
    let ours = canonical_request();
    let theirs = ours.replace("[session token]", "hunter3");
    assert!(compared(&theirs, 0).starts_with("The same."));
    assert!(compared(&format!("\"{}\"\n", theirs.replace('\n', "\\n")), 0).starts_with("The same."));
    let found = compared(&theirs.replace("DeleteBindedSnapshots=false", "DeleteBindedSnapshots=true"), 1);
    assert!(found.contains("line 3, the query, at this parameter:\n  ours    DeleteBindedSnapshots=false\n"), "{found}");
    let found = compared(&theirs.replace("host:open.volcengineapi.com", "host:ecs.cn-beijing.volcengineapi.com"), 1);
    assert!(found.contains("line 4, the headers:\n  ours    host:open.volcengineapi.com\n"), "{found}");
    assert!(!found.contains("hunter3"));
    let found = compared("GET\n/?Action=DeleteImages&X-Security-Token=STScanarytoken&X-Signature=0123\n", 1);
    assert!(found.contains("theirs  /?Action=DeleteImages&X-Security-Token=[hidden]&X-Signature=[hidden]\n"), "{found}");
}

#[test]
fn the_emulator_prints_what_a_shell_needs_and_deletes_nothing_real() {
    let ids = folder().join("ids.txt");
    let mut emulator = start(volc_images().args(["emulator", "--images", "60", "--write-ids"]).arg(&ids));
    let mut lines = BufReader::new(emulator.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut delete = volc_images();
    for line in lines.by_ref().take(4) {
        match line.strip_prefix("export ").and_then(|line| line.split_once('=')) {
            Some((name, value)) => delete.env(name, value),
            None => delete.env_remove(line.strip_prefix("unset ").unwrap()),
        };
    }
    let mut err = BufReader::new(emulator.stderr.take().unwrap());
    let mut said = String::new();
    while !said.ends_with("ids.txt\n") {
        assert_ne!(err.read_line(&mut said).unwrap(), 0, "{said}");
    }
    assert!(said.contains("This is an emulator: nothing real is deleted."), "{said}");
    let command = said.lines().last().unwrap().strip_prefix("volc-images ").unwrap();
    let result = run(delete.args(command.split(' ')).args(["--yes", "--output", "json"])).expect(2).json();
    let counts = &result["counts"];
    assert!(counts["gone"].as_u64() > Some(50) && counts["refused"].as_u64() > Some(0), "{counts}");
    assert_eq!(outcomes(&result).len(), 60);
    emulator.kill().unwrap();
    emulator.wait().unwrap();
    let mut rest = String::new();
    err.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[test]
fn a_rehearsal_says_in_every_form_that_nothing_real_is_deleted() {
    let rehearse = |more: &[&str]| {
        let command = ["delete", "--emulator", "--snapshots", "keep", "image-a", "image-shared", "image-missing"];
        run(volc_images().args(command).args(more))
    };
    let says = "This is an emulator: nothing real is deleted.";
    assert!(rehearse(&[]).expect(0).out.contains(says));
    assert!(rehearse(&["--yes"]).expect(2).out.contains(says));
    for more in [&["--output", "json"][..], &["--output", "json", "--yes"]] {
        assert_eq!(rehearse(more).json()["emulator"], true);
    }
}

#[test]
fn faults_can_be_rehearsed() {
    let faults = file(
        r#"[{"when": {"requests": [1]}, "action": "DeleteImages",
            "fault": {"api-error": {"code": "InvalidAccessKey", "after_deletion": false}}}]"#,
    );
    let flag = format!("--emulator={}", faults.display());
    let mut command = volc_images();
    command.args(["delete", &flag, "--snapshots", "keep", "image-a", "--yes"]);
    assert!(run(&mut command).expect(4).out.contains("InvalidAccessKey"));
    let wrong = file("[{}]");
    let flag = format!("--emulator={}", wrong.display());
    let ended = run(volc_images().args(["delete", &flag, "--snapshots", "keep", "image-a"])).expect(64);
    assert!(ended.err.contains(wrong.to_str().unwrap()), "{}", ended.err);
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = run(volc_images().args(["completions", shell])).expect(0).out;
        assert!(script.contains("volc-images") && script.contains("keep-file"), "{shell}");
    }
}
