//! Runs of the deletion machine against a stand-in for the service, whatever happens: faults, stops, drivers that are dropped,
//! crashes.

use std::collections::HashMap;
use std::time::Duration;

use volc_proto::ecs::{
    Attempt, AttemptId, Context, Deletion, Event, ImageId, InvalidDeletion, InvalidJournal, Outcome, Policy, Report, Snapshots,
    Step, Verify, read_journal,
};
use volc_proto::{Credentials, Endpoint, Fate, Query, Region, Timestamp};

use crate::machine_laws::{Laws, Moment};
use crate::machine_script::Script;
use crate::machine_service::{Service, Spoken};
use crate::machine_wire::{Answer, listed};

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
/// - Looks: one names 1 to 100 images, counts as no attempt, and makes no image unclear. With `Before`, nothing is asked for that
///   was not seen, as this account's, in the same pass, and nothing at all where looking was refused; `AbsentBefore` is only what
///   no attempt can have touched, `SeenAbsent` only what an answer on one page did not list, and what any
///   page lists is there. `Gone` is taken back only with `All`, by a
///   look that saw the image, and says so. Where nothing stopped the run and the service answers looks, nothing is left unclear
///   but what is still there when `verify_for` is spent. Looks end.
/// - Until a first reply is accepted there is one attempt in flight; nothing stops without a reason; nobody is left out.
/// - A journal, torn anywhere, resumes to what it says, and its lines are the events that were written.
///
/// Input: a script, one decision a byte; zeros, and nothing goes wrong.
///
/// # Panics
///
/// Where it does not hold.
pub fn drive_deletion(data: &[u8]) {
    let mut script = Script::new(data);
    Run::new(&mut script).drive();
}

/// A script that crashes, or asks again for what is left, whenever it can would not end.
const AT_MOST: usize = 4;

/// An attempt that is on its way.
struct InFlight {
    id: AttemptId,
    images: Vec<ImageId>,
    look: bool,
    /// What came of it, if it has arrived.
    spoken: Option<Spoken>,
    /// Whether its intent is in the journal: else it was not sent.
    intended: bool,
}

/// What `step` said.
#[derive(Debug, PartialEq)]
enum Next {
    Send { id: AttemptId, images: Vec<ImageId>, look: bool, intent: Event },
    Wait(Duration),
    Pending,
    Done,
}

/// Where the process died, as seen from a line of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Died {
    Before,
    Inside,
    After,
}

struct Run<'s, 'b> {
    script: &'s mut Script<'b>,
    list: Vec<ImageId>,
    snapshots: Snapshots,
    policy: Policy,
    endpoint: Endpoint,
    who: Credentials,

    deletion: Deletion,
    service: Service,
    laws: Laws,
    flights: Vec<InFlight>,
    /// Attempts that were answered.
    over: Vec<AttemptId>,

    now: Moment,
    /// The last moment of the run's own that it was told.
    told: Duration,
    /// The run's own time when its driver took over, and what that driver's clock showed.
    zero: (Duration, Duration),

    journal: Vec<u8>,
    events: Vec<Event>,
    crashes: usize,
    retries: usize,
}

impl<'s, 'b> Run<'s, 'b> {
    fn new(script: &'s mut Script<'b>) -> Self {
        let policy = policy(script);
        let images = match script.below(16) {
            0..7 => 1 + script.below(6),
            7..13 => 1 + script.below(24),
            13 | 14 => 90 + script.below(40),
            _ => 1 + script.below(250),
        };
        let ids: Vec<ImageId> = (0..images).map(|n| ImageId::new(format!("image-{n}")).expect("an ID")).collect();
        let mut list = ids.clone();
        for _ in 0..script.below(4) {
            list.push(list[script.below(images)].clone());
        }
        let snapshots = script.pick(&[Snapshots::Keep, Snapshots::Delete, Snapshots::ServiceDefault]);
        Self {
            deletion: Deletion::new(list.clone(), snapshots, policy.clone()).expect("a list and a policy"),
            service: Service::new(&ids, script),
            laws: Laws::new(ids, policy.clone()),
            list,
            snapshots,
            policy,
            endpoint: Endpoint::new(Region::new("cn-beijing").expect("a region")),
            who: Credentials::new("AKLTscriptscript", "secret").expect("credentials"),
            flights: Vec::new(),
            over: Vec::new(),
            now: Moment::default(),
            told: Duration::ZERO,
            zero: Default::default(),
            journal: Vec::new(),
            events: Vec::new(),
            crashes: 0,
            retries: 0,
            script,
        }
    }

    fn drive(mut self) {
        // Each send is counted against law 1, so all that could go on forever is to send nothing. Where the script has ended,
        // a wait is waited for and an attempt is answered.
        let most = self.script.left() + 10;
        self.begin();
        let (mut waited, mut idle) = (false, 0);
        loop {
            idle += 1;
            assert!(idle < most, "law 1: it does not end");
            waited &= !self.interfere();
            self.laws.stepped(self.now);
            let next = self.step();
            if self.script.one_in(8) {
                self.step_again(&next);
            }
            match next {
                Next::Send { id, images, look, intent } => {
                    idle = 0;
                    self.send(id, images, look, intent);
                }
                Next::Pending => {
                    assert!(!self.flights.is_empty(), "law 6: pending, and nothing is in flight");
                    idle = 0;
                    self.answer();
                }
                Next::Wait(wait) => {
                    let longest = self.laws.longest_wait();
                    assert!(!wait.is_zero() && wait <= longest, "law 6: a wait of {wait:?}, where {longest:?} is the longest");
                    assert!(!waited, "law 6: waited for as long as it said, and it says wait");
                    match self.script.below(4) {
                        1 if !self.flights.is_empty() => self.answer(),
                        2 => self.pass(wait / 3),
                        _ => {
                            self.pass(wait);
                            waited = true;
                            continue;
                        }
                    }
                }
                Next::Done => {
                    self.laws.done(&self.deletion.report(), &self.service);
                    if !self.script.one_in(3) || !self.retry_left() {
                        return;
                    }
                }
            }
            waited = false;
            self.check();
        }
    }

    /// Whatever may happen in the middle of anything.
    fn interfere(&mut self) -> bool {
        match self.script.byte() {
            246 => self.service.vanish(self.script.below(256) % self.laws.images()),
            247 => {
                self.deletion.stop("the script says so");
                self.laws.stopped();
            }
            248 | 249 => self.next_driver(),
            250 => drop(self.retry_left()),
            251 => self.crash(),
            252 | 253 => self.answer_out_of_turn(),
            254.. => {
                let wait = u64::from(self.script.byte());
                self.pass(Duration::from_millis(100 * wait));
            }
            _ => return false,
        }
        self.check();
        true
    }

    fn retry_left(&mut self) -> bool {
        if self.retries < AT_MOST {
            self.retries += 1;
            self.deletion.retry_left();
            self.laws.retried();
            return true;
        }
        false
    }

    fn answer_out_of_turn(&mut self) {
        let id = match self.over.last() {
            Some(id) if self.script.one_in(2) => *id,
            _ => serde_json::from_str("4000000000").expect("the number of an attempt"),
        };
        let (before, now) = (self.deletion.report(), self.driver_now());
        let Answer::Response(response) = listed([("image-0", None)]) else { panic!("expected a response") };
        assert_eq!(self.deletion.answered(id, now, &response), None, "law 7: an answer out of turn");
        assert_eq!(self.deletion.lost(id, now, Fate::Unsent, "lost"), None, "law 7: a loss out of turn");
        assert_eq!(self.deletion.report(), before, "law 7: what came out of turn changed the report");
    }

    fn step(&mut self) -> Next {
        let (now, at) = (self.tell(), self.timestamp());
        match self.deletion.step(now) {
            Step::Send(mut attempt) => {
                let images: Vec<ImageId> = attempt.images().cloned().collect();
                let intent = attempt.intent(at);
                let is_look = matches!(intent, Event::Look(_));
                if is_look || self.script.one_in(16) {
                    check_request(&mut attempt, &images, is_look, self.snapshots, &self.endpoint, &self.who, at);
                }
                assert_eq!(attempt.timeout(), self.policy.attempt_timeout);
                Next::Send { id: attempt.id(), images, look: is_look, intent }
            }
            Step::Wait(wait) => Next::Wait(wait),
            Step::Pending => Next::Pending,
            Step::Done => Next::Done,
        }
    }

    /// Without a send, a step changes nothing.
    fn step_again(&mut self, before: &Next) {
        if !matches!(before, Next::Send { .. }) {
            let report = self.deletion.report();
            assert_eq!(self.step(), *before, "the same step twice, and another answer");
            assert_eq!(self.deletion.report(), report, "a step without a send changed the report");
        }
    }

    fn send(&mut self, id: AttemptId, images: Vec<ImageId>, look: bool, intent: Event) {
        match look {
            true => self.laws.looked(id, &images, self.now),
            false => self.laws.sent(id, &images, self.now),
        }
        let died = self.write(intent);
        let intended = matches!(died, None | Some(Died::After));
        self.flights.push(InFlight { id, images, look, spoken: None, intended });
        if died.is_some() {
            return self.crash();
        }
        // It arrives at once, or on the way to its answer.
        if self.script.one_in(2) {
            self.arrive(self.flights.len() - 1);
        }
        self.check();
        if self.script.one_in(3) {
            self.answer();
        }
    }

    fn arrive(&mut self, index: usize) {
        let flight = &mut self.flights[index];
        if flight.spoken.is_none() {
            let now = self.now.world;
            flight.spoken = Some(match flight.look {
                true => self.service.look(&flight.images, now, self.script),
                false => self.service.handle(&flight.images, now, self.script),
            });
        }
    }

    /// An attempt in flight comes to its end.
    fn answer(&mut self) {
        let index = self.script.below(self.flights.len());
        let wait = u64::from(self.script.byte());
        self.pass(Duration::from_micros(wait * wait * 100));
        self.arrive(index);
        let now = self.tell();
        let InFlight { id, images, look, spoken: Some(spoken), .. } = &self.flights[index] else {
            panic!("expected that it arrived")
        };
        let event = match &spoken.answer {
            Answer::Unsent => self.deletion.lost(*id, now, Fate::Unsent, "refused"),
            Answer::Lost => self.deletion.lost(*id, now, Fate::Unknown, "timed out"),
            Answer::Response(response) => self.deletion.answered(*id, now, response),
        };
        let event = event.expect("the attempt is in flight");
        check_event(&event, *id, images, *look, &self.deletion.report());
        let died = self.write(event);
        if matches!(died, None | Some(Died::After)) {
            let InFlight { id, spoken, .. } = self.flights.remove(index);
            self.laws.landed(id, &spoken.expect("it arrived"), self.now);
            self.over.push(id);
        }
        if died.is_some() {
            self.crash();
        }
    }

    /// Whatever the last driver left behind was carried out, or was not.
    fn leave(&mut self) {
        for index in 0..self.flights.len() {
            if self.flights[index].intended && self.script.one_in(2) {
                self.arrive(index);
            }
        }
    }

    /// The driver was dropped; after a while another one runs on, whose clock has another zero.
    fn next_driver(&mut self) {
        self.leave();
        self.flights.clear();
        let before = self.driver_now();
        self.now.own = self.told;
        let gap = Duration::from_secs(u64::from(self.script.byte()));
        self.now.world += gap;
        let shows = self.script.pick(&[Duration::ZERO, before + gap, before, Duration::from_secs(1_000_000), before / 2]);
        self.zero = (self.now.own, shows);
        self.deletion.abandon();
        self.laws.abandoned();
        self.begin();
    }

    /// The process dies, and another one resumes with another key.
    fn crash(&mut self) {
        if self.crashes == AT_MOST {
            return;
        }
        self.crashes += 1;
        self.leave();
        let whole = self.journal.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let (events, length) = read_journal(&self.journal).expect("whole lines are events");
        assert_eq!(length, whole, "the journal is cut at another place than its last line end");
        assert_eq!(events, self.events, "the journal holds other events than were written");
        self.journal.truncate(length);

        let empty = events.is_empty();
        // A look that was not answered leaves nothing behind but its number.
        let number = |event: &Event| match event {
            Event::Intent(intent) | Event::Look(intent) => Some(intent.attempt),
            _ => None,
        };
        let last = events.iter().filter_map(number).next_back();
        let is_attempt = |event: &&Event| match event {
            Event::Intent(_) => true,
            Event::Outcome(outcome) => outcome.attempt.look,
            _ => false,
        };
        let attempts = events.iter().filter(is_attempt).count();
        self.deletion = match Deletion::resume(self.list.clone(), self.snapshots, self.policy.clone(), events) {
            Err(InvalidDeletion::Journal(InvalidJournal::Begin)) if empty => {
                Deletion::new(self.list.clone(), self.snapshots, self.policy.clone()).expect("a list and a policy")
            }
            resumed => resumed.expect("its own journal"),
        };
        let open = |flight: &InFlight| flight.intended && !flight.look;
        let open: Vec<AttemptId> = self.flights.drain(..).filter(open).map(|flight| flight.id).collect();
        self.over.clear();
        self.laws.crashed(last, attempts, &open);
        self.check();
        self.now.world += Duration::from_secs(1);
        self.zero = (self.now.own, self.script.pick(&[Duration::ZERO, Duration::from_secs(50_000)]));
        self.begin();
    }

    /// What every driver does first.
    fn begin(&mut self) {
        self.who = Credentials::new(format!("AKLTscriptscript{}", self.events.len()), "secret").expect("credentials");
        let context = Context::new(&self.endpoint, &self.who, "script", self.timestamp());
        let event = self.deletion.begin(context).expect("the same endpoint and region");
        if self.write(event).is_some() {
            self.crash();
        }
    }

    /// Writes a line of the journal, unless the process dies.
    fn write(&mut self, event: Event) -> Option<Died> {
        let died = match self.script.byte() {
            _ if self.crashes == AT_MOST => None,
            253 => Some(Died::Before),
            254 => Some(Died::Inside),
            255 => Some(Died::After),
            _ => None,
        };
        if died == Some(Died::Before) {
            return died;
        }
        let line = serde_json::to_vec(&event).expect("JSON");
        if died == Some(Died::Inside) {
            let torn = line.len() * (1 + usize::from(self.script.byte())) / 256;
            self.journal.extend_from_slice(&line[..torn]);
            return died;
        }
        self.journal.extend_from_slice(&line);
        self.journal.push(b'\n');
        self.events.push(event);
        died
    }

    fn pass(&mut self, time: Duration) {
        self.now.own += time;
        self.now.world += time;
    }

    fn tell(&mut self) -> Duration {
        self.told = self.now.own;
        self.driver_now()
    }

    fn driver_now(&self) -> Duration {
        self.now.own - self.zero.0 + self.zero.1
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix(1_700_000_000 + self.now.world.as_secs()).expect("before the year 10000")
    }

    fn check(&mut self) {
        self.laws.check(self.deletion.report(), &self.service, self.now);
    }
}

/// What the journal says of an attempt is what the report says.
fn check_event(event: &Event, id: AttemptId, asked: &[ImageId], look: bool, report: &Report) {
    let Event::Outcome(outcome) = event else { panic!("expected an outcome, not {event:?}") };
    assert_eq!((outcome.attempt.attempt, outcome.attempt.look), (id, look), "the event of another attempt");
    assert!(outcome.images.iter().map(|image| &image.id).eq(asked), "the event speaks of other images");
    let known: HashMap<&ImageId, &Outcome> = report.outcomes().collect();
    for image in &outcome.images {
        assert_eq!(known[&image.id], &image.outcome, "the journal and the report differ about {}", image.id);
    }
    assert_eq!(report.attempts().last(), Some(&outcome.attempt), "the journal and the report differ about the attempt");
}

/// The request names the images of its attempt, and no others, and says of snapshots what was chosen; a look asks for no page
/// but the first.
fn check_request(
    attempt: &mut Attempt<'_>,
    images: &[ImageId],
    look: bool,
    snapshots: Snapshots,
    endpoint: &Endpoint,
    who: &Credentials,
    at: Timestamp,
) {
    let request = attempt.request(endpoint, who, at).expect("a request");
    let query = Query::parse(request.uri().query().expect("a query"));
    let text = |name: &str| query.first(name).map(|value| String::from_utf8_lossy(&value).into_owned());
    let action = if look { "DescribeImages" } else { "DeleteImages" };
    assert_eq!(text("Action").as_deref(), Some(action), "the request is of another action");
    for (index, image) in images.iter().enumerate() {
        let named = query.first(format!("ImageIds.{}", index + 1));
        assert_eq!(named.as_deref(), Some(image.as_str().as_bytes()), "the request names other images");
    }
    assert_eq!(query.first(format!("ImageIds.{}", images.len() + 1)), None, "the request names more images");
    let choice = match snapshots {
        Snapshots::Keep if !look => Some("false"),
        Snapshots::Delete if !look => Some("true"),
        _ => None,
    };
    assert_eq!(text("DeleteBindedSnapshots").as_deref(), choice, "the request does something else about snapshots");
    assert_eq!(text("NextToken"), None, "a page shows nothing that a look at the rest does not show better");
}

fn policy(script: &mut Script<'_>) -> Policy {
    let seconds = Duration::from_secs;
    let verify = script.pick(&[Verify::Never, Verify::Unclear, Verify::All, Verify::Before]);
    let attempt_timeout = seconds(script.pick(&[30, 1, 5]));
    let backoff_base = Duration::from_millis(script.pick(&[500, 0, 1_000, 1]));
    let busy_for = seconds(script.pick(&[0, 0, 1, 30, 40, 61]));
    let policy = Policy {
        chunk: script.pick(&[100, 1, 2, 3, 7, 10, 50, 99]),
        in_flight: 1 + script.below(4),
        attempts: script.pick(&[4, 1, 2, 3]),
        attempt_timeout,
        backoff_base,
        backoff_cap: backoff_base + Duration::from_millis(script.pick(&[19_500, 0, 2_000])),
        jitter_seed: script.byte().into(),
        max_wait: seconds(script.pick(&[60, 0, 5, 10_000])),
        deadline: script.pick(&[None, None, Some(0), Some(10), Some(300)]).map(|spare| attempt_timeout + seconds(spare)),
        busy_for,
        busy_every: seconds(script.pick(&[15, 1, 7, 0])),
        requests_per_second: script.pick(&[None, None, Some(0.5), Some(10.0), Some(3.0)]),
        missing_ok: script.one_in(3),
        verify,
        verify_for: seconds(script.pick(&[300, 0, 1, 40])),
        stop_after: script.pick(&[10, 1, 2, 3, 1_000]),
    };
    // No pause between two looks at a busy image is refused.
    let busy_every = if busy_for.is_zero() { policy.busy_every } else { policy.busy_every.max(seconds(1)) };
    Policy { busy_every, ..policy }
}
