//! A whole call over a loopback connection that is kept alive, against the same library with a ready-made request.
//!
//! All callers take turns in one process, and the medians are compared: only the ratios mean something. Prints a table.
//! `core` is what building, signing and parsing take of a call.
//!
//! Where there is a `taskset`, client and server share one processor. On two, most of a call is the waking of the other one,
//! which takes 1 or 60 us as the scheduler has it, and the ratios are those of its moods.
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::env;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use volc_benches::{Caller, Loopback};

const ROUNDS: usize = 301;
const CALLS: usize = 20;
/// Each with the row that it is compared with.
const CALLERS: [(&str, Caller, usize); 5] = [
    ("bare ureq", Caller::BareUreq, 0),
    ("volc-ureq", Caller::Ureq, 0),
    ("bare hyper-util", Caller::BareHyper, 2),
    ("volc-hyper", Caller::Hyper, 2),
    ("core", Caller::Core, 2),
];

fn main() -> ExitCode {
    const PINNED: &str = "--pinned";
    if !env::args().any(|argument| argument == PINNED) {
        let this = env::current_exe().expect("this program has a path");
        match Command::new("taskset").args(["-c", "0"]).arg(this).arg(PINNED).status() {
            Ok(status) => return if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE },
            Err(_) => println!("without taskset: on more than one processor, the ratios are not to be trusted"),
        }
    }
    println!("{:24} {:>12} {:>8}", "", "us per call", "ratio");
    for images in [1, 100] {
        let loopback = Loopback::new(images);
        let mut times = CALLERS.map(|_| Vec::with_capacity(ROUNDS));
        for _ in 0..ROUNDS {
            for ((_, caller, _), times) in CALLERS.iter().zip(&mut times) {
                let started = Instant::now();
                loopback.call(*caller, CALLS);
                times.push(started.elapsed() / CALLS as u32);
            }
        }
        let medians = times.map(|mut times| {
            times.sort();
            times[times.len() / 2]
        });
        for (median, (name, _, bare)) in medians.iter().zip(CALLERS) {
            let us = |time: Duration| time.as_secs_f64() * 1e6;
            println!("{:24} {:>12.1} {:>8.2}", format!("{name}, {images} IDs"), us(*median), us(*median) / us(medians[bare]));
        }
    }
    ExitCode::SUCCESS
}
