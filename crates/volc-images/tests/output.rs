//! The forms of the result, and what is on which stream.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use serde_json::{Value, json};
use support::*;
use volc_emulator::{Emulator, Fault, Image, ImageState, When};

/// One image of each outcome but `not-deleted`.
fn one_of_each() -> Emulator {
    let images = [
        Image::new("image-shared").state(ImageState::Shared),
        Image::new("image-copying").state(ImageState::Copying),
        Image::new("image-failing").state(ImageState::Failing),
    ];
    emulator(["image-a", "image-b"]).images(images).start().unwrap()
}

const ASKED: [&str; 6] = ["image-a", "image-shared", "image-copying", "image-missing", "image-failing", "image-b"];

fn deleted(emulator: &Emulator, more: &[&str]) -> Ended {
    run(delete_blindly_at(&emulator.url()).args(ASKED).args(["--attempts", "1", "--yes"]).args(more)).expect(3)
}

#[test]
fn the_document_has_every_image_in_the_order_asked() {
    let emulator = one_of_each();
    let result = deleted(&emulator, &["--output", "json"]).json();
    let expected = [
        ("image-a", "gone"),
        ("image-shared", "refused"),
        ("image-copying", "busy"),
        ("image-missing", "gone"),
        ("image-failing", "unclear"),
        ("image-b", "gone"),
    ];
    assert_eq!(outcomes(&result), expected.map(|(id, outcome)| (id.to_owned(), outcome.to_owned())));
    assert_eq!(result["counts"], json!({"gone": 3, "refused": 1, "busy": 1, "not_deleted": 0, "unclear": 1}));
    for (member, value) in [
        ("version", json!(1)),
        ("executed", json!(true)),
        ("interrupted", json!(false)),
        ("exit_code", json!(3)),
        ("emulator", json!(false)),
        ("region", json!("cn-beijing")),
        ("endpoint", json!(emulator.url())),
        ("key_id", json!("AKLT****mple")),
        ("snapshots", json!("keep")),
        ("to_delete", json!(6)),
        ("requests", json!(1)),
        ("stopped", Value::Null),
        ("tool", json!(concat!("volc-images/", env!("CARGO_PKG_VERSION")))),
    ] {
        assert_eq!(result[member], value, "{member}");
    }
    assert_eq!(result["images"][1]["why"]["code"], "InvalidImage.Shared");
    let request_id = emulator.requests()[0].request_id.clone().unwrap();
    assert_eq!(result["images"][0]["request_id"], *request_id);
    assert_eq!(result["attempts"][0]["request_id"], *request_id);
}

#[test]
fn a_plan_as_a_document_was_not_executed() {
    let emulator = one_of_each();
    let plan =
        run(delete_blindly_at(&emulator.url()).args(["image-a", "image-b", "image-a", "--output", "json"])).expect(0).json();
    assert_eq!(plan["executed"], false);
    assert_eq!(plan["images"], json!([{"id": "image-a"}, {"id": "image-b"}]));
    assert_eq!((&plan["duplicates"], &plan["to_delete"]), (&json!(1), &json!(2)));
    assert_eq!(plan["not_checked"], json!(["instances", "launch templates", "scaling groups"]));
    assert!(plan.get("counts").is_none());
}

#[test]
fn lines_begin_with_the_run_and_end_with_the_end() {
    let emulator = one_of_each();
    let ended = deleted(&emulator, &["--output", "ndjson"]);
    let lines: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    let images = ["image"; 6];
    assert_eq!(types, [&["run", "attempt"][..], &images, &["end"]].concat());
    assert_eq!((&lines[0]["version"], &lines[0]["executed"]), (&json!(1), &json!(true)));
    assert_eq!((&lines[2]["id"], &lines[2]["outcome"]), (&json!("image-a"), &json!("gone")));
    assert_eq!((&lines[8]["exit_code"], &lines[8]["counts"]["gone"]), (&json!(3), &json!(3)));
}

#[test]
fn the_table_has_failures_first_and_fits_80_columns() {
    let emulator = one_of_each();
    let ended = deleted(&emulator, &["-v"]);
    let journal = |line: &str| line.starts_with("To go on: ");
    assert!(ended.out.lines().all(|line| line.chars().count() <= 80 || journal(line)), "{}", ended.out);
    let place = |text: &str| ended.out.find(text).unwrap_or_else(|| panic!("{text} in {}", ended.out));
    let order = ["image-failing", "image-shared", "image-copying", "image-missing", "image-a ", "image-b "].map(place);
    assert!(order.is_sorted(), "{}", ended.out);
    for text in ["InvalidImage.Shared", "stop sharing it", "--wait-busy 30m", "was not there", "REQUEST ID"] {
        place(text);
    }
    place(&emulator.requests()[0].request_id.clone().unwrap());
}

#[test]
fn long_ids_are_never_cut() {
    let long = format!("image-{}", "x".repeat(122));
    let emulator = emulator([]).image(Image::new(&long).state(ImageState::Copying)).start().unwrap();
    let ended = run(delete_blindly_at(&emulator.url()).args([&long, "--yes"])).expect(2);
    assert!(ended.out.contains(&long), "{}", ended.out);
    assert!(ended.out.contains("OperationDenied.ImageIsCopying"), "{}", ended.out);
}

#[test]
fn many_images_that_are_gone_do_not_push_failures_off_the_screen() {
    let ids = numbered(300);
    let shared = Image::new("image-shared").state(ImageState::Shared);
    let emulator = emulator(ids.iter().map(String::as_str)).image(shared).start().unwrap();
    let list = ids.join("\n") + "\nimage-shared";
    let ended = run_with_input(delete_blindly_at(&emulator.url()).args(["-", "--yes"]), &list).expect(2);
    assert!(ended.out.lines().count() < 24, "{}", ended.out);
    assert!(ended.out.contains("300 images gone: deleted; -v shows each"), "{}", ended.out);
    assert!(ended.out.contains("300 of 301 images gone, 1 refused"), "{}", ended.out);
}

#[test]
fn progress_is_a_line_for_each_request_where_there_is_no_terminal() {
    let ids = numbered(250);
    let emulator = emulator(ids.iter().map(String::as_str)).fault(When::requests([2]), Fault::CutBody).start().unwrap();
    let ended = run_with_input(delete_blindly_at(&emulator.url()).args(["-", "--yes"]), &ids.join("\n")).expect(0);
    let lines: Vec<_> = ended.err.lines().filter(|line| line.starts_with("request ")).collect();
    assert_eq!(lines[0], "request 1: 100 images: 100 gone; 100 of 250 settled");
    assert!(
        lines[1].starts_with("request 2: 100 images: 100 unclear (") && lines[1].contains("expected a complete answer"),
        "{lines:?}"
    );
    assert_eq!(lines.len(), emulator.requests().len());
    assert!(!ended.out.contains("request 1:"), "{}", ended.out);
}

#[test]
fn colour_is_for_terminals_unless_it_is_asked_for() {
    let emulator = one_of_each();
    let plan = |more: &[&str], no_color: bool| {
        let mut command = delete_blindly_at(&emulator.url());
        if no_color {
            command.env("NO_COLOR", "1");
        }
        run(command.arg("image-a").args(more)).expect(0).out.contains('\u{1b}')
    };
    assert!(!plan(&[], false));
    assert!(plan(&["--color", "always"], false));
    assert!(!plan(&["--color", "never"], false));
    assert!(!plan(&["--color", "auto"], true));
}

#[test]
fn images_to_keep_are_shown_and_left_out() {
    let keep = file("image-a # golden\n");
    let emulator = one_of_each();
    let command = || {
        let mut command = delete_blindly_at(&emulator.url());
        command.args(["image-a", "image-b", "--keep-file"]).arg(&keep);
        command
    };
    let plan = run(&mut command()).expect(0).out;
    assert!(plan.contains("1 image (1 kept)") && plan.contains("Kept: on the list, but in the keep file\n  image-a"), "{plan}");
    let result = run(command().args(["--yes", "--output", "json"])).expect(0).json();
    assert_eq!(result["kept"], json!(["image-a"]));
    assert_eq!(outcomes(&result), [("image-b".to_owned(), "gone".to_owned())]);
    assert!(inventory(&emulator).contains("image-a"));

    let nothing = run(delete_blindly_at(&emulator.url()).args(["image-a", "--yes", "--keep-file"]).arg(&keep)).expect(0);
    assert!(nothing.out.ends_with("Nothing was deleted, and there is nothing to delete.\n"), "{}", nothing.out);
}

#[test]
fn a_page_that_is_not_the_last_is_told() {
    let page = file(r#"{"Result":{"Images":[{"ImageId":"image-a"}],"NextToken":"x"}}"#);
    let emulator = one_of_each();
    let ended = run(delete_blindly_at(&emulator.url()).arg("--ids-file").arg(&page)).expect(0);
    assert!(ended.err.contains("NextToken"), "{}", ended.err);
}

#[test]
fn a_mistyped_region_is_told_with_the_nearest_known_one() {
    let emulator = one_of_each();
    let ended = run(delete_blindly_at(&emulator.url()).args(["--region", "cn-bejing", "image-a"])).expect(0);
    assert!(ended.err.contains("no region cn-bejing; is cn-beijing meant?"), "{}", ended.err);
}

#[test]
fn a_profile_of_the_vendor_s_program_will_do() {
    let config = format!(
        r#"{{"current":"ci","profiles":{{
            "ci":{{"mode":"ak","access-key":"{KEY}","secret-key":"{SECRET}","region":"cn-beijing"}},
            "other":{{"mode":"ak","access-key":"AKLTsomebodyelse","secret-key":"{SECRET}","region":"cn-shanghai"}}}}}}"#
    );
    let home = folder();
    std::fs::create_dir(home.join(".volcengine")).unwrap();
    std::fs::write(home.join(".volcengine/config.json"), config).unwrap();
    let emulator = one_of_each();
    let plan = |prepare: &dyn Fn(&mut std::process::Command)| {
        let mut command = volc_images();
        command.env("HOME", &home).args(["delete", "--endpoint", &emulator.url(), "--snapshots", "keep", "image-a"]);
        prepare(&mut command);
        run(&mut command).expect(0).out
    };
    let current = plan(&|_| ());
    assert!(current.contains("AKLT****mple (from the profile ci)"), "{current}");
    assert!(current.contains("cn-beijing (from the profile ci)"), "{current}");
    let other = plan(&|command| {
        command.env("VOLCENGINE_PROFILE", "other");
    });
    assert!(other.contains("cn-shanghai (from the profile other)"), "{other}");
    let environment = |command: &mut std::process::Command| {
        command.env("VOLCENGINE_ACCESS_KEY", KEY).env("VOLCENGINE_SECRET_KEY", SECRET).env("VOLCENGINE_PROFILE", "other");
    };
    let key = plan(&environment);
    assert!(key.contains("AKLT****mple (from the environment)"), "{key}");
    let named = plan(&|command| {
        environment(command);
        command.args(["--profile", "other"]);
    });
    assert!(named.contains("AKLT****else (from the profile other)"), "{named}");
}

#[test]
fn no_secret_is_in_any_output() {
    let emulator = one_of_each();
    let token = "hunter2hunter2";
    emulator.add_credentials(who().with_session_token(token).unwrap());
    for more in [&["-v"][..], &["-v", "--yes"], &["--output", "json", "--yes"], &["--output", "ndjson"]] {
        let ended = run(delete_blindly_at(&emulator.url()).env("VOLCENGINE_SESSION_TOKEN", token).args(ASKED).args(more));
        for secret in [KEY, SECRET, token, "Signature="] {
            assert!(!ended.out.contains(secret) && !ended.err.contains(secret), "{secret} in {ended:?}");
        }
    }
}

#[test]
fn waiting_for_a_busy_image_pays_off() {
    let copying = Image::new("image-a").state(ImageState::Copying).for_calls(1);
    let emulator = emulator([]).image(copying).start().unwrap();
    run(delete_blindly_at(&emulator.url()).args(["image-a", "--wait-busy", "2s", "--yes"])).expect(0);
    assert_eq!(emulator.requests().len(), 2);
}

#[test]
fn the_snapshot_choice_reaches_the_service() {
    for (choice, left) in [("keep", 1), ("delete", 0)] {
        let emulator = emulator([]).image(Image::new("image-a").snapshots(["snap-a"])).start().unwrap();
        let mut command = volc_images();
        command.env("VOLCENGINE_ACCESS_KEY", KEY).env("VOLCENGINE_SECRET_KEY", SECRET);
        command.args(["delete", "--region", "cn-beijing", "--endpoint", &emulator.url(), "--snapshots", choice]);
        run(command.args(["image-a", "--yes"])).expect(0);
        assert_eq!(emulator.snapshots().len(), left, "{choice}");
    }
}
