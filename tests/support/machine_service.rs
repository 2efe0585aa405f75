//! A stand-in for the service: a true state for each image, three habits of listing, and everything that can go wrong on the
//! way. What it does and how it answers is decided by a script.

use std::collections::HashMap;
use std::time::Duration;

use volc_proto::ecs::ImageId;

use crate::machine_script::Script;
use crate::machine_sights::{Eyes, Sight};
use crate::machine_wire::{Answer, ask_for_a_wait, body, page, refused, to_another_action};

/// What is true of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    There,
    /// It never was.
    Missing,
    /// Being copied or exported for so many requests.
    Busy(&'static str, u8),
    WrongStatus(u8),
    Shared,
    /// Something fails inside, so many times; the last time it may be carried out all the same.
    Failing(u8),
    /// It has an error of a code that no document has.
    Strange,
    /// A request that names it is refused as a whole, with this status and code.
    Culprit(u16, &'static str),
    /// Accepted and under way, for so many requests, which get this code.
    Deleting(&'static str, u8),
    Deleted,
}

/// The truth about an image.
#[derive(Debug)]
struct Truth {
    state: State,
    /// What a look says of it.
    visibility: &'static str,
    /// When its deletion was accepted.
    accepted: Option<Duration>,
}

/// What a reply names in `OperationDetails`.
#[derive(Debug, Clone, Copy)]
enum Habit {
    All,
    OnlyFailures,
    Forgets,
}

/// The stand-in.
#[derive(Debug)]
pub(crate) struct Service {
    /// In the order of the list.
    images: Vec<Truth>,
    index: HashMap<ImageId, usize>,
    habit: Habit,
    /// One request in so many goes wrong.
    fault_every: usize,
    /// How it answers looks.
    pub(crate) eyes: Eyes,
    /// By the world's clock.
    now: Duration,
}

/// A request, as it was carried out or not, and what comes back.
#[derive(Debug)]
pub(crate) struct Spoken {
    /// What the client sees.
    pub(crate) answer: Answer,
    /// What it means, by the table.
    pub(crate) means: Means,
    /// The wait that it asks for.
    pub(crate) retry_after: Option<Duration>,
    /// IDs that nobody asked for.
    pub(crate) foreign: Vec<String>,
}

/// What the table says of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Means {
    /// Row 1, and row 4: it was not done, and may be asked again. With its kind.
    NotDone(String),
    /// Row 5.
    Clock,
    /// Row 8, with status and code.
    Refused {
        /// As its class is in the table: 401, 403, 404, 405, or another.
        status: u16,
        /// The code.
        code: String,
    },
    /// Rows 2, 3, 9, 10, 11. With its kind, and whether it is asked again.
    Maybe(String, bool),
    /// Row 7, in the order asked.
    Stated(Vec<Word>),
    /// Of a look.
    Sight(Sight),
}

/// What a reply says of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// Listed without an error.
    Deleted,
    /// Listed with this code.
    Failed(String),
    /// Not listed, or not clearly.
    Silent,
}

const UNKNOWN_CODE: &str = "InvalidImage.Haunted";

impl Service {
    /// A service with these images, as the script wants them to be.
    pub(crate) fn new(ids: &[ImageId], script: &mut Script<'_>) -> Self {
        let habit = script.pick(&[Habit::All, Habit::OnlyFailures, Habit::Forgets]);
        let fault_every = script.pick(&[4, 1, 2, 3, 8, 200]);
        let eyes = Eyes::new(ids.len(), script);
        // Up to all of them are out of the ordinary.
        let odd_every = script.pick(&[8, 1, 2, 50, 200]);
        let all_missing = script.one_in(12);
        // Forever, as far as a policy goes; of many images that would only take long.
        let longest = if ids.len() > 30 { 4 } else { u8::MAX };
        let truth = |_: &ImageId| {
            let odd = odd_every == 1 || script.one_in(odd_every);
            let state = match (all_missing, odd) {
                (true, _) => State::Missing,
                (false, false) => State::There,
                (false, true) => match script.below(16) {
                    0..3 => State::Missing,
                    3 => State::Busy("OperationDenied.ImageIsCopying", script.byte() % longest),
                    4 => State::Busy("OperationDenied.ImageIsExporting", 1 + script.byte() % 4),
                    5 | 6 => State::WrongStatus(1 + script.byte() % 4),
                    7 => State::Shared,
                    8..11 => State::Failing(script.byte() % 3),
                    11 => State::Strange,
                    12 => State::Culprit(400, "InvalidArgument"),
                    13 => State::Culprit(403, "AccessDenied"),
                    14 => State::Culprit(script.pick(&[409, 400, 422]), "Unheard.Of"),
                    _ => State::Missing,
                },
            };
            let visibility = if state == State::Shared { script.pick(&["shared", "public"]) } else { "private" };
            Truth { state, visibility, accepted: None }
        };
        let index = ids.iter().cloned().zip(0..).collect();
        Self { images: ids.iter().map(truth).collect(), index, habit, fault_every, eyes, now: Duration::ZERO }
    }

    /// Whether the deletion of an image was ever accepted; by its place on the list.
    pub(crate) fn has_accepted(&self, index: usize) -> bool {
        self.images[index].accepted.is_some()
    }

    /// Whether it is there, and will stay.
    pub(crate) fn keeps(&self, index: usize) -> bool {
        !self.has_accepted(index) && self.images[index].state != State::Missing
    }

    /// Whether a look lists it.
    pub(crate) fn is_visible(&self, id: &ImageId, now: Duration) -> bool {
        let truth = &self.images[self.index[id]];
        match truth.accepted {
            Some(accepted) => now < accepted.saturating_add(self.eyes.visible_for()),
            None => truth.state != State::Missing,
        }
    }

    /// What a look says of it; private ones are the account's own.
    pub(crate) fn visibility(&self, id: &ImageId) -> Option<&'static str> {
        Some(self.images[self.index[id]].visibility)
    }

    /// Somebody else deletes an image, if it can be deleted.
    pub(crate) fn vanish(&mut self, index: usize) {
        let truth = &mut self.images[index];
        if truth.accepted.is_none() && !matches!(truth.state, State::Shared | State::Culprit(..)) {
            truth.state = State::Missing;
        }
    }

    /// A request arrives, or does not; it is carried out, or is not; something comes back, or nothing.
    pub(crate) fn handle(&mut self, ids: &[ImageId], now: Duration, script: &mut Script<'_>) -> Spoken {
        self.now = now;
        let fault = if self.fault_every == 1 || script.one_in(self.fault_every) { 1 + script.below(21) } else { 0 };
        let mut spoken = match fault {
            0 => self.listed(ids, Reply::Plain, script),
            1 => Spoken::new(Answer::Unsent, Means::NotDone("unsent".into())),
            2 | 3 => self.perhaps(ids, script, |_| (Answer::Lost, "lost".into(), true)),
            4 => self.perhaps(ids, script, |script| {
                let body = script.pick(&["", "null", "[]", "<html>ok", "{}", "{\"ResponseMetadata\":{\"Act", "\u{feff}{}"]);
                (page(200, body), "200 garbage".into(), true)
            }),
            5 => self.perhaps(ids, script, |script| {
                let status = script.pick(&[400, 403, 404, 408, 401, 405]);
                let body =
                    script.pick(&["<html>a proxy", "", "{\"message\":\"no\"}", "{\"ResponseMetadata\":{\"RequestId\":\"r\"}}"]);
                (page(status, body), format!("{status} page"), true)
            }),
            6 => self.perhaps(ids, script, |script| {
                let status = script.pick(&[500, 502, 503, 504, 599]);
                (page(status, script.pick(&["<html>", "", "{\"ResponseMetadata\":{}}"])), format!("{status} page"), true)
            }),
            7 => self.perhaps(ids, script, |script| {
                let (status, code) = (
                    script.pick(&[500, 502, 503, 504]),
                    script.pick(&["InternalError", "InternalServiceTimeout", "AccessDenied", "InvalidArgument", "Unheard.Of"]),
                );
                (refused(status, code), format!("{status} {code}"), true)
            }),
            8 => self.perhaps(ids, script, |script| {
                let status = script.pick(&[302, 301, 303, 307, 308, 304]);
                match script.pick(&["", "<html>moved", "{\"ResponseMetadata\":{}}", "AccessDenied", "InternalError"]) {
                    code @ ("AccessDenied" | "InternalError") => (refused(status, code), format!("{status} {code}"), false),
                    body => (page(status, body), format!("{status}"), false),
                }
            }),
            9 => Spoken::new(
                page(429, script.pick(&["", "<html>slow down", "{\"ResponseMetadata\":{\"Action\":\"DeleteImages\"}}"])),
                Means::NotDone("429 page".into()),
            ),
            10 | 11 => {
                let (status, code) = (
                    script.pick(&[429, 200, 503, 400, 302]),
                    script.pick(&["FlowLimitExceeded", "AccountFlowLimitExceeded", "Unheard.Of"]),
                );
                let status = if code == "Unheard.Of" { 429 } else { status };
                Spoken::new(refused(status, code), Means::NotDone(format!("throttled {code}")))
            }
            12 => Spoken::new(refused(script.pick(&[400, 403, 200, 503]), "InvalidTimestamp"), Means::Clock),
            13 => {
                let (status, code) = script.pick(&[
                    (401, "InvalidAccessKey"),
                    (403, "AccessDenied"),
                    (404, "InvalidActionOrVersion"),
                    (405, "MethodNotAllowed"),
                    (403, "Unheard.Of"),
                    (401, "Unheard.Of"),
                    (404, "Unheard.Of"),
                ]);
                Spoken::new(refused(status, code), Means::Refused { status, code: code.into() })
            }
            14 => {
                let (as_if, code) = script.pick(&[
                    (400, "InvalidArgument"),
                    (403, "AccessDenied"),
                    (401, "InvalidAccessKey"),
                    (404, "ServiceNotFound"),
                    (405, "MethodNotAllowed"),
                ]);
                Spoken::new(refused(200, code), Means::Refused { status: as_if, code: code.into() })
            }
            15 => self.perhaps(ids, script, |script| {
                let code = script.pick(&["InternalError", "InternalServiceTimeout", "Unheard.Of"]);
                (refused(200, code), format!("200 {code}"), true)
            }),
            16 => self.perhaps(ids, script, |script| {
                let status = script.pick(&[200, 400, 403, 429, 500, 202]);
                (to_another_action(status, ids, script), "foreign action".into(), true)
            }),
            17 => self.perhaps(ids, script, |script| {
                let status = script.pick(&[400, 200, 500, 404]);
                let body = "{\"ErrorCode\":\"InvalidArgument\",\"Message\":\"who wrote this?\"}";
                (page(status, body), format!("{status} simple"), true)
            }),
            18 => self.perhaps(ids, script, |script| {
                let status = script.pick(&[204, 101, 103, 205]);
                (page(status, ""), format!("{status}"), true)
            }),
            19 => {
                let reply = script.pick(&[Reply::Null, Reply::NoDetails, Reply::Empty]);
                self.listed(ids, reply, script)
            }
            _ => {
                let reply = script.pick(&[Reply::Twice, Reply::Foreign, Reply::NamelessFailure]);
                self.listed(ids, reply, script)
            }
        };
        spoken.ask_for_a_wait(script);
        spoken
    }

    /// Something goes wrong before or after the service acts: the client cannot tell.
    fn perhaps(
        &mut self,
        ids: &[ImageId],
        script: &mut Script<'_>,
        answer: impl FnOnce(&mut Script<'_>) -> (Answer, String, bool),
    ) -> Spoken {
        if script.one_in(2) && self.culprit(ids).is_none() {
            self.carry_out(ids, script);
        }
        let (answer, kind, again) = answer(script);
        Spoken::new(answer, Means::Maybe(kind, again))
    }

    fn listed(&mut self, ids: &[ImageId], reply: Reply, script: &mut Script<'_>) -> Spoken {
        if let Some((status, code)) = self.culprit(ids) {
            return Spoken::new(refused(status, code), Means::Refused { status, code: code.into() });
        }
        let verdicts = self.carry_out(ids, script);
        let mut details: Vec<Detail> = ids.iter().cloned().map(Some).zip(verdicts).collect();
        match self.habit {
            Habit::All => {}
            Habit::OnlyFailures => details.retain(|(_, code)| code.is_some()),
            Habit::Forgets => details.retain(|_| !script.one_in(4)),
        }
        let mut foreign = Vec::new();
        match reply {
            Reply::Plain if script.one_in(4) => details.reverse(),
            Reply::Plain => {}
            Reply::Null | Reply::NoDetails | Reply::Empty => details.clear(),
            Reply::Twice => {
                if let Some((id, code)) = details.first().cloned() {
                    let other = script.pick(&[Some("InternalError"), Some("InvalidImage.NotFound"), None, code]);
                    details.push((id, other));
                }
            }
            Reply::Foreign => {
                let id = ImageId::new(format!("image-foreign-{}", script.byte())).expect("an ID");
                foreign.push(id.to_string());
                details.insert(0, (Some(id), script.pick(&[None, Some("InvalidImage.Shared")])));
            }
            Reply::NamelessFailure => details.push((None, Some("InternalError"))),
        }
        let words = ids.iter().map(|id| word(id, &details)).collect();
        let text = match reply {
            Reply::Null => "{\"ResponseMetadata\":{\"Action\":\"DeleteImages\"},\"Result\":null}".to_owned(),
            Reply::NoDetails => "{\"ResponseMetadata\":{\"RequestId\":\"r\"},\"Result\":{}}".to_owned(),
            _ => {
                let none = script.pick(&["", ",\"Error\":null", ",\"Error\":{}", ",\"Error\":{\"Code\":\"\",\"Message\":\"\"}"]);
                body(details.iter().map(|(id, code)| (id.as_ref().map_or("", ImageId::as_str), *code)), none)
            }
        };
        Spoken { foreign, ..Spoken::new(page(200, &text), Means::Stated(words)) }
    }

    fn culprit(&self, ids: &[ImageId]) -> Option<(u16, &'static str)> {
        ids.iter().find_map(|id| match self.images[self.index[id]].state {
            State::Culprit(status, code) => Some((status, code)),
            _ => None,
        })
    }

    /// Does what was asked, and says of each image with which code it failed.
    fn carry_out(&mut self, ids: &[ImageId], script: &mut Script<'_>) -> Vec<Option<&'static str>> {
        let accepted = |script: &mut Script<'_>| match script.below(4) {
            0 | 1 => State::Deleted,
            2 => State::Deleting("InvalidImageStatus", 1 + script.byte() % 3),
            // Nobody knows what the service says of an image that is being deleted.
            _ => State::Deleting(UNKNOWN_CODE, 1 + script.byte() % 3),
        };
        let now = self.now;
        let mut carry_out = |id| {
            let truth = &mut self.images[self.index[id]];
            let (state, code) = match truth.state {
                State::There => (accepted(script), None),
                State::Missing | State::Deleted => (truth.state, Some("InvalidImage.NotFound")),
                State::Busy(code, left) => (left.checked_sub(1).map_or(State::There, |left| State::Busy(code, left)), Some(code)),
                State::WrongStatus(left) => {
                    (left.checked_sub(1).map_or(State::There, State::WrongStatus), Some("InvalidImageStatus"))
                }
                State::Shared => (truth.state, Some("InvalidImage.Shared")),
                State::Failing(0) if script.one_in(2) => (accepted(script), Some("InternalError")),
                State::Failing(left) => (left.checked_sub(1).map_or(State::There, State::Failing), Some("InternalError")),
                State::Strange | State::Culprit(..) => (truth.state, Some(UNKNOWN_CODE)),
                State::Deleting(code, left) => {
                    (left.checked_sub(1).map_or(State::Deleted, |left| State::Deleting(code, left)), Some(code))
                }
            };
            if matches!(state, State::Deleting(..) | State::Deleted) {
                truth.accepted.get_or_insert(now);
            }
            truth.state = state;
            code
        };
        ids.iter().map(&mut carry_out).collect()
    }
}

impl Spoken {
    fn new(answer: Answer, means: Means) -> Self {
        Self { answer, means, retry_after: None, foreign: Vec::new() }
    }

    /// What comes back from a look.
    pub(crate) fn told(answer: Answer, means: Means, script: &mut Script<'_>) -> Self {
        let mut spoken = Self::new(answer, means);
        spoken.ask_for_a_wait(script);
        spoken
    }

    /// Now and then, and often where there are too many requests.
    fn ask_for_a_wait(&mut self, script: &mut Script<'_>) {
        let throttled = matches!(&self.means, Means::NotDone(kind) if kind != "unsent");
        if let Answer::Response(response) = &mut self.answer
            && (if throttled { script.one_in(2) } else { script.one_in(24) })
        {
            self.retry_after = ask_for_a_wait(response.headers_mut(), script);
        }
    }
}

/// The shapes of a reply that states what became of each image.
#[derive(Debug, Clone, Copy)]
enum Reply {
    Plain,
    Null,
    NoDetails,
    Empty,
    Twice,
    Foreign,
    NamelessFailure,
}

type Detail = (Option<ImageId>, Option<&'static str>);

/// What these details say of an image.
fn word(id: &ImageId, details: &[Detail]) -> Word {
    let mut listed = details.iter().filter(|(named, _)| named.as_ref() == Some(id)).map(|(_, code)| *code);
    let nameless_failure = details.iter().any(|(named, code)| named.is_none() && code.is_some());
    match listed.next() {
        None => Word::Silent,
        Some(first) if listed.any(|other| other != first) => Word::Silent,
        Some(None) if nameless_failure => Word::Silent,
        Some(None) => Word::Deleted,
        Some(Some(code)) => Word::Failed(code.to_owned()),
    }
}
