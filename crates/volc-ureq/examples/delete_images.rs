//! Deletes images and says what became of each: without arguments those of an emulator inside this process, with `--live`
//! real ones.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to people")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::ops::ControlFlow;
use std::process::ExitCode;

use lexopt::{Arg, ValueExt};
use volc_emulator::{Emulator, Image, ImageState};
use volc_proto::ecs::{Deletion, Event, ImageId, Policy, Snapshots};
use volc_proto::{Credentials, Endpoint, Region};
use volc_ureq::Client;

const USAGE: &str = "cargo run -p volc-ureq --example delete_images -- \
                     --live --yes --region cn-beijing --snapshots keep image-…";

fn main() -> ExitCode {
    let done = if std::env::args_os().len() == 1 { emulated() } else { live() };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Ten images, in an emulator on a loopback address, with a key that no service knows.
fn emulated() -> Result<bool, Box<dyn Error>> {
    let id = |n: u32| format!("image-ebgy1og99tfct0exam{n:02}");
    let images = (1..=9).map(|n| match n {
        3 | 7 => Image::new(id(n)).state(ImageState::Shared),
        4 | 8 => Image::new(id(n)).state(ImageState::Copying),
        _ => Image::new(id(n)).snapshots([format!("snap-ebgy1og99tfct0exam{n:02}")]),
    });
    let who = Credentials::new("AKLTexampleexample", "an example's secret")?;
    let emulator = Emulator::start(who.clone(), images)?;
    let client = Client::new(emulator.endpoint(Region::new("cn-beijing")?), who);

    // The tenth image is not there.
    let ids = (1..=10).map(|n| ImageId::new(id(n))).collect::<Result<Vec<_>, _>>()?;
    delete(&client, Deletion::new(ids, Snapshots::Keep, Policy::default())?)?;
    println!("\n{} images are left. All this was an emulator: nothing real was deleted.", emulator.images().len());
    println!("With VOLCENGINE_ACCESS_KEY and VOLCENGINE_SECRET_KEY set, the same against the real service: {USAGE}");
    Ok(true)
}

/// The images of the command line, in the service itself. True if none of them is there any more.
fn live() -> Result<bool, Box<dyn Error>> {
    let (mut live, mut yes, mut region, mut snapshots, mut ids) = (false, false, None, None, Vec::new());
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("live") => live = true,
            Arg::Long("yes") => yes = true,
            Arg::Long("region") => region = Some(arguments.value()?.parse::<Region>()?),
            Arg::Long("snapshots") => {
                snapshots = Some(arguments.value()?.parse_with(|choice| match choice {
                    "keep" => Ok(Snapshots::Keep),
                    "delete" => Ok(Snapshots::Delete),
                    _ => Err("expected `keep` or `delete`"),
                })?);
            }
            Arg::Value(id) => ids.push(id.parse::<ImageId>()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let (true, Some(region), Some(snapshots)) = (live, region, snapshots) else {
        return Err(format!("expected {USAGE}").into());
    };
    let (deletion, endpoint) = (Deletion::new(ids.clone(), snapshots, Policy::default())?, Endpoint::new(region));
    if !yes {
        println!("Would ask {} to delete, with the snapshot choice {snapshots:?}: {ids:?}", endpoint.origin("ecs"));
        println!("Nothing was sent: that takes --yes. A deletion cannot be undone.");
        return Ok(false);
    }
    let who = Credentials::from_lookup(|name| std::env::var(name).ok())?;
    delete(&Client::new(endpoint, who).user_agent("delete-images-example")?, deletion)
}

/// One line per image, with the request that settled it. True if none of the images is there any more.
fn delete(client: &Client, mut deletion: Deletion) -> Result<bool, Box<dyn Error>> {
    let mut requests = HashMap::new();
    let report = client.run_with(&mut deletion, |event| {
        if let Event::Outcome(outcome) = event {
            let request = outcome.attempt.request_id.clone().unwrap_or_default();
            requests.extend(outcome.images.iter().map(|image| (image.id.clone(), request.clone())));
        }
        Ok::<_, Infallible>(ControlFlow::Continue(()))
    })?;
    for (id, outcome) in report.outcomes() {
        // The first words; the service's message follows its code.
        let told = outcome.to_string();
        let told = told.splitn(3, ": ").take(2).collect::<Vec<_>>().join(": ");
        println!("{id:27} {told:60} {}", requests.get(id).map_or("-", String::as_str));
    }
    if let Some(stop) = report.stopped() {
        println!("The run was stopped: {stop}");
    }
    Ok(report.all_gone())
}
