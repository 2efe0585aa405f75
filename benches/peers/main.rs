//! Compares volc with its peers, and prints Markdown: signing alone, and whole calls to one loopback server.
//!
//! All of them take turns, and the medians are compared: only the ratios mean something. Run by `run`.
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

mod call;
mod python;

use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use volc_benches::Loopback;
use volc_peers::sign::signers;
use volc_peers::versioned;

use crate::python::Python;

const ROUNDS: usize = 301;
/// The sizes of a request, in image IDs.
const SIZES: [usize; 2] = [1, 100];

/// A name, how often it is done a round, and what times doing it that often.
struct Peer<'a> {
    name: String,
    count: u32,
    time: Box<dyn Fn(u32) -> Duration + 'a>,
}

impl<'a> Peer<'a> {
    fn new(name: &str, count: u32, often: impl Fn(u32) + 'a) -> Self {
        let time = Box::new(move |count| {
            let started = Instant::now();
            often(count);
            started.elapsed()
        });
        Self { name: versioned(name), count, time }
    }

    fn python(python: &'a Python, what: &'static str, images: usize, count: u32) -> Self {
        let name = format!("official Python SDK ({})", python.version);
        Self { name, count, time: Box::new(move |count| python.time(what, images, count)) }
    }
}

fn main() {
    let loopbacks = SIZES.map(|images| Rc::new(Loopback::new(images)));
    // One for each server.
    let pythons = std::env::args()
        .nth(1)
        .map(|interpreter| loopbacks.each_ref().map(|loopback| Python::start(&interpreter, loopback.address())));
    let python = |size: usize| pythons.as_ref().map(|pythons| &pythons[size]);

    let signing = [0, 1].map(|size| {
        let images = SIZES[size];
        let peer = |(name, sign): (_, Box<dyn Fn()>)| Peer::new(name, 50, move |count| (0..count).for_each(|_| sign()));
        let mut peers: Vec<_> = signers(images).into_iter().map(peer).collect();
        peers.extend(python(size).map(|python| Peer::python(python, "sign", images, 20)));
        ratios(&peers)
    });
    let allocations = allocations();
    println!("| sign one DeleteImages request, x volc-proto | 1 ID | 100 IDs | allocations, 1 ID | allocations, 100 IDs |");
    println!("|---|--:|--:|--:|--:|");
    for (n, ((name, one), (_, hundred))) in signing[0].iter().zip(&signing[1]).enumerate() {
        println!("| {name} | {one:.2} | {hundred:.2} | {} |", allocations.get(n).map_or(" | ", String::as_str));
    }

    let calls = [0, 1].map(|size| {
        let mut peers: Vec<_> = call::peers(&loopbacks[size]).into_iter().map(|(name, call)| Peer::new(name, 20, call)).collect();
        peers.extend(python(size).map(|python| Peer::python(python, "call", SIZES[size], 5)));
        ratios(&peers)
    });
    println!("\n| call a loopback server, keep-alive, x volc-ureq | 1 ID | 100 IDs |");
    println!("|---|--:|--:|");
    for ((name, one), (_, hundred)) in calls[0].iter().zip(&calls[1]) {
        println!("| {name} | {one:.2} | {hundred:.2} |");
    }
}

/// The median of each, in medians of the first.
fn ratios(peers: &[Peer<'_>]) -> Vec<(String, f64)> {
    let mut times = vec![Vec::with_capacity(ROUNDS); peers.len()];
    for _ in 0..ROUNDS {
        for (peer, times) in peers.iter().zip(&mut times) {
            times.push((peer.time)(peer.count).as_secs_f64() / f64::from(peer.count));
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    let median = |n: usize| times[n][ROUNDS / 2];
    peers.iter().enumerate().map(|(n, peer)| (peer.name.clone(), median(n) / median(0))).collect()
}

/// What the program beside this one counts, as the last two cells of each row.
fn allocations() -> Vec<String> {
    let here = std::env::current_exe().expect("this program is a file");
    let output = Command::new(here.with_file_name("allocations")).output().expect("it was built with this one");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().filter_map(|line| line.split_once('\t')).map(|(_, counts)| counts.replace('\t', " | ")).collect()
}
