//! A key is revoked while a run is under way. The program sets the new one, and the run goes on.
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::convert::Infallible;
use std::error::Error;
use std::ops::ControlFlow;

use volc_emulator::{Emulator, Image};
use volc_hyper::Client;
use volc_proto::ecs::{Deletion, Event, ImageId, Policy, Snapshots};
use volc_proto::{Credentials, Region};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let names = (1..=8).map(|n| format!("image-nightly-{n}"));
    let old = Credentials::new("AKLTexampleoldkey", "an example's old secret")?;
    let new = Credentials::new("AKLTexamplenewkey", "an example's new secret")?;
    let emulator = Emulator::start(old.clone(), names.clone().map(Image::new))?;
    let client = Client::new(emulator.endpoint(Region::new("cn-beijing")?), old);

    let ids = names.map(ImageId::new).collect::<Result<Vec<_>, _>>()?;
    let mut deletion = Deletion::new(ids, Snapshots::Keep, Policy { chunk: 2, ..Policy::default() })?;
    let report = client.run_with(&mut deletion, |event| {
        if let Event::Outcome(outcome) = event {
            let attempt = &outcome.attempt;
            match &attempt.error {
                None => println!("attempt {}: answered, {} images", attempt.attempt, attempt.asked),
                Some(error) => println!("attempt {}: {error}", attempt.attempt),
            }
            if emulator.requests().len() == 1 {
                println!("    The old key is revoked; the program does not know it yet.");
                emulator.add_credentials(new.clone());
                emulator.remove_credentials("AKLTexampleoldkey");
            }
            // 401: the key is not accepted. A real program fetches another one here, or better: before the old one expires.
            if attempt.status == Some(401) {
                println!("    The program sets the new key. Each attempt is signed afresh, so the next one has it.");
                client.set_credentials(new.clone());
            }
        }
        Ok::<_, Infallible>(ControlFlow::Continue(()))
    });
    for (id, outcome) in report.await?.outcomes().filter(|(_, outcome)| !outcome.is_gone()) {
        println!("left: {id} is {outcome}");
    }

    // What is settled stays so; the images of the refused attempt are asked for again.
    deletion.retry_left();
    let report = client.run(&mut deletion).await;
    println!("{:?} after {} requests", report.counts(), report.attempts().len());
    println!("All this was an emulator: nothing real was deleted.");
    Ok(())
}
