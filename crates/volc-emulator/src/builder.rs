//! What an emulator is made of.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use volc_proto::{Credentials, Region};

use crate::Emulator;
use crate::action::Action;
use crate::delete_images::Listing;
use crate::describe_images::{UnknownIds, describe};
use crate::fault::Fault;
use crate::image::Image;
use crate::inventory::{Inventory, Repeated, Visible};
use crate::keys::{Expiry, Key, Keys};
use crate::scenario::{FaultRule, Scenario, When};
use crate::service::Service;
use crate::state::State;

/// Made up.
const ACCOUNT_ID: u64 = 2_100_000_000;

/// Sets an emulator up. Without credentials it refuses every request.
#[derive(Debug)]
#[must_use = "nothing listens before `start`"]
pub struct Builder {
    pub(crate) region: Region,
    pub(crate) account_id: u64,
    pub(crate) keys: Vec<(Credentials, Option<Expiry>)>,
    pub(crate) images: Vec<Image>,
    pub(crate) listing: Listing,
    pub(crate) seed: u64,
    pub(crate) unknown_ids: UnknownIds,
    pub(crate) visible: Visible,
    pub(crate) repeated: Repeated,
    pub(crate) clock_offset: i64,
    pub(crate) denied_actions: BTreeSet<String>,
    pub(crate) denied_images: BTreeSet<String>,
    pub(crate) denied_projects: BTreeSet<String>,
    pub(crate) faults: Vec<FaultRule>,
    listen: SocketAddr,
    allow_non_loopback: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// An emulator of `cn-beijing` without credentials, images and faults, on a free port of 127.0.0.1.
    pub fn new() -> Self {
        Self {
            region: Region::new("cn-beijing").expect("a host label"),
            account_id: ACCOUNT_ID,
            keys: Vec::new(),
            images: Vec::new(),
            listing: Listing::All,
            seed: 0,
            unknown_ids: UnknownIds::LeftOut,
            visible: Visible::Never,
            repeated: Repeated::NotFound,
            clock_offset: 0,
            denied_actions: BTreeSet::new(),
            denied_images: BTreeSet::new(),
            denied_projects: BTreeSet::new(),
            faults: Vec::new(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_non_loopback: false,
        }
    }

    /// The region that the images are in. A request that is signed for another one finds none of them.
    pub fn region(mut self, region: Region) -> Self {
        self.region = region;
        self
    }

    /// The account that every key and every private image belongs to: 2100000000 unless set.
    pub fn account_id(mut self, account_id: u64) -> Self {
        self.account_id = account_id;
        self
    }

    /// A key that may sign. One more with the same ID takes the first one's place.
    pub fn credentials(mut self, who: Credentials) -> Self {
        self.keys.push((who, None));
        self
    }

    /// A key whose session token expires: `InvalidSecretToken` from then on.
    pub fn temporary_credentials(mut self, who: Credentials, expiry: Expiry) -> Self {
        self.keys.push((who, Some(expiry)));
        self
    }

    /// Adds an image. No two may have the same ID: [`start`](Self::start) checks it.
    pub fn image(mut self, image: Image) -> Self {
        self.images.push(image);
        self
    }

    /// Adds images, as [`image`](Self::image) does; [`Image::generate`] makes many.
    pub fn images(mut self, images: impl IntoIterator<Item = Image>) -> Self {
        self.images.extend(images);
        self
    }

    /// Which images the answers to deletions list: [`Listing::All`] unless set.
    pub fn listing(mut self, listing: Listing) -> Self {
        self.listing = listing;
        self
    }

    /// What [`Listing::Forgetful`] forgets; 0 unless set. A [`When::Chance`] has a seed of its own.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What a `DescribeImages` gets that names an ID which does not exist: [`UnknownIds::LeftOut`] unless set.
    pub fn unknown_ids(mut self, unknown_ids: UnknownIds) -> Self {
        self.unknown_ids = unknown_ids;
        self
    }

    /// How long `DescribeImages` goes on showing what was deleted: [`Visible::Never`] unless set.
    pub fn visible_after_deletion(mut self, visible: Visible) -> Self {
        self.visible = visible;
        self
    }

    /// What another deletion gets of an image that is deleted and still visible: [`Repeated::NotFound`] unless set.
    pub fn repeated_deletion(mut self, repeated: Repeated) -> Self {
        self.repeated = repeated;
        self
    }

    /// How many seconds the emulator's clock is ahead of this machine's; negative for behind. Signatures are judged by it,
    /// and the `Date` header tells it.
    pub fn clock_offset(mut self, seconds: i64) -> Self {
        self.clock_offset = seconds;
        self
    }

    /// Nobody may do this, `DescribeImages` for example: `AccessDenied`.
    pub fn deny_action(mut self, name: impl Into<String>) -> Self {
        self.denied_actions.insert(name.into());
        self
    }

    /// Nobody may delete this image: a call that names it is refused whole, with `AccessDenied`.
    pub fn deny_image(mut self, id: impl Into<String>) -> Self {
        self.denied_images.insert(id.into());
        self
    }

    /// Nobody may delete images of this project: a call that names one is refused whole, with `LackProjectPolicy`.
    pub fn deny_project(mut self, name: impl Into<String>) -> Self {
        self.denied_projects.insert(name.into());
        self
    }

    /// One more fault, behind those that are there: the first that meets a request happens.
    pub fn fault(mut self, when: When, fault: Fault) -> Self {
        self.faults.push(FaultRule::new(when, fault));
        self
    }

    /// Adds rules behind those that are there, in order: as [`fault`](Self::fault), and for one action where a rule says so.
    pub fn faults(mut self, rules: impl IntoIterator<Item = FaultRule>) -> Self {
        self.faults.extend(rules);
        self
    }

    /// Where to listen, on this machine's loopback; port 0 for a free one. 127.0.0.1:0 unless set.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Lets [`listen`](Self::listen) name an address that other machines reach. They can then read and change the
    /// emulator's images, and requests for it travel in plain text.
    pub fn allow_non_loopback(mut self) -> Self {
        self.allow_non_loopback = true;
        self
    }

    /// Binds the address and serves it on a thread of its own.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an address that other machines reach, two images or snapshots of the same ID, an image whose ID
    /// is empty or that is to be described without something that is not described, an action that there is not, and a
    /// fault that cannot work; otherwise what the system says.
    pub fn start(self) -> io::Result<Emulator> {
        self.check().map_err(|expected| io::Error::new(io::ErrorKind::InvalidInput, expected))?;
        let listener = TcpListener::bind(self.listen)?;
        let mut keys = Keys::default();
        for (credentials, expiry) in self.keys {
            keys.add(Key::new(credentials, expiry));
        }
        let mut inventory = Inventory::new(self.images);
        (inventory.visible, inventory.repeated) = (self.visible, self.repeated);
        let service = Service {
            region: self.region,
            account_id: self.account_id,
            keys,
            inventory,
            listing: self.listing,
            seed: self.seed,
            unknown_ids: self.unknown_ids,
            denied_actions: self.denied_actions,
            denied_images: self.denied_images,
            denied_projects: self.denied_projects,
        };
        let scenario = Scenario::new(self.faults);
        Emulator::serve(listener, State { service, scenario, clock_offset: self.clock_offset, requests: Vec::new() })
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        if !self.allow_non_loopback && !self.listen.ip().is_loopback() {
            return Err(format!("expected a loopback address such as 127.0.0.1:0, not {}", self.listen));
        }
        let mut images = BTreeSet::new();
        let mut snapshots = BTreeSet::new();
        for image in &self.images {
            if image.id.is_empty() {
                return Err("expected an ID for every image".to_owned());
            }
            if !images.insert(&image.id) {
                return Err(format!("expected the image {:?} once", image.id));
            }
            if let Some(snapshot) = image.snapshots.iter().find(|snapshot| !snapshots.insert(&snapshot.id)) {
                return Err(format!("expected the snapshot {:?} once", snapshot.id));
            }
            if !image.without.is_empty() {
                let described = describe(&Image::new("any"), "any", self.account_id);
                if let Some(unknown) = image.without.iter().find(|member| described.get(member).is_none()) {
                    return Err(format!("expected a member of an image's description, such as CreatedAt, not {unknown:?}"));
                }
            }
        }
        self.denied_actions.iter().try_for_each(|action| Action::check(action))?;
        for (index, rule) in self.faults.iter().enumerate() {
            rule.check().map_err(|expected| format!("fault {}: {expected}", index + 1))?;
        }
        Ok(())
    }
}
