//! The example `delete_images`, run as a process: what it must never do.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::path::PathBuf;
use std::process::{Command, Output};

use volc_tests::network::{Server, assert_shows_no_secret, success};

const LIVE: [&str; 6] = ["--live", "--region", "cn-beijing", "--snapshots", "keep", "image-a"];

/// Built beside this test: `target/debug/examples/delete_images`.
fn example() -> PathBuf {
    let directory = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples");
    let path = directory.join("delete_images").with_extension(std::env::consts::EXE_EXTENSION);
    assert!(path.exists(), "expected {}, which `cargo test -p volc-ureq` builds", path.display());
    path
}

/// Runs it with keys that look real and a proxy that must see nothing of it.
fn run(arguments: &[&str]) -> (Output, String) {
    let proxy = Server::answering(success());
    let mut command = Command::new(example());
    for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "all_proxy", "https_proxy", "http_proxy"] {
        command.env(name, proxy.url());
    }
    let output = command
        .args(arguments)
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env("VOLCENGINE_ACCESS_KEY", "AKLTcanaryOfTheKeyId")
        .env("VOLCENGINE_SECRET_KEY", "canaryOfTheSecret")
        .env("VOLCENGINE_SESSION_TOKEN", "canaryOfTheToken")
        .output()
        .unwrap();
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8(said).unwrap();
    assert_shows_no_secret(&said);
    assert_eq!(proxy.connections(), 0, "{said}");
    (output, said)
}

#[test]
fn without_arguments_it_never_leaves_this_machine() {
    let (output, said) = run(&[]);
    assert!(output.status.success(), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("image-")).count(), 10, "{said}");
    for (outcome, images) in [
        ("gone: the service accepted", 5),
        ("InvalidImage.Shared", 2),
        ("ImageIsCopying", 2),
        ("gone: there is no such image", 1),
    ] {
        assert_eq!(said.matches(outcome).count(), images, "{outcome}: {said}");
    }
    assert!(said.contains("nothing real was deleted"), "{said}");
    assert!(said.lines().last().unwrap().contains("--live --yes --region cn-beijing --snapshots keep image-"), "{said}");
}

#[test]
fn without_yes_it_prints_what_it_would_send_and_sends_nothing() {
    let (output, said) = run(&LIVE);
    assert!(!output.status.success(), "{said}");
    for shown in ["https://open.volcengineapi.com", "image-a", "Keep", "Nothing was sent"] {
        assert!(said.contains(shown), "{said}");
    }
}

#[test]
fn what_it_does_not_understand_it_does_not_send() {
    for arguments in [
        &["--yes", "image-a"][..],
        &["--live", "--yes", "--snapshots", "keep", "image-a"],
        &["--live", "--yes", "--region", "cn-beijing", "image-a"],
        &["--live", "--yes", "--region", "cn-beijing", "--snapshots", "maybe", "image-a"],
        &["--live", "--yes", "--region", "cn-beijing", "--snapshots", "keep"],
        &["--live", "--yes", "--region", "cn-beijing", "--snapshots", "keep", "image a"],
    ] {
        let (output, said) = run(arguments);
        assert!(!output.status.success() && said.contains("error: "), "{said}");
    }
}
