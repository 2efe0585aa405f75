//! Looking before a deletion: whose key it is, and what the images are. Where that is not permitted, the plan says so.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use volc_proto::ecs::{DescribeImages, ImageId};

use crate::advice::to_look;
use crate::exit::Failure;
use crate::read::Reader;
use crate::seen::{Seen, Snapshot};
use crate::text::printable;

/// What a plan knows besides IDs.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Look {
    /// The account that the key belongs to, where it is known.
    pub(crate) account: Option<String>,
    /// Why it is not.
    #[serde(skip)]
    pub(crate) account_unknown: Option<String>,
    /// Whether the images were looked at.
    pub(crate) looked: bool,
    /// Why not.
    pub(crate) not_looked: Option<String>,
    /// Of the images to delete, as far as their sizes are known; none where nobody looked.
    pub(crate) size_gib: Option<i64>,
    /// What the images to delete are made of; none where nobody looked.
    pub(crate) bound_snapshots: Option<Vec<Snapshot>>,
    /// Those that exist.
    #[serde(skip)]
    pub(crate) images: HashMap<ImageId, Seen>,
}

impl Look {
    /// Whose key it is, where that is wanted.
    ///
    /// # Errors
    ///
    /// Where a certain account is wanted, for any other one, and for none that is known.
    pub(crate) fn at_account(reader: &Reader<'_>, wanted: Option<&str>, no_look: bool) -> Result<Self, Failure> {
        if no_look && wanted.is_none() {
            return Ok(Self::default());
        }
        let (account, account_unknown) = match (reader.account(), wanted) {
            (Ok(account), Some(wanted)) if account != wanted => {
                return Err(Failure::impossible(format!(
                    "expected a key of the account {wanted}, not one of {}",
                    printable(&account)
                )));
            }
            (Err(error), Some(wanted)) => {
                let expected = format!("expected a key of the account {wanted}, but whose it is cannot be read: {error}");
                return Err(Failure::impossible(expected));
            }
            (Ok(account), _) => (Some(account), None),
            (Err(error), None) => (None, Some(error.to_string())),
        };
        Ok(Self { account, account_unknown, ..Self::default() })
    }

    /// What these images are.
    pub(crate) fn at_images(&mut self, reader: &Reader<'_>, ids: &[ImageId]) {
        match reader.these(ids, &DescribeImages::new()) {
            Ok(found) => self.saw(ids, found.into_iter().filter_map(|found| Seen::new(found.image))),
            Err(error) => self.not_looked = Some(format!("{error}; to do: {}", to_look(error.code()))),
        }
    }

    /// These images were to be looked at, and those of them that are there were seen.
    pub(crate) fn saw(&mut self, ids: &[ImageId], seen: impl IntoIterator<Item = Seen>) {
        self.looked = true;
        let mut images: HashMap<_, _> = seen.into_iter().map(|image| (image.id.clone(), image)).collect();
        self.images = ids.iter().filter_map(|id| images.remove_entry(id)).collect();
        self.size_gib = Some(sum(self.images.values().map(|image| image.size_gib)));
        // Two images may be made of the same one.
        let snapshots = self.images.values().flat_map(|image| &image.snapshots);
        let snapshots: BTreeMap<_, _> = snapshots.map(|snapshot| (&snapshot.id, snapshot)).collect();
        self.bound_snapshots = Some(snapshots.into_values().cloned().collect());
    }
}

/// Of the sizes that are known.
pub(crate) fn sum(sizes: impl Iterator<Item = Option<i64>>) -> i64 {
    sizes.flatten().fold(0, i64::saturating_add)
}
