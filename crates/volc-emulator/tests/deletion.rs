//! What the service does when nothing goes wrong.

mod wire;

use std::io::Read;
use std::time::Instant;

use serde_json::json;
use volc_emulator::{Emulator, Image, ImageState, Listing};
use volc_proto::{Region, Signer};
use wire::{LIMIT, beijing, delete, deletion, emulator, ids, now, open, read, send, signed, temporary, unsigned, who, write};

#[test]
fn an_answer_has_the_documented_shape() {
    let emulator = emulator(1).start().unwrap();
    let digits = || now().to_string().replace(['T', 'Z'], "");
    let start = digits();
    let answer = delete(&emulator, ["image-1", "image-x"]);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("content-type").unwrap(), "application/json; charset=utf-8");
    let json = answer.json();
    let id = json["ResponseMetadata"]["RequestId"].as_str().unwrap();
    assert_eq!(id.len(), 34, "{id}");
    assert!((start..=digits()).contains(&id[..14].to_owned()) && id.ends_with("00001"), "{id}");
    assert_eq!(answer.header("x-tt-logid").as_deref(), Some(id));
    let expected = json!({
        "ResponseMetadata":
            {"RequestId": id, "Action": "DeleteImages", "Version": "2020-04-01", "Service": "ecs", "Region": "cn-beijing"},
        "Result": {"OperationDetails": [
            {"ImageId": "image-1", "Error": null},
            {"ImageId": "image-x",
             "Error": {"Code": "InvalidImage.NotFound", "Message": "The specified image does not exist."}},
        ]},
    });
    assert_eq!(json, expected);
    assert_eq!(ids(&emulator), [""; 0]);
}

#[test]
fn every_state_has_its_documented_code_and_message() {
    let states = [
        (
            ImageState::Shared,
            "InvalidImage.Shared",
            "The specified image has already been shared and may be in use by other users.",
        ),
        (ImageState::Copying, "OperationDenied.ImageIsCopying", "The specified operation is denied as your image is copying."),
        (
            ImageState::Exporting,
            "OperationDenied.ImageIsExporting",
            "The specified operation is denied as your image is exporting.",
        ),
        (ImageState::WrongStatus, "InvalidImageStatus", "The specified image is not in the correct status for the request."),
        (ImageState::Failing, "InternalError", "An internal error has occurred."),
    ];
    let images = states.map(|(state, ..)| Image::new(state.as_str()).state(state).for_calls(1));
    let emulator = Emulator::start(who(), images).unwrap();
    let all = states.map(|(state, ..)| state.as_str());
    let json = delete(&emulator, all).json();
    for ((state, code, message), detail) in states.iter().zip(json["Result"]["OperationDetails"].as_array().unwrap()) {
        assert_eq!(*detail, json!({"ImageId": state.as_str(), "Error": {"Code": code, "Message": message}}));
    }
    assert_eq!(emulator.images().len(), 5);
    assert!(emulator.images().iter().all(|image| image.state == ImageState::Available));
    assert!(delete(&emulator, all).details().iter().all(|(_, code)| code.is_empty()));
    assert_eq!(ids(&emulator), [""; 0]);
}

#[test]
fn snapshots_go_with_their_image_unless_they_are_to_be_kept() {
    let images = ["a", "b", "c", "d"].map(|id| Image::new(id).snapshots([format!("snap-{id}")]));
    let emulator = Emulator::start(who(), images).unwrap();
    delete(&emulator, ["a"]);
    for (id, choice) in [("b", "true"), ("c", "false")] {
        let target = deletion([id], &[("DeleteBindedSnapshots", choice)]);
        assert_eq!(send(&emulator, &signed(&emulator, &who(), &target)).details(), [(id.to_owned(), String::new())]);
    }
    let left: Vec<_> = emulator.snapshots().into_iter().map(|snapshot| (snapshot.id, snapshot.image)).collect();
    assert_eq!(left, [("snap-c".to_owned(), None), ("snap-d".to_owned(), Some("d".to_owned()))]);
}

#[test]
fn an_image_named_twice_is_gone_the_second_time_and_refused_twice_if_it_is_there() {
    let emulator = Emulator::start(who(), [Image::new("a"), Image::new("b").state(ImageState::Copying).for_calls(1)]).unwrap();
    let details = delete(&emulator, ["a", "b", "a", "b"]).details();
    let codes: Vec<_> = details.iter().map(|(_, code)| code.as_str()).collect();
    let copying = "OperationDenied.ImageIsCopying";
    assert_eq!(codes, ["", copying, "InvalidImage.NotFound", copying]);
    assert_eq!(emulator.requests()[0].deleted, ["a"]);
    assert_eq!(ids(&emulator), ["b"]);
}

#[test]
fn each_listing_habit_lists_its_images() {
    let three_of_four = ["image-1", "image-2", "image-x", "image-3"];
    let listed = |listing| {
        let emulator = emulator(3).listing(listing).start().unwrap();
        let details = delete(&emulator, three_of_four).details();
        assert_eq!(ids(&emulator), [""; 0]);
        details
    };
    assert_eq!(listed(Listing::All).len(), 4);
    assert_eq!(listed(Listing::FailedOnly), [("image-x".to_owned(), "InvalidImage.NotFound".to_owned())]);
}

#[test]
fn a_forgetful_service_forgets_other_images_each_time_and_the_same_with_the_same_seed() {
    let names: Vec<_> = (1..=90).map(|n| format!("image-{n}")).collect();
    let listed = |seed| {
        let emulator = emulator(90).listing(Listing::Forgetful).seed(seed).start().unwrap();
        [delete(&emulator, &names).details(), delete(&emulator, &names).details()]
    };
    let [first, second] = listed(1);
    for details in [&first, &second] {
        assert!((40..80).contains(&details.len()), "{}", details.len());
    }
    let only_ids = |details: &[(String, String)]| details.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>();
    assert_ne!(only_ids(&first), only_ids(&second));
    assert_eq!([first, second], listed(1));
    assert_ne!(listed(1), listed(2));
}

#[test]
fn a_hundred_images_are_deleted_in_any_order_of_their_numbers() {
    let emulator = emulator(100).start().unwrap();
    let mut target = String::from("/?Version=2020-04-01");
    for n in (1..=100).rev() {
        target.push_str(&format!("&ImageIds.{n}=image-{n}"));
    }
    target.push_str("&Action=DeleteImages");
    let answer = send(&emulator, &signed(&emulator, &who(), &target));
    let listed: Vec<_> = answer.details().into_iter().map(|(id, _)| id).collect();
    assert_eq!(listed, (1..=100).map(|n| format!("image-{n}")).collect::<Vec<_>>());
    assert_eq!(emulator.requests()[0].image_ids, listed);
}

#[test]
fn images_are_in_one_region() {
    let emulator = emulator(1).start().unwrap();
    let mut request = unsigned(&emulator, "GET", &deletion(["image-1"], &[]));
    Signer::new(&who(), &Region::new("cn-shanghai").unwrap(), "ecs").sign(&mut request, b"", now()).unwrap();
    let answer = send(&emulator, &request);
    assert_eq!(answer.details(), [("image-1".to_owned(), "InvalidImage.NotFound".to_owned())]);
    assert_eq!(answer.json()["ResponseMetadata"]["Region"], "cn-shanghai");
    assert_eq!(ids(&emulator), ["image-1"]);
}

#[test]
fn a_request_for_any_host_is_answered() {
    let emulator = emulator(1).start().unwrap();
    let mut request = unsigned(&emulator, "GET", &deletion(["image-1"], &[]));
    request.headers_mut().insert("host", "open.ap-southeast-1.byteplusapi.com".parse().unwrap());
    Signer::new(&who(), &beijing(), "ecs").sign(&mut request, b"", now()).unwrap();
    assert_eq!(send(&emulator, &request).status(), 200);
}

#[test]
fn temporary_credentials_are_accepted_with_their_token() {
    let emulator = emulator(1).start().unwrap();
    emulator.add_credentials(temporary());
    let request = signed(&emulator, &temporary(), &deletion(["image-1"], &[]));
    assert_eq!(send(&emulator, &request).status(), 200);
}

#[test]
fn the_log_tells_what_happened_and_no_secret() {
    let emulator = emulator(2).start().unwrap();
    let request = signed(&emulator, &who(), &deletion(["image-2", "image-x"], &[]));
    send(&emulator, &request);
    delete(&emulator, [""; 0]);
    let log = emulator.requests();
    assert_eq!(log.len(), 2);
    assert_eq!((log[0].number, log[0].connection, log[0].status), (1, 1, Some(200)));
    assert_eq!((log[0].method.as_str(), log[0].action.as_deref()), ("GET", Some("DeleteImages")));
    assert_eq!(log[0].image_ids, ["image-2", "image-x"]);
    assert_eq!(log[0].deleted, ["image-2"]);
    assert_eq!(log[0].signed_at.unwrap().to_string(), request.headers()["x-date"].to_str().unwrap());
    assert_eq!((log[1].number, log[1].connection, log[1].status), (2, 2, Some(400)));
    assert_eq!(log[1].code, Some("MissingParameter.ImageId"));
    let shown = format!("{log:?} {emulator:?}");
    let authorization = request.headers()["authorization"].to_str().unwrap();
    let (_, signature) = authorization.split_once("Signature=").unwrap();
    for secret in ["AKLTtest", "test-secret", signature] {
        assert!(!shown.contains(secret));
    }
}

#[test]
fn a_connection_serves_many_requests() {
    let emulator = emulator(2).start().unwrap();
    let mut stream = open(emulator.address()).unwrap();
    for id in ["image-1", "image-2"] {
        write(&mut stream, &signed(&emulator, &who(), &deletion([id], &[])), &[]).unwrap();
        assert_eq!(read(&mut stream).unwrap().details(), [(id.to_owned(), String::new())]);
    }
    let log = emulator.requests();
    assert_eq!((log[0].connection, log[1].connection), (1, 1));
}

#[test]
fn the_truth_is_told_to_everyone_and_not_counted() {
    let images = [Image::new("b").state(ImageState::WrongStatus), Image::new("a").snapshots(["s1", "s2"])];
    let emulator = Emulator::start(who(), images).unwrap();
    let answer = send(&emulator, &unsigned(&emulator, "GET", "/_emulator/images"));
    let expected = json!([
        {"id": "a", "state": "available", "snapshots": ["s1", "s2"]},
        {"id": "b", "state": "wrong-status", "snapshots": []},
    ]);
    assert_eq!((answer.status(), answer.json()), (200, expected));
    assert_eq!(send(&emulator, &unsigned(&emulator, "GET", "/_emulator/other")).status(), 404);
    assert_eq!(emulator.requests(), []);
}

#[test]
fn an_emulator_that_is_dropped_is_gone() {
    let emulator = emulator(1).start().unwrap();
    let address = emulator.address();
    let mut idle = open(address).unwrap();
    write(&mut idle, &unsigned(&emulator, "GET", "/_emulator/images"), &[]).unwrap();
    read(&mut idle).unwrap();
    let start = Instant::now();
    drop(emulator);
    assert!(start.elapsed() < LIMIT);
    let mut nothing = Vec::new();
    assert_eq!(idle.read_to_end(&mut nothing).unwrap(), 0);
}
