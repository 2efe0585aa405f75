//! Each exit code, and which one wins where several hold.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::net::TcpListener;

use support::*;
use volc_emulator::{Emulator, Fault, Image, ImageState, When};

#[test]
fn all_gone_is_0() {
    let emulator = emulator(["image-a", "image-b"]).start().unwrap();
    run(delete_blindly_at(&emulator.url()).args(["image-a", "image-b", "--yes"])).expect(0);
    assert!(emulator.images().is_empty());
}

#[test]
fn a_plan_is_0_whatever_the_service_would_say() {
    let emulator = Emulator::builder().start().unwrap();
    run(delete_blindly_at(&emulator.url()).arg("image-a")).expect(0);
    assert!(emulator.requests().is_empty());
}

#[test]
fn an_image_that_is_not_gone_is_2() {
    let images = [ImageState::Shared, ImageState::Copying, ImageState::WrongStatus];
    for state in images {
        let emulator = emulator(["image-a"]).image(Image::new("image-b").state(state)).start().unwrap();
        run(delete_blindly_at(&emulator.url()).args(["image-a", "image-b", "--yes"])).expect(2);
        assert_eq!(emulator.images().len(), 1);
    }
}

#[test]
fn an_image_whose_fate_is_unclear_is_3() {
    let emulator = emulator(["image-a"]).fault(When::Always, Fault::Drop { after_deletion: true }).start().unwrap();
    run(delete_blindly_at(&emulator.url()).args(["image-a", "--attempts", "1", "--yes"])).expect(3);
    assert!(emulator.images().is_empty());
}

#[test]
fn unclear_comes_before_not_gone() {
    let shared = Image::new("image-b").state(ImageState::Shared);
    let emulator = emulator(["image-a"]).image(shared).fault(When::requests([2]), Fault::CutBody).start().unwrap();
    let order = ["image-b", "image-a", "--chunk", "1", "--attempts", "1", "--yes"];
    run(delete_blindly_at(&emulator.url()).args(order)).expect(3);
}

#[test]
fn a_key_that_nobody_knows_is_4() {
    let emulator = Emulator::builder().image(Image::new("image-a")).start().unwrap();
    let ended = run(delete_blindly_at(&emulator.url()).args(["image-a", "--yes"])).expect(4);
    assert!(ended.out.contains("InvalidAccessKey") && ended.out.contains("check the access key"), "{}", ended.out);
    assert_eq!(emulator.requests().len(), 1);
}

#[test]
fn a_missing_permission_is_4() {
    let emulator = emulator(["image-a", "image-b"]).deny_image("image-a").start().unwrap();
    let ended = run(delete_blindly_at(&emulator.url()).args(["image-a", "image-b", "--yes"])).expect(4);
    assert!(ended.out.contains("grant ecs:DeleteImages"), "{}", ended.out);
}

#[test]
fn a_service_that_is_not_there_is_4() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ended = run(delete_blindly_at(&format!("http://{nobody}")).args(["image-a", "--attempts", "1", "--yes"])).expect(4);
    assert!(ended.out.contains("not sent") && ended.out.contains("check network"), "{}", ended.out);
}

#[test]
fn no_credentials_at_all_are_4() {
    let mut command = volc_images();
    let ended = run(command.args(["delete", "--region", "cn-beijing", "--snapshots", "keep", "image-a"])).expect(4);
    assert!(ended.err.contains("VOLCENGINE_ACCESS_KEY") && ended.err.contains("config.json"), "{}", ended.err);
}

#[test]
fn a_key_that_stops_working_half_way_is_no_4() {
    let emulator = emulator(["image-a", "image-b"]).fault(When::from(2), Fault::api_error("InvalidSecretToken", false));
    let emulator = emulator.start().unwrap();
    run(delete_blindly_at(&emulator.url()).args(["image-a", "image-b", "--chunk", "1", "--yes"])).expect(2);
}

#[test]
fn a_key_that_does_not_work_in_a_later_run_is_4_though_images_are_unclear() {
    let journal = folder().join("journal");
    let emulator = emulator(["image-a"]).fault(When::requests([1]), Fault::CutBody).start().unwrap();
    let first = run(delete_blindly_at(&emulator.url()).args(["image-a", "--attempts", "1", "--yes", "--journal"]).arg(&journal));
    first.expect(3);
    emulator.remove_credentials(KEY);
    let ended = run(delete_blindly_at(&emulator.url()).args(["--yes", "--output", "json", "--resume"]).arg(&journal)).expect(4);
    assert_eq!(ended.json()["counts"]["unclear"], 1);
}

#[test]
fn a_list_of_which_nothing_exists_is_5_and_0_only_where_that_is_allowed() {
    let emulator = emulator([]).start().unwrap();
    let ended = run(delete_blindly_at(&emulator.url()).args(["image-a", "image-b", "--yes"])).expect(5);
    assert!(ended.out.contains("2 of 2 images gone (2 not there before)"), "{}", ended.out);
    run(delete_blindly_at(&emulator.url()).args(["image-a", "image-b", "--missing-ok", "--yes"])).expect(0);
}

#[test]
fn one_image_that_existed_makes_a_5_a_0() {
    let emulator = emulator(["image-a"]).start().unwrap();
    run(delete_blindly_at(&emulator.url()).args(["image-a", "image-b", "--yes"])).expect(0);
}

#[test]
fn a_run_that_stops_after_100_missing_images_is_2_since_the_others_were_not_asked_for() {
    let emulator = emulator([]).start().unwrap();
    let list = numbered(250).join("\n");
    let ended = run_with_input(delete_blindly_at(&emulator.url()).args(["-", "--yes"]), &list).expect(2);
    assert!(ended.out.contains("--missing-ok goes on"), "{}", ended.out);
    assert_eq!(emulator.requests().len(), 1);
    run_with_input(delete_blindly_at(&emulator.url()).args(["-", "--missing-ok", "--yes"]), &list).expect(0);
}

#[test]
fn help_and_version_are_0_and_a_wrong_flag_is_64() {
    run(volc_images().arg("--help")).expect(0);
    let version = run(volc_images().arg("--version")).expect(0);
    assert_eq!(version.out, concat!("volc-images ", env!("CARGO_PKG_VERSION"), "\n"));
    run(volc_images().args(["delete", "--secret-key", "s"])).expect(64);
    run(&mut volc_images()).expect(64);
}
