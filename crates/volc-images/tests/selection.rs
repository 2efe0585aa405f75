//! The weekly clean-up: images chosen by what they are.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::time::SystemTime;

use serde_json::json;
use support::*;
use volc_emulator::{Builder, Fault, Image, Visibility, When};
use volc_proto::Timestamp;

const DAY: i64 = 86_400;

fn aged(id: &str, name: &str, days: i64) -> Image {
    Image::new(id).name(name).created_at(Timestamp::from(SystemTime::now()).shifted(-days * DAY - 3_600))
}

/// Two golden images, and what is in doubt or nobody's.
fn inventory() -> Builder {
    emulator([]).images([
        aged("image-a1", "golden-a-20240101", 100),
        aged("image-a2", "golden-a-20240201", 70),
        aged("image-a3", "golden-a-20240301", 40),
        aged("image-a4", "golden-a-20240401", 5),
        aged("image-b1", "golden-b-20240101", 100).tag("stage", "dev"),
        aged("image-b2", "golden-b-20240201", 20),
        aged("image-undated", "golden-a-20230101", 0).without("CreatedAt"),
        aged("image-unreadable", "golden-a-20230102", 0).without("Visibility"),
        aged("image-theirs", "golden-a-20230103", 500).visibility(Visibility::Shared),
        aged("image-other", "web-1", 500),
        aged("image-nameless", "", 500).without("ImageName"),
    ])
}

const RECIPE: [&str; 6] = ["--name-prefix", "golden-", "--group-by", "^(.+)-[0-9]{8}$", "--older-than", "30d"];

#[test]
fn the_newest_of_each_group_stay_and_the_rest_that_is_old_enough_goes() {
    let emulator = inventory().start().unwrap();
    let mut command = delete_at(&emulator.url());
    let result = run(command.args(RECIPE).args(["--keep-newest", "1", "--yes", "--output", "json"])).expect(0).json();
    let gone = |id: &str| (id.to_owned(), "gone".to_owned());
    let deleted = outcomes(&result);
    assert_eq!(
        deleted.iter().filter(|(id, _)| id.starts_with("image-a")).cloned().collect::<Vec<_>>(),
        ["image-a1", "image-a2", "image-a3"].map(gone)
    );
    assert!(deleted.contains(&gone("image-b1")) && deleted.len() == 4);
    let left: Vec<_> = inventory_ids(&emulator);
    let expected = ["a4", "b2", "nameless", "other", "theirs", "undated", "unreadable"].map(|id| format!("image-{id}"));
    assert_eq!(left, expected);
    let groups = &result["selection"]["groups"];
    assert_eq!((&groups[0]["name"], &groups[1]["name"]), (&json!("golden-a"), &json!("golden-b")));
    assert_eq!(groups[0]["go"], json!(["image-a3", "image-a2", "image-a1"]));
    let stays = groups[0]["stay"].as_array().unwrap();
    assert_eq!((&stays[0]["id"], &stays[0]["why"]), (&json!("image-a4"), &json!("newest")));
    assert_eq!((&stays[1]["id"], &stays[1]["why"]), (&json!("image-undated"), &json!("no date")));
    assert_eq!(result["selection"]["ungrouped"], 2);
    // A week later there is nothing left to do.
    let again = run(delete_at(&emulator.url()).args(RECIPE).args(["--keep-newest", "1", "--yes"])).expect(0);
    assert!(again.out.ends_with("there is nothing to delete.\n"), "{}", again.out);
}

fn inventory_ids(emulator: &volc_emulator::Emulator) -> Vec<String> {
    support::inventory(emulator).into_iter().collect()
}

#[test]
fn the_plan_lists_what_stays_and_what_goes_and_deletes_nothing() {
    let emulator = inventory().start().unwrap();
    let plan = run(delete_at(&emulator.url()).args(RECIPE).args(["--keep-newest", "2"])).expect(0).out;
    for text in [
        "golden-a: 3 stay, 2 go",
        "golden-b: 2 stay, 0 go",
        "no date",
        "GOES",
        "2 images of this account stay, being in no group",
    ] {
        assert!(plan.contains(text), "{text} in {plan}");
    }
    assert!(plan.lines().all(|line| line.chars().count() <= 80), "{plan}");
    assert!(plan.contains("To delete 2 images: the same command with --yes"), "{plan}");
    assert_eq!(emulator.images().len(), 11);
}

#[test]
fn prefixes_are_groups_and_tags_narrow() {
    let emulator = inventory().start().unwrap();
    let go = |flags: &[&str]| {
        let plan = run(delete_at(&emulator.url()).args(flags).args(["--output", "json"])).expect(0).json();
        let ids = plan["images"].as_array().unwrap().iter().map(|image| image["id"].as_str().unwrap()[6..].to_owned());
        let mut ids: Vec<_> = ids.collect();
        ids.sort();
        ids.join(" ")
    };
    assert_eq!(go(&["--name-prefix", "golden-a", "--name-prefix", "golden-b", "--keep-newest", "2"]), "a1 a2");
    assert_eq!(go(&["--tag", "stage=dev"]), "b1");
    assert_eq!(go(&["--tag", "stage=production"]), "");
    assert_eq!(go(&["--older-than", "450d"]), "other");
    assert_eq!(go(&["--name-prefix", "web", "--older-than", "3years"]), "");
}

#[test]
fn keep_file_and_max_images_hold_for_a_selection_too() {
    let emulator = inventory().start().unwrap();
    let keep = file("image-a1\n");
    let mut command = delete_at(&emulator.url());
    let plan = run(command.args(RECIPE).args(["--output", "json", "--keep-file"]).arg(&keep)).expect(0).json();
    assert_eq!((&plan["kept"], &plan["to_delete"]), (&json!(["image-a1"]), &json!(3)));
    let ended = run(delete_at(&emulator.url()).args(RECIPE).args(["--max-images", "3", "--yes"])).expect(64);
    assert!(ended.err.contains("expected at most 3 images, not 4 images"), "{}", ended.err);
    assert_eq!(emulator.images().len(), 11);
}

#[test]
fn nothing_is_selected_before_all_pages_were_read() {
    let now = Timestamp::from(SystemTime::now());
    let images: Vec<_> =
        numbered(250).into_iter().map(|id| Image::new(&id).name(&id).created_at(now.shifted(-90 * DAY))).collect();
    let denied = Fault::api_error("AccessDenied", false);
    let emulator = emulator([]).images(images).fault(When::requests([4]), denied).start().unwrap();
    let ended = run(delete_at(&emulator.url()).args(["--older-than", "30d", "--yes"])).expect(4);
    assert!(ended.err.contains("the images to select from cannot be read") && ended.out.is_empty(), "{}", ended.err);
    assert_eq!(emulator.images().len(), 250);
}

#[test]
fn ages_are_measured_by_the_services_clock() {
    let now = Timestamp::from(SystemTime::now());
    let images = [("image-old", 12 * 3_600), ("image-young", 8 * 3_600)]
        .map(|(id, age)| Image::new(id).name(id).created_at(now.shifted(-age)));
    // By this machine's clock both are too young, or both old enough.
    for (offset, limit) in [(3 * 3_600, "13h"), (-3 * 3_600, "7h")] {
        let emulator = emulator([]).images(images.clone()).clock_offset(offset).start().unwrap();
        let plan = run(delete_at(&emulator.url()).args(["--older-than", limit, "--output", "json"])).expect(0).json();
        assert_eq!((&plan["images"][0]["id"], &plan["to_delete"]), (&json!("image-old"), &json!(1)), "{plan}");
    }
}

#[test]
fn a_clock_that_is_days_off_selects_nothing() {
    let emulator = inventory().clock_offset(-3 * 86_400).start().unwrap();
    let ended = run(delete_at(&emulator.url()).args(["--older-than", "30d", "--attempts", "1", "--yes"])).expect(4);
    assert!(ended.err.contains("InvalidTimestamp") && ended.err.contains("set this machine's clock"), "{}", ended.err);
    assert_eq!(emulator.images().len(), 11);
}

#[test]
fn a_selection_that_does_not_hold_together_is_refused() {
    let emulator = inventory().start().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["--keep-newest", "3"], "expected a group"),
        (&["--keep-newest", "3", "--older-than", "30d"], "expected a group"),
        (&["--keep-newest", "0", "--name-prefix", "a"], "--keep-newest"),
        (&["--group-by", "^(.+)-[0-9]+$"], "expected --keep-newest N or --older-than"),
        (&["--group-by", "^.+$", "--keep-newest", "3"], "expected parentheses"),
        (&["--group-by", "(", "--keep-newest", "3"], "--group-by"),
        (&["--name-prefix", ""], "--name-prefix"),
        (&["--older-than", "soon"], "expected a duration"),
        (&["--tag", "=x"], "expected KEY"),
        (&["image-a1", "--older-than", "30d"], "cannot be used with"),
        (&["--ids-file", "x", "--name-prefix", "a"], "cannot be used with"),
        (&["--resume", "x", "--tag", "a"], "cannot be used with"),
        (&["--no-look", "--tag", "a"], "cannot be used with"),
    ];
    for (flags, says) in cases {
        let ended = run(delete_at(&emulator.url()).args(*flags).arg("--yes")).expect(64);
        assert!(ended.err.contains(says), "{says} in {}", ended.err);
    }
    assert!(emulator.requests().is_empty());
}

#[test]
fn a_selection_can_be_rehearsed_with_the_images_that_list_names() {
    let listed = run(volc_images().args(["list", "--emulator", "--output", "ids"])).expect(0).out;
    let flags = ["delete", "--emulator", "--snapshots", "keep", "--keep-newest", "3", "--yes", "--output", "json"];
    // Some are being copied.
    let result = run(volc_images().args(flags).args(RECIPE)).expect(2).json();
    let (counts, all) = (&result["counts"], outcomes(&result));
    assert_eq!(all.len() as u64, counts["gone"].as_u64().unwrap() + counts["busy"].as_u64().unwrap());
    assert!(all.len() > 10 && all.iter().all(|(id, _)| listed.lines().any(|line| line == id)), "{all:?}");
    assert_eq!(result["emulator"], true);
}

#[test]
fn an_image_that_is_not_available_stays_and_is_none_of_the_newest() {
    for status in ["creating", "error", ""] {
        let images = [aged("image-last", "golden-a-20240401", 40), aged("image-new", "golden-a-20240501", 31).status(status)];
        let emulator = emulator([]).images(images).start().unwrap();
        let mut command = delete_at(&emulator.url());
        let result = run(command.args(RECIPE).args(["--keep-newest", "1", "--yes", "--output", "json"])).expect(0).json();
        assert_eq!(inventory_ids(&emulator), ["image-last", "image-new"], "{status}");
        let why: Vec<_> =
            result["selection"]["groups"][0]["stay"].as_array().unwrap().iter().map(|image| &image["why"]).collect();
        assert_eq!(why, ["unavailable", "newest"], "{status}");
    }
}

#[test]
fn the_ages_that_are_shown_are_by_the_services_clock() {
    let ahead = 23 * 3_600 + 1_800;
    let emulator = emulator([]).clock_offset(ahead).images([aged("image-a", "golden-a-20240401", 29)]).start().unwrap();
    for flags in [&["--older-than", "1d"][..], &["image-a"]] {
        let plan = run(delete_at(&emulator.url()).args(flags)).expect(0).out;
        assert!(plan.contains("  30 d  "), "{plan}");
    }
}
