//! Looking before a deletion: what the plan then knows, and that nothing depends on it.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::time::SystemTime;

use serde_json::json;
use support::*;
use volc_emulator::{Builder, Emulator, Fault, Image, ImageState, Snapshot, UnknownIds, Visibility, When};
use volc_proto::Timestamp;

const DAY: i64 = 86_400;

fn some() -> Builder {
    let now = Timestamp::from(SystemTime::now());
    let golden = Image::new("image-golden").name("golden-1").size(20).created_at(now.shifted(-40 * DAY));
    emulator([]).images([
        golden.snapshots([Snapshot::new("snap-1").size(20), Snapshot::new("snap-2").size(100)]),
        Image::new("image-shared").state(ImageState::Shared).size(30).created_at(now.shifted(-3 * 3_600 - 60)),
        Image::new("image-public").visibility(Visibility::Public).size(5),
    ])
}

const IDS: [&str; 4] = ["image-golden", "image-shared", "image-public", "image-none"];

fn actions(emulator: &Emulator) -> Vec<String> {
    emulator.requests().into_iter().filter_map(|request| request.action).collect()
}

#[test]
fn the_plan_knows_what_will_be_deleted_and_only_reads() {
    let emulator = some().start().unwrap();
    let plan = run(delete_at(&emulator.url()).args(IDS)).expect(0).out;
    for text in [
        "account       2100000000",
        "4 images, 55 GiB",
        "image-golden                golden-1                        20    40 d  unshared",
        "image-shared                image-shared                    30     3 h  shared",
        "    note: public, unshared",
        "image-none                  is not there",
        "2 snapshots of 120 GiB will stay, and go on costing money\n  snap-1  snap-2",
    ] {
        assert!(plan.contains(text), "{text} in {plan}");
    }
    assert!(plan.lines().all(|line| line.chars().count() <= 80), "{plan}");
    assert_eq!(actions(&emulator), ["GetCallerIdentity", "DescribeImages"]);
}

#[test]
fn the_document_has_it_before_and_after() {
    let emulator = some().start().unwrap();
    for more in [&[][..], &["--yes"]] {
        let mut command = delete_at(&emulator.url());
        let result = run(command.args(IDS).args(["--output", "json"]).args(more)).json();
        assert_eq!((&result["account"], &result["looked"]), (&json!("2100000000"), &json!(true)));
        assert_eq!(result["size_gib"], 55);
        let snapshots = json!([{"id": "snap-1", "size_gib": 20}, {"id": "snap-2", "size_gib": 100}]);
        assert_eq!(result["bound_snapshots"], snapshots);
        assert_eq!(result["images"][0]["seen"]["name"], "golden-1");
        assert_eq!(result["images"][1]["seen"]["share_status"], "shared");
        assert_eq!(result["images"][3]["seen"], json!(null));
        assert!(result["images"][3].as_object().unwrap().contains_key("seen"));
    }
}

#[test]
fn snapshots_that_go_are_told_too() {
    let emulator = some().start().unwrap();
    let flags = ["delete", "--snapshots", "delete", "image-golden", "--endpoint"];
    let plan = run(with_key().args(flags).arg(emulator.url())).expect(0).out;
    assert!(plan.contains("2 snapshots of 120 GiB will go with the images"), "{plan}");
}

#[test]
fn who_may_not_look_is_told_so_in_the_plan_and_deletes_all_the_same() {
    let emulator = some().deny_action("DescribeImages").deny_action("GetCallerIdentity").start().unwrap();
    let ended = run(delete_at(&emulator.url()).args(["image-golden", "--yes"])).expect(0);
    for text in ["account       unknown: AccessDenied", "not looked at AccessDenied", "grant ecs:DescribeImages"] {
        assert!(ended.err.replace("\n                ", " ").contains(text), "{text} in {}", ended.err);
    }
    let plan = run(delete_at(&emulator.url()).args(["image-shared", "--output", "json"])).expect(0).json();
    assert_eq!((&plan["looked"], &plan["account"]), (&json!(false), &json!(null)));
    assert!(plan["not_looked"].as_str().unwrap().contains("AccessDenied"));
    assert!(plan["images"][0].get("seen").is_none());
}

#[test]
fn an_answer_that_proves_nothing_shows_no_image_absent() {
    let answered = |result: &str| {
        let emulator = some().fault(When::requests([2]), says(result)).start().unwrap();
        let plan = run(delete_at(&emulator.url()).args(["image-a", "--output", "json"])).expect(0).json();
        (plan["looked"] == true, plan["images"][0].get("seen").cloned(), plan["not_looked"].as_str().map(str::to_owned))
    };
    let other = r#"{"Images":[{"ImageId":"image-b"}]}"#;
    for result in PROVES_NOTHING.into_iter().chain([other]) {
        let (looked, seen, why) = answered(result);
        assert!(!looked && seen.is_none() && why.is_some_and(|why| why.contains("expected")), "{result}");
    }
    for result in NONE_THERE {
        assert_eq!(answered(result), (true, Some(json!(null)), None), "{result}");
    }
}

#[test]
fn an_answer_that_proves_nothing_is_nothing_to_select_from() {
    for result in PROVES_NOTHING {
        let emulator = some().fault(When::from(2), says(result)).start().unwrap();
        let ended = run(delete_at(&emulator.url()).args(["--name-prefix", "golden", "--yes"])).expect(4);
        assert!(ended.out.is_empty() && ended.err.contains("the images to select from cannot be read"), "{result}: {ended:?}");
        assert_eq!(emulator.images().len(), 3);
    }
}

#[test]
fn whoever_does_not_want_a_look_gets_none() {
    let emulator = some().start().unwrap();
    run(delete_at(&emulator.url()).args(IDS).arg("--no-look")).expect(0);
    assert!(emulator.requests().is_empty());
}

#[test]
fn another_account_s_key_deletes_nothing() {
    let emulator = some().start().unwrap();
    for more in [&[][..], &["--yes"], &["--no-look", "--yes"]] {
        let mut command = delete_at(&emulator.url());
        let ended = run(command.args(["image-golden", "--account", "2100000001"]).args(more)).expect(4);
        assert_eq!(ended.out, "");
        assert!(ended.err.contains("expected a key of the account 2100000001, not one of 2100000000"), "{}", ended.err);
    }
    assert_eq!(actions(&emulator), ["GetCallerIdentity"; 3]);
    run(delete_at(&emulator.url()).args(["image-golden", "--account", "2100000000", "--yes"])).expect(0);
}

#[test]
fn an_account_that_cannot_be_read_is_not_the_one_that_is_wanted() {
    let emulator = some().deny_action("GetCallerIdentity").start().unwrap();
    let ended = run(delete_at(&emulator.url()).args(["image-golden", "--account", "2100000000", "--yes"])).expect(4);
    assert!(ended.err.contains("whose it is cannot be read: AccessDenied"), "{}", ended.err);
    assert_eq!(emulator.images().len(), 3);
    // A moment's failure is no reason.
    let emulator = some().fault(When::requests([1]), Fault::api_error("InternalError", false)).start().unwrap();
    run(delete_at(&emulator.url()).args(["image-golden", "--account", "2100000000", "--yes"])).expect(0);
}

#[test]
fn a_long_list_is_looked_at_whatever_the_service_says_of_ids_that_do_not_exist() {
    for unknown in [UnknownIds::LeftOut, UnknownIds::NotFound] {
        let ids = numbered(230);
        let emulator = emulator(ids.iter().map(String::as_str)).unknown_ids(unknown).start().unwrap();
        let list = ids.join("\n") + "\nimage-none";
        let plan = run_with_input(delete_at(&emulator.url()).args(["-", "--output", "json"]), &list).expect(0).json();
        assert_eq!((&plan["looked"], &plan["size_gib"]), (&json!(true), &json!(230 * 40)));
        assert_eq!(plan["images"][230]["seen"], json!(null));
    }
}

#[test]
fn what_is_gone_on_with_is_looked_at_too() {
    let journal = folder().join("journal");
    let emulator = some().fault(When::requests([1]), Fault::CutBody).start().unwrap();
    let first = ["image-golden", "image-shared", "--attempts", "1", "--yes", "--journal"];
    run(delete_blindly_at(&emulator.url()).args(first).arg(&journal)).expect(3);
    let plan = run(delete_at(&emulator.url()).args(["--output", "json", "--resume"]).arg(&journal)).expect(0).json();
    assert_eq!((&plan["images"][0]["seen"], &plan["images"][1]["seen"]["size_gib"]), (&json!(null), &json!(30)));
}

#[test]
fn a_service_that_is_not_there_is_still_4_and_a_plan_still_0() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{nobody}");
    let plan = run(delete_at(&url).arg("image-a")).expect(0).out;
    assert!(plan.contains("not looked at nothing was sent: expected a connection"), "{plan}");
    run(delete_at(&url).args(["image-a", "--attempts", "1", "--yes"])).expect(4);
    run(delete_at(&url).args(["--older-than", "30d", "--attempts", "1", "--yes"])).expect(4);
}

#[test]
fn what_an_answer_calls_an_account_moves_no_cursor() {
    let says = says(r#"{"AccountId":"\u001b[2J"}"#);
    let emulator = emulator(["image-golden"]).fault(When::Always, says).start().unwrap();
    let ended = run(delete_at(&emulator.url()).args(["image-golden", "--account", "1", "--yes"])).expect(4);
    assert!(ended.err.contains("not one of") && !ended.err.contains('\u{1b}'), "{:?}", ended.err);
}
