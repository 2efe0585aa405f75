//! What a run may cost: 200 bytes for each image beside its ID, however many there are.
//!
//! Alone in its program: the allocator counts for the whole of it.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::time::Duration;

use http::Response;
use peak_alloc::PeakAlloc;
use volc_proto::ecs::{DeleteImages, Deletion, ImageId, Policy, Snapshots, Step};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn reply(ids: &[ImageId]) -> Response<String> {
    let details: Vec<String> = ids.iter().map(|id| format!(r#"{{"ImageId":"{id}","Error":null}}"#)).collect();
    Response::new(format!(r#"{{"ResponseMetadata":{{}},"Result":{{"OperationDetails":[{}]}}}}"#, details.join(",")))
}

#[test]
fn a_run_takes_200_bytes_for_each_image_beside_its_id() {
    for images in [10_000, 100_000] {
        let ids: Vec<ImageId> = (0..images).map(|n| ImageId::new(format!("image-{n:020}")).unwrap()).collect();
        let replies: Vec<_> = ids.chunks(DeleteImages::MAX_IMAGES).map(reply).collect();
        let before = HEAP.current_usage();
        HEAP.reset_peak_usage();

        let mut deletion = Deletion::new(ids, Snapshots::Keep, Policy::default()).unwrap();
        let mut replies = replies.iter();
        while let Step::Send(attempt) = deletion.step(Duration::ZERO) {
            let id = attempt.id();
            deletion.answered(id, Duration::ZERO, replies.next().unwrap()).unwrap();
        }

        let each = (HEAP.peak_usage() - before) / images;
        assert!(each <= 200, "{each} bytes for each of {images} images");
        println!("{each} bytes for each of {images} images");
        assert!(deletion.report().all_gone());
    }
}
