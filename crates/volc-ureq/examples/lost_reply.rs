//! The service deletes, its reply is lost, the retry finds nothing: what other clients call `InvalidImage.NotFound`.
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::convert::Infallible;
use std::error::Error;
use std::ops::ControlFlow;

use volc_emulator::{Emulator, Fault, Image, When};
use volc_proto::ecs::{Deletion, Event, ImageId, Policy, Snapshots};
use volc_proto::{Credentials, Region};
use volc_ureq::Client;

fn main() -> Result<(), Box<dyn Error>> {
    // The first request is carried out, and then the connection is closed without an answer.
    let who = Credentials::new("AKLTexampleexample", "an example's secret")?;
    let emulator = Emulator::builder()
        .credentials(who.clone())
        .images([Image::new("image-golden-2023"), Image::new("image-golden-2024")])
        .fault(When::requests([1]), Fault::Drop { after_deletion: true })
        .start()?;

    let ids = [ImageId::new("image-golden-2023")?, ImageId::new("image-golden-2024")?];
    let mut deletion = Deletion::new(ids, Snapshots::Keep, Policy::default())?;
    let client = Client::new(emulator.endpoint(Region::new("cn-beijing")?), who);
    let report = client.run_with(&mut deletion, |event| {
        match event {
            Event::Intent(intent) => println!("attempt {}: asking for {} images", intent.attempt, intent.images.len()),
            Event::Outcome(outcome) => {
                match &outcome.attempt.error {
                    Some(error) => println!("attempt {}: {error}", outcome.attempt.attempt),
                    None => println!("attempt {}: answered", outcome.attempt.attempt),
                }
                for image in &outcome.images {
                    println!("    {} is {}", image.id, image.outcome);
                }
            }
            _ => {}
        }
        Ok::<_, Infallible>(ControlFlow::Continue(()))
    })?;

    println!();
    println!("The service deleted, in its own words: {:?}", emulator.requests()[0].deleted);
    println!("The retry was told InvalidImage.NotFound for both, and the report says:");
    for (id, outcome) in report.outcomes() {
        println!("    {id} is {outcome}");
    }
    println!("All gone: {}. All this was an emulator: nothing real was deleted.", report.all_gone());
    Ok(())
}
