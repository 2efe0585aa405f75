//! The client against the emulator, which checks every signature.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use volc_emulator::{Emulator, Fault, Image, When};
use volc_hyper::{Client, Error};
use volc_proto::ecs::{DeleteImages, Deletion, Evidence, ImageId, ImageStatus, Outcome, Policy, Snapshots};
use volc_proto::{ApiErrorKind, Credentials, Fate, Region, ReplyError};

fn region() -> Region {
    Region::new("cn-beijing").unwrap()
}

fn who() -> Credentials {
    Credentials::new("AKLTexample", "not-a-secret").unwrap()
}

fn id(n: usize) -> ImageId {
    ImageId::new(format!("image-{n:05}")).unwrap()
}

fn images(count: usize) -> impl Iterator<Item = Image> {
    (0..count).map(|n| Image::new(id(n).to_string()))
}

fn client(emulator: &Emulator) -> Client {
    Client::new(emulator.endpoint(region()), who())
}

#[tokio::test]
async fn an_image_is_deleted_and_its_snapshot_stays() {
    let emulator = Emulator::start(who(), [Image::new("image-a").snapshots(["snap-1"])]).unwrap();
    let image = ImageId::new("image-a").unwrap();
    let action = DeleteImages::new(vec![image.clone()], Snapshots::Keep).unwrap();
    let reply = client(&emulator).call(&action).await.unwrap();
    assert_eq!(reply.output.status_of(&image), ImageStatus::Deleted);
    assert!(reply.request_id.is_some());
    assert!(emulator.images().is_empty());
    assert_eq!(emulator.snapshots().len(), 1);
}

#[tokio::test]
async fn a_wrong_secret_is_an_error_of_the_service() {
    let emulator = Emulator::start(who(), images(1)).unwrap();
    let action = DeleteImages::new(vec![id(0)], Snapshots::Keep).unwrap();
    let client = Client::new(emulator.endpoint(region()), Credentials::new("AKLTexample", "another").unwrap());
    let error = client.call(&action).await.unwrap_err();
    assert!(matches!(&error, Error::Reply(ReplyError::Api(api)) if api.kind() == ApiErrorKind::Credentials), "{error:?}");
    assert_eq!((error.fate(), emulator.images().len()), (Fate::Unknown, 1));

    client.set_credentials(who());
    assert!(client.call(&action).await.is_ok());
}

#[tokio::test]
async fn a_thousand_images_are_deleted_over_few_connections() {
    let emulator = Emulator::start(who(), images(1_000)).unwrap();
    let policy = Policy { in_flight: 4, chunk: 10, ..Policy::default() };
    let mut deletion = Deletion::new((0..1_000).map(id), Snapshots::Keep, policy).unwrap();
    let report = client(&emulator).run(&mut deletion).await;
    assert!(report.all_gone());
    assert_eq!((emulator.images().len(), emulator.requests().len()), (0, 100));
}

#[tokio::test]
async fn a_run_that_is_dropped_is_unclear_and_can_be_run_on() {
    let stall = Fault::StallHead { after_deletion: true, milliseconds: None };
    let emulator = Emulator::builder().credentials(who()).images(images(2)).fault(When::requests([2, 3]), stall).start();
    let emulator = emulator.unwrap();
    let client = client(&emulator);
    let policy = Policy { in_flight: 2, chunk: 1, backoff_base: Duration::ZERO, ..Policy::default() };
    let mut deletion = Deletion::new((0..3).map(id), Snapshots::Keep, policy).unwrap();
    {
        let mut run = std::pin::pin!(client.run(&mut deletion));
        while emulator.requests().len() < 3 {
            assert!(tokio::time::timeout(Duration::from_millis(10), &mut run).await.is_err(), "two attempts are stalled");
        }
    }
    let outcomes: Vec<_> = deletion.report().outcomes().map(|(_, outcome)| outcome.clone()).collect();
    assert_eq!(outcomes[0], Outcome::Gone(Evidence::Acknowledged));
    assert!(matches!(outcomes[1..], [Outcome::Unclear(_), Outcome::Unclear(_)]), "{outcomes:?}");

    let report = client.run(&mut deletion).await;
    let outcomes: Vec<_> = report.outcomes().map(|(_, outcome)| outcome.clone()).collect();
    assert_eq!(outcomes[1..], [Outcome::Gone(Evidence::NotFoundAfterUnclear), Outcome::Gone(Evidence::NotFoundAfterUnclear)]);
}
