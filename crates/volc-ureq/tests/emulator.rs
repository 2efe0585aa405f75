//! The client against the emulator, which checks every signature.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use volc_emulator::{Emulator, Fault, Image, When};
use volc_proto::ecs::{ImageId, ImageStatus};
use volc_proto::{ApiErrorKind, Credentials, Fate, Region, ReplyError};
use volc_tests::network::{action, who};
use volc_ureq::{Client, Error};

fn region() -> Region {
    Region::new("cn-beijing").unwrap()
}

#[test]
fn an_image_is_deleted_and_its_snapshot_stays() {
    let emulator = Emulator::start(who(), [Image::new("image-canary").snapshots(["snap-1"])]).unwrap();
    let reply = Client::new(emulator.endpoint(region()), who()).call(&action()).unwrap();
    assert_eq!(reply.output.status_of(&ImageId::new("image-canary").unwrap()), ImageStatus::Deleted);
    assert!(reply.request_id.is_some());
    assert!(emulator.images().is_empty());
    assert_eq!(emulator.snapshots().len(), 1);
}

#[test]
fn a_wrong_secret_is_an_error_of_the_service() {
    let emulator = Emulator::start(who(), [Image::new("image-canary")]).unwrap();
    let other = Credentials::new(who().access_key_id(), "anotherSecret").unwrap();
    let client = Client::new(emulator.endpoint(region()), other);
    let error = client.call(&action()).unwrap_err();
    assert!(matches!(&error, Error::Reply(ReplyError::Api(api)) if api.kind() == ApiErrorKind::Credentials), "{error:?}");
    assert_eq!((error.fate(), emulator.images().len()), (Fate::Unknown, 1));

    client.set_credentials(who());
    assert!(client.call(&action()).is_ok());
}

#[test]
fn a_reply_that_is_lost_after_the_deletion_is_unknown_and_not_asked_for_again() {
    for fault in [Fault::Drop { after_deletion: true }, Fault::CutHead, Fault::CutBody, Fault::Truncated] {
        let emulator =
            Emulator::builder().credentials(who()).image(Image::new("image-canary")).fault(When::Always, fault).start().unwrap();
        let error = Client::new(emulator.endpoint(region()), who()).call(&action()).unwrap_err();
        assert_eq!(error.fate(), Fate::Unknown, "{error:?}");
        assert_eq!((emulator.requests().len(), emulator.images().len()), (1, 0));
    }
}
