//! The machine itself: what is known of each image, and what to send next.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use http::Response;

use super::attempt::{Ask, Attempt, Flight, Step};
use super::event::{
    AttemptId, AttemptOutcome, AttemptRecord, Begin, Context, Event, ImageOutcome, InvalidJournal, VERSION, digest,
};
use super::look::{Looks, When};
use super::meaning::{self, Meaning};
use super::outcome::{Outcome, Reason, ReasonKind, Stop};
use super::pace::{Clock, Pace};
use super::policy::{InvalidPolicy, Policy, Verify};
use super::queue::{Image, Place, Queue};
use super::report::{Counts, Report};
use crate::ecs::delete_images::{DeleteImages, ImageId, Snapshots};
use crate::fate::Fate;
use crate::reply::request_id_of;
use crate::timestamp::Timestamp;

/// The deletion of any number of images. The [module](crate::ecs::deletion) has the rules.
#[derive(Debug)]
pub struct Deletion {
    pub(super) images: Vec<Image>,
    pub(super) snapshots: Snapshots,
    pub(super) policy: Policy,
    pub(super) digest: String,
    pub(super) context: Option<Context>,

    pub(super) queue: Queue,
    pub(super) looks: Looks,
    pub(super) flights: Vec<Flight>,
    pub(super) stopped: Option<Stop>,

    pub(super) clock: Clock,
    /// When the run must be over.
    pub(super) deadline: Option<Duration>,
    pub(super) pace: Pace,

    pub(super) next_attempt: u64,
    pub(super) accepted: bool,
    /// Attempts before this one were sent before the clock was corrected.
    pub(super) clock_corrected: Option<AttemptId>,
    /// Attempts before this one were under way when a failure was counted.
    pub(super) burst: AttemptId,
    /// When the service or the driver was last heard of, by the driver's clock and by the run's.
    pub(super) heard: Option<(Timestamp, Duration)>,
    /// Missing images in a row from the start; none once another verdict was seen.
    pub(super) missing: Option<usize>,

    pub(super) records: Vec<AttemptRecord>,
    pub(super) foreign: Vec<String>,
}

impl Deletion {
    /// A run for these images. An ID that is there twice counts once; the order is kept.
    ///
    /// # Errors
    ///
    /// [`InvalidDeletion`] for no image at all (which must never mean all images), and for a policy that cannot be followed.
    pub fn new(ids: impl IntoIterator<Item = ImageId>, snapshots: Snapshots, policy: Policy) -> Result<Self, InvalidDeletion> {
        policy.check().map_err(InvalidDeletion::Policy)?;
        let mut seen = HashSet::new();
        let mut ids: Vec<ImageId> = ids.into_iter().filter(|id| seen.insert(id.clone())).collect();
        drop(seen);
        ids.shrink_to_fit();
        if ids.is_empty() {
            return Err(InvalidDeletion::Empty);
        }
        if u32::try_from(ids.len()).is_err() {
            return Err(InvalidDeletion::TooMany { images: ids.len() });
        }
        let not_asked = Reason::new(ReasonKind::NotAsked, "it was not asked for");
        let digest = digest(&ids);
        let images: Vec<Image> = ids
            .into_iter()
            .map(|id| Image {
                id,
                outcome: Outcome::NotDeleted(not_asked.clone()),
                busy_since: None,
                attempts: 0,
                place: Place::Finished,
            })
            .collect();
        let mut deletion = Self {
            queue: Queue::default(),
            looks: Looks::default(),
            images,
            snapshots,
            digest,
            context: None,
            flights: Vec::new(),
            stopped: None,
            clock: Clock::default(),
            deadline: None,
            pace: Pace::new(&policy),
            policy,
            next_attempt: 1,
            accepted: false,
            clock_corrected: None,
            burst: AttemptId(0),
            heard: None,
            missing: Some(0),
            records: Vec::new(),
            foreign: Vec::new(),
        };
        deletion.retry_left();
        Ok(deletion)
    }

    /// Goes on with the run that wrote a journal: what it settled stays settled, all else is asked again with fresh attempts
    /// and a fresh deadline. An intent without an outcome makes its images unclear.
    ///
    /// # Errors
    ///
    /// [`InvalidDeletion::Journal`] when the journal is of another list or snapshot choice, or is no journal; that it is of
    /// another endpoint or region shows in [`begin`](Self::begin). Else as [`new`](Self::new).
    pub fn resume(
        ids: impl IntoIterator<Item = ImageId>,
        snapshots: Snapshots,
        policy: Policy,
        events: impl IntoIterator<Item = Event>,
    ) -> Result<Self, InvalidDeletion> {
        let mut deletion = Self::new(ids, snapshots, policy)?;
        deletion.replay(events).map_err(InvalidDeletion::Journal)?;
        Ok(deletion)
    }

    /// Says where, when and by whom the run goes on; a journal starts with the event. Drivers call it before their first
    /// [`step`](Self::step).
    ///
    /// # Errors
    ///
    /// [`InvalidJournal::Other`] when the run began at another endpoint or in another region. Nothing may be sent then.
    pub fn begin(&mut self, context: Context) -> Result<Event, InvalidJournal> {
        self.enter(context.clone())?;
        // The run's own clock stood still while no driver ran; a wait that the service asked for went on.
        if let Some((at, now)) = self.heard {
            let passed = Duration::from_secs(context.at.unix().saturating_sub(at.unix()).saturating_sub(1));
            self.pace.rest(passed.saturating_sub(self.clock.now.saturating_sub(now)));
        }
        self.heard = Some((context.at, self.clock.now));
        let images = self.images.len();
        Ok(Event::Begin(Begin { version: VERSION, context, snapshots: self.snapshots, images, digest: self.digest.clone() }))
    }

    pub(super) fn enter(&mut self, context: Context) -> Result<(), InvalidJournal> {
        match &self.context {
            Some(before) if before.endpoint != context.endpoint => Err(InvalidJournal::Other { what: "endpoint" }),
            Some(before) if before.region != context.region => Err(InvalidJournal::Other { what: "region" }),
            _ => {
                self.context = Some(context);
                Ok(())
            }
        }
    }

    /// What to do next. `now` is the time since a zero that the driver chose, and never goes back.
    ///
    /// [`Step::Send`] commits the attempt; as long as it returns something else, calling it again changes nothing.
    pub fn step(&mut self, now: Duration) -> Step<'_> {
        let now = self.clock.tick(now);
        let deadline =
            *self.deadline.get_or_insert_with(|| self.policy.deadline.map_or(Duration::MAX, |d| now.saturating_add(d)));
        if self.ready_at(now).is_none() && self.flights.is_empty() {
            self.look_after(now);
        }
        if let Some(ready) = self.ready_at(now) {
            if self.flights.len() >= self.limit() {
                return Step::Pending;
            }
            let at = ready.max(self.pace.next_send()).max(now);
            let asked = self.pace.asked().saturating_sub(now);
            if at.saturating_add(self.policy.attempt_timeout) > deadline {
                self.halt(Stop::Deadline);
            } else if asked > self.policy.max_wait {
                // What stopped a run still holds after `retry_left`.
                self.halt(Stop::Wait { seconds: asked.as_secs() });
            } else if at > now {
                return Step::Wait(at - now);
            } else {
                return Step::Send(self.launch(now));
            }
        }
        if !self.flights.is_empty() {
            return Step::Pending;
        }
        // The run was stopped just now: the report says at once that nothing will be looked at.
        self.look_after(now);
        Step::Done
    }

    /// When there is something to send, if ever.
    fn ready_at(&self, now: Duration) -> Option<Duration> {
        if self.stopped.is_some() {
            return None;
        }
        self.queue.ready_at(now).into_iter().chain(self.looks.ready_at()).min()
    }

    /// Whether an attempt could still be started, now, later, or after the answer to one under way.
    pub(super) fn is_unfinished(&self, now: Duration) -> bool {
        self.ready_at(now).is_some() || !self.flights.is_empty()
    }

    /// Before a first reply was accepted, one attempt shows whether key, region and network are right.
    fn limit(&self) -> usize {
        if self.accepted { self.policy.in_flight } else { 1 }
    }

    fn launch(&mut self, now: Duration) -> Attempt<'_> {
        // What can be deleted goes first: it was looked at a moment ago.
        let deletable = self.queue.ready_at(now).is_some_and(|at| at <= now);
        let ask = match if deletable { None } else { self.looks.pick(now) } {
            Some(look) => Ask::Look(Box::new(look)),
            None => {
                let (images, alone) = self.queue.pick(&self.images, self.policy.chunk, now);
                for &index in &images {
                    let image = &mut self.images[index as usize];
                    image.place = Place::InFlight;
                    image.attempts += 1;
                }
                Ask::Delete { images, alone }
            }
        };
        let id = AttemptId(self.next_attempt);
        self.next_attempt += 1;
        self.pace.sent(now);
        self.flights.push(Flight { id, ask, sent: now, at: None });
        let flight = self.flights.last_mut().expect("it was just pushed");
        Attempt { flight, images: &self.images, snapshots: self.snapshots, timeout: self.policy.attempt_timeout }
    }

    /// An answer came, of any kind: a whole HTTP response whose body was read to its end. Returns what a journal must hold.
    ///
    /// `None`, and nothing changes, for an attempt that is not under way: answered before, abandoned, or never sent.
    pub fn answered(&mut self, attempt: AttemptId, now: Duration, response: &Response<impl AsRef<[u8]>>) -> Option<Event> {
        let flight = self.land(attempt)?;
        let now = self.clock.tick(now);
        let mut record = self.record(&flight, now);
        record.status = Some(response.status().as_u16());
        let event = match flight.ask {
            Ask::Delete { images, alone } => {
                let asked: Vec<&ImageId> = images.iter().map(|&index| &self.images[index as usize].id).collect();
                let (meaning, request_id) = meaning::of::<DeleteImages>(response, &asked);
                record.request_id = request_id;
                self.conclude(images, alone, now, record, meaning)
            }
            Ask::Look(look) => {
                record.request_id = request_id_of(response);
                let images = look.images.clone();
                record.error = self.saw(*look, now, response);
                self.recorded(record, &images)
            }
        };
        if let Some(wait) = meaning::retry_after(response.headers()) {
            self.hold(now, wait);
        }
        Some(event)
    }

    /// No answer came, or not a whole one. [`Fate::Unsent`] only where it is proven that nothing left; `reason` is for people
    /// and must not hold a secret. Returns what a journal must hold.
    ///
    /// `None`, and nothing changes, for an attempt that is not under way.
    pub fn lost(&mut self, attempt: AttemptId, now: Duration, fate: Fate, reason: impl fmt::Display) -> Option<Event> {
        let flight = self.land(attempt)?;
        let now = self.clock.tick(now);
        Some(self.lose(flight, now, fate, reason))
    }

    fn lose(&mut self, flight: Flight, now: Duration, fate: Fate, reason: impl fmt::Display) -> Event {
        let mut record = self.record(&flight, now);
        record.fate = Some(fate);
        let kind = if fate == Fate::Unsent { ReasonKind::Unsent } else { ReasonKind::Lost };
        let reason = Reason::new(kind, reason);
        match (flight.ask, fate) {
            (Ask::Delete { images, alone }, Fate::Unsent) => self.conclude(images, alone, now, record, Meaning::NotSent(reason)),
            (Ask::Delete { images, alone }, Fate::Unknown) => {
                self.conclude(images, alone, now, record, Meaning::Maybe { reason, again: true })
            }
            (Ask::Look(look), _) => {
                record.error = Some(reason.clone());
                let images = look.images.clone();
                self.saw_nothing(*look, now, reason);
                self.recorded(record, &images)
            }
        }
    }

    /// Starts no new attempt; those under way are waited for. The first reason to stop is the one that is reported.
    pub fn stop(&mut self, why: impl fmt::Display) {
        self.halt(Stop::Asked { why: why.to_string() });
    }

    /// Whether the run was stopped, by [`stop`](Self::stop) or by itself. A driver that has attempts which still wait for a
    /// connection keeps them back then, and calls them lost, with [`Fate::Unsent`](crate::Fate::Unsent).
    pub fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Whatever is under way was lost, and may have reached the service. Every driver calls it first: a driver that was
    /// dropped, or that panicked, leaves a deletion that says `Unclear` and can be run on.
    pub fn abandon(&mut self) {
        // Nothing failed: somebody walked away.
        self.burst = AttemptId(self.next_attempt);
        for flight in std::mem::take(&mut self.flights) {
            self.lose(flight, self.clock.now, Fate::Unknown, "the attempt was abandoned before its answer came");
        }
        self.clock.hand_over();
    }

    /// Asks again for all that is not settled, with fresh attempts and a fresh deadline, whatever the run was stopped for.
    pub fn retry_left(&mut self) {
        self.stopped = None;
        self.deadline = None;
        self.pace.restart(&self.policy);
        self.accepted = false;
        self.clock_corrected = None;
        self.missing = Some(0);
        let mut fresh = 0;
        for image in &mut self.images {
            image.attempts = 0;
            image.busy_since = None;
            if image.place == Place::InFlight {
                continue;
            }
            image.place = match self.policy.verify {
                _ if image.outcome.is_settled() => Place::Finished,
                Verify::Before => Place::Unseen,
                _ => Place::Fresh,
            };
            fresh += usize::from(image.place == Place::Fresh);
        }
        self.queue = Queue::new(fresh);
        self.looks = Looks::default();
        for flight in &mut self.flights {
            if let Ask::Look(look) = &mut flight.ask {
                look.when = When::Forgotten;
            }
        }
        self.look_before();
    }

    /// What is known now, at any moment, of every image in the order asked.
    pub fn report(&self) -> Report {
        let images = known(self.images.iter());
        Report {
            version: VERSION,
            context: self.context.clone(),
            snapshots: self.snapshots,
            digest: self.digest.clone(),
            counts: Counts::of(images.iter().map(|image| &image.outcome)),
            stopped: self.stopped.clone(),
            unverified: self.looks.refused.clone(),
            images,
            foreign: self.foreign.clone(),
            attempts: self.records.clone(),
        }
    }

    fn land(&mut self, attempt: AttemptId) -> Option<Flight> {
        let index = self.flights.iter().position(|flight| flight.id == attempt)?;
        Some(self.flights.remove(index))
    }

    fn record(&self, flight: &Flight, now: Duration) -> AttemptRecord {
        let took = now.saturating_sub(flight.sent);
        AttemptRecord {
            attempt: flight.id,
            asked: flight.ask.images().len(),
            look: matches!(flight.ask, Ask::Look(_)),
            at: flight.at,
            // Whole milliseconds, as in a journal: what is read is what was written.
            duration: Duration::new(took.as_secs(), took.subsec_millis() * 1_000_000),
            status: None,
            request_id: None,
            fate: None,
            error: None,
        }
    }

    /// Keeps the record of an attempt; what is known of its images now is for the journal.
    pub(super) fn recorded(&mut self, record: AttemptRecord, images: &[u32]) -> Event {
        if let Some(at) = record.at {
            let took = i64::try_from(record.duration.as_secs()).unwrap_or(i64::MAX);
            self.heard = Some((at.shifted(took), self.clock.now));
        }
        self.records.push(record.clone());
        let images = known(images.iter().map(|&index| &self.images[index as usize]));
        Event::Outcome(AttemptOutcome { attempt: record, images })
    }
}

/// What is known of these images. One that an attempt under way asks for is unclear, whatever was known before.
fn known<'a>(images: impl Iterator<Item = &'a Image>) -> Vec<ImageOutcome> {
    let in_flight = Reason::new(ReasonKind::InFlight, "an attempt is under way");
    let outcome = |image: &Image| match &image.outcome {
        unclear @ Outcome::Unclear(_) => unclear.clone(),
        _ if image.place == Place::InFlight => Outcome::Unclear(in_flight.clone()),
        known => known.clone(),
    };
    images.map(|image| ImageOutcome { id: image.id.clone(), outcome: outcome(image) }).collect()
}

/// Why a run cannot be. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidDeletion {
    /// The list has no image, which must never mean all images.
    Empty,
    /// The list has more images than a run can hold: 4,294,967,295.
    TooMany {
        /// How many different images it has.
        images: usize,
    },
    /// The policy cannot be followed; the error names the field and what it can be.
    Policy(InvalidPolicy),
    /// The journal cannot be resumed from: it is no journal, or one of another list or snapshot choice.
    Journal(InvalidJournal),
}

impl fmt::Display for InvalidDeletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("expected at least one image"),
            Self::TooMany { images } => write!(f, "expected at most {} images in one run, not {images}", u32::MAX),
            Self::Policy(_) => f.write_str("the policy cannot be followed"),
            Self::Journal(_) => f.write_str("the journal cannot be resumed from"),
        }
    }
}

impl Error for InvalidDeletion {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Policy(error) => Some(error),
            Self::Journal(error) => Some(error),
            _ => None,
        }
    }
}
