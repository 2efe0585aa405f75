//! Journals: what one process has written, another one goes on from.

use std::time::Duration;

use proptest::prelude::*;
use volc_proto::ecs::{
    Context, Deletion, Event, ImageId, InvalidDeletion, InvalidJournal, Outcome, Policy, Snapshots, Step, read_journal,
};
use volc_proto::{Credentials, Endpoint, Fate, Region, Timestamp};
use volc_tests::machine_story::{Sent, Story, ids, word};
use volc_tests::machine_wire::{Answer, all, page, refused, with_retry_after};

fn who(key_id: &str) -> Credentials {
    Credentials::new(key_id, "secret").expect("credentials")
}

fn endpoint(region: &str) -> Endpoint {
    Endpoint::new(Region::new(region).expect("a region"))
}

/// One image a request, so that each comes to an end of its own.
fn policy() -> Policy {
    Policy { chunk: 1, attempts: 1, stop_after: 100, ..Policy::default() }
}

/// A run that has begun.
fn story(images: usize) -> Story {
    let mut story = Story::new(images, policy());
    story.begin(&endpoint("cn-beijing"), &who("AKLTfirstfirst1"));
    story
}

fn resume(images: usize, events: Vec<Event>) -> Result<Deletion, InvalidJournal> {
    match Deletion::resume(ids(images), Snapshots::Keep, policy(), events) {
        Ok(deletion) => Ok(deletion),
        Err(InvalidDeletion::Journal(error)) => Err(error),
        Err(other) => panic!("expected an error of the journal, not {other}"),
    }
}

/// What becomes of one image, and what that is called.
type End = (fn(&[ImageId]) -> Answer, &'static str);

const ENDS: [End; 10] = [
    (|images| all(images, None), "gone Acknowledged"),
    (|images| all(images, Some("InvalidImage.NotFound")), "gone NotFound"),
    (|images| all(images, Some("InvalidImage.Shared")), "refused InvalidImage.Shared"),
    (|images| all(images, Some("InvalidImage.\u{1f47b}\\\"\\n")), "refused InvalidImage.\u{1f47b}\"\n"),
    (|images| all(images, Some("OperationDenied.ImageIsCopying")), "busy OperationDenied.ImageIsCopying"),
    (|_| all(&[], None), "unclear"),
    (|_| Answer::Lost, "unclear"),
    (|_| page(502, "<html>\u{1b}[2J\r\n\u{2028}\""), "unclear"),
    (|_| Answer::Unsent, "not deleted"),
    (|_| refused(400, "InvalidArgument"), "not deleted"),
];

/// How many of them are settled: the first ones.
const SETTLED: usize = 4;

/// A run in which each image came to another end, and one was never asked for.
fn one_of_each() -> Story {
    let mut story = story(ENDS.len() + 1);
    for (end, outcome) in ENDS {
        let sent = story.send();
        story.now += Duration::from_nanos(1_234_567_891);
        story.answer(&sent, end(&sent.images));
        assert_eq!(word(&story.outcome(sent_index(&sent.images[0]))), outcome);
    }
    story
}

fn sent_index(id: &ImageId) -> usize {
    id.as_str().rsplit('-').next().and_then(|n| n.parse().ok()).expect("image-n")
}

/// The images that a resumed run asks for, each answered as gone.
fn asked(deletion: Deletion) -> Vec<String> {
    let mut story = Story::of(deletion);
    story.begin(&endpoint("cn-beijing"), &who("AKTPother1other"));
    let report = story.run(|sent| all(&sent.images, None));
    assert_eq!(report.stopped(), None);
    let mut asked: Vec<String> = story.sent.iter().flat_map(|sent| &sent.images).map(ToString::to_string).collect();
    asked.sort();
    asked
}

#[test]
fn every_event_is_one_line_and_reads_as_what_was_written() {
    let mut events = one_of_each().events;
    events.push(Event::Wait { left: Duration::from_millis(61_001) });
    assert!(events.len() > 20);
    for event in &events {
        let line = serde_json::to_string(event).unwrap();
        assert!(!line.contains(char::is_control), "{line}");
        assert_eq!(&serde_json::from_str::<Event>(&line).unwrap(), event, "{line}");
        // Nor does it matter in which order the members come.
        let sorted = serde_json::from_str::<serde_json::Value>(&line).unwrap().to_string();
        assert_eq!(&serde_json::from_str::<Event>(&sorted).unwrap(), event, "{sorted}");
    }
}

#[test]
fn a_journal_is_read_up_to_its_last_line_end() {
    let story = one_of_each();
    let journal = story.journal();
    let ends: Vec<usize> = (0..journal.len()).filter(|&n| journal[n] == b'\n').map(|n| n + 1).collect();
    assert_eq!(ends.len(), story.events.len());
    for cut in 0..=journal.len() {
        let (events, length) = read_journal(&journal[..cut]).unwrap();
        let whole = ends.iter().filter(|&&end| end <= cut).count();
        assert_eq!(events, story.events[..whole]);
        assert_eq!(length, ends[..whole].last().copied().unwrap_or(0));
    }
}

#[test]
fn a_line_that_is_no_event_is_refused_and_named() {
    let mut journal = one_of_each().journal();
    journal.extend_from_slice(b"{\"event\":\"outc\n");
    let (whole, lines) = (one_of_each().events.len(), journal.iter().filter(|byte| **byte == b'\n').count());
    assert_eq!(lines, whole + 1);
    assert!(matches!(read_journal(&journal), Err(InvalidJournal::Line { line, .. }) if line == lines));
    for line in ["", "null", "[]", "{\"event\":\"resize\"}", "{\"event\":\"wait\",\"left_ms\":-1}", "\u{0}\u{0}"] {
        assert!(matches!(read_journal(format!("{line}\n").as_bytes()), Err(InvalidJournal::Line { line: 1, .. })), "{line}");
    }
}

#[test]
fn a_journal_that_was_cut_before_its_first_line_end_says_nothing() {
    let journal = story(3).journal();
    let (events, length) = read_journal(&journal[..journal.len() - 1]).unwrap();
    assert_eq!((events.len(), length), (0, 0));
    assert_eq!(resume(3, events).unwrap_err(), InvalidJournal::Begin);
}

#[test]
fn what_the_journal_settled_stays_and_all_else_is_asked_again() {
    let story = one_of_each();
    let (events, _) = read_journal(&story.journal()).unwrap();
    let resumed = resume(ENDS.len() + 1, events).unwrap();
    let (before, after) = (story.deletion.report(), resumed.report());
    assert!(before.outcomes().eq(after.outcomes()), "all is known as it was");
    assert_eq!(before.attempts(), after.attempts());

    let mut left: Vec<String> = ids(ENDS.len() + 1)[SETTLED..].iter().map(ToString::to_string).collect();
    left.sort();
    assert_eq!(asked(resumed), left);
}

#[test]
fn an_intent_without_an_outcome_is_unclear() {
    let mut story = Story::new(4, Policy { in_flight: 3, ..policy() });
    story.begin(&endpoint("cn-beijing"), &who("AKLTfirstfirst1"));
    let first = story.send();
    story.answer(&first, all(&first.images, Some("InvalidImage.Shared")));
    let flights = [story.send(), story.send()];
    let resumed = resume(4, story.events.clone()).unwrap();
    let report = resumed.report();
    let words: Vec<String> = report.outcomes().map(|(_, outcome)| word(outcome)).collect();
    assert_eq!(words, ["refused InvalidImage.Shared", "unclear", "unclear", "not deleted"]);
    let fates: Vec<_> = report.attempts().iter().map(|attempt| (attempt.attempt, attempt.fate)).collect();
    assert_eq!(fates[1..], flights.each_ref().map(|sent| (sent.id, Some(Fate::Unknown))));

    let mut resumed = Story::of(resumed);
    let report = resumed.run(|sent| all(&sent.images, Some("InvalidImage.NotFound")));
    let words: Vec<String> = report.outcomes().map(|(_, outcome)| word(outcome)).collect();
    let unsure = "gone NotFoundAfterUnclear";
    assert_eq!(words, ["refused InvalidImage.Shared", unsure, unsure, "gone NotFound"]);
    assert!(resumed.sent.iter().all(|sent| sent.id > flights[1].id), "attempts go on being numbered");
}

#[test]
fn an_outcome_that_leaves_out_an_image_of_its_intent_leaves_it_unclear() {
    let mut story = Story::new(2, Policy::default());
    story.begin(&endpoint("cn-beijing"), &who("AKLTfirstfirst1"));
    let sent = story.send();
    story.answer(&sent, all(&sent.images, None));
    if let Some(Event::Outcome(outcome)) = story.events.last_mut() {
        outcome.images.pop();
    }
    let report = resume(2, story.events).unwrap().report();
    let words: Vec<String> = report.outcomes().map(|(_, outcome)| word(outcome)).collect();
    assert_eq!(words, ["gone Acknowledged", "unclear"]);
}

#[test]
fn a_crash_at_any_line_of_two_sessions_can_be_resumed() {
    let mut story = one_of_each();
    // The first process dies with an attempt under way; the second has another key.
    let lost = story.send();
    let mut second = Story::of(resume(ENDS.len() + 1, story.events.clone()).unwrap());
    second.events = story.events;
    second.begin(&endpoint("cn-beijing"), &who("AKTPother1other"));
    let report = second.run(|sent| all(&sent.images, Some("InvalidImage.NotFound")));
    let never_asked = report.outcomes().last().map(|(_, outcome)| word(outcome));
    assert_eq!(never_asked.as_deref(), Some("gone NotFoundAfterUnclear"), "{lost:?} may have deleted it");

    let full = second.journal();
    for cut in 0..=full.len() {
        let (events, _) = read_journal(&full[..cut]).unwrap();
        if events.is_empty() {
            continue;
        }
        // Settled is what an outcome in the journal settled.
        let settled = |event: &Event| match event {
            Event::Outcome(outcome) => outcome.images.iter().filter(|image| image.outcome.is_settled()).count(),
            _ => 0,
        };
        let settled: usize = events.iter().map(settled).sum();
        let resumed = resume(ENDS.len() + 1, events).unwrap();
        let report = resumed.report();
        assert_eq!(report.outcomes().filter(|(_, outcome)| outcome.is_settled()).count(), settled, "cut at {cut}");
        if full[..cut].ends_with(b"\n") {
            assert_eq!(asked(resumed).len(), ENDS.len() + 1 - settled, "cut at {cut}");
        }
    }
}

#[test]
fn what_is_settled_stays_so_whatever_the_journal_says_later() {
    let mut story = story(1);
    let sent = story.send();
    story.answer(&sent, all(&sent.images, None));
    let mut events = story.events.clone();
    let mut later = story.events.pop().unwrap();
    if let Event::Outcome(outcome) = &mut later {
        let unsent = self::story(1);
        outcome.images[0].outcome = unsent.outcome(0);
    }
    events.push(later);
    assert!(resume(1, events).unwrap().report().all_gone());
}

#[test]
fn a_journal_of_another_job_is_refused() {
    let events = || one_of_each().events;
    let images = ENDS.len() + 1;
    let other = |what| InvalidJournal::Other { what };
    assert_eq!(resume(images - 1, events()).unwrap_err(), other("list"));
    let reversed = Deletion::resume(ids(images).into_iter().rev(), Snapshots::Keep, policy(), events());
    assert_eq!(reversed.unwrap_err(), InvalidDeletion::Journal(other("list")));
    for snapshots in [Snapshots::Delete, Snapshots::ServiceDefault] {
        let error = Deletion::resume(ids(images), snapshots, policy(), events()).unwrap_err();
        assert_eq!(error, InvalidDeletion::Journal(other("snapshot choice")));
    }

    let who = who("AKLTfirstfirst1");
    let at = Timestamp::from_unix(1_700_000_000).unwrap();
    let context = |endpoint: &Endpoint| Context::new(endpoint, &who, "story 1.0", at);
    let mut deletion = resume(images, events()).unwrap();
    let elsewhere = Endpoint::regional(Region::new("cn-beijing").unwrap());
    assert_eq!(deletion.begin(context(&elsewhere)).unwrap_err(), other("endpoint"));
    assert_eq!(deletion.begin(context(&endpoint("cn-shanghai"))).unwrap_err(), other("region"));
    assert_eq!(deletion.report().context().map(|context| context.region.as_str()), Some("cn-beijing"));
    assert!(deletion.begin(context(&endpoint("cn-beijing"))).is_ok(), "a refusal changes nothing");

    // Two jobs in one file.
    let mut mixed = events();
    if let Some(Event::Begin(mut begin)) = mixed.first().cloned() {
        begin.context.region = "cn-shanghai".into();
        mixed.push(Event::Begin(begin));
    }
    assert_eq!(resume(images, mixed).unwrap_err(), other("region"));
}

#[test]
fn a_journal_without_a_beginning_or_of_another_version_is_refused() {
    let events = one_of_each().events;
    assert_eq!(resume(ENDS.len() + 1, Vec::new()).unwrap_err(), InvalidJournal::Begin);
    assert_eq!(resume(ENDS.len() + 1, events[1..].to_vec()).unwrap_err(), InvalidJournal::Begin);
    let mut newer = events;
    if let Event::Begin(begin) = &mut newer[0] {
        begin.version = 2;
    }
    assert_eq!(resume(ENDS.len() + 1, newer).unwrap_err(), InvalidJournal::Begin);
}

#[test]
fn a_journal_that_speaks_of_an_image_that_is_not_on_the_list_is_refused() {
    let foreign = ImageId::new("image-foreign").unwrap();
    for answered in [false, true] {
        let mut story = story(1);
        let sent = story.send();
        if answered {
            story.answer(&sent, all(&sent.images, None));
        }
        if let Event::Intent(intent) = &mut story.events[1] {
            intent.images.push(foreign.clone());
        }
        assert_eq!(resume(1, story.events).unwrap_err(), InvalidJournal::Image { id: foreign.clone() });
    }
    let mut story = story(1);
    let sent = story.send();
    story.answer(&sent, all(&sent.images, None));
    if let Some(Event::Outcome(outcome)) = story.events.last_mut() {
        outcome.images[0].id = foreign.clone();
    }
    assert_eq!(resume(1, story.events).unwrap_err(), InvalidJournal::Image { id: foreign });
}

#[test]
fn a_number_that_leaves_none_for_later_attempts_is_refused() {
    for number in [u64::MAX, u64::MAX - 1, 1 << 62] {
        let line =
            format!("{{\"event\":\"intent\",\"attempt\":{number},\"at\":\"20231114T221320Z\",\"images\":[\"image-0\"]}}\n");
        assert!(matches!(read_journal(line.as_bytes()), Err(InvalidJournal::Line { line: 1, .. })), "{number}");
    }
}

#[test]
fn what_a_resumed_run_writes_can_be_resumed_whatever_its_attempts_are_numbered() {
    let numbered = |kind: &str, number: u64| {
        let mut journal = story(1).journal();
        let line = format!(r#"{{"event":"{kind}","attempt":{number},"at":"20231114T221320Z","images":["image-0"]}}"#);
        journal.extend_from_slice(format!("{line}\n").as_bytes());
        journal
    };
    for kind in ["intent", "look"] {
        let mut resumed = 0;
        for exponent in 0..=53 {
            for number in [(1 << exponent) - 1, 1 << exponent, (1 << exponent) + 1] {
                let Ok((events, _)) = read_journal(&numbered(kind, number)) else { continue };
                let deletion = match resume(1, events.clone()) {
                    Ok(deletion) => deletion,
                    Err(InvalidJournal::Gap { attempt }) => {
                        assert_eq!(attempt.to_string(), number.to_string());
                        continue;
                    }
                    Err(other) => panic!("{number}: {other}"),
                };
                let mut second = Story::of(deletion);
                second.events = events;
                second.begin(&endpoint("cn-beijing"), &who("AKLTfirstfirst1"));
                let _ = second.run(|_| Answer::Lost);
                let (events, _) = read_journal(&second.journal()).unwrap();
                assert!(resume(1, events).is_ok(), "{number}");
                resumed += 1;
            }
        }
        // Up to 2^24 attempts may have been left out.
        assert_eq!(resumed, 3 * 25, "{kind}");
        let (events, _) = read_journal(&numbered(kind, 1 << 53)).unwrap();
        assert!(matches!(resume(1, events), Err(InvalidJournal::Gap { .. })));
    }
}

#[test]
fn a_resumed_run_has_fresh_attempts_a_fresh_deadline_and_no_stop() {
    let policy = Policy { attempts: 2, deadline: Some(Duration::from_secs(40)), stop_after: 2, ..policy() };
    let mut story = Story::new(3, policy.clone());
    story.begin(&endpoint("cn-beijing"), &who("AKLTfirstfirst1"));
    let report = story.run(|_| with_retry_after(page(503, ""), "3600"));
    assert!(report.stopped().is_some());
    let mut resumed = Story::of(Deletion::resume(ids(3), Snapshots::Keep, policy, story.events).unwrap());
    assert_eq!(resumed.deletion.report().stopped(), None);
    resumed.now = Duration::from_secs(1_000_000);
    let mut answers = 0;
    let report = resumed.run(|sent| {
        answers += 1;
        if answers == 1 { Answer::Unsent } else { all(&sent.images, None) }
    });
    assert!(report.all_gone(), "{:?}", report.counts());
    assert_eq!(resumed.sent.len(), 4);
}

#[test]
fn a_journal_holds_no_secret_no_token_and_no_signature() {
    let (key_id, secret, token) = ("AKLTcanarycanary", "canary-secret-access-key", "canary-session-token");
    let who = Credentials::new(key_id, secret).unwrap().with_session_token(token).unwrap();
    let mut story = Story::new(3, Policy { chunk: 1, ..policy() });
    story.begin(&endpoint("cn-beijing"), &who);
    let at = Timestamp::from_unix(1_700_000_000).unwrap();
    let mut signatures = Vec::new();
    let message = format!("The accesskey [{key_id}] included in the request is invalid.");
    let repeats_the_key = format!(r#"{{"ResponseMetadata":{{"Error":{{"Code":"InvalidArgument","Message":"{message}"}}}}}}"#);
    for answer in [page(400, &repeats_the_key), page(502, &format!("<html>{key_id}")), Answer::Lost] {
        let Step::Send(mut attempt) = story.deletion.step(story.now) else { panic!("expected a send") };
        assert_eq!(attempt.action(), "DeleteImages");
        story.events.push(attempt.intent(at));
        let request = attempt.request(&endpoint("cn-beijing"), &who, at).unwrap();
        assert_eq!(request.headers()["x-security-token"], token);
        let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
        signatures.push(authorization.rsplit('=').next().unwrap().to_owned());
        let sent = Sent { id: attempt.id(), at: story.now, images: Vec::new() };
        story.answer(&sent, answer);
        story.now += Duration::from_secs(60);
    }
    let report = story.deletion.report();
    let texts = [
        String::from_utf8(story.journal()).unwrap(),
        serde_json::to_string(&report).unwrap(),
        format!("{:?}", story.events),
        format!("{report:?}"),
        format!("{:?}", story.deletion),
        report.into_result().unwrap_err().to_string(),
    ];
    assert!(texts[0].contains("AKLT****nary") && texts[1].contains("AKLT****nary"), "{}", texts[0]);
    for text in texts {
        for canary in [key_id, secret, token].into_iter().chain(signatures.iter().map(String::as_str)) {
            assert!(!text.contains(canary), "{canary} in {text}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A journal in which lines are missing, doubled or swapped is refused, or can be gone on from.
    #[test]
    fn a_journal_that_was_tampered_with_makes_nothing_panic(changes in prop::collection::vec((0..3, 0..40usize, 0..40usize), 0..8)) {
        let mut events = one_of_each().events;
        for (kind, from, to) in changes {
            let (from, to) = (from % events.len(), to % events.len());
            match kind {
                0 if events.len() > 1 => drop(events.remove(from)),
                1 => events.insert(to, events[from].clone()),
                _ => events.swap(from, to),
            }
        }
        let settled: Vec<ImageId> = match resume(ENDS.len() + 1, events.clone()) {
            Ok(deletion) => {
                let report = deletion.report();
                prop_assert_eq!(report.outcomes().len(), ENDS.len() + 1);
                let settled = report.outcomes().filter(|(_, outcome)| outcome.is_settled()).map(|(id, _)| id.clone()).collect();
                let asked = asked(deletion);
                prop_assert!(asked.windows(2).all(|two| two[0] != two[1]), "{:?}", asked);
                prop_assert_eq!(asked.len() + report.outcomes().filter(|(_, outcome)| outcome.is_settled()).count(), ENDS.len() + 1);
                settled
            }
            Err(_) => Vec::new(),
        };
        for id in settled {
            let said = |event: &Event| match event {
                Event::Outcome(outcome) => outcome.images.iter().any(|image| image.id == id && image.outcome.is_settled()),
                _ => false,
            };
            prop_assert!(events.iter().any(said), "{} is settled, and no line says so", id);
        }
    }

    /// Any bytes are a journal or are refused.
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
        let _ = read_journal(&bytes);
        let mut journal = one_of_each().journal();
        let at = cut.index(journal.len());
        journal.splice(at..at, bytes);
        if let Ok((events, length)) = read_journal(&journal) {
            prop_assert!(length <= journal.len());
            if let Ok(deletion) = resume(ENDS.len() + 1, events) {
                let unknown = |outcome: &Outcome| !outcome.is_settled();
                prop_assert!(deletion.report().outcomes().any(|(_, outcome)| unknown(outcome)));
            }
        }
    }
}
