//! What a report must say, at any moment and at the end.

use std::time::Duration;

use volc_proto::ecs::{Evidence, Outcome, ReasonKind, Report, Stop, Verify};

use super::{Known, Laws, Moment};
use crate::machine_service::Service;

impl Laws {
    /// The report, at any moment.
    pub(crate) fn check(&mut self, report: Report, service: &Service, now: Moment) {
        let before = self.before.take();
        let mut before = before.iter().flat_map(Report::outcomes).map(|(_, outcome)| outcome);
        let named = report.outcomes().map(|(id, _)| id);
        assert!(named.eq(&self.ids), "law 3: another list, or another order");
        let mut counts = [0; 5];
        for (index, (id, outcome)) in report.outcomes().enumerate() {
            let image = &self.images[index];
            counts[match outcome {
                Outcome::Gone(_) => 0,
                Outcome::Refused(_) | Outcome::NotOurs(_) => 1,
                Outcome::Busy(_) => 2,
                Outcome::NotDeleted(_) => 3,
                _ => 4,
            }] += 1;

            let denied = matches!(outcome, Outcome::NotDeleted(_) | Outcome::Refused(_) | Outcome::Busy(_) | Outcome::NotOurs(_));
            assert!(!(denied && service.has_accepted(index)), "hidden truth: {id} was accepted for deletion, and is `{outcome}`");
            assert!(!(outcome.is_gone() && service.keeps(index)), "hidden truth: {id} is there, and is `{outcome}`");

            let absent = matches!(outcome, Outcome::Gone(Evidence::NotFound));
            let not_done = matches!(outcome, Outcome::NotDeleted(_) | Outcome::Refused(_));
            assert!(!(image.doubt && (not_done || absent)), "law 4: {id} may have been deleted, and is `{outcome}`");
            let claimed = match outcome {
                Outcome::Gone(evidence) => !matches!(evidence, Evidence::NotFound | Evidence::AbsentBefore),
                outcome => matches!(outcome, Outcome::Unclear(_)),
            };
            let seen_absent = image.asked && matches!(outcome, Outcome::Gone(Evidence::SeenAbsent));
            assert!(
                image.touched || image.in_flight || seen_absent || !claimed,
                "law 5: nothing can have touched {id}, and it is `{outcome}`"
            );

            if let Some(before) = before.next().filter(|before| before.is_settled()) {
                let seen_after = match (&image.known, before) {
                    (Known::SeenPresent, Outcome::Gone(_)) => self.policy.verify == Verify::All,
                    (Known::Gone(Evidence::SeenAbsent), Outcome::Gone(_)) => true,
                    _ => false,
                };
                assert!(before == outcome || seen_after, "law 3: {id} was settled, `{before}`, and is `{outcome}`");
            }
            let absent_before = matches!(outcome, Outcome::Gone(Evidence::AbsentBefore));
            assert!(!(absent_before && image.touched), "{id} may have been touched, and is `{outcome}`");
            if image.in_flight {
                assert!(matches!(outcome, Outcome::Unclear(_)), "{id} is in flight, and is `{outcome}`");
            } else {
                assert!(image.known.is(outcome), "the table says {:?} of {id}, and it is `{outcome}`", image.known);
            }
        }
        let is = report.counts();
        assert_eq!([is.gone, is.refused, is.busy, is.not_deleted, is.unclear], counts, "law 3: the counts");
        assert_eq!(report.all_gone(), counts[0] == self.ids.len(), "law 3: all are gone, or not");
        assert_eq!(report.foreign(), self.foreign, "the foreign images");
        assert_eq!(report.attempts().len(), self.landed, "the attempts that are over");
        let blind = self.pass.blind_before || self.pass.blind_after;
        assert!(!blind || report.unverified().is_some(), "looks were given up, and the report does not say so");
        if let Some(why) = report.unverified() {
            assert!(self.policy.verify != Verify::Never, "nothing was to be looked at, and was not: {why}");
            let no_time = self.policy.deadline.is_some() || self.hold_until > Duration::ZERO;
            assert!(blind || no_time || report.stopped().is_some(), "not looked at without a reason: {why}");
        }
        if let Some(stop) = report.stopped() {
            self.check_stop(stop, now);
            self.over("the report says so");
        }
        self.before = Some(report);
    }

    fn check_stop(&self, stop: &Stop, now: Moment) {
        let pass = &self.pass;
        let deadline = self.policy.deadline.zip(pass.started).map(|(deadline, started)| started + deadline);
        let latest_end = now.own + self.longest_wait() + self.policy.attempt_timeout;
        let holds = match stop {
            Stop::Asked { .. } => pass.asked_to_stop,
            Stop::Deadline => deadline.is_some_and(|deadline| latest_end > deadline),
            Stop::Wait { .. } => pass.long_wait || self.hold_until > Duration::ZERO,
            Stop::Clock { .. } => pass.clock_refused_twice,
            Stop::Call { .. } => pass.hopeless,
            Stop::NoneExist => pass.hundred_missing,
            Stop::Look { .. } => pass.blind_before,
            Stop::Failing { times, .. } => *times >= self.policy.stop_after && pass.most_failures >= *times,
            other => panic!("expected a known reason to stop, not {other:?}"),
        };
        assert!(holds, "stopped without a reason: {stop}");
    }

    /// `step` said `Done`.
    pub(crate) fn done(&self, report: &Report, service: &Service) {
        assert!(self.flights.is_empty() && self.looks.is_empty(), "done, and attempts are in flight");
        if report.stopped().is_some() {
            return;
        }
        for (index, (id, image)) in self.ids.iter().zip(&self.images).enumerate() {
            let in_sight = !service.has_accepted(index) || service.eyes.visible_for() > self.policy.verify_for;
            let seen = image.known == Known::SeenPresent && report.unverified().is_none();
            assert!(!seen || in_sight, "{id} is gone from sight, and unclear");
            assert_ne!(image.again, Some(true), "{id} is left out: nothing stopped the run, and {:?}", image.tally);
            let unseen = image.is_to_be_seen(self.policy.verify) && !image.looked.enough;
            assert!(
                !unseen || report.unverified().is_some(),
                "{id} is {:?}, and was not looked at: {:?}",
                image.known,
                image.looked
            );
        }
    }
}

impl Known {
    fn is(&self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::NotDeleted, Outcome::NotDeleted(_)) | (Self::NotOurs, Outcome::NotOurs(_)) => true,
            (Self::Unclear, Outcome::Unclear(why)) => why.kind() != ReasonKind::SeenPresent,
            (Self::SeenPresent, Outcome::Unclear(why)) => why.kind() == ReasonKind::SeenPresent,
            (Self::Gone(known), Outcome::Gone(evidence)) => known == evidence,
            (Self::Refused(code), Outcome::Refused(error)) | (Self::Busy(code), Outcome::Busy(error)) => code == error.code(),
            _ => false,
        }
    }
}
