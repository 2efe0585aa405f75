//! Carrying a plan out: the journal before each request, progress after it, and Ctrl-C in between.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use volc_proto::ecs::{Deletion, Event, ImageId, Reason, ReasonKind, Report};
use volc_ureq::Client;

use crate::exit::{Exit, Failure};
use crate::journal::Journal;
use crate::progress::{Notes, Progress};

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) report: Report,
    pub(crate) interrupted: bool,
    /// None of this run's deletions can have been carried out.
    pub(crate) nothing_done: bool,
    /// The last request whose answer spoke of an image.
    pub(crate) request_ids: RequestIds,
    /// The journal could not be written, and so the run was stopped.
    pub(crate) unwritten: Option<io::Error>,
}

/// The request ID to give to the vendor's support, for each image.
#[derive(Debug, Default)]
pub(crate) struct RequestIds(HashMap<ImageId, Arc<str>>);

impl RequestIds {
    pub(crate) fn learn(&mut self, event: &Event) {
        if let Event::Outcome(outcome) = event
            && let Some(id) = &outcome.attempt.request_id
        {
            let id: Arc<str> = id.as_str().into();
            self.0.extend(outcome.images.iter().map(|image| (image.id.clone(), id.clone())));
        }
    }

    pub(crate) fn of(&self, image: &ImageId) -> Option<&str> {
        self.0.get(image).map(|id| &**id)
    }
}

/// A journal that the handler of Ctrl-C waits for: while it is locked, a line is being written.
#[derive(Clone)]
pub(crate) struct SharedJournal(Arc<Mutex<Option<Journal>>>);

impl SharedJournal {
    pub(crate) fn new(journal: Option<Journal>) -> Self {
        Self(Arc::new(Mutex::new(journal)))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Journal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, event: &Event) -> io::Result<()> {
        self.lock().as_mut().map_or(Ok(()), |journal| journal.record(event))
    }

    fn finish(&self) -> io::Result<()> {
        self.lock().as_mut().map_or(Ok(()), Journal::finish)
    }
}

/// Runs a deletion until it is done, stopped, or interrupted. `request_ids` are those that its journal knows.
pub(crate) fn run(
    client: &Client,
    deletion: &mut Deletion,
    journal: &SharedJournal,
    mut progress: Progress,
    mut request_ids: RequestIds,
) -> Result<Ran, Failure> {
    let interrupted = on_interrupt(journal.clone(), progress.notes())?;
    let mut nothing_done = true;
    let ran = client.run_with(deletion, |event| {
        // What happened has happened, whether or not it can be written down.
        request_ids.learn(event);
        if let Event::Outcome(outcome) = event
            && !outcome.attempt.look
        {
            nothing_done &= outcome.attempt.error.as_ref().is_some_and(was_not_carried_out);
        }
        journal.record(event)?;
        progress.show(event);
        Ok(if interrupted.load(Ordering::SeqCst) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    });
    progress.finish();
    let (report, written) = match ran {
        Ok(report) => (report, journal.finish()),
        Err(error) => (deletion.report(), Err(error)),
    };
    let interrupted = interrupted.load(Ordering::SeqCst);
    Ok(Ran { report, interrupted, nothing_done, request_ids, unwritten: written.err() })
}

fn was_not_carried_out(reason: &Reason) -> bool {
    matches!(reason.kind(), ReasonKind::Unsent | ReasonKind::Call)
}

/// The first Ctrl-C sets the flag, the second ends the process between two lines of the journal.
fn on_interrupt(journal: SharedJournal, notes: Notes) -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = interrupted.clone();
    let handler = move || {
        if flag.swap(true, Ordering::SeqCst) {
            let _between_two_lines = journal.lock();
            notes.line("left at once: what became of the request under way is open; --resume tells");
            std::process::exit(Exit::Interrupted.code().into());
        }
        notes.line("interrupted: waiting for the request under way; Ctrl-C again leaves at once");
    };
    ctrlc::set_handler(handler).map_err(Failure::impossible)?;
    Ok(interrupted)
}
