//! The loopback emulator: as a command of its own, and inside a deletion that is a rehearsal.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use volc_emulator::{Builder, Emulator, Image, ImageState};
use volc_proto::ecs::ImageId;
use volc_proto::{Credentials, Region, Timestamp};

use crate::args;
use crate::exit::{Exit, Failure};
use crate::place::{Environment, Place};
use crate::text::shell;

/// Every run against the emulator says so.
pub(crate) const NOTHING_REAL: &str = "This is an emulator: nothing real is deleted.";

const ACCESS_KEY_ID: &str = "AKLTNothingRealEmulatorOnly";
const SECRET_ACCESS_KEY: &str = "not-a-secret";

/// The same images each time.
const SEED: u64 = 1;

/// The key of every emulator that this program starts.
pub(crate) fn credentials() -> Credentials {
    Credentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY).expect("visible ASCII")
}

/// An emulator inside this process, for one command.
pub(crate) struct Rehearsal {
    emulator: Emulator,
    region: Region,
    region_from: String,
}

/// Images in a rehearsal that is not about a list.
const GENERATED: usize = 100;

/// Of an image that is named, in seconds: 40 days.
const AGE: i64 = 40 * 86_400;

/// Starts an emulator in which these images are what their IDs say; without any, those that pipelines leave are there.
pub(crate) fn rehearse(
    ids: Option<&[ImageId]>,
    faults: &Option<PathBuf>,
    flags: &args::Place,
    environment: &Environment<'_>,
) -> Result<Rehearsal, Failure> {
    let (region, region_from) = Place::region_of_rehearsal(flags, environment);
    let images = match ids {
        Some(ids) => {
            let made = environment.now.shifted(-AGE);
            ids.iter().filter_map(|id| Some(image(id.as_str())?.created_at(made))).collect()
        }
        None => Image::generate(GENERATED, SEED, environment.now),
    };
    let builder = builder(region.clone(), faults.as_deref())?.images(images);
    Ok(Rehearsal { emulator: builder.start().map_err(Failure::impossible)?, region, region_from })
}

impl Rehearsal {
    pub(crate) fn place(&self) -> Place {
        Place::rehearsal(self.emulator.endpoint(self.region.clone()), self.region_from.clone())
    }
}

/// Serves until the process ends. Standard output gets what a shell needs, standard error what people need.
pub(crate) fn serve(
    arguments: &args::Emulator,
    now: Timestamp,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Exit, Failure> {
    let images = Image::generate(arguments.images, SEED, now);
    let first = images.first().map(|image| image.id.clone()).unwrap_or_default();
    if let Some(path) = &arguments.write_ids {
        let text: String = images.iter().map(|image| format!("{}\n", image.id)).collect();
        fs::write(path, text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    }
    let builder = builder(arguments.region.clone(), arguments.scenario.as_deref())?.listen(arguments.listen);
    let emulator = builder.images(images).start().map_err(Failure::impossible)?;
    let url = emulator.url();

    writeln!(err, "{NOTHING_REAL} It listens on {url} until Ctrl-C.")?;
    writeln!(err, "What is still there: {url}/_emulator/images")?;
    writeln!(err, "For another shell:")?;
    writeln!(out, "export VOLCENGINE_ACCESS_KEY={ACCESS_KEY_ID}")?;
    writeln!(out, "export VOLCENGINE_SECRET_KEY={SECRET_ACCESS_KEY}")?;
    writeln!(out, "unset VOLCENGINE_SESSION_TOKEN")?;
    writeln!(out, "export VOLCENGINE_REGION={}", arguments.region)?;
    out.flush()?;
    let ids = match &arguments.write_ids {
        Some(path) => format!("--ids-file {}", shell(path.display())),
        None => first,
    };
    writeln!(err, "volc-images delete --endpoint {url} --snapshots keep {ids}")?;
    loop {
        std::thread::park();
    }
}

fn builder(region: Region, scenario: Option<&Path>) -> Result<Builder, Failure> {
    let builder = Emulator::builder().credentials(credentials()).region(region);
    let Some(path) = scenario else { return Ok(builder) };
    let invalid = |error: &dyn std::fmt::Display| Failure::usage(format!("{}: {error}", path.display()));
    let faults = fs::read_to_string(path).map_err(|error| invalid(&error))?;
    builder.faults_from_json(&faults).map_err(|error| invalid(&error))
}

/// The image that an ID tells of: it is what it is called.
fn image(id: &str) -> Option<Image> {
    const STATES: [(&str, ImageState); 5] = [
        ("image-shared", ImageState::Shared),
        ("image-copying", ImageState::Copying),
        ("image-exporting", ImageState::Exporting),
        ("image-wrong-status", ImageState::WrongStatus),
        ("image-failing", ImageState::Failing),
    ];
    if id.starts_with("image-missing") {
        return None;
    }
    let state = STATES.iter().find(|(name, _)| id.starts_with(name)).map_or(ImageState::Available, |(_, state)| *state);
    let image = Image::new(id).state(state).snapshots([format!("snap-of-{id}")]);
    // What is under way ends some time.
    Some(if state == ImageState::Copying { image.for_calls(1) } else { image })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_what_it_is_called() {
        assert_eq!(image("image-missing1"), None);
        assert_eq!(image("image-wrong-status7").map(|image| image.state), Some(ImageState::WrongStatus));
        assert_eq!(image("image-a").map(|image| image.state), Some(ImageState::Available));
    }
}
