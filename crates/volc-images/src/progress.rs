//! What is going on, on standard error: a bar on a terminal, a line for each request elsewhere.

use std::collections::HashSet;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use volc_proto::ecs::{AttemptOutcome, Event, ImageId, Outcome, Report};

use crate::text::{counted, number, printable, wrapped};

/// Shows events. A write that fails is no reason to stop a run.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    total: usize,
    settled: HashSet<ImageId>,
    waiting: bool,
}

impl Progress {
    /// The images of a report, some of which may be settled already.
    pub(crate) fn new(on_terminal: bool, report: &Report) -> Self {
        let total = report.outcomes().len();
        let settled = report.outcomes().filter(|(_, outcome)| outcome.is_settled()).map(|(id, _)| id.clone());
        let settled: HashSet<_> = settled.collect();
        let bar = on_terminal.then(|| {
            // 66 columns at most, with a million images.
            let style = ProgressStyle::with_template("{bar:24} {human_pos} of {human_len} settled  {elapsed}  {msg}");
            let bar = ProgressBar::new(total as u64).with_position(settled.len() as u64);
            // A template of ours that indicatif cannot read would show in every run; its own style does then.
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { bar, total, settled, waiting: false }
    }

    /// A handle to write lines with from another thread.
    pub(crate) fn notes(&self) -> Notes {
        Notes(self.bar.clone())
    }

    pub(crate) fn show(&mut self, event: &Event) {
        match event {
            Event::Intent(intent) | Event::Look(intent) => {
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("request {}", intent.attempt));
                }
            }
            Event::Wait { left } => {
                let text = format!("waiting {} s", left.as_secs() + 1);
                match &self.bar {
                    Some(bar) => bar.set_message(text),
                    // Elsewhere than on a terminal a wait is told once.
                    None if self.waiting => {}
                    None => self.notes().line(&text),
                }
            }
            Event::Outcome(outcome) => self.outcome(outcome),
            _ => {}
        }
        self.waiting = matches!(event, Event::Wait { .. });
    }

    fn outcome(&mut self, outcome: &AttemptOutcome) {
        for image in &outcome.images {
            // A look may see that an image is there which counted as gone.
            match image.outcome.is_settled() {
                true => self.settled.insert(image.id.clone()),
                false => self.settled.remove(&image.id),
            };
        }
        let look = if outcome.attempt.look { " (a look)" } else { "" };
        let text = format!("request {}{look}: {}", outcome.attempt.attempt, summary(outcome));
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.settled.len() as u64);
                // What went wrong stays on the screen above the bar.
                if outcome.attempt.error.is_some() {
                    self.notes().line(&text);
                }
            }
            None => self.notes().line(&format!("{text}; {} of {} settled", number(self.settled.len()), number(self.total))),
        }
    }

    /// The bar goes; what was written above it stays.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Lines between the events.
#[derive(Debug, Clone)]
pub(crate) struct Notes(Option<ProgressBar>);

impl Notes {
    pub(crate) fn line(&self, text: &str) {
        match &self.0 {
            Some(bar) => bar.println(wrapped(text)),
            None => {
                let _ = writeln!(io::stderr(), "{text}");
            }
        }
    }
}

/// `100 images: 98 gone, 2 refused`; of a request that failed as a whole, why as well.
fn summary(outcome: &AttemptOutcome) -> String {
    let count = |what: fn(&Outcome) -> bool| outcome.images.iter().filter(|image| what(&image.outcome)).count();
    let counts = [
        (count(|outcome| matches!(outcome, Outcome::Gone(_))), "gone"),
        (count(|outcome| matches!(outcome, Outcome::Refused(_))), "refused"),
        (count(|outcome| matches!(outcome, Outcome::NotOurs(_))), "not ours"),
        (count(|outcome| matches!(outcome, Outcome::Busy(_))), "busy"),
        (count(|outcome| matches!(outcome, Outcome::NotDeleted(_))), if outcome.attempt.look { "there" } else { "not deleted" }),
        (count(|outcome| matches!(outcome, Outcome::Unclear(_))), "unclear"),
    ];
    let some: Vec<_> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", number(*n))).collect();
    let error = outcome.attempt.error.as_ref().map(|error| format!(" ({})", printable(&error.to_string())));
    format!("{}: {}{}", counted(outcome.images.len(), "image"), some.join(", "), error.unwrap_or_default())
}
