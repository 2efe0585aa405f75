//! A run that is told answer by answer, for tests of one thing at a time.

use std::time::Duration;

use volc_proto::ecs::{AttemptId, Context, Deletion, Event, ImageId, Outcome, Policy, Report, Snapshots, Step};
use volc_proto::{Credentials, Endpoint, Fate, Timestamp};

use crate::machine_wire::Answer;

/// A run, its clock, what it sent, and its journal.
#[derive(Debug)]
pub struct Story {
    /// The run.
    pub deletion: Deletion,
    /// Its driver's clock.
    pub now: Duration,
    /// What was sent.
    pub sent: Vec<Sent>,
    /// What happened.
    pub events: Vec<Event>,
}

/// An attempt that was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its number.
    pub id: AttemptId,
    /// When.
    pub at: Duration,
    /// Its images.
    pub images: Vec<ImageId>,
}

/// So many images: `image-0`, `image-1`, …
pub fn ids(images: usize) -> Vec<ImageId> {
    (0..images).map(|n| ImageId::new(format!("image-{n}")).expect("an ID")).collect()
}

impl Story {
    /// A run for so many images.
    pub fn new(images: usize, policy: Policy) -> Self {
        Self::of(Deletion::new(ids(images), Snapshots::Keep, policy).expect("a list and a policy"))
    }

    /// Goes on with this run.
    pub fn of(deletion: Deletion) -> Self {
        Self { deletion, now: Duration::ZERO, sent: Vec::new(), events: Vec::new() }
    }

    /// What a driver does first.
    pub fn begin(&mut self, endpoint: &Endpoint, who: &Credentials) {
        let context = Context::new(endpoint, who, "story 1.0", self.timestamp());
        self.events.push(self.deletion.begin(context).expect("the same endpoint and region"));
    }

    fn timestamp(&self) -> Timestamp {
        Timestamp::from_unix(1_700_000_000 + self.now.as_secs() % 1_000_000).expect("before the year 10000")
    }

    /// The next attempt, after the waits before it; none where only an answer helps, or the run is over.
    pub fn try_send(&mut self) -> Option<Sent> {
        let at = self.timestamp();
        loop {
            match self.deletion.step(self.now) {
                Step::Send(mut attempt) => {
                    self.events.push(attempt.intent(at));
                    let sent = Sent { id: attempt.id(), at: self.now, images: attempt.images().cloned().collect() };
                    self.sent.push(sent.clone());
                    return Some(sent);
                }
                Step::Wait(wait) => self.now += wait,
                Step::Pending | Step::Done => return None,
            }
        }
    }

    /// The next attempt, which there is.
    pub fn send(&mut self) -> Sent {
        self.try_send().expect("an attempt to send")
    }

    /// Whether the run is over.
    pub fn is_done(&mut self) -> bool {
        matches!(self.deletion.step(self.now), Step::Done)
    }

    /// An attempt comes to its end.
    pub fn answer(&mut self, sent: &Sent, answer: Answer) -> Event {
        let event = match answer {
            Answer::Unsent => self.deletion.lost(sent.id, self.now, Fate::Unsent, "connection refused"),
            Answer::Lost => self.deletion.lost(sent.id, self.now, Fate::Unknown, "timed out"),
            Answer::Response(response) => self.deletion.answered(sent.id, self.now, &response),
        };
        let event = event.expect("an attempt in flight");
        self.events.push(event.clone());
        event
    }

    /// The journal, as a file holds it.
    pub fn journal(&self) -> Vec<u8> {
        let line = |event: &Event| serde_json::to_string(event).expect("JSON") + "\n";
        self.events.iter().map(line).collect::<String>().into_bytes()
    }

    /// Runs to the end, one attempt after another.
    pub fn run(&mut self, mut service: impl FnMut(&Sent) -> Answer) -> Report {
        while let Some(sent) = self.try_send() {
            let answer = service(&sent);
            self.answer(&sent, answer);
        }
        self.deletion.report()
    }

    /// What is known of an image, by its place on the list.
    pub fn outcome(&self, index: usize) -> Outcome {
        self.deletion.report().outcomes().nth(index).expect("an image").1.clone()
    }
}

/// The word for what is known of an image, with the code or the evidence.
pub fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Gone(evidence) => format!("gone {evidence:?}"),
        Outcome::Refused(error) => format!("refused {}", error.code()),
        Outcome::Busy(error) => format!("busy {}", error.code()),
        Outcome::NotDeleted(_) => "not deleted".to_owned(),
        Outcome::Unclear(_) => "unclear".to_owned(),
        other => panic!("expected a known outcome, not {other:?}"),
    }
}
