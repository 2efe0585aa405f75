//! What an answer does to the images it speaks of, and to the run.
//!
//! Knows verdicts, attempts left and waits; never meets a reply.

use std::time::Duration;

use super::attempt::Flight;
use super::event::{AttemptId, AttemptRecord, Event};
use super::machine::Deletion;
use super::meaning::{Meaning, Verdict};
use super::outcome::{Evidence, Outcome, Reason, Stop};
use super::queue::{Place, Queue};

/// The first images that were answered, all of which may not be missing.
const PROBE: usize = 100;

/// Foreign IDs that a report keeps: enough to see what got mixed up.
const MAX_FOREIGN: usize = 1_000;

impl Deletion {
    /// Applies what an attempt brought to its images, and to the run.
    pub(super) fn conclude(
        &mut self,
        images: Vec<u32>,
        alone: bool,
        now: Duration,
        mut record: AttemptRecord,
        meaning: Meaning,
    ) -> Event {
        match meaning {
            Meaning::Images { verdicts, foreign } => {
                self.accepted = true;
                self.pace.accepted(&self.policy);
                self.per_image(&images, verdicts, now);
                for id in foreign {
                    if self.foreign.len() < MAX_FOREIGN && !self.foreign.contains(&id) {
                        self.foreign.push(id);
                    }
                }
            }
            Meaning::NotSent(reason) => {
                record.error = Some(reason.clone());
                self.not_done(&images, &reason);
                self.ask_again(&images, now, alone);
                self.slow_down(record.attempt, &reason, now);
            }
            Meaning::Throttled(reason) => {
                record.error = Some(reason.clone());
                if record.attempt >= self.burst {
                    self.pace.throttled(&self.policy);
                }
                self.not_done(&images, &reason);
                self.ask_again(&images, now, alone);
                self.slow_down(record.attempt, &reason, now);
            }
            Meaning::Clock(reason) => {
                record.error = Some(reason.clone());
                self.not_done(&images, &reason);
                let corrected = *self.clock_corrected.get_or_insert(AttemptId(self.next_attempt));
                if record.attempt < corrected {
                    self.refund(&images);
                    self.queue(&images, now, alone);
                } else {
                    self.finish(&images);
                    self.halt(Stop::Clock { why: reason });
                }
            }
            Meaning::Call { reason, hopeless, divisible } => {
                record.error = Some(reason.clone());
                self.not_done(&images, &reason);
                if hopeless && !self.accepted {
                    self.finish(&images);
                    self.halt(Stop::Call { why: reason });
                } else if divisible && images.len() > 1 && self.stopped.is_none() {
                    self.refund(&images);
                    self.place(&images, Place::Queued);
                    self.queue.halve(&images);
                } else {
                    self.finish(&images);
                    self.count_failure(record.attempt, &reason, now);
                }
            }
            Meaning::Maybe { reason, again } => {
                record.error = Some(reason.clone());
                for &index in &images {
                    self.images[index as usize].outcome = Outcome::Unclear(reason.clone());
                }
                if again {
                    self.ask_again(&images, now, alone)
                } else {
                    self.finish(&images)
                }
                self.slow_down(record.attempt, &reason, now);
            }
        }
        self.recorded(record, &images)
    }

    fn per_image(&mut self, images: &[u32], verdicts: Vec<Verdict>, now: Duration) {
        let (mut open, mut busy) = (Vec::new(), Vec::new());
        for (&index, verdict) in images.iter().zip(verdicts) {
            let image = &mut self.images[index as usize];
            let doubt = matches!(image.outcome, Outcome::Unclear(_));
            let spoken_of = !matches!(verdict, Verdict::Open(_));
            let missing = matches!(verdict, Verdict::NotFound) && !doubt;
            image.place = Place::Finished;
            let found_busy = matches!(verdict, Verdict::Busy(_) | Verdict::WrongStatus(_));
            image.outcome = match verdict {
                Verdict::Accepted => Outcome::Gone(Evidence::Acknowledged),
                Verdict::NotFound if doubt => Outcome::Gone(Evidence::NotFoundAfterUnclear),
                Verdict::NotFound => Outcome::Gone(Evidence::NotFound),
                Verdict::Refused(error) => Outcome::Refused(error),
                // The status may be that of our own deletion under way.
                Verdict::WrongStatus(error) | Verdict::Unknown(error) if doubt => Outcome::Unclear(Reason::image(&error)),
                Verdict::Busy(error) | Verdict::WrongStatus(error) => Outcome::Busy(error),
                Verdict::Unknown(error) => Outcome::Refused(error),
                Verdict::Open(reason) => {
                    open.push(index);
                    Outcome::Unclear(reason)
                }
            };
            if found_busy {
                let since = *image.busy_since.get_or_insert(now);
                let next = now.saturating_add(self.policy.busy_every);
                if !self.policy.busy_for.is_zero() && next <= since.saturating_add(self.policy.busy_for) {
                    busy.push(index);
                }
            }
            if spoken_of {
                self.count_missing(missing);
            }
        }
        self.refund(&busy);
        // The request was accepted: none of its images has to stay alone.
        self.queue(&busy, now.saturating_add(self.policy.busy_every), false);
        self.ask_again(&open, now, false);
        self.stop_if_none_exist(now);
    }

    /// The service spoke of one more image, as of a missing one or not.
    pub(super) fn count_missing(&mut self, missing: bool) {
        self.missing = self.missing.filter(|_| missing).map(|missing| missing + 1);
    }

    pub(super) fn stop_if_none_exist(&mut self, now: Duration) {
        if self.missing.is_some_and(|missing| missing >= PROBE) && !self.policy.missing_ok && self.is_unfinished(now) {
            self.halt(Stop::NoneExist);
        }
    }

    /// An attempt that was not carried out says nothing of an earlier one that may have been, nor of what was last heard of
    /// the image.
    fn not_done(&mut self, images: &[u32], reason: &Reason) {
        for &index in images {
            let outcome = &mut self.images[index as usize].outcome;
            if let Outcome::NotDeleted(_) = outcome {
                *outcome = Outcome::NotDeleted(reason.clone());
            }
        }
    }

    /// Queues the images that have attempts left, after a wait that grows with the attempts.
    fn ask_again(&mut self, images: &[u32], now: Duration, alone: bool) {
        let (left, spent): (Vec<u32>, Vec<u32>) =
            images.iter().partition(|&&index| self.images[index as usize].attempts < self.policy.attempts);
        self.finish(&spent);
        let most = left.iter().map(|&index| self.images[index as usize].attempts).max().unwrap_or(0);
        let at = now.saturating_add(self.pace.backoff(&self.policy, most));
        self.queue(&left, at, alone);
    }

    pub(super) fn queue(&mut self, images: &[u32], at: Duration, alone: bool) {
        if images.is_empty() {
            return;
        }
        if self.stopped.is_some() {
            return self.finish(images);
        }
        self.place(images, Place::Queued);
        self.queue.again(at, images.to_vec(), alone);
    }

    fn refund(&mut self, images: &[u32]) {
        for &index in images {
            let attempts = &mut self.images[index as usize].attempts;
            // None are left of an attempt that was under way when `retry_left` was called.
            *attempts = attempts.saturating_sub(1);
        }
    }

    fn finish(&mut self, images: &[u32]) {
        self.place(images, Place::Finished);
    }

    fn place(&mut self, images: &[u32], place: Place) {
        for &index in images {
            self.images[index as usize].place = place;
        }
    }

    /// Slows the run after a failure of the network or the service.
    fn slow_down(&mut self, attempt: AttemptId, reason: &Reason, now: Duration) {
        if let Some(times) = self.count_failure(attempt, reason, now) {
            let wait = self.pace.backoff(&self.policy, times);
            self.pace.hold_until(now.saturating_add(wait));
        }
    }

    /// Ends the run after too many failures of a kind. Attempts that were under way when one was counted fail with it: they
    /// say nothing new.
    fn count_failure(&mut self, attempt: AttemptId, reason: &Reason, now: Duration) -> Option<u32> {
        if attempt < self.burst {
            return None;
        }
        self.burst = AttemptId(self.next_attempt);
        let times = self.pace.failed(reason);
        if times >= self.policy.stop_after && self.is_unfinished(now) {
            self.halt(Stop::Failing { times, why: reason.clone() });
        }
        Some(times)
    }

    /// The service asked for a wait.
    pub(super) fn hold(&mut self, now: Duration, wait: Duration) {
        let until = now.saturating_add(wait);
        self.pace.hold_as_asked(until);
        let late = self.deadline.is_some_and(|deadline| until.saturating_add(self.policy.attempt_timeout) > deadline);
        if (wait > self.policy.max_wait || late) && self.is_unfinished(now) {
            self.halt(Stop::Wait { seconds: wait.as_secs() });
        }
    }

    pub(super) fn halt(&mut self, stop: Stop) {
        // All that was to be deleted was asked for: that there is no time to look at it stops nothing.
        let only_looks = self.queue.ready_at(Duration::ZERO).is_none()
            && !self.looks.are_needed()
            && !self.flights.iter().any(Flight::is_needed);
        self.looks.end(&stop);
        if !(only_looks && matches!(stop, Stop::Deadline | Stop::Wait { .. })) {
            self.stopped.get_or_insert(stop);
        }
        self.queue = Queue::default();
        for image in self.images.iter_mut().filter(|image| image.place == Place::Queued) {
            image.place = Place::Finished;
        }
    }
}
