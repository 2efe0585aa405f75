//! Prints the instructions outside SHA-256 of signing for volc-proto and for volcengine-rs, as ratios. Needs valgrind. Run by `run`.
//!
//! volcengine-rs signs nothing that it does not send, and builds an HTTP client each time. So it is made to send with a method
//! that is none: this fails after it has signed, without a socket. What is counted is inside its two functions that write the
//! query and sign it, beside what a caller has to do for them: a map of the parameters.
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::collections::BTreeMap;
use std::hint::black_box;

use futures_util::FutureExt;
use serde_json::Value;
use volc_benches::callgrind;
use volc_peers::sign::{KEY, REGION, URL, signers};
use volc_peers::versioned;
use volcengine_rs::send_request;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, images] = &arguments[..] {
        return subject(what, images.parse().expect("a number of images"));
    }
    let [one, hundred] = ["1", "100"].map(|images| {
        let count = |function, what| {
            let outside = callgrind::count(function, &[what, images]).0.outside();
            assert!(outside > 0, "{function} is not called, or inlined");
            outside as f64
        };
        let ours = count("instructions::measured", "volc-proto");
        let parameters = count("instructions::measured", "parameters");
        let signed = ["volcengine_rs::volce::format_query", "volcengine_rs::volce::signature_v4"];
        let signed: f64 = signed.map(|function| count(function, "volcengine-rs")).iter().sum();
        [(parameters + signed) / ours, signed / ours]
    });
    let peer = versioned("volcengine-rs");
    println!("| sign one DeleteImages request, instructions outside SHA-256, x volc-proto | 1 ID | 100 IDs |");
    println!("|---|--:|--:|");
    println!("| volc-proto | 1.00 | 1.00 |");
    println!("| {peer} | {:.2} | {:.2} |", one[0], hundred[0]);
    println!("| {peer}, without the map of parameters | {:.2} | {:.2} |", one[1], hundred[1]);
}

/// What is counted, and nothing around it.
#[inline(never)]
fn measured(what: &dyn Fn()) {
    what();
}

fn subject(what: &str, images: usize) {
    let ids: Vec<String> = volc_benches::ids(images).iter().map(ToString::to_string).collect();
    match what {
        "volc-proto" => {
            let (_, sign) = signers(images).swap_remove(0);
            sign(); // derives the key of the day, which is kept
            measured(&sign);
        }
        "parameters" => measured(&|| drop(black_box(parameters(&names(images), &ids)))),
        _ => fail_after_signing(parameters(&names(images), &ids)),
    }
}

fn names(images: usize) -> Vec<String> {
    (1..=images).map(|n| format!("ImageIds.{n}")).collect()
}

fn parameters<'a>(names: &'a [String], ids: &'a [String]) -> BTreeMap<&'a str, &'a str> {
    let fixed = [("Action", "DeleteImages"), ("DeleteBindedSnapshots", "false"), ("Version", "2020-04-01")];
    names.iter().zip(ids).map(|(name, id)| (name.as_str(), id.as_str())).chain(fixed).collect()
}

fn fail_after_signing(parameters: BTreeMap<&str, &str>) {
    let sent = send_request::<Value>(KEY.0, KEY.1, URL, REGION, "ecs", "no method", "application/json", parameters, Value::Null);
    let error = sent.now_or_never().expect("nothing to wait for").expect_err("the method is none");
    assert_eq!(error.to_string(), "invalid HTTP method");
}
