//! Driving a [`Deletion`]: the only place that waits.

use std::convert::Infallible;
use std::future::pending;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::Response;
use tokio::time::{Instant, timeout};

use volc_proto::ecs::{AttemptId, Context, Deletion, Event, ImageId, InvalidDeletion, Policy, Report, Snapshots, Step};
use volc_proto::{Fate, chain};

use crate::{Client, Lost};

/// Waits are told, and can be broken off, this often.
const TICK: Duration = Duration::from_secs(1);

impl Client {
    /// Deletes any number of images, with the default [`Policy`] and this client's timeout, and reports what became of each.
    ///
    /// A report is no success by itself: see [`Report::into_result`].
    ///
    /// # Errors
    ///
    /// [`InvalidDeletion`] for no image at all. Whatever happens later is told per image.
    ///
    /// # Panics
    ///
    /// As [`call`](Self::call).
    pub async fn delete_images(
        &self,
        ids: impl IntoIterator<Item = ImageId>,
        snapshots: Snapshots,
    ) -> Result<Report, InvalidDeletion> {
        // As random as a hash table's keys: enough to spread the waits of many clients.
        let jitter_seed = RandomState::new().build_hasher().finish();
        let mut deletion =
            Deletion::new(ids, snapshots, Policy { jitter_seed, attempt_timeout: self.timeout, ..Policy::default() })?;
        Ok(self.run(&mut deletion).await)
    }

    /// Runs a deletion to its end, with [`Policy::in_flight`] attempts under way at once.
    ///
    /// It may have run before, with this client or another, and was dropped or resumed: what is settled stays so. One that was
    /// stopped sends nothing more before [`Deletion::retry_left`].
    ///
    /// Dropping the future drops the attempts that are under way and closes their connections. The deletion then says
    /// [`Unclear`](volc_proto::ecs::Outcome::Unclear) of their images, and can be run on.
    ///
    /// # Panics
    ///
    /// As [`call`](Self::call).
    pub async fn run(&self, deletion: &mut Deletion) -> Report {
        match self.run_with(deletion, |_| Ok::<_, Infallible>(ControlFlow::Continue(()))).await {
            Ok(report) => report,
            Err(never) => match never {},
        }
    }

    /// As [`run`](Self::run), and hands every event to `on` when it happens: to write a journal, to show progress, to
    /// interrupt. [`Event::Intent`] comes before its attempt is sent: what `on` has written then is safe. While `on` is at
    /// work, nothing else of the run is.
    ///
    /// Where `on` breaks, nothing more is sent: not the attempt whose intent it was given, nor one that still waits for a
    /// connection. What was sent already is waited for, and told.
    ///
    /// # Errors
    ///
    /// The first error of `on`, with the same effect as a break. `on` is not called again; the deletion knows all that
    /// happened, and can be run on after [`Deletion::retry_left`].
    ///
    /// # Panics
    ///
    /// As [`call`](Self::call), and where `on` does.
    pub async fn run_with<E>(
        &self,
        deletion: &mut Deletion,
        mut on: impl FnMut(&Event) -> Result<ControlFlow<()>, E>,
    ) -> Result<Report, E> {
        let started = Instant::now();
        let mut failure = None;
        // Whether the run may go on.
        let mut tell = |event: &Event| match failure.is_none().then(|| on(event)) {
            Some(Ok(ControlFlow::Continue(()))) => true,
            Some(Ok(ControlFlow::Break(()))) | None => false,
            Some(Err(error)) => {
                failure = Some(error);
                false
            }
        };
        const BROKEN_OFF: &str = "the caller broke it off";

        deletion.abandon();
        match deletion.begin(Context::new(&self.endpoint, &self.credentials(), self.tool(), self.now())) {
            Ok(event) if tell(&event) => {}
            Ok(_) => deletion.stop(BROKEN_OFF),
            Err(error) => deletion.stop(error),
        }
        // What has no connection yet when the run is stopped does not leave any more.
        let stopped = AtomicBool::new(false);
        let mut flights = FuturesUnordered::new();
        loop {
            let event = match deletion.step(started.elapsed()) {
                Step::Send(mut attempt) => {
                    let (id, name, timeout, at) = (attempt.id(), attempt.action(), attempt.timeout(), self.now());
                    let intent = attempt.intent(at);
                    let request = attempt.request(&self.endpoint, &self.credentials(), at);
                    if !tell(&intent) {
                        deletion.stop(BROKEN_OFF);
                        deletion.lost(id, started.elapsed(), Fate::Unsent, BROKEN_OFF)
                    } else {
                        match request {
                            Ok(request) => {
                                let stopped = &stopped;
                                flights.push(async move { (id, self.exchange(name, Some(id), request, timeout, stopped).await) });
                                None
                            }
                            Err(error) => deletion.lost(id, started.elapsed(), Fate::Unsent, chain(&error)),
                        }
                    }
                }
                Step::Wait(left) => {
                    stopped.store(deletion.is_stopped(), Ordering::Relaxed);
                    let landing = async {
                        match flights.next().await {
                            Some(landed) => landed,
                            None => pending().await,
                        }
                    };
                    match timeout(left.min(TICK), landing).await {
                        Ok(landed) => land(deletion, started.elapsed(), landed),
                        Err(_) => (left > TICK).then_some(Event::Wait { left: left.saturating_sub(TICK) }),
                    }
                }
                Step::Pending => {
                    stopped.store(deletion.is_stopped(), Ordering::Relaxed);
                    match flights.next().await {
                        Some(landed) => land(deletion, started.elapsed(), landed),
                        // Only flights are waited for here, and there are none.
                        None => break,
                    }
                }
                Step::Done => break,
            };
            if event.is_some_and(|event| !tell(&event)) {
                deletion.stop(BROKEN_OFF);
            }
        }
        match failure {
            Some(error) => Err(error),
            None => Ok(deletion.report()),
        }
    }
}

/// Tells the deletion what became of an attempt.
fn land(deletion: &mut Deletion, now: Duration, (id, answer): (AttemptId, Result<Response<Vec<u8>>, Lost>)) -> Option<Event> {
    match answer {
        Ok(response) => deletion.answered(id, now, &response),
        Err(lost) => {
            if lost.certificate_refused() {
                deletion.stop(chain(&lost));
            }
            deletion.lost(id, now, lost.fate(), chain(&lost))
        }
    }
}
