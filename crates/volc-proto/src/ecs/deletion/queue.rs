//! Which images to ask for next.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::outcome::Outcome;
use crate::ecs::delete_images::ImageId;

#[derive(Debug)]
pub(super) struct Image {
    pub(super) id: ImageId,
    /// What is known. `Unclear` is the memory of an attempt that may have deleted it.
    pub(super) outcome: Outcome,
    /// When it was first found busy.
    pub(super) busy_since: Option<Duration>,
    /// Attempts that count.
    pub(super) attempts: u32,
    pub(super) place: Place,
}

/// Where an image is in the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// To be looked at before anything else.
    Unseen,
    Fresh,
    Queued,
    InFlight,
    /// Nothing more will be asked in this run.
    Finished,
}

/// The images that wait to be asked for.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Where the search for images that were never sent goes on.
    cursor: usize,
    /// How many of those there are.
    fresh: usize,
    /// Halves of refused chunks; each is sent as it is, so that a culprit ends up alone.
    halves: VecDeque<Vec<u32>>,
    /// Images to ask for again.
    again: BinaryHeap<Reverse<Again>>,
}

/// Ordered by time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Again {
    at: Duration,
    images: Vec<u32>,
    /// Not to be sent together with others: part of a chunk that was refused.
    alone: bool,
}

impl Queue {
    /// Starts anew, with this many images whose place is [`Place::Fresh`].
    pub(super) fn new(fresh: usize) -> Self {
        Self { fresh, ..Self::default() }
    }

    /// When there is something to send, if ever.
    pub(super) fn ready_at(&self, now: Duration) -> Option<Duration> {
        if !self.halves.is_empty() || self.fresh > 0 {
            return Some(now);
        }
        self.again.peek().map(|Reverse(again)| again.at)
    }

    /// These are not sent before `at`; `alone`, not together with others.
    pub(super) fn again(&mut self, at: Duration, images: Vec<u32>, alone: bool) {
        self.again.push(Reverse(Again { at, images, alone }));
    }

    /// One of these is the cause of a refusal.
    pub(super) fn halve(&mut self, images: &[u32]) {
        let (left, right) = images.split_at(images.len() / 2);
        self.halves.extend([left.to_vec(), right.to_vec()]);
    }

    /// The next chunk: halves first, so that a refusal is settled; then images that were never asked for, so that an outage
    /// costs each image one attempt and not the first ones all of theirs; then those to ask again, gathered.
    pub(super) fn pick(&mut self, images: &[Image], most: usize, now: Duration) -> (Vec<u32>, bool) {
        if let Some(half) = self.halves.pop_front() {
            return (half, true);
        }
        let mut chunk = Vec::new();
        while chunk.len() < most && self.fresh > 0 {
            if images[self.cursor].place == Place::Fresh {
                chunk.push(self.cursor as u32);
                self.fresh -= 1;
            }
            self.cursor += 1;
        }
        while chunk.len() < most {
            match self.again.peek() {
                Some(Reverse(next)) if next.at <= now && (chunk.is_empty() || !next.alone) => {}
                _ => break,
            }
            let Some(Reverse(mut next)) = self.again.pop() else { break };
            if next.alone {
                return (next.images, true);
            }
            let room = most - chunk.len();
            if next.images.len() > room {
                let rest = next.images.split_off(room);
                self.again(next.at, rest, false);
            }
            chunk.append(&mut next.images);
        }
        (chunk, false)
    }
}
