//! What the service's clock says of ours.
//!
//! The service refuses a request whose date is 15 minutes off. It tells its time only in the HTTP header `Date`.

use http::Response;
use http::header::{AGE, DATE};
use memchr::memmem;
use serde::de::IgnoredAny;

use crate::reply::{ApiErrorKind, ReplyError, parse_as};
use crate::timestamp::Timestamp;

/// Corrects the dates of requests by what the service's answers say of our clock.
///
/// Pure: it is given both clocks. Share one between the calls of a client; each answer is measured against the local clock
/// as it is, so that parallel calls do not correct one another's correction.
///
/// ```
/// use volc_proto::{ClockSkew, Timestamp};
/// let local = Timestamp::from_unix(1_688_464_800).expect("in range"); // ten minutes behind
/// let answer = http::Response::builder().header("date", "Tue, 04 Jul 2023 10:10:00 GMT").body("").unwrap();
///
/// let mut skew = ClockSkew::default();
/// skew.observe(&answer, local, local);
/// assert_eq!(skew.correct(local), local.shifted(600));
/// ```
#[derive(Debug, Clone, Default)]
pub struct ClockSkew {
    /// Seconds that the local clock is behind; none while it is near enough.
    behind: Option<i64>,
    off: bool,
}

/// Smaller differences are left alone: they are far inside the 15 minutes, and a `Date` may be that old.
const TOLERATED: u64 = 4 * 60;

/// An answer that took longer says too little: its `Date` is of any moment in between.
const LONGEST_ROUND_TRIP: u64 = 15 * 60;

/// A clock that is further off is not corrected by a header that anything on the way may write.
const LARGEST: u64 = 24 * 60 * 60;

impl ClockSkew {
    /// Never corrects anything: requests are signed with the local clock as it is, whatever answers say.
    pub fn off() -> Self {
        Self { behind: None, off: true }
    }

    /// The date for a request that is signed when the local clock shows `local`.
    pub fn correct(&self, local: Timestamp) -> Timestamp {
        self.behind.map_or(local, |behind| local.shifted(behind))
    }

    /// Takes in an answer, with the local (uncorrected) times at which its request was sent and the answer received.
    ///
    /// The header `Date` is compared with the middle of the two, unless the answer is a cached one (`Age`), took longer
    /// than 15 minutes, or is more than a day off. The correction is applied from 4 minutes on, or when the answer is
    /// `InvalidTimestamp`; once applied it follows every answer.
    pub fn observe(&mut self, answer: &Response<impl AsRef<[u8]>>, sent: Timestamp, received: Timestamp) {
        if self.off || answer.headers().contains_key(AGE) {
            return;
        }
        let Some(round_trip) = received.unix().checked_sub(sent.unix()).filter(|trip| *trip <= LONGEST_ROUND_TRIP) else {
            return;
        };
        let date = answer.headers().get(DATE).and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
        let Some(date) = date.map(Timestamp::from) else { return };
        let behind = date.unix().cast_signed() - (sent.unix() + round_trip / 2).cast_signed();
        let apply = self.behind.is_some() || behind.unsigned_abs() >= TOLERATED || complains(answer);
        if apply && behind.unsigned_abs() <= LARGEST {
            self.behind = Some(behind);
        }
    }
}

/// Whether the service refused the request's date. Nearly every answer is known at a glance not to.
fn complains(answer: &Response<impl AsRef<[u8]>>) -> bool {
    memmem::find(answer.body().as_ref(), b"InvalidTimestamp").is_some()
        && matches!(parse_as::<IgnoredAny>(answer), Err(ReplyError::Api(error)) if error.kind() == ApiErrorKind::Clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-07-04T10:00:00Z.
    const NOON: u64 = 1_688_464_800;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_unix(seconds).unwrap()
    }

    fn answer(behind: i64, body: &str) -> Response<&str> {
        let date = std::time::UNIX_EPOCH + std::time::Duration::from_secs(NOON.saturating_add_signed(behind));
        Response::builder().header(DATE, httpdate::fmt_http_date(date)).body(body).unwrap()
    }

    fn correction(skew: &ClockSkew) -> i64 {
        skew.correct(at(NOON)).unix() as i64 - NOON as i64
    }

    #[test]
    fn a_small_difference_is_left_alone_until_the_service_complains() {
        for (behind, corrected) in [(239, 0), (240, 240), (-239, 0), (-240, -240), (86_400, 86_400), (86_401, 0)] {
            let mut skew = ClockSkew::default();
            skew.observe(&answer(behind, ""), at(NOON), at(NOON));
            assert_eq!(correction(&skew), corrected);
        }
        let complaint = r#"{"ResponseMetadata":{"Error":{"Code":"InvalidTimestamp"}}}"#;
        let mut skew = ClockSkew::default();
        skew.observe(&answer(30, complaint), at(NOON), at(NOON));
        assert_eq!(correction(&skew), 30);
        skew.observe(&answer(20, ""), at(NOON), at(NOON));
        assert_eq!(correction(&skew), 20, "once applied it follows every answer");
    }

    #[test]
    fn the_middle_of_the_round_trip_is_what_counts() {
        let mut skew = ClockSkew::default();
        skew.observe(&answer(300, ""), at(NOON - 10), at(NOON + 10));
        assert_eq!(correction(&skew), 300);
    }

    #[test]
    fn an_answer_that_says_too_little_of_the_time_is_ignored() {
        let mut skew = ClockSkew::default();
        skew.observe(&answer(600, ""), at(NOON), at(NOON + 901));
        skew.observe(&answer(600, ""), at(NOON), at(NOON - 1));
        let mut cached = answer(600, "");
        cached.headers_mut().insert(AGE, "0".parse().unwrap());
        skew.observe(&cached, at(NOON), at(NOON));
        skew.observe(&Response::new(""), at(NOON), at(NOON));
        skew.observe(&Response::builder().header(DATE, "yesterday").body("").unwrap(), at(NOON), at(NOON));
        assert_eq!(correction(&skew), 0);
    }

    #[test]
    fn parallel_answers_do_not_add_up() {
        let mut skew = ClockSkew::default();
        for _ in 0..3 {
            skew.observe(&answer(600, ""), at(NOON), at(NOON));
        }
        assert_eq!(correction(&skew), 600);
    }

    #[test]
    fn it_can_be_switched_off() {
        let mut skew = ClockSkew::off();
        skew.observe(&answer(600, ""), at(NOON), at(NOON));
        assert_eq!(correction(&skew), 0);
    }

    #[test]
    fn an_answer_that_took_longer_than_a_quarter_of_an_hour_corrects_nothing() {
        for (took, corrected) in [(900, 1_000), (901, 0)] {
            let mut skew = ClockSkew::default();
            skew.observe(&answer(1_450, ""), at(NOON), at(NOON + took));
            assert_eq!(correction(&skew), corrected);
        }
    }

    #[test]
    fn a_page_that_has_the_word_is_no_complaint() {
        let mut skew = ClockSkew::default();
        skew.observe(&answer(30, "InvalidTimestamp"), at(NOON), at(NOON));
        skew.observe(
            &answer(30, r#"{"ResponseMetadata":{"Error":{"Code":"InvalidArgument","Message":"InvalidTimestamp"}}}"#),
            at(NOON),
            at(NOON),
        );
        assert_eq!(correction(&skew), 0);
    }
}
