//! Going on where another run left off.

use std::collections::HashMap;
use std::time::Duration;

use super::event::{AttemptRecord, Event, Intent, InvalidJournal, VERSION};
use super::machine::Deletion;
use super::outcome::{Outcome, Reason, ReasonKind};
use crate::ecs::delete_images::ImageId;
use crate::fate::Fate;

impl Deletion {
    pub(super) fn replay(&mut self, events: impl IntoIterator<Item = Event>) -> Result<(), InvalidJournal> {
        let places: HashMap<ImageId, usize> =
            self.images.iter().enumerate().map(|(index, image)| (image.id.clone(), index)).collect();
        let place = |id: &ImageId| places.get(id).copied().ok_or_else(|| InvalidJournal::Image { id: id.clone() });
        let mut open: Vec<Intent> = Vec::new();
        for event in events {
            match event {
                Event::Begin(begin) => {
                    // A run that died left its attempts open: nobody will answer them.
                    self.forget(&mut open, place)?;
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
                }
                Event::Wait { .. } => {}
                _ if self.context.is_none() => return Err(InvalidJournal::Begin),
                Event::Intent(intent) => {
                    self.next_attempt = self.next_attempt.max(intent.attempt.0.saturating_add(1));
                    open.push(intent);
                }
                Event::Outcome(outcome) => {
                    open.retain(|intent| intent.attempt != outcome.attempt.attempt);
                    for image in outcome.images {
                        self.images[place(&image.id)?].outcome = image.outcome;
                    }
                    self.records.push(outcome.attempt);
                }
            }
        }
        if self.context.is_none() {
            return Err(InvalidJournal::Begin);
        }
        self.forget(&mut open, place)?;
        self.retry_left();
        Ok(())
    }

    fn forget(
        &mut self,
        open: &mut Vec<Intent>,
        place: impl Fn(&ImageId) -> Result<usize, InvalidJournal>,
    ) -> Result<(), InvalidJournal> {
        for intent in open.drain(..) {
            let reason = Reason::new(ReasonKind::Lost, "the run ended before its answer came");
            for id in &intent.images {
                let outcome = &mut self.images[place(id)?].outcome;
                if !outcome.is_settled() {
                    *outcome = Outcome::Unclear(reason.clone());
                }
            }
            self.records.push(AttemptRecord {
                attempt: intent.attempt,
                asked: intent.images.len(),
                at: Some(intent.at),
                duration: Duration::ZERO,
                status: None,
                request_id: None,
                fate: Some(Fate::Unknown),
                error: Some(reason),
            });
        }
        Ok(())
    }
}
