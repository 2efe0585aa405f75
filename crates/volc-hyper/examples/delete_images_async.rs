//! Deletes images of an emulator inside this process, several requests at once, and says what became of each.
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::error::Error;

use volc_emulator::{Emulator, Image, ImageState};
use volc_hyper::Client;
use volc_proto::ecs::{Deletion, ImageId, Policy, Snapshots};
use volc_proto::{Credentials, Region};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let id = |n: u32| format!("image-ebgy1og99tfct0exam{n:02}");
    let images = (1..=11).map(|n| Image::new(id(n)).state(if n % 5 == 0 { ImageState::Shared } else { ImageState::Available }));
    let who = Credentials::new("AKLTexampleexample", "an example's secret")?;
    let emulator = Emulator::start(who.clone(), images)?;
    let client = Client::new(emulator.endpoint(Region::new("cn-beijing")?), who);

    // The twelfth image is not there.
    let ids = (1..=12).map(|n| ImageId::new(id(n))).collect::<Result<Vec<_>, _>>()?;
    let mut deletion = Deletion::new(ids, Snapshots::Keep, Policy { chunk: 3, in_flight: 4, ..Policy::default() })?;
    let report = client.run(&mut deletion).await;
    for (id, outcome) in report.outcomes() {
        println!("{id}  {outcome}");
    }
    println!("{} requests. All this was an emulator: nothing real was deleted.", report.attempts().len());
    Ok(())
}
