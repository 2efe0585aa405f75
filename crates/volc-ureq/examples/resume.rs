//! A run is killed between a request and its answer. Its journal is kept, and another run goes on from it.
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use volc_emulator::{Emulator, Image};
use volc_proto::ecs::{Deletion, Event, ImageId, Policy, Snapshots, read_journal};
use volc_proto::{Credentials, Region};
use volc_ureq::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let names = (1..=6).map(|n| format!("image-nightly-{n}"));
    let who = Credentials::new("AKLTexampleexample", "an example's secret")?;
    let emulator = Emulator::start(who.clone(), names.clone().map(Image::new))?;
    let client = Client::new(emulator.endpoint(Region::new("cn-beijing")?), who);
    let ids = names.map(ImageId::new).collect::<Result<Vec<_>, _>>()?;
    let policy = Policy { chunk: 2, ..Policy::default() };
    let path = std::env::temp_dir().join(format!("volc-example-{}.ndjson", std::process::id()));

    println!("The first run, two images a request:");
    let mut journal = OpenOptions::new().append(true).create_new(true).open(&path)?;
    let mut deletion = Deletion::new(ids.clone(), Snapshots::Keep, policy.clone())?;
    let killed = client.run_with(&mut deletion, |event| match event {
        // The service has carried out the second request. Nobody will have written that down.
        Event::Outcome(_) if emulator.requests().len() == 2 => {
            journal.write_all(b"{\"event\":\"outc")?;
            Err(io::Error::other("killed while it wrote its journal"))
        }
        _ => write(&mut journal, event).map(ControlFlow::Continue),
    });
    if let Err(error) = killed {
        println!("    {error}; {} of 6 images are left", emulator.images().len());
    }
    // As after a real kill, all that is left of this run is its file.
    drop((deletion, journal));

    println!("The second run:");
    let (events, length) = read_journal(&fs::read(&path)?)?;
    let mut journal = whole_lines(&path, length)?;
    let mut deletion = Deletion::resume(ids, Snapshots::Keep, policy, events)?;
    for (id, outcome) in deletion.report().outcomes() {
        println!("    before: {id} is {outcome}");
    }
    let report = client.run_with(&mut deletion, |event| write(&mut journal, event).map(ControlFlow::Continue))?;
    for (id, outcome) in report.outcomes() {
        println!("    after:  {id} is {outcome}");
    }
    fs::remove_file(&path)?;
    println!("All gone: {}. All this was an emulator: nothing real was deleted.", report.all_gone());
    Ok(())
}

/// One line of the journal, on the disk when this returns: an intent is written before its request is sent.
fn write(journal: &mut File, event: &Event) -> io::Result<()> {
    if let Event::Intent(intent) = event {
        println!("    attempt {}: asking for {} images", intent.attempt, intent.images.len());
    }
    let line = serde_json::to_string(event)?;
    journal.write_all(format!("{line}\n").as_bytes())?;
    journal.sync_data()
}

/// Opens a journal to go on with it, without the line that a crash tore.
fn whole_lines(path: &Path, length: usize) -> io::Result<File> {
    let journal = OpenOptions::new().append(true).open(path)?;
    journal.set_len(length as u64)?;
    Ok(journal)
}
