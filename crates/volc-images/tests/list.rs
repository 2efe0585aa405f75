//! `list`: every page, every filter, each form, and what `delete` makes of it.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use serde_json::Value;
use support::*;
use volc_emulator::{Emulator, Fault, Image, OsType, UnknownIds, Visibility, When};
use volc_proto::Timestamp;

fn list(emulator: &Emulator, more: &[&str]) -> Ended {
    run(with_key().args(["list", "--endpoint", &emulator.url()]).args(more))
}

fn ids(emulator: &Emulator, more: &[&str]) -> Vec<String> {
    let listed = list(emulator, &[&["--output", "ids"], more].concat()).expect(0);
    assert_eq!(listed.err, "");
    listed.out.lines().map(str::to_owned).collect()
}

#[test]
fn every_page_is_read() {
    for count in [0, 1, 100, 101, 1_000] {
        let all = numbered(count);
        let emulator = emulator(all.iter().map(String::as_str)).start().unwrap();
        assert_eq!(ids(&emulator, &[]), all);
        assert_eq!(emulator.requests().len(), count.div_ceil(100).max(1));
    }
}

#[test]
fn a_list_of_which_a_page_is_missing_is_none() {
    let all = numbered(150);
    for form in ["text", "json", "ids", "ndjson"] {
        let denied = Fault::api_error("AccessDenied", false);
        let emulator = emulator(all.iter().map(String::as_str)).fault(When::requests([2]), denied).start().unwrap();
        let ended = list(&emulator, &["--output", form]).expect(4);
        assert_eq!(ended.out, "");
        assert!(ended.err.contains("the images cannot be read: AccessDenied") && ended.err.contains("grant ecs:DescribeImages"));
    }
    let emulator = emulator(all.iter().map(String::as_str)).fault(When::requests([2]), Fault::CutBody).start().unwrap();
    assert_eq!(ids(&emulator, &[]), all, "what may pass is read again");
}

#[test]
fn an_answer_that_proves_nothing_is_no_list() {
    for result in PROVES_NOTHING {
        for ids in [&[][..], &["image-a"]] {
            let emulator = emulator(["image-a"]).fault(When::Always, says(result)).start().unwrap();
            let ended = list(&emulator, ids).expect(4);
            assert!(ended.out.is_empty() && ended.err.contains("the images cannot be read: "), "{result}: {ended:?}");
        }
    }
    for result in NONE_THERE {
        let emulator = emulator(["image-a"]).fault(When::requests([1]), says(result)).start().unwrap();
        assert_eq!(list(&emulator, &[]).expect(0).out, "0 images, 0 GiB\n");
    }
}

#[test]
fn fewer_images_than_any_page_counts_are_no_list() {
    let first = r#"{"Images":[{"ImageId":"image-a"}],"NextToken":"more","TotalCount":2}"#;
    let cases = [
        (r#"{"Images":[{"ImageId":"image-b"}]}"#, Some(["image-a", "image-b"])),
        (r#"{"Images":[{"ImageId":"image-b"}],"TotalCount":1}"#, Some(["image-a", "image-b"])),
        (r#"{"Images":[]}"#, None),
        (r#"{"Images":[{"ImageId":"image-a"}],"TotalCount":2}"#, None),
        (r#"{"Images":[{"ImageId":"image-b"}],"TotalCount":3}"#, None),
    ];
    for (second, all) in cases {
        let emulator = emulator([]).fault(When::requests([1]), says(first)).fault(When::requests([2]), says(second));
        let emulator = emulator.start().unwrap();
        match all {
            Some(all) => assert_eq!(ids(&emulator, &[]), all),
            None => assert!(list(&emulator, &[]).expect(4).err.contains("images that the answer counts"), "{second}"),
        }
        assert_eq!(emulator.requests().len(), 2);
    }
}

#[test]
fn images_that_nobody_asked_for_are_no_answer() {
    let other = says(r#"{"Images":[{"ImageId":"image-b"}],"TotalCount":1}"#);
    let emulator = emulator(["image-a"]).fault(When::requests([1]), other).start().unwrap();
    let ended = list(&emulator, &["image-a"]).expect(4);
    assert!(ended.err.contains("expected only images that were asked for"), "{}", ended.err);
}

#[test]
fn every_filter_reaches_the_service() {
    let images = [
        Image::new("image-windows").os_type(OsType::Windows).platform("Windows Server"),
        Image::new("image-named").name("golden 1"),
        Image::new("image-creating").status("creating"),
        Image::new("image-project").project("web"),
        Image::new("image-plain").cloud_init(false),
        Image::new("image-lts").lts(true),
        Image::new("image-tag").tag("team", "ci"),
        Image::new("image-tag2").tag("team", "qa"),
        Image::new("image-public").visibility(Visibility::Public),
        Image::new("image-shared").visibility(Visibility::Shared),
    ];
    let emulator = emulator([]).images(images).start().unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--os-type", "Windows"], &["image-windows"]),
        (&["--platform", "Windows Server"], &["image-windows"]),
        (&["--name", "golden 1"], &["image-named"]),
        (&["--status", "creating"], &["image-creating"]),
        (&["--status", "creating", "--status", "error"], &["image-creating"]),
        (&["--image-status", "creating"], &["image-creating"]),
        (&["--project", "web"], &["image-project"]),
        (&["--cloud-init", "false"], &["image-plain"]),
        (&["--lts", "true"], &["image-lts"]),
        (&["--tag", "team=ci"], &["image-tag"]),
        (&["--tag", "team"], &["image-tag", "image-tag2"]),
        (&["--visibility", "public"], &["image-public"]),
        (&["--visibility", "shared"], &["image-shared"]),
        (&["image-public", "image-tag", "image-none"], &["image-public", "image-tag"]),
        (&["image-public", "image-tag", "--visibility", "private"], &["image-tag"]),
        (&["--instance-type", "ecs.g1ie.large", "--tag", "team=qa"], &["image-tag2"]),
    ];
    for (flags, found) in cases {
        let mut listed = ids(&emulator, flags);
        listed.sort_by_key(|id| found.iter().position(|found| found == id));
        assert_eq!(listed, *found, "{flags:?}");
    }
    assert_eq!((ids(&emulator, &[]).len(), ids(&emulator, &["--visibility", "any"]).len()), (8, 10));
}

#[test]
fn named_images_are_found_though_the_service_refuses_those_that_do_not_exist() {
    let all = numbered(130);
    let emulator = emulator(all.iter().map(String::as_str)).unknown_ids(UnknownIds::NotFound).start().unwrap();
    let asked: Vec<&str> = all.iter().map(String::as_str).chain(["image-none"]).collect();
    assert_eq!(ids(&emulator, &asked), all);
}

#[test]
fn ids_and_json_are_what_delete_reads() {
    for (form, from) in [("ids", "-"), ("json", "-")] {
        let all = numbered(150);
        let emulator = emulator(all.iter().map(String::as_str)).start().unwrap();
        let listed = list(&emulator, &["--output", form]).expect(0);
        let result = run_with_input(delete_at(&emulator.url()).args([from, "--yes", "--output", "json"]), &listed.out).expect(0);
        assert_eq!(result.json()["counts"]["gone"], 150);
        assert_eq!(result.err.matches("NextToken").count(), 0);
    }
}

#[test]
fn json_has_all_that_the_service_says() {
    let at = Timestamp::from_unix(1_706_716_800).unwrap();
    let image = Image::new("image-a").name("web-1").size(20).created_at(at).snapshots(["snap-a"]).tag("team", "web");
    let emulator = emulator([]).image(image).start().unwrap();
    let document = list(&emulator, &["--output", "json"]).expect(0).json();
    assert_eq!((&document["version"], &document["TotalCount"], &document["emulator"]), (&1.into(), &1.into(), &false.into()));
    let image = &document["Images"][0];
    for (member, value) in [("ImageName", "web-1"), ("CreatedAt", "2024-02-01T00:00:00+08:00"), ("Architecture", "amd64")] {
        assert_eq!(image[member], value);
    }
    assert_eq!(image["Snapshots"][0]["SnapshotId"], "snap-a");
    let lines = list(&emulator, &["--output", "ndjson"]).expect(0).out;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&lines[0]["type"], &lines[0]["ImageId"]), (&"image".into(), &"image-a".into()));
    assert_eq!(lines[1], serde_json::json!({"type": "end", "images": 1}));
}

#[test]
fn the_table_fits_80_columns() {
    let long = Image::new("image-long")
        .name("a name that is longer than a column and even longer than a line of a terminal can be")
        .size(40);
    let images = Image::generate(60, 1, Timestamp::from(std::time::SystemTime::now()));
    let emulator = emulator([]).images(images).image(long).start().unwrap();
    let text = list(&emulator, &[]).expect(0).out;
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("61 images, "), "{text}");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let emulator = emulator([]).start().unwrap();
    for flags in [&["--visibility", "mine"][..], &["--tag", "=x"], &["image a"], &["--lts", "perhaps"]] {
        list(&emulator, flags).expect(64);
    }
    list(&emulator, &["--status", "a"].repeat(11)).expect(64);
    assert!(emulator.requests().is_empty());
}

#[test]
fn a_list_that_the_service_cuts_at_a_thousand_is_none() {
    for (count, code) in [(999, 0), (1_000, 4), (1_001, 4)] {
        let images: Vec<_> = numbered(count).iter().map(|id| Image::new(id).tag("stage", "production")).collect();
        let emulator = emulator([]).images(images).start().unwrap();
        let ended = list(&emulator, &["--tag", "stage=production", "--output", "ids"]).expect(code);
        assert_eq!(ended.out.lines().count(), if code == 0 { count } else { 0 });
        assert_eq!(ended.err.contains("expected fewer than 1000 images with these tags"), code == 4, "{}", ended.err);
        assert_eq!(list(&emulator, &["--output", "ids"]).expect(0).out.lines().count(), count);
    }
}

#[test]
fn pages_that_lead_on_without_a_new_image_are_no_list() {
    let page = |images: &str, token: u8| says(&format!(r#"{{"Images":[{images}],"NextToken":"t{token}","TotalCount":1}}"#));
    let one = r#"{"ImageId":"image-a"}"#;
    for second in [page(one, 2), page("", 2)] {
        let builder = emulator([]).fault(When::requests([1]), page(one, 1)).fault(When::requests([2]), second);
        let emulator = builder.fault(When::Always, page(one, 3)).start().unwrap();
        let ended = list(&emulator, &[]).expect(4);
        assert!(ended.err.contains("not a page that leads on without any"), "{}", ended.err);
        assert_eq!(emulator.requests().len(), 2);
    }
}
