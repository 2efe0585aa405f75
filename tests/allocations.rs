//! What a reply may cost: reading one takes at most four times its size, and 200 bytes for each detail that it lists.
//!
//! Alone in its program: the allocator counts for the whole of it. It moves whatever grows, so that both copies count.

use std::fs;
use std::path::Path;

use http::Response;
use peak_alloc::PeakAlloc;
use volc_proto::ecs::DeleteImages;
use volc_proto::parse;
use volc_tests::load_folder;
use volc_tests::replies::RecordedReply;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// What an error takes, whatever it is about: of `serde_json`, 40 bytes and its text.
const ERROR: usize = 128;

#[test]
fn reading_a_reply_takes_four_times_its_size_and_200_bytes_for_each_detail() {
    let mut bodies: Vec<(String, usize, Vec<u8>)> =
        load_folder::<RecordedReply>("replies").into_iter().map(|(name, reply)| (name, 0, reply.body.into_bytes())).collect();
    for count in [1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 500, 513, 1_000, 1_001, 100_000] {
        for detail in [
            "{}",
            r#"{"ImageId":"i"}"#,
            r#"{"Error":{"CodeN":1}}"#,
            r#"{"ImageId":"image-ebgy1og99tfct0example","Error":{"Code":"InvalidImage.NotFound","Message":"no"}}"#,
            r#"{"ImageId":"\u0061","Error":{"Code":"\n","Message":"\u0061\u0061\u0061"}}"#,
        ] {
            let details = vec![detail; count].join(",");
            let whole = format!(r#"{{"ResponseMetadata":{{}},"Result":{{"OperationDetails":[{details}]}}}}"#);
            bodies.push((format!("{count} times {detail}, cut off"), count, whole.as_bytes()[..whole.len() - 1].to_vec()));
            bodies.push((format!("{count} times {detail}"), count, whole.into_bytes()));
        }
    }
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/parse_response");
    for entry in fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        let body = fs::read(&path).unwrap().split_off(2); // behind the status
        // No more details than there are objects.
        bodies.push((path.display().to_string(), body.iter().filter(|byte| **byte == b'{').count(), body));
    }
    let megabyte = |unit: &str| unit.repeat((1 << 20) / unit.len());
    for (name, text) in [
        ("a page", megabyte("<html>")),
        ("arrays", megabyte("[")),
        ("objects", megabyte(r#"{"Result":"#)),
        ("controls", megabyte("\u{1b}")),
        ("blanks", megabyte(" ")),
        ("a long message", format!(r#"{{"ResponseMetadata":{{"Error":{{"Code":"x","Message":"{}"}}}}}}"#, megabyte("a"))),
        ("an escaped message", format!(r#"{{"ResponseMetadata":{{"Error":{{"Code":"x","Message":"{}"}}}}}}"#, megabyte("\\n"))),
        (
            "a message of keys",
            format!(r#"{{"ResponseMetadata":{{"Error":{{"Message":"{}"}}}}}}"#, "AKLTexampleex ".repeat(4_000)),
        ),
        ("a long name", format!(r#"{{"ResponseMetadata":{{}},"{}":1}}"#, megabyte("a"))),
        ("what nobody reads", format!(r#"{{"ResponseMetadata":{{}},"Extra":[{}1]}}"#, megabyte("{\"a\":\"\\n\"},"))),
    ] {
        bodies.push((name.to_owned(), 0, text.into_bytes()));
    }

    let mut over = Vec::new();
    for (name, count, body) in bodies {
        for status in [200, 400] {
            let response = Response::builder().status(status).body(body.as_slice()).unwrap();
            let before = HEAP.current_usage();
            HEAP.reset_peak_usage();
            let read = parse::<DeleteImages>(&response);
            let peak = HEAP.peak_usage() - before;
            let allowed = match &read {
                Ok(reply) => 4 * body.len() + 200 * reply.output.operation_details.len(),
                // What cannot be read may have had 1,000 details before that was known.
                Err(_) => 4 * body.len() + 200 * count.min(1_000) + ERROR,
            };
            if peak > allowed {
                over.push(format!("{name}, HTTP {status}: {peak} bytes, allowed {allowed}"));
            }
        }
    }
    assert!(over.is_empty(), "{over:#?}");
}
