//! The action `DeleteImages`, after <https://www.volcengine.com/docs/6396/120265>.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::answer::{Detail, Output};
use crate::catalogue as code;
use crate::inventory::Moment;
use crate::parameters;
use crate::scenario::mixed;
use crate::service::{Arrived, Refusal, Service, refusal};

const MAX_IMAGE_IDS: usize = 100;

/// Which images `OperationDetails` lists. The documents do not say what the service does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Listing {
    /// Every image of the request; `Error` is null for those that were deleted.
    #[default]
    All,
    /// Those that were not deleted: an empty list where all were.
    FailedOnly,
    /// As `All`, with about a third left out, other ones each time: drawn from [`Builder::seed`](crate::Builder::seed), the
    /// request's number and the image's ID.
    Forgetful,
}

impl Service {
    /// The answer, and which images were deleted. `here`: the request is for the region of the images.
    pub(crate) fn delete_images(&mut self, arrived: &Arrived<'_>, here: bool) -> Result<(Output, Vec<String>), Refusal> {
        let ids = parameters::list(arrived.query, "ImageIds").ok_or_else(|| refusal(code::INVALID_ARGUMENT, []))?;
        match ids.len() {
            0 => return Err(refusal(code::MISSING_IMAGE_ID, [])),
            1..=MAX_IMAGE_IDS => {}
            _ => return Err(refusal(code::TOO_MANY_IMAGE_IDS, [])),
        }
        let with_snapshots = match arrived.query.first("DeleteBindedSnapshots").as_deref() {
            None | Some(b"true") => true,
            Some(b"false") => false,
            Some(_) => return Err(refusal(code::INVALID_ARGUMENT, [])),
        };
        if here {
            self.authorize(&ids)?;
        }

        let moment = Moment { request: arrived.number, at: arrived.at };
        let mut refused: BTreeMap<&str, code::ItemCode> = BTreeMap::new();
        let mut deleted = Vec::new();
        let mut details = Vec::new();
        for id in &ids {
            let error = match refused.get(id.as_str()) {
                // Named before in this request, which does not count as another try.
                Some(error) => Some(*error),
                None if here => self.inventory.delete(id, with_snapshots, moment).err(),
                None => Some(code::NOT_FOUND),
            };
            match error {
                Some(error) => drop(refused.insert(id, error)),
                None => deleted.push(id.clone()),
            }
            if self.lists(arrived.number, id, error.is_some()) {
                details.push(Detail { image_id: id.clone(), error: error.map(Into::into) });
            }
        }
        Ok((Output::deleted(details), deleted))
    }

    /// One image that may not be deleted refuses the whole call.
    fn authorize(&self, ids: &[String]) -> Result<(), Refusal> {
        for id in ids {
            let image = self.inventory.find(id);
            if self.denied_images.contains(id) || image.is_some_and(|image| !image.is_owned_by(self.account_id)) {
                let resource = format!("trn:ecs:{}:{}:image/{id}", self.region, self.account_id);
                return Err(refusal(code::ACCESS_DENIED, ["ecs:DeleteImages", &resource]));
            }
            let project = image.and_then(|image| image.project.as_ref());
            if project.is_some_and(|project| self.denied_projects.contains(project)) {
                return Err(refusal(code::LACK_PROJECT_POLICY, []));
            }
        }
        Ok(())
    }

    fn lists(&self, number: u64, id: &str, failed: bool) -> bool {
        match self.listing {
            Listing::All => true,
            Listing::FailedOnly => failed,
            Listing::Forgetful => {
                let id = id.bytes().fold(0, |state, byte| mixed(&[state, byte.into()]));
                !mixed(&[self.seed, number, id]).is_multiple_of(3)
            }
        }
    }
}
