//! Looking at images around their deletion: what is settled by it, and what happens where it is not permitted.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use serde_json::json;
use support::*;
use volc_emulator::{Builder, Emulator, Fault, FaultRule, Image, ImageState, Repeated, Visibility, Visible, When};

/// Every answer to a deletion is lost, though it is carried out.
fn losing(builder: Builder) -> Emulator {
    builder.faults([FaultRule::new(When::Always, Fault::Drop { after_deletion: true }).only("DeleteImages")]).start().unwrap()
}

fn deleted(emulator: &Emulator, more: &[&str]) -> Ended {
    run(delete_at(&emulator.url()).args(["--yes", "--attempts", "1"]).args(more))
}

/// The images that deletions asked for.
fn asked_to_delete(emulator: &Emulator) -> Vec<String> {
    let requests = emulator.requests().into_iter().filter(|request| request.action.as_deref() == Some("DeleteImages"));
    requests.flat_map(|request| request.image_ids).collect()
}

#[test]
fn an_image_whose_answer_was_lost_is_looked_for_and_not_left_unclear() {
    let emulator = losing(emulator(["image-a", "image-b"]));
    let journal = folder().join("journal");
    let ended = deleted(&emulator, &["image-a", "image-b", "--journal", journal.to_str().unwrap()]).expect(0);
    assert!(ended.out.contains("looked for, and not there any more"), "{}", ended.out);
    assert!(ended.err.contains("request 2 (a look): 2 images: 2 gone; 2 of 2 settled"), "{}", ended.err);
    let events = std::fs::read_to_string(&journal).unwrap();
    assert!(events.contains(r#"{"event":"look""#) && events.contains("seen-absent"), "{events}");
    let again = run(delete_at(&emulator.url()).args(["--yes", "--output", "json", "--resume"]).arg(&journal)).expect(0).json();
    assert_eq!(again["images"][0]["why"], "seen-absent");
}

#[test]
fn who_may_not_look_is_told_so_once_and_nothing_else_changes() {
    for (verify, code) in [("unclear", 3), ("all", 3), ("never", 3)] {
        let emulator = losing(emulator(["image-a"]).deny_action("DescribeImages"));
        let ended = deleted(&emulator, &["image-a", "--verify", verify]).expect(code);
        let told = ended.out.matches("grant ecs:DescribeImages").count();
        assert_eq!(told, usize::from(verify != "never"), "{}", ended.out);
        assert!(ended.out.contains("0 of 1 image gone, 1 unclear"), "{}", ended.out);
    }
    let emulator = emulator(["image-a"]).deny_action("DescribeImages").start().unwrap();
    let result = deleted(&emulator, &["image-a", "--output", "json"]).expect(0).json();
    assert_eq!((&result["unverified"], &result["images"][0]["why"]), (&json!(null), &json!("acknowledged")));
    let result = deleted(&losing(support::emulator(["image-a"]).deny_action("DescribeImages")), &["image-a", "--output", "json"]);
    assert_eq!(result.expect(3).json()["unverified"]["code"], "AccessDenied");
}

#[test]
fn an_image_that_is_visible_for_a_while_is_waited_for() {
    let emulator = emulator(["image-a"]).visible_after_deletion(Visible::Requests(1)).start().unwrap();
    let result = deleted(&emulator, &["image-a", "--verify", "all", "--output", "json"]).expect(0).json();
    assert_eq!(result["images"][0]["why"], "seen-absent");
    assert_eq!(result["attempts"].as_array().unwrap().iter().filter(|attempt| attempt["look"] == true).count(), 2);
}

#[test]
fn an_image_that_is_still_there_when_time_is_up_is_unclear() {
    let emulator = emulator(["image-a"]).visible_after_deletion(Visible::Milliseconds(1 << 40)).start().unwrap();
    let ended = deleted(&emulator, &["image-a", "--verify", "all", "--verify-for", "0s", "-v"]).expect(3);
    for text in ["unclear      seen, still there", "look again later with volc-images list", "look 1"] {
        assert!(ended.out.contains(text), "{text} in {}", ended.out);
    }
}

#[test]
fn with_before_what_is_absent_or_not_ours_is_never_asked_for() {
    let public = Image::new("image-public").visibility(Visibility::Public);
    let emulator = emulator(["image-a"]).image(public).start().unwrap();
    let ids = ["image-a", "image-public", "image-missing", "--verify", "before"];
    let ended = deleted(&emulator, &ids).expect(2);
    for text in ["not ours", "it is a public image", "take it off the list", "was not there before"] {
        assert!(ended.out.contains(text), "{text} in {}", ended.out);
    }
    assert!(ended.out.contains("2 of 3 images gone (1 not there before), 1 not ours"), "{}", ended.out);
    assert!(ended.err.contains("request 1 (a look): 3 images: 1 gone, 1 not ours, 1 there"), "{}", ended.err);
    assert_eq!(asked_to_delete(&emulator), ["image-a"]);
}

#[test]
fn with_before_a_list_of_which_nothing_exists_is_5_as_ever() {
    let emulator = emulator([]).start().unwrap();
    deleted(&emulator, &["image-a", "--verify", "before"]).expect(5);
    deleted(&emulator, &["image-a", "--verify", "before", "--missing-ok"]).expect(0);
    assert!(asked_to_delete(&emulator).is_empty());
}

#[test]
fn with_before_and_no_permission_to_look_nothing_is_deleted_and_it_is_4() {
    let emulator = emulator(["image-a"]).deny_action("DescribeImages").start().unwrap();
    let ended = deleted(&emulator, &["image-a", "--verify", "before"]).expect(4);
    assert!(ended.out.contains("could not be looked at before their deletion"), "{}", ended.out);
    assert_eq!(ended.out.matches("grant ecs:DescribeImages").count(), 1, "{}", ended.out);
    assert!(asked_to_delete(&emulator).is_empty() && emulator.images().len() == 1);
}

#[test]
fn under_faults_nothing_is_left_unclear_and_no_verdict_contradicts_what_is_there() {
    let ids = numbered(160);
    let image = |(n, id): (usize, &String)| match n % 50 {
        7 => Image::new(id).state(ImageState::Shared),
        _ => Image::new(id),
    };
    let chance = |of, seed, fault| FaultRule::new(When::Chance { of, seed }, fault);
    let emulator = emulator([])
        .images(ids.iter().enumerate().map(image))
        .visible_after_deletion(Visible::Requests(3))
        .repeated_deletion(Repeated::WrongStatus)
        .faults([
            chance(0.2, 1, Fault::Drop { after_deletion: true }).only("DeleteImages"),
            chance(0.1, 2, Fault::CutBody),
            chance(0.1, 3, Fault::api_error("InternalError", false)),
        ])
        .start()
        .unwrap();
    let flags = ["-", "--yes", "--chunk", "20", "--attempts", "12", "--verify-for", "2m", "--output", "json"];
    let result = run_with_input(delete_at(&emulator.url()).args(flags), &ids.join("\n")).expect(2).json();
    assert_eq!(result["counts"]["unclear"], 0);
    let there = inventory(&emulator);
    for (id, outcome) in outcomes(&result) {
        assert_eq!(outcome == "gone", !there.contains(&id), "{id}: {outcome}");
    }
    assert_eq!(there.len(), 4);
}
