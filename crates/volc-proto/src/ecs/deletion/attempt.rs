//! What a driver is given to do.

use std::time::Duration;

use http::Request;

use super::event::{AttemptId, Event, Intent};
use super::look::{Look, When};
use super::queue::Image;
use crate::action::Action;
use crate::credentials::Credentials;
use crate::ecs::delete_images::{DeleteImages, ImageId, Snapshots};
use crate::ecs::describe_images::DescribeImages;
use crate::endpoint::{Endpoint, RequestError};
use crate::timestamp::Timestamp;

/// What a driver has to do next. Exhaustive on purpose: a new step must be seen by every driver.
#[derive(Debug)]
pub enum Step<'a> {
    /// Send this attempt, then call [`answered`](super::Deletion::answered) or [`lost`](super::Deletion::lost) with its ID.
    Send(Attempt<'a>),
    /// Nothing to do for this long, unless an answer comes first.
    Wait(Duration),
    /// Only an answer to an attempt under way helps.
    Pending,
    /// The run is over: nothing is under way, and nothing more will be sent. The [report](super::Deletion::report) says how it
    /// ended.
    Done,
}

/// One request to send. It is committed: until it is answered or lost, the images that it asks to delete are unclear.
#[derive(Debug)]
pub struct Attempt<'a> {
    pub(super) flight: &'a mut Flight,
    pub(super) images: &'a [Image],
    pub(super) snapshots: Snapshots,
    pub(super) timeout: Duration,
}

impl Attempt<'_> {
    /// Its number, by which [`answered`](super::Deletion::answered) and [`lost`](super::Deletion::lost) know it.
    pub fn id(&self) -> AttemptId {
        self.flight.id
    }

    /// The action it sends, for those who watch: `DeleteImages`, or `DescribeImages` where it only looks.
    pub fn action(&self) -> &'static str {
        match self.flight.ask {
            Ask::Delete { .. } => DeleteImages::NAME,
            Ask::Look(_) => DescribeImages::NAME,
        }
    }

    /// The images that it asks to delete or to describe, 1 to 100, in the order sent.
    pub fn images(&self) -> impl ExactSizeIterator<Item = &ImageId> {
        self.flight.ask.images().iter().map(|&index| &self.images[index as usize].id)
    }

    /// How long it may take, from now to the last byte of its answer:
    /// [`Policy::attempt_timeout`](super::Policy::attempt_timeout).
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What a journal must hold before the attempt is sent at `at`.
    pub fn intent(&mut self, at: Timestamp) -> Event {
        self.flight.at = Some(at);
        let intent = Intent { attempt: self.flight.id, at, images: self.images().cloned().collect() };
        match self.flight.ask {
            Ask::Delete { .. } => Event::Intent(intent),
            Ask::Look(_) => Event::Look(intent),
        }
    }

    /// The request, signed for `at`.
    ///
    /// # Errors
    ///
    /// [`RequestError`], as [`Endpoint::request`]. Report the attempt as lost, with [`Fate::Unsent`](crate::Fate::Unsent).
    pub fn request(&mut self, endpoint: &Endpoint, who: &Credentials, at: Timestamp) -> Result<Request<Vec<u8>>, RequestError> {
        self.flight.at = Some(at);
        match &self.flight.ask {
            Ask::Delete { .. } => {
                endpoint.request(&DeleteImages::trusted(self.images().cloned().collect(), self.snapshots), who, at)
            }
            Ask::Look(look) => endpoint.request(&look.action, who, at),
        }
    }
}

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) id: AttemptId,
    pub(super) ask: Ask,
    pub(super) sent: Duration,
    pub(super) at: Option<Timestamp>,
}

impl Flight {
    /// Whether it deletes something, or something is to be deleted after it.
    pub(super) fn is_needed(&self) -> bool {
        match &self.ask {
            Ask::Delete { .. } => true,
            Ask::Look(look) => look.when == When::BeforeDeletion,
        }
    }
}

/// What an attempt is for.
#[derive(Debug)]
pub(super) enum Ask {
    Delete {
        images: Vec<u32>,
        /// Not together with others: part of a chunk that was refused.
        alone: bool,
    },
    Look(Box<Look>),
}

impl Ask {
    pub(super) fn images(&self) -> &[u32] {
        match self {
            Self::Delete { images, .. } => images,
            Self::Look(look) => &look.images,
        }
    }
}
