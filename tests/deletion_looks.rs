//! `Policy::verify`: looking before and after, against a service whose deletions stay visible for a while.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::Response;
use volc_proto::ecs::{Deletion, Event, Evidence, ImageId, Outcome, Policy, ReasonKind, Report, Snapshots, Step, Stop, Verify};
use volc_proto::{Credentials, Endpoint, Fate, Query, Region, Timestamp};

const SECOND: Duration = Duration::from_secs(1);

/// A service with a true state, and what it does wrong.
#[derive(Default)]
struct Service {
    /// Visibility by image; none for one that was deleted.
    images: BTreeMap<String, &'static str>,
    /// Until when a deleted image is still listed by reads.
    visible: BTreeMap<String, Duration>,
    stays_visible: Duration,
    deleted: BTreeSet<String>,
    /// The answers to these requests, counted from 1, are lost after they were carried out.
    lose: BTreeSet<usize>,
    /// Reads are refused with this status and code.
    refuse_reads: Option<(u16, &'static str)>,
    /// A read that names an unknown image is an error, and not a shorter list.
    unknown_is_an_error: bool,
    /// Every read gets this answer.
    reads: Option<(u16, &'static str)>,
    /// Pages lead to one another without end.
    circle: bool,
    /// How long an answer takes.
    slow: Duration,
    page: usize,
    requests: Vec<(&'static str, usize)>,
}

impl Service {
    fn with(images: &[(&str, &'static str)]) -> Self {
        let images = images.iter().map(|(id, visibility)| ((*id).to_owned(), *visibility)).collect();
        Self { images, page: 100, ..Self::default() }
    }

    fn answer(&mut self, query: &Query, now: Duration) -> Option<Response<String>> {
        let text = |name: &str| query.first(name).map(|value| String::from_utf8_lossy(&value).into_owned());
        let ids: Vec<String> = (1..).map_while(|n| text(&format!("ImageIds.{n}"))).collect();
        let delete = text("Action").as_deref() == Some("DeleteImages");
        self.requests.push((if delete { "delete" } else { "look" }, ids.len()));
        if let (false, Some((status, body))) = (delete, self.reads) {
            return Some(Response::builder().status(status).body(body.to_owned()).unwrap());
        }
        let (status, result) = if delete { (200, self.delete(&ids, now)) } else { self.describe(&ids, text("NextToken"), now) };
        let body = match status {
            200 => format!(r#"{{"ResponseMetadata":{{}},"Result":{result}}}"#),
            _ => format!(r#"{{"ResponseMetadata":{{"Error":{{"Code":"{result}"}}}}}}"#),
        };
        (!self.lose.contains(&self.requests.len())).then(|| Response::builder().status(status).body(body).unwrap())
    }

    fn delete(&mut self, ids: &[String], now: Duration) -> String {
        let details: Vec<String> = ids
            .iter()
            .map(|id| match self.images.remove(id) {
                Some(_) => {
                    self.deleted.insert(id.clone());
                    self.visible.insert(id.clone(), now + self.stays_visible);
                    format!(r#"{{"ImageId":"{id}"}}"#)
                }
                None => format!(r#"{{"ImageId":"{id}","Error":{{"Code":"InvalidImage.NotFound"}}}}"#),
            })
            .collect();
        format!(r#"{{"OperationDetails":[{}]}}"#, details.join(","))
    }

    fn describe(&self, ids: &[String], token: Option<String>, now: Duration) -> (u16, String) {
        if let Some((status, code)) = self.refuse_reads {
            return (status, code.to_owned());
        }
        let visibility = |id: &String| match self.visible.get(id) {
            Some(until) => (now < *until).then_some("private"),
            None => self.images.get(id).copied(),
        };
        if self.unknown_is_an_error && ids.iter().any(|id| visibility(id).is_none()) {
            return (400, "InvalidImage.NotFound".to_owned());
        }
        let seen: Vec<String> =
            ids.iter().filter_map(|id| Some(format!(r#"{{"ImageId":"{id}","Visibility":"{}"}}"#, visibility(id)?))).collect();
        if self.circle {
            let next = if token.as_deref() == Some("a") { "b" } else { "a" };
            return (200, format!(r#"{{"Images":[],"NextToken":"{next}"}}"#));
        }
        let from = token.map_or(0, |token| token.parse().unwrap());
        let to = seen.len().min(from + self.page);
        let next = if to < seen.len() { to.to_string() } else { String::new() };
        (200, format!(r#"{{"Images":[{}],"NextToken":"{next}"}}"#, seen[from..to].join(",")))
    }
}

/// Runs to the end, hours in an instant; returns the report and the events.
fn run(service: &mut Service, deletion: &mut Deletion) -> (Report, Vec<Event>) {
    let endpoint = Endpoint::new(Region::new("cn-beijing").unwrap());
    let who = Credentials::new("AKLTlooks", "not-a-secret").unwrap();
    let at = Timestamp::from_unix(1_700_000_000).unwrap();
    let (mut now, mut events) = (Duration::ZERO, Vec::new());
    for _ in 0..10_000 {
        match deletion.step(now) {
            Step::Send(mut attempt) => {
                let id = attempt.id();
                events.push(attempt.intent(at));
                let request = attempt.request(&endpoint, &who, at).unwrap();
                let query = Query::parse(request.uri().query().unwrap());
                let answer = service.answer(&query, now);
                now += service.slow;
                let event = match answer {
                    Some(response) => deletion.answered(id, now, &response),
                    None => deletion.lost(id, now, Fate::Unknown, "lost"),
                };
                events.extend(event);
            }
            Step::Wait(time) => now += time,
            Step::Pending => panic!("one attempt at a time is never pending"),
            Step::Done => {
                let report = deletion.report();
                contradicts_nothing(service, &report);
                return (report, events);
            }
        }
    }
    panic!("the run does not end");
}

fn contradicts_nothing(service: &Service, report: &Report) {
    for (id, outcome) in report.outcomes() {
        let (there, deleted) = (service.images.contains_key(id.as_str()), service.deleted.contains(id.as_str()));
        match outcome {
            Outcome::Gone(_) => assert!(!there, "{id}: {outcome}"),
            Outcome::NotDeleted(_) | Outcome::Refused(_) | Outcome::Busy(_) => assert!(!deleted, "{id}: {outcome}"),
            _ => {}
        }
    }
}

fn deletion(ids: &[&str], policy: Policy) -> Deletion {
    Deletion::new(ids.iter().map(|id| ImageId::new(*id).unwrap()), Snapshots::Keep, policy).unwrap()
}

fn outcomes(report: &Report) -> Vec<&Outcome> {
    report.outcomes().map(|(_, outcome)| outcome).collect()
}

fn policy(verify: Verify) -> Policy {
    Policy { verify, ..Policy::default() }
}

const PRIVATE: [(&str, &str); 2] = [("image-a", "private"), ("image-b", "private")];

#[test]
fn by_default_nothing_is_looked_at() {
    let mut service = Service::with(&PRIVATE);
    let (report, _) = run(&mut service, &mut deletion(&["image-a", "image-b"], Policy::default()));
    assert!(report.all_gone());
    assert_eq!(service.requests, [("delete", 2)]);
}

#[test]
fn what_is_unclear_at_the_end_is_looked_for() {
    let mut service = Service::with(&PRIVATE);
    service.lose = [1].into();
    let policy = Policy { attempts: 1, ..policy(Verify::Unclear) };
    let (report, events) = run(&mut service, &mut deletion(&["image-a", "image-b"], policy));
    assert_eq!(outcomes(&report), [&Outcome::Gone(Evidence::SeenAbsent); 2]);
    assert_eq!(service.requests, [("delete", 2), ("look", 2)]);
    assert!(matches!(&events[2], Event::Look(look) if look.images.len() == 2), "{events:?}");
    assert!(report.attempts()[1].look && !report.attempts()[0].look);
}

#[test]
fn an_image_that_stays_visible_for_a_while_is_waited_for() {
    let mut service = Service::with(&PRIVATE);
    service.stays_visible = 40 * SECOND;
    let (report, _) = run(&mut service, &mut deletion(&["image-a", "image-b"], policy(Verify::All)));
    assert_eq!(outcomes(&report), [&Outcome::Gone(Evidence::SeenAbsent); 2]);
    assert!(service.requests.len() > 3);
}

#[test]
fn an_image_that_disappears_before_the_time_is_spent_is_seen_to() {
    for seconds in 280..300 {
        for jitter_seed in 0..4 {
            let mut service = Service::with(&PRIVATE);
            service.stays_visible = seconds * SECOND;
            let policy = Policy { jitter_seed, ..policy(Verify::All) };
            let (report, _) = run(&mut service, &mut deletion(&["image-a", "image-b"], policy));
            assert!(report.all_gone(), "{seconds} s");
        }
    }
}

#[test]
fn an_image_that_stays_visible_for_too_long_is_unclear_and_the_report_says_so() {
    let mut service = Service::with(&PRIVATE);
    service.stays_visible = 400 * SECOND;
    let (report, _) = run(&mut service, &mut deletion(&["image-a", "image-b"], policy(Verify::All)));
    for outcome in outcomes(&report) {
        match outcome {
            Outcome::Unclear(reason) => {
                assert_eq!(reason.kind(), ReasonKind::SeenPresent);
                assert!(reason.to_string().starts_with("the service said that it was gone"), "{reason}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn only_a_whole_answer_shows_that_an_image_is_absent() {
    for page in [1, 2, 3] {
        let images: Vec<(String, &str)> = (0..7).map(|n| (format!("image-{n}"), "private")).collect();
        let images: Vec<(&str, &str)> = images.iter().map(|(id, visibility)| (id.as_str(), *visibility)).collect();
        let mut service = Service::with(&images);
        service.page = page;
        let ids: Vec<&str> = images.iter().map(|(id, _)| *id).chain(["image-missing"]).collect();
        let (report, _) = run(&mut service, &mut deletion(&ids, policy(Verify::Before)));
        assert!(report.all_gone());
        let absent = outcomes(&report).iter().filter(|outcome| ***outcome == Outcome::Gone(Evidence::AbsentBefore)).count();
        assert_eq!(absent, 1, "pages of {page}");
    }
}

#[test]
fn an_error_for_an_unknown_image_is_as_good_as_a_shorter_list() {
    let mut service = Service::with(&[("image-a", "private"), ("image-c", "private"), ("image-d", "private")]);
    service.unknown_is_an_error = true;
    let ids = ["image-a", "image-b", "image-c", "image-d", "image-e"];
    let (report, _) = run(&mut service, &mut deletion(&ids, policy(Verify::Before)));
    let absent = Outcome::Gone(Evidence::AbsentBefore);
    let gone = Outcome::Gone(Evidence::Acknowledged);
    assert_eq!(outcomes(&report), [&gone, &absent, &gone, &gone, &absent]);
}

#[test]
fn looking_first_spares_what_is_not_ours() {
    let mut service = Service::with(&[("image-a", "private"), ("image-public", "public"), ("image-shared", "shared")]);
    let ids = ["image-public", "image-a", "image-missing", "image-shared"];
    let (report, _) = run(&mut service, &mut deletion(&ids, policy(Verify::Before)));
    let outcomes = outcomes(&report);
    assert!(matches!(outcomes[0], Outcome::NotOurs(_)) && matches!(outcomes[3], Outcome::NotOurs(_)));
    assert_eq!(outcomes[1], &Outcome::Gone(Evidence::Acknowledged));
    assert_eq!(outcomes[2], &Outcome::Gone(Evidence::AbsentBefore));
    assert_eq!(service.requests, [("look", 4), ("delete", 1)]);
    assert_eq!((report.counts().refused, report.counts().gone), (2, 2));
}

#[test]
fn without_permission_to_look_first_nothing_is_deleted() {
    let mut service = Service::with(&PRIVATE);
    service.refuse_reads = Some((403, "AccessDenied"));
    let (report, _) = run(&mut service, &mut deletion(&["image-a", "image-b"], policy(Verify::Before)));
    assert!(matches!(report.stopped(), Some(Stop::Look { why }) if why.code() == Some("AccessDenied")));
    assert_eq!((report.counts().not_deleted, service.requests.len()), (2, 1));
}

#[test]
fn without_permission_to_look_afterwards_the_outcomes_stay_and_the_report_says_why() {
    let mut service = Service::with(&PRIVATE);
    service.refuse_reads = Some((403, "AccessDenied"));
    let (report, _) = run(&mut service, &mut deletion(&["image-a", "image-b"], policy(Verify::All)));
    assert!(report.all_gone() && report.stopped().is_none());
    assert_eq!(report.unverified().and_then(|reason| reason.code()), Some("AccessDenied"));
}

#[test]
fn a_service_that_does_not_answer_looks_ends_them() {
    let mut service = Service::with(&PRIVATE);
    service.refuse_reads = Some((500, "InternalError"));
    let (report, _) = run(&mut service, &mut deletion(&["image-a", "image-b"], policy(Verify::All)));
    assert!(report.all_gone() && report.unverified().is_some());
    assert_eq!(service.requests.len(), 1 + 4, "a look is tried as often as an attempt");
}

#[test]
fn a_deadline_without_time_to_look_leaves_the_outcomes_as_they_are() {
    let mut service = Service::with(&PRIVATE);
    let policy = Policy { deadline: Some(30 * SECOND), ..policy(Verify::All) };
    service.slow = 5 * SECOND;
    let (report, _) = run(&mut service, &mut deletion(&["image-a", "image-b"], policy));
    assert!(report.all_gone() && report.stopped().is_none());
    assert!(report.unverified().is_some());
    assert_eq!(service.requests, [("delete", 2)]);
}

#[test]
fn what_was_seen_is_not_gone_whatever_ends_the_looks() {
    let mut service = Service::with(&PRIVATE);
    service.stays_visible = 400 * SECOND;
    let policy = Policy { deadline: Some(60 * SECOND), ..policy(Verify::All) };
    let (report, _) = run(&mut service, &mut deletion(&["image-a", "image-b"], policy));
    assert_eq!((report.counts().unclear, report.stopped()), (2, None));
    assert!(report.unverified().is_some());
}

#[test]
fn an_answer_that_proves_nothing_shows_no_image_to_be_absent() {
    for (status, body) in [
        (200, r#"{"ResponseMetadata":{}}"#),
        (200, r#"{"ResponseMetadata":{},"Result":null}"#),
        (200, r#"{"ResponseMetadata":{},"Result":{"Images":[],"TotalCount":1}}"#),
        (200, r#"{"ResponseMetadata":{},"Result":{"Images":[{"ImageName":"x"}]}}"#),
        (200, r#"{"ResponseMetadata":{},"Result":{"Images":[{"ImageId":"image-zzz"}]}}"#),
        (200, r#"{"ResponseMetadata":{"Action":"StartInstance"},"Result":{"Images":[]}}"#),
        (400, r#"{"ResponseMetadata":{"Action":"RunInstances","Error":{"Code":"InvalidImage.NotFound"}}}"#),
        (502, r#"{"ErrorCode":"InvalidImage.NotFound","Message":"m"}"#),
        (500, r#"{"ResponseMetadata":{"Error":{"Code":"InvalidImage.NotFound"}}}"#),
    ] {
        for verify in [Verify::Before, Verify::All] {
            let mut service = Service::with(&PRIVATE);
            service.reads = Some((status, body));
            let (report, _) = run(&mut service, &mut deletion(&["image-a", "image-b"], policy(verify)));
            let absent = |outcome: &&Outcome| matches!(outcome, Outcome::Gone(Evidence::AbsentBefore | Evidence::SeenAbsent));
            assert!(!outcomes(&report).iter().any(absent), "{body}");
            assert!(report.unverified().is_some() || report.stopped().is_some(), "{body}");
            assert!(service.requests.len() <= 5, "{body}: {} requests", service.requests.len());
        }
    }
    for body in [
        r#"{"ResponseMetadata":{},"Result":{"Images":[]}}"#,
        r#"{"ResponseMetadata":{},"Result":{"Images":null,"TotalCount":0}}"#,
        r#"{"ResponseMetadata":{},"Result":{"Images":[],"TotalCount":0,"NextToken":""}}"#,
    ] {
        let mut service = Service::with(&[]);
        service.reads = Some((200, body));
        let (report, _) = run(&mut service, &mut deletion(&["image-a"], policy(Verify::Before)));
        assert_eq!(outcomes(&report), [&Outcome::Gone(Evidence::AbsentBefore)], "{body}");
    }
}

#[test]
fn pages_that_go_round_in_a_circle_end() {
    let mut service = Service::with(&PRIVATE);
    service.circle = true;
    let (report, _) = run(&mut service, &mut deletion(&["image-a", "image-b"], policy(Verify::All)));
    assert!(report.all_gone() && report.unverified().is_some());
    assert!(service.requests.len() < 30, "{}", service.requests.len());
}

#[test]
fn a_run_that_is_stopped_before_it_looked_says_so() {
    let mut service = Service::with(&PRIVATE);
    let mut deletion = deletion(&["image-a", "image-b"], policy(Verify::All));
    let Step::Send(attempt) = deletion.step(Duration::ZERO) else { panic!("a fresh run sends") };
    let id = attempt.id();
    let body = service.delete(&["image-a".to_owned(), "image-b".to_owned()], Duration::ZERO);
    deletion.answered(id, Duration::ZERO, &Response::new(format!(r#"{{"ResponseMetadata":{{}},"Result":{body}}}"#)));
    deletion.stop("enough");
    let (report, _) = run(&mut service, &mut deletion);
    assert!(report.all_gone() && report.unverified().is_some());
    assert!(service.requests.is_empty());
}

#[test]
fn absent_before_is_only_what_was_never_asked_for() {
    let mut service = Service::with(&PRIVATE);
    service.lose = [2].into();
    let policy = Policy { attempts: 1, ..policy(Verify::Before) };
    let mut deletion = deletion(&["image-a", "image-b"], policy);
    let (report, _) = run(&mut service, &mut deletion);
    assert!(report.all_gone());
    deletion.retry_left();
    let (report, _) = run(&mut service, &mut deletion);
    assert_eq!(outcomes(&report), [&Outcome::Gone(Evidence::SeenAbsent); 2]);
}

#[test]
fn a_journal_with_looks_can_be_resumed() {
    let mut service = Service::with(&PRIVATE);
    service.lose = [2].into();
    let policy = Policy { attempts: 1, ..policy(Verify::Before) };
    let mut first = deletion(&["image-a", "image-b"], policy.clone());
    let context = volc_proto::ecs::Context::new(
        &Endpoint::new(Region::new("cn-beijing").unwrap()),
        &Credentials::new("AKLTlooks", "not-a-secret").unwrap(),
        "test",
        Timestamp::MAX,
    );
    let mut journal = vec![first.begin(context).unwrap()];
    // It dies after the deletion whose answer is lost, before it can look.
    let (mut now, mut sends) = (Duration::ZERO, 0);
    while sends < 2 {
        match first.step(now) {
            Step::Send(mut attempt) => {
                sends += 1;
                let id = attempt.id();
                journal.push(attempt.intent(Timestamp::MAX));
                let request = attempt
                    .request(
                        &Endpoint::new(Region::new("cn-beijing").unwrap()),
                        &Credentials::new("AKLT", "s").unwrap(),
                        Timestamp::MAX,
                    )
                    .unwrap();
                if let Some(response) = service.answer(&Query::parse(request.uri().query().unwrap()), now) {
                    journal.extend(first.answered(id, now, &response));
                }
            }
            Step::Wait(time) => now += time,
            _ => unreachable!("two sends"),
        }
    }
    drop(first);
    let lines: Vec<String> = journal.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect();
    let (events, _) = volc_proto::ecs::read_journal(lines.concat().as_bytes()).unwrap();
    assert_eq!(events, journal);
    let ids = ["image-a", "image-b"].map(|id| ImageId::new(id).unwrap());
    let mut second = Deletion::resume(ids, Snapshots::Keep, policy, events).unwrap();
    let (report, _) = run(&mut service, &mut second);
    assert_eq!(outcomes(&report), [&Outcome::Gone(Evidence::SeenAbsent); 2]);
    assert_eq!(service.requests, [("look", 2), ("delete", 2), ("look", 2)]);
}
