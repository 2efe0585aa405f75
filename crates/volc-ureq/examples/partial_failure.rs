//! Some images go and some do not: what a program does about each outcome, and the exit code it ends with.
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::error::Error;
use std::time::Duration;

use volc_emulator::{Emulator, Image, ImageState};
use volc_proto::ecs::{Deletion, ImageId, Outcome, Policy, Report, Snapshots};
use volc_proto::{Credentials, Region};
use volc_ureq::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let who = Credentials::new("AKLTexampleexample", "an example's secret")?;
    let images = [
        Image::new("image-ready"),
        Image::new("image-shared").state(ImageState::Shared),
        Image::new("image-copied-slowly").state(ImageState::Copying),
        Image::new("image-copied-soon").state(ImageState::Copying).for_calls(1),
        Image::new("image-in-trouble").state(ImageState::Failing),
    ];
    let ids = images.iter().map(|image| ImageId::new(&image.id)).collect::<Result<Vec<_>, _>>()?;
    let emulator = Emulator::start(who.clone(), images)?;
    let client = Client::new(emulator.endpoint(Region::new("cn-beijing")?), who);

    // A copy that ends within two seconds is waited for. Failures are asked again after short waits: this is an example.
    let policy = Policy {
        busy_for: Duration::from_secs(2),
        busy_every: Duration::from_secs(1),
        backoff_base: Duration::from_millis(50),
        ..Policy::default()
    };
    let report = client.run(&mut Deletion::new(ids, Snapshots::Keep, policy)?);
    for (id, outcome) in report.outcomes() {
        println!("{id}\n    {outcome}\n    -> {}", advice(outcome));
    }
    println!("{:?} after {} requests", report.counts(), report.attempts().len());
    println!("A program would end with exit code {}.", exit_code(&report));
    println!("All this was an emulator: nothing real was deleted.");
    Ok(())
}

/// What to do about an image. `Outcome` may grow: what is not known here is looked at by a person.
fn advice(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Gone(_) => "nothing to do",
        Outcome::Refused(_) => "asking again will not help: change the image, then ask",
        Outcome::Busy(_) | Outcome::NotDeleted(_) => "still there: ask again later",
        Outcome::Unclear(_) => "may be gone: look, or ask again, and never count it as either",
        _ => "look at it",
    }
}

/// The exit codes of `volc-images`: doubt weighs more than failure.
fn exit_code(report: &Report) -> u8 {
    if report.counts().unclear > 0 {
        3
    } else if !report.all_gone() {
        2
    } else {
        0
    }
}
