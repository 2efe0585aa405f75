//! The deletion of any number of images: chunks, retries, and one true outcome for each image.
//!
//! A [`Deletion`] decides; a driver sends, waits and tells the time. The machine holds no clock, no secret and no socket,
//! and every call in every order is defined. This is the whole of a driver that has one attempt under way at a time:
//!
//! ```
//! use std::time::Duration;
//! use http::{Request, Response};
//! use volc_proto::ecs::{Deletion, ImageId, Policy, Snapshots, Step};
//! use volc_proto::{Credentials, Endpoint, Fate, Region, Timestamp};
//!
//! # fn send(request: Request<Vec<u8>>, timeout: Duration) -> Result<Response<Vec<u8>>, (Fate, String)> {
//! #     Ok(Response::new(br#"{"ResponseMetadata":{},"Result":{"OperationDetails":[{"ImageId":"image-a"}]}}"#.to_vec()))
//! # }
//! # fn clock() -> Duration { Duration::ZERO }
//! # fn wall_clock() -> Timestamp { Timestamp::from_unix(1_700_000_000).expect("in range") }
//! # fn sleep(_: Duration) {}
//! # let endpoint = Endpoint::new(Region::new("cn-beijing")?);
//! # let who = Credentials::new("AKLTexample", "secret")?;
//! let mut deletion = Deletion::new([ImageId::new("image-a")?], Snapshots::Keep, Policy::default())?;
//! deletion.abandon(); // whatever another driver left under way is lost
//! loop {
//!     match deletion.step(clock()) {
//!         Step::Send(mut attempt) => {
//!             let (id, timeout) = (attempt.id(), attempt.timeout());
//!             match attempt.request(&endpoint, &who, wall_clock()) {
//!                 Ok(request) => match send(request, timeout) {
//!                     Ok(response) => deletion.answered(id, clock(), &response),
//!                     Err((fate, reason)) => deletion.lost(id, clock(), fate, reason),
//!                 },
//!                 Err(error) => deletion.lost(id, clock(), Fate::Unsent, volc_proto::chain(&error)),
//!             };
//!         }
//!         Step::Wait(time) => sleep(time),
//!         Step::Pending | Step::Done => break, // with one attempt at a time nothing is ever pending
//!     }
//! }
//! assert!(deletion.report().all_gone());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What an answer means
//!
//! The first row that matches. One rule stands above every row: an image that an earlier attempt left unclear stays
//! `Unclear` until a later reply speaks of *it*; where the table says `NotDeleted`, it stays `Unclear` for such an image.
//!
//! | What came back | Was it done? | Again? | When attempts or time are spent |
//! |---|---|---|---|
//! | [`Fate::Unsent`](crate::Fate::Unsent): connection refused, no such name | no | yes | `NotDeleted` |
//! | [`Fate::Unknown`](crate::Fate::Unknown): timeout, reset, cut-off or oversized answer, abandoned | perhaps | yes | `Unclear` |
//! | a reply to another action: answers got mixed up | perhaps | yes | `Unclear` |
//! | an error, or a status of failure, beside a `Result` that says something | perhaps | yes, unless 3xx | `Unclear` |
//! | throttling: 429, `FlowLimitExceeded`, `AccountFlowLimitExceeded` at any status | no | yes, and the whole run slows down | `NotDeleted` |
//! | `InvalidTimestamp` at any status | no | once, at once; a second one stops the run | `NotDeleted` |
//! | an error of the call inside 2xx | as the row of its code says; a code that no document has, perhaps | | |
//! | 2xx with the service's envelope | stated per image, below | | |
//! | 4xx with an error in the service's envelope | no | no. Bad credentials, a missing permission or an unknown action stop the run while no reply was accepted. Else, if one image may be the cause, the chunk is halved until the culprit stands alone | `NotDeleted` |
//! | another 4xx, 1xx or 2xx: a proxy's page, an empty body | perhaps | yes | `Unclear` |
//! | 5xx | perhaps | yes | `Unclear` |
//! | 3xx | perhaps | no | `Unclear` |
//!
//! | What the reply says of the image | Outcome |
//! |---|---|
//! | listed; `Error` absent, null, `{}` or empty strings | `Gone(Acknowledged)` |
//! | not listed; listed twice with different verdicts; listed as deleted beside a failure without an ID | unclear, asked again: then usually `Gone(NotFoundAfterUnclear)` |
//! | `InvalidImage.NotFound` | `Gone(NotFound)`; after an attempt that may have deleted it, `Gone(NotFoundAfterUnclear)` |
//! | `InvalidImage.Shared` | `Refused` |
//! | `OperationDenied.ImageIsCopying`, `.ImageIsExporting`, `InvalidImageStatus` | asked again every [`Policy::busy_every`] until [`Policy::busy_for`] is spent, then `Busy`; but `InvalidImageStatus` after an attempt that may have deleted it stays `Unclear`: it may be our own deletion under way |
//! | `InternalError` | unclear, asked again |
//! | a code that no document has | `Refused`; after an attempt that may have deleted it, `Unclear` |
//!
//! The documents do not say whether images that were deleted are listed at all. Taking silence for a success could call an
//! image deleted that is still there; asking once more costs one request for a chunk.
//!
//! A `Retry-After` is obeyed whatever the status it comes with; one beyond [`Policy::max_wait`] or the deadline stops the
//! run. If the first 100 images that were answered do not exist, the run stops, unless [`Policy::missing_ok`].
//!
//! # Laws
//!
//! 1. It ends. An image is sent at most [`Policy::attempts`] times, once more for the clock, once more for each
//!    `busy_every` in `busy_for`, and once for each halving of its chunk.
//! 2. A send names 1 to 100 images, none of them settled, none twice, none in two attempts at once.
//! 3. Every image has exactly one outcome at every moment, in the order asked, and knowledge only grows.
//! 4. It never says `NotDeleted`, `Refused` or `Gone(NotFound)` of an image that an attempt may have deleted and of which no
//!    later reply has spoken.
//! 5. It never says `Gone(Acknowledged)`, `Gone(NotFoundAfterUnclear)` or `Unclear` of an image that no attempt can have
//!    touched.
//! 6. Waits end, and nothing is sent sooner than a `Retry-After` allowed.
//! 7. Answers out of turn, twice, or to an unknown attempt change nothing. After a stop nothing is sent.
//!
//! # Looking
//!
//! With [`Policy::verify`] the machine also reads (`DescribeImages`): first, so that only images of this account are asked
//! for and those that were never there are told apart; or at the end, until the images in question are seen absent
//! (`Gone(SeenAbsent)`) or [`Policy::verify_for`] is spent (`Unclear`, seen present). What any
//! answer lists is there. Absent is what an answer on one page does not list; what is not on the first of several pages is
//! looked at again, alone, for images that vanish between two pages can push others off both. An image that the service called deleted and that a look sees becomes `Unclear`, and the reason
//! says so, until another look sees it absent: that is the one outcome that is ever taken back. Where looking is not
//! permitted, the outcomes stay as they are and [`Report::unverified`] says why; [`Verify::Before`] deletes nothing then.
//!
//! # What no client can see
//!
//! A request that was given up on may still be carried out later: it was sent, its answer never came, a later reply said
//! that the image is there, and then the first request arrives. No reply can tell. Signatures are valid for 15 minutes, so
//! an image that a report calls `Refused` or `Busy` after a lost attempt is certainly there only after that time.
//!
//! # Going on
//!
//! Every event of a run can be kept as a line of a journal, and [`Deletion::resume`] goes on from it: `Gone`, `Refused`
//! and `NotOurs` stay settled, all else is asked again, an [`Intent`] without an outcome is unclear. A journal belongs to a
//! list, a snapshot choice, an endpoint and a region, never to a key: temporary credentials change.
//! [`Deletion::retry_left`] does the same in memory.
//!
//! # Why the defaults are what they are
//!
//! Each is told at its field of [`Policy`]. In short: the fewest requests (chunks of 100, one after another), as many
//! attempts as the official SDKs make, waits that bridge an outage of a minute and a half, and no waiting for busy images
//! unless asked for.

mod attempt;
mod event;
mod look;
mod machine;
mod meaning;
mod outcome;
mod pace;
mod policy;
mod queue;
mod report;
mod resume;
mod settle;

pub use self::attempt::{Attempt, Step};
pub use self::event::{
    AttemptId, AttemptOutcome, AttemptRecord, Begin, Context, Event, ImageOutcome, Intent, InvalidJournal, read_journal,
};
pub use self::machine::{Deletion, InvalidDeletion};
pub use self::outcome::{Evidence, Outcome, Reason, ReasonKind, Stop};
pub use self::policy::{InvalidPolicy, Policy, Verify};
pub use self::report::{Counts, Incomplete, Report};
