//! Going on where another run left off.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::event::{AttemptId, AttemptRecord, Event, Intent, InvalidJournal, VERSION};
use super::machine::Deletion;
use super::outcome::{Outcome, Reason, ReasonKind};
use crate::ecs::delete_images::ImageId;
use crate::fate::Fate;

/// How far the number of an attempt may be from those before it. A run counts by one, and no journal leaves out so many
/// attempts. The highest number that can be read is 2^29 such steps away, so that a run which was resumed cannot come to it.
const MAX_GAP: u64 = 1 << 24;

impl Deletion {
    pub(super) fn replay(&mut self, events: impl IntoIterator<Item = Event>) -> Result<(), InvalidJournal> {
        let places: HashMap<ImageId, usize> =
            self.images.iter().enumerate().map(|(index, image)| (image.id.clone(), index)).collect();
        let lost = Reason::new(ReasonKind::Lost, "the run ended before its answer came");
        let mut open: BTreeMap<AttemptId, Intent> = BTreeMap::new();
        for event in events {
            if self.context.is_none() && !matches!(event, Event::Begin(_)) {
                return Err(InvalidJournal::Begin);
            }
            match event {
                Event::Begin(begin) => {
                    if begin.version != VERSION {
                        return Err(InvalidJournal::Begin);
                    }
                    if begin.digest != self.digest {
                        return Err(InvalidJournal::Other { what: "list" });
                    }
                    if begin.snapshots != self.snapshots {
                        return Err(InvalidJournal::Other { what: "snapshot choice" });
                    }
                    self.enter(begin.context)?;
                    // A run that died left its attempts open: nobody will answer them.
                    self.records.extend(std::mem::take(&mut open).into_values().map(|intent| unanswered(intent, &lost)));
                }
                Event::Wait { .. } => {}
                Event::Look(look) => self.count(look.attempt)?,
                Event::Intent(intent) => {
                    self.count(intent.attempt)?;
                    // Unclear, unless an outcome follows that says otherwise.
                    for id in &intent.images {
                        self.learn(&places, id, Outcome::Unclear(lost.clone()), false)?;
                    }
                    open.insert(intent.attempt, intent);
                }
                Event::Outcome(outcome) => {
                    open.remove(&outcome.attempt.attempt);
                    for image in outcome.images {
                        self.learn(&places, &image.id, image.outcome, outcome.attempt.look)?;
                    }
                    self.records.push(outcome.attempt);
                }
            }
        }
        if self.context.is_none() {
            return Err(InvalidJournal::Begin);
        }
        self.records.extend(open.into_values().map(|intent| unanswered(intent, &lost)));
        self.retry_left();
        Ok(())
    }

    /// Attempts go on being numbered.
    fn count(&mut self, attempt: AttemptId) -> Result<(), InvalidJournal> {
        if attempt.0.saturating_sub(self.next_attempt) > MAX_GAP {
            return Err(InvalidJournal::Gap { attempt });
        }
        self.next_attempt = self.next_attempt.max(attempt.0 + 1);
        Ok(())
    }

    /// What is settled stays so, unless a look saw otherwise.
    fn learn(
        &mut self,
        places: &HashMap<ImageId, usize>,
        id: &ImageId,
        outcome: Outcome,
        look: bool,
    ) -> Result<(), InvalidJournal> {
        let place = *places.get(id).ok_or_else(|| InvalidJournal::Image { id: id.clone() })?;
        let known = &mut self.images[place].outcome;
        if look || !known.is_settled() {
            *known = outcome;
        }
        Ok(())
    }
}

fn unanswered(intent: Intent, lost: &Reason) -> AttemptRecord {
    AttemptRecord {
        attempt: intent.attempt,
        asked: intent.images.len(),
        look: false,
        at: Some(intent.at),
        duration: Duration::ZERO,
        status: None,
        request_id: None,
        fate: Some(Fate::Unknown),
        error: Some(lost.clone()),
    }
}
