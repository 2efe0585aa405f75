//! A program's own code, tested against the emulator. The tests are below; this runs them:
//!
//! ```text
//! cargo test -p volc-ureq --example emulator_in_a_test
//! ```
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::error::Error;

use volc_emulator::{Emulator, Image, ImageState};
use volc_proto::ecs::{ImageId, Snapshots};
use volc_proto::{Credentials, Region};
use volc_ureq::Client;

/// The code under test: deletes images, and returns those that a person has to look at. It is given its client, so that a
/// test can give it one that talks to an emulator.
fn clean_up(client: &Client, ids: &[&str]) -> Result<Vec<String>, Box<dyn Error>> {
    let ids = ids.iter().copied().map(ImageId::new).collect::<Result<Vec<_>, _>>()?;
    let report = client.delete_images(ids, Snapshots::Keep)?;
    Ok(report.outcomes().filter(|(_, outcome)| !outcome.is_gone()).map(|(id, _)| id.to_string()).collect())
}

/// A client of an emulator, with a key that no service knows.
fn client(emulator: &Emulator) -> Result<Client, Box<dyn Error>> {
    let who = Credentials::new("AKLTexampleexample", "an example's secret")?;
    emulator.add_credentials(who.clone());
    Ok(Client::new(emulator.endpoint(Region::new("cn-beijing")?), who))
}

fn main() -> Result<(), Box<dyn Error>> {
    let images = [Image::new("image-old"), Image::new("image-shared").state(ImageState::Shared)];
    let emulator = Emulator::builder().images(images).start()?;
    println!("To look at: {:?}", clean_up(&client(&emulator)?, &["image-old", "image-shared"])?);
    println!("All this was an emulator: nothing real was deleted.");
    Ok(())
}

#[cfg(test)]
mod tests {
    use volc_emulator::{Fault, When};

    use super::*;

    #[test]
    fn a_shared_image_is_left_for_a_person_and_the_others_are_deleted() -> Result<(), Box<dyn Error>> {
        let images = [Image::new("image-old"), Image::new("image-shared").state(ImageState::Shared)];
        let emulator = Emulator::builder().images(images).start()?;
        assert_eq!(clean_up(&client(&emulator)?, &["image-old", "image-shared"])?, ["image-shared"]);
        assert_eq!(emulator.images().len(), 1);
        Ok(())
    }

    #[test]
    fn a_lost_reply_is_no_reason_to_call_a_person() -> Result<(), Box<dyn Error>> {
        let lost = Fault::Drop { after_deletion: true };
        let emulator = Emulator::builder().image(Image::new("image-old")).fault(When::requests([1]), lost).start()?;
        assert!(clean_up(&client(&emulator)?, &["image-old"])?.is_empty());
        assert_eq!(emulator.requests().len(), 2);
        Ok(())
    }

    #[test]
    fn snapshots_are_kept() -> Result<(), Box<dyn Error>> {
        let emulator = Emulator::builder().image(Image::new("image-old").snapshots(["snap-old"])).start()?;
        clean_up(&client(&emulator)?, &["image-old"])?;
        assert_eq!((emulator.images().len(), emulator.snapshots().len()), (0, 1));
        Ok(())
    }
}
