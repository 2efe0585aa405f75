//! Runs of the deletion machine against a stand-in for the service, whatever happens: faults, stops, drivers that are dropped,
//! crashes.

use std::time::Duration;

use volc_proto::ecs::{
    AttemptId, Context, Deletion, Event, ImageId, InvalidDeletion, InvalidJournal, Policy, Report, Snapshots, Step, read_journal,
};
use volc_proto::{Credentials, Endpoint, Fate, Query, Region, Timestamp};

use crate::machine_laws::{Laws, Moment};
use crate::machine_service::{Answer, Means, Script, Service, Spoken};

/// Holds: the machine ends, keeps to its policy, and never contradicts the truth.
///
/// - Hidden truth: at every moment an image that is there and was not accepted for deletion is never `Gone`, and one that was
///   accepted is never `NotDeleted`, `Refused` or `Busy`. A request that is carried out after we gave up on it is left out: no
///   client can see it.
/// - Law 1: it ends, and no image is sent more often than `attempts` + 1 (clock) + ⌈`busy_for` / `busy_every`⌉ + the halvings.
/// - Law 2: a send names 1 to `chunk` images, none settled, none twice, none in two attempts in flight.
/// - Law 3: one outcome for each image, in the order asked; it is the one that the table says; what is settled stays so.
/// - Law 4: no `NotDeleted`, `Refused` or `Gone(NotFound)` while an earlier attempt is unclear and no reply spoke of the image.
/// - Law 5: no `Gone(Acknowledged)`, `Gone(NotFoundAfterUnclear)` or `Unclear` where no attempt can have touched the image.
/// - Law 6: waits end, and nothing is sent sooner than a `Retry-After`, the rate or `busy_every` allows, or too late for the
///   deadline.
/// - Law 7: answers twice or to unknown attempts change nothing; after a stop nothing is sent.
/// - Until a first reply is accepted there is one attempt in flight; nothing stops without a reason; nobody is left out.
/// - A journal, torn anywhere, resumes to what it says, and its lines are the events that were written.
///
/// Input: the bytes of a [`Script`].
///
/// # Panics
///
/// Where it does not hold.
pub fn drive_deletion(data: &[u8]) {
    let mut script = Script::new(data);
    Run::new(&mut script).drive();
}

/// Far more than any script's run can take.
const STEPS: usize = 20_000;

struct InFlight {
    id: AttemptId,
    images: Vec<ImageId>,
    /// What came of it, if it has arrived.
    spoken: Option<Spoken>,
    /// Whether its intent is in the journal.
    intended: bool,
}

struct Run<'s, 'b> {
    script: &'s mut Script<'b>,
    list: Vec<ImageId>,
    snapshots: Snapshots,
    policy: Policy,
    deletion: Deletion,
    service: Service,
    laws: Laws,
    flights: Vec<InFlight>,
    over: Vec<AttemptId>,

    now: Moment,
    /// What the driver's clock showed at this moment of the run's own.
    zero: (Duration, Duration),

    journal: Vec<u8>,
    events: Vec<Event>,
    intents: usize,
    endpoint: Endpoint,
    drivers: usize,
    crashes: usize,
    retries: usize,
}

/// The process died.
struct Crashed;

impl<'s, 'b> Run<'s, 'b> {
    fn new(script: &'s mut Script<'b>) -> Self {
        let policy = policy(script);
        let images = match script.below(16) {
            0..6 => 1 + script.below(6),
            6..12 => 1 + script.below(24),
            12..15 => 90 + script.below(40),
            _ => 1 + script.below(250),
        };
        let ids: Vec<ImageId> = (0..images).map(|n| ImageId::new(format!("image-{n}")).expect("an ID")).collect();
        let service = Service::new(&ids, script);
        let mut list = ids.clone();
        for _ in 0..script.below(4) {
            let twice = list[script.below(images)].clone();
            list.push(twice);
        }
        let snapshots = script.pick(&[Snapshots::Keep, Snapshots::Delete, Snapshots::ServiceDefault]);
        let deletion = Deletion::new(list.clone(), snapshots, policy.clone()).expect("a list and a policy");
        Self {
            list,
            snapshots,
            laws: Laws::new(ids, policy.clone()),
            policy,
            deletion,
            service,
            flights: Vec::new(),
            over: Vec::new(),
            now: Moment::default(),
            zero: (Duration::ZERO, Duration::ZERO),
            journal: Vec::new(),
            events: Vec::new(),
            intents: 0,
            endpoint: Endpoint::new(Region::new("cn-beijing").expect("a region")),
            drivers: 0,
            crashes: 0,
            retries: 0,
            script,
        }
    }

    fn drive(mut self) {
        self.begin();
        let mut waited = false;
        for _ in 0..STEPS {
            self.interfere();
            self.laws.stepped(self.now);
            let next = self.step();
            if self.script.one_in(8) {
                self.step_again(&next);
            }
            match next {
                Next::Send(id, images) => self.send(id, images),
                Next::Pending => {
                    assert!(!self.flights.is_empty(), "law 6: pending, and nothing is in flight");
                    self.answer();
                }
                Next::Wait(wait) => {
                    assert!(!wait.is_zero(), "law 6: a wait of nothing");
                    let longest = self.laws.longest_wait();
                    assert!(wait <= longest, "law 6: a wait of {wait:?}, which no policy explains: {longest:?}");
                    if !self.flights.is_empty() && self.script.one_in(2) {
                        self.answer();
                    } else if self.script.one_in(4) {
                        self.pass(wait / 3);
                    } else {
                        assert!(!waited, "law 6: waited for as long as it said, and it says wait");
                        self.pass(wait);
                        waited = true;
                        self.check();
                        continue;
                    }
                }
                Next::Done => {
                    assert!(self.flights.is_empty(), "done, and attempts are in flight");
                    let report = self.report();
                    self.laws.done(&report);
                    if self.retries == 3 || !self.script.one_in(3) {
                        return;
                    }
                    self.retry_left();
                }
            }
            waited = false;
            self.check();
        }
        panic!("law 1: it does not end");
    }

    /// What a driver does in the middle of anything.
    fn interfere(&mut self) {
        match self.script.byte() {
            246 => {
                self.deletion.stop("the script says so");
                self.laws.stopped();
            }
            247 | 248 => self.next_driver(),
            249 => self.crash(None),
            250 => self.retry_left(),
            251 | 252 => {
                // An answer out of turn.
                let before = self.report();
                let now = self.driver_now();
                let response = crate::machine_service::details([("image-0", None)]);
                if let Some(id) = self.over.last().copied().filter(|_| self.script.one_in(2)) {
                    assert_eq!(self.deletion.answered(id, now, &response), None, "law 7: answered twice");
                    assert_eq!(self.deletion.lost(id, now, Fate::Unsent, "twice"), None, "law 7: lost after it was answered");
                } else if let Some(id) = unknown_attempt() {
                    assert_eq!(self.deletion.answered(id, now, &response), None, "law 7: an answer to an unknown attempt");
                }
                assert_eq!(self.report(), before, "law 7: an answer out of turn changed the report");
            }
            253.. => {
                let wait = Duration::from_millis(u64::from(self.script.byte()) * 100);
                self.pass(wait);
            }
            _ => {}
        }
        self.check();
    }

    fn retry_left(&mut self) {
        if self.retries < 3 {
            self.retries += 1;
            self.deletion.retry_left();
            self.laws.retried();
        }
    }

    fn step(&mut self) -> Next {
        let now = self.driver_now();
        match self.deletion.step(now) {
            Step::Send(attempt) => Next::Send(attempt.id(), attempt.images().cloned().collect()),
            Step::Wait(wait) => Next::Wait(wait),
            Step::Pending => Next::Pending,
            Step::Done => Next::Done,
        }
    }

    /// Without a send, a step changes nothing.
    fn step_again(&mut self, before: &Next) {
        if !matches!(before, Next::Send(..)) {
            let report = self.report();
            assert_eq!(self.step(), *before, "the same step twice, and another answer");
            assert_eq!(self.report(), report, "a step without a send changed the report");
        }
    }

    fn send(&mut self, id: AttemptId, images: Vec<ImageId>) {
        self.laws.sent(id, &images, self.now);
        self.check_committed();
        let intent = self.intent(id, &images);
        self.flights.push(InFlight { id, images, spoken: None, intended: false });
        match self.write(intent) {
            Err(Crashed) => return,
            Ok(written) => {
                if let Some(flight) = self.flights.last_mut().filter(|flight| flight.id == id) {
                    flight.intended = written;
                }
                if self.script.one_in(80) {
                    return self.crash(None);
                }
            }
        }
        // It arrives at once, or on the way to its answer.
        if self.script.one_in(2) {
            self.arrive(self.flights.len() - 1);
        }
        if self.script.one_in(3) {
            self.answer();
        }
    }

    fn arrive(&mut self, index: usize) {
        let flight = &mut self.flights[index];
        if flight.spoken.is_none() {
            flight.spoken = Some(self.service.handle(&flight.images, self.script));
        }
    }

    /// An attempt in flight comes to its end.
    fn answer(&mut self) {
        let index = self.script.below(self.flights.len());
        let wait = Duration::from_millis(u64::from(self.script.byte()) * 40);
        self.pass(wait);
        self.arrive(index);
        let flight = self.flights.remove(index);
        let spoken = flight.spoken.as_ref().expect("it arrived");
        let now = self.driver_now();
        let event = match &spoken.answer {
            Answer::Unsent => self.deletion.lost(flight.id, now, Fate::Unsent, "refused"),
            Answer::Lost => self.deletion.lost(flight.id, now, Fate::Unknown, "timed out"),
            Answer::Response(response) => self.deletion.answered(flight.id, now, response),
        };
        let event = event.expect("the attempt is in flight");
        let id = flight.id;
        let crash = self.crash_point();
        if matches!(crash, Some(Crash::Before | Crash::Inside)) {
            self.flights.push(flight);
            return self.crash(Some((event, crash)));
        }
        self.laws.landed(id, spoken, self.now);
        self.check_event(&event, id, &flight.images);
        self.append(event);
        self.over.push(id);
        if crash.is_some() {
            self.crash(None);
        }
    }

    /// What the outcome in a journal says is what the report says.
    fn check_event(&self, event: &Event, id: AttemptId, asked: &[ImageId]) {
        let Event::Outcome(outcome) = event else { panic!("expected an outcome, not {event:?}") };
        assert_eq!(outcome.attempt.attempt, id, "the event of another attempt");
        assert!(outcome.images.iter().map(|image| &image.id).eq(asked), "the event speaks of other images");
        let report = self.report();
        let known: std::collections::HashMap<_, _> = report.outcomes().collect();
        for image in &outcome.images {
            assert_eq!(known.get(&image.id), Some(&&image.outcome), "the journal and the report differ about {}", image.id);
        }
        assert_eq!(report.attempts().last(), Some(&outcome.attempt), "the journal and the report differ about the attempt");
    }

    fn check_committed(&mut self) {
        let report = self.report();
        self.laws.check(&report, &self.service);
    }
}
