//! What is measured, once for wall time and for instructions.

pub mod callgrind;
mod calls;
mod server;

use std::time::Duration;

use http::{Request, Response};
use volc_proto::ecs::{AttemptId, DeleteImages, Deletion, ImageId, Policy, Snapshots, Step};
use volc_proto::{Credentials, Endpoint, Region, Timestamp};

pub use crate::calls::{Caller, Loopback};

/// IDs as the service makes them: 26 characters.
///
/// # Panics
///
/// Never: they are all valid.
pub fn ids(count: usize) -> Vec<ImageId> {
    (0..count).map(|n| ImageId::new(format!("image-{n:020}")).expect("letters, digits and a hyphen")).collect()
}

/// One request to sign, with a key that has signed today.
#[derive(Debug)]
pub struct Signing {
    action: DeleteImages,
    endpoint: Endpoint,
    who: Credentials,
    at: Timestamp,
}

impl Signing {
    /// A request for this many images, 1 to 100.
    ///
    /// # Panics
    ///
    /// For another number.
    pub fn new(images: usize) -> Self {
        let signing = Self {
            action: DeleteImages::new(ids(images), Snapshots::Keep).expect("1 to 100 images"),
            endpoint: Endpoint::new(Region::new("cn-beijing").expect("a region")),
            who: Credentials::new("AKLTFAKEkeyOfTheBenchmarksThatNobodyHasAaaaaaaa", "ZmFrZS1zZWNyZXQtb2YtdGhlLWJlbmNobWFya3M=")
                .expect("letters"),
            at: Timestamp::from_unix(1_700_000_000).expect("in range"),
        };
        signing.sign();
        signing
    }

    /// Builds and signs it.
    #[inline(never)]
    pub fn sign(&self) -> Request<Vec<u8>> {
        self.endpoint.request(&self.action, &self.who, self.at).expect("it was signed before")
    }
}

/// What a reply says of its images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdicts {
    /// Every image was deleted.
    AllDeleted,
    /// Every image failed, with the same error.
    AllFailed,
    /// Every other image failed.
    Mixed,
}

/// The service's reply about these images.
pub fn reply(ids: &[ImageId], verdicts: Verdicts) -> Response<Vec<u8>> {
    let details: Vec<String> = (ids.iter().enumerate())
        .map(|(n, id)| match verdicts {
            Verdicts::AllFailed => failed(id),
            Verdicts::Mixed if n % 2 == 1 => failed(id),
            _ => format!(r#"{{"ImageId":"{id}","Error":null}}"#),
        })
        .collect();
    let metadata = concat!(
        r#""ResponseMetadata":{"RequestId":"20241218111951845451E4FEB8F61472FD","Action":"DeleteImages","#,
        r#""Version":"2020-04-01","Service":"ecs","Region":"cn-beijing"}"#
    );
    Response::new(format!(r#"{{{metadata},"Result":{{"OperationDetails":[{}]}}}}"#, details.join(",")).into_bytes())
}

fn failed(id: &ImageId) -> String {
    let error = r#"{"Code":"InvalidImage.NotFound","Message":"The specified image does not exist."}"#;
    format!(r#"{{"ImageId":"{id}","Error":{error}}}"#)
}

/// A machine that waits for the answer to its first attempt.
///
/// # Panics
///
/// For no images.
pub fn waiting(ids: Vec<ImageId>) -> (Deletion, AttemptId) {
    let policy = Policy { missing_ok: true, ..Policy::default() };
    let mut deletion = Deletion::new(ids, Snapshots::Keep, policy).expect("at least one image");
    let Step::Send(attempt) = deletion.step(Duration::ZERO) else { panic!("a fresh machine sends") };
    let id = attempt.id();
    (deletion, id)
}

/// The machine takes in a reply.
#[inline(never)]
pub fn answer(deletion: &mut Deletion, attempt: AttemptId, response: &Response<Vec<u8>>) {
    deletion.answered(attempt, Duration::ZERO, response);
}

/// The service's replies to a run over these images, in which each is asked for once and deleted.
pub fn replies(ids: &[ImageId]) -> Vec<Response<Vec<u8>>> {
    ids.chunks(Policy::default().chunk).map(|ids| reply(ids, Verdicts::AllDeleted)).collect()
}

/// A whole run in memory, from the first step to the report.
///
/// # Panics
///
/// When not every image is gone, or more is sent than there are replies.
#[inline(never)]
pub fn run(mut deletion: Deletion, replies: &[Response<Vec<u8>>]) {
    let mut replies = replies.iter();
    loop {
        match deletion.step(Duration::ZERO) {
            Step::Send(attempt) => {
                let id = attempt.id();
                answer(&mut deletion, id, replies.next().expect("no image is asked for twice"));
            }
            Step::Done => break,
            other => panic!("nothing to wait for: {other:?}"),
        }
    }
    assert!(deletion.report().all_gone());
}
