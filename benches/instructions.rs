//! Instructions, counted by callgrind: what must not creep.
//!
//! `cargo bench --bench instructions` prints a table and compares it with the recorded one, `instructions.tsv`: 3 % more is
//! an error, on the toolchain that recorded it; on another one the table is printed and not judged. `-- --record` writes the
//! file anew. Needs valgrind.
//!
//! The SHA-256 compression function is counted apart, in blocks: valgrind knows no SHA instructions, which real processors
//! have, and no code of ours can make it cheaper.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to people")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::process::{Command, ExitCode};

use http::Response;
use sha2::{Digest, Sha256};
use volc_benches::callgrind::{self, Counts};
use volc_benches::{Caller, Loopback, Signing, Verdicts, answer, ids, reply, waiting};
use volc_proto::ecs::{AttemptId, Deletion};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.tsv");
const SLACK: f64 = 1.03;

/// Name, images, and the goal for instructions outside SHA-256.
const CASES: [(&str, usize, u64); 16] = [
    ("sign", 1, 6_000),
    ("sign", 100, 60_000),
    ("answered-deleted", 1, 0),
    ("answered-deleted", 100, 0),
    ("answered-failed", 1, 0),
    ("answered-failed", 100, 230_000),
    ("answered-mixed", 100, 0),
    ("call-bare-ureq", 1, 0),
    ("call-ureq", 1, 0),
    ("call-bare-hyper", 1, 0),
    ("call-hyper", 1, 0),
    ("call-bare-ureq", 100, 0),
    ("call-ureq", 100, 200_000),
    ("call-bare-hyper", 100, 0),
    ("call-hyper", 100, 170_000),
    ("hash", 0, 0),
];

/// How many calls are counted together: an answer may come in more pieces or in fewer.
const CALLS: usize = 50;

/// 63 whole blocks, and one for the padding.
const HASHED: [u8; 63 * 64] = [0; 63 * 64];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--subject") {
        subject(&arguments[at + 1], arguments[at + 2].parse().expect("a number of images"));
        return ExitCode::SUCCESS;
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("skipped: valgrind is not installed");
        return ExitCode::from(69);
    }
    let toolchain = toolchain();
    let measured: Vec<(String, (Counts, u64))> =
        CASES.iter().map(|(name, images, _)| (format!("{name}/{images}"), measure(name, *images))).collect();
    let per_block = measured.last().map_or(1, |(_, (hash, _))| hash.compression / 64);

    let recorded = fs::read_to_string(RECORDED).unwrap_or_default();
    let judged = recorded.lines().next() == Some(&format!("# {toolchain}"));
    let recorded: HashMap<&str, u64> = recorded
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter_map(|(name, rest)| Some((name, rest.split('\t').next()?.parse().ok()?)))
        .collect();
    let mut table = format!("# {toolchain}\n");
    let mut crept = false;
    println!("{:22} {:>14} {:>8} {:>12} {:>10} {:>10}", "", "instructions", "blocks", "allocations", "goal", "recorded");
    for ((name, (counts, allocations)), (.., goal)) in measured.iter().zip(CASES).take(CASES.len() - 1) {
        let (outside, blocks) = (counts.outside(), counts.compression / per_block);
        let before = recorded.get(name.as_str());
        let more = before.is_some_and(|before| outside as f64 > *before as f64 * SLACK);
        crept |= more;
        let shown = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        println!(
            "{name:22} {outside:>14} {blocks:>8} {allocations:>12} {:>10} {:>10}{}",
            shown((goal > 0).then_some(goal)),
            shown(before.copied()),
            if more { "  more than before" } else { "" }
        );
        // How often a socket is read depends on who was faster: calls are counted and not judged.
        if !name.starts_with("call-") {
            let _ = writeln!(table, "{name}\t{outside}\t{blocks}\t{allocations}");
        }
    }
    if arguments.iter().any(|argument| argument == "--record") {
        fs::write(RECORDED, table).expect("the file beside this one can be written");
        println!("recorded for {toolchain}");
    } else if !judged {
        println!("not judged: the recorded numbers are of another toolchain than {toolchain}");
    } else if crept {
        println!("more than {:.0} % above what was recorded; if it is meant, record it: -- --record", (SLACK - 1.0) * 100.0);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What is counted, and nothing around it.
#[inline(never)]
fn measured_sign(signing: &Signing) {
    black_box(signing.sign());
}

#[inline(never)]
fn measured_answer(deletion: &mut Deletion, attempt: AttemptId, reply: &Response<Vec<u8>>) {
    answer(deletion, attempt, reply);
}

#[inline(never)]
fn measured_hash(bytes: &[u8]) {
    black_box(Sha256::digest(bytes));
}

#[inline(never)]
fn measured_call(loopback: &Loopback, caller: Caller) {
    loopback.call(caller, CALLS);
}

fn caller(name: &str) -> Option<Caller> {
    match name {
        "call-bare-ureq" => Some(Caller::BareUreq),
        "call-ureq" => Some(Caller::Ureq),
        "call-bare-hyper" => Some(Caller::BareHyper),
        "call-hyper" => Some(Caller::Hyper),
        _ => None,
    }
}

fn subject(name: &str, images: usize) {
    if let Some(caller) = caller(name) {
        let loopback = Loopback::new(images);
        loopback.call(caller, 1);
        let allocations = allocation_counter::measure(|| measured_call(&loopback, caller));
        println!("{}", allocations.count_total / CALLS as u64);
        return;
    }
    let allocations = match name {
        "sign" => {
            let signing = Signing::new(images);
            allocation_counter::measure(|| measured_sign(&signing))
        }
        "hash" => allocation_counter::measure(|| measured_hash(black_box(&HASHED))),
        answered => {
            let verdicts = match answered {
                "answered-deleted" => Verdicts::AllDeleted,
                "answered-failed" => Verdicts::AllFailed,
                _ => Verdicts::Mixed,
            };
            let reply = reply(&ids(images), verdicts);
            let (mut deletion, attempt) = waiting(ids(images));
            allocation_counter::measure(|| measured_answer(&mut deletion, attempt, &reply))
        }
    };
    println!("{}", allocations.count_total);
}

/// The counts, and the allocations.
fn measure(name: &str, images: usize) -> (Counts, u64) {
    let function = match name {
        "sign" => "instructions::measured_sign",
        "hash" => "instructions::measured_hash",
        call if caller(call).is_some() => "instructions::measured_call",
        _ => "instructions::measured_answer",
    };
    let (mut counts, printed) = callgrind::count(function, &["--subject", name, &images.to_string()]);
    if caller(name).is_some() {
        counts.total /= CALLS as u64;
        counts.compression /= CALLS as u64;
    }
    (counts, printed.trim().parse().expect("the subject prints a number"))
}

fn toolchain() -> String {
    let version = Command::new("rustc").arg("--version").output().expect("this was built with it");
    String::from_utf8_lossy(&version.stdout).trim().to_owned()
}
