//! Reads every line that is logged while the table runs, through `tracing` and through `log`, at every level.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, Once};

use log::{LevelFilter, Log, Record};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Metadata, Subscriber};
use volc_tests::network::SECRETS;

static START: Once = Once::new();
static LEAKS: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// To be sure that anything is read at all.
static LINES: AtomicU64 = AtomicU64::new(0);

/// ureq dumps what it sends and receives in lines of 16 bytes, each of which ends with them as text.
const DUMP: (&str, usize) = ("ureq_proto::util", 41);

thread_local! {
    static UNWATCHED: Cell<bool> = const { Cell::new(false) };
    /// The last that this thread dumped.
    static DUMPED: RefCell<String> = const { RefCell::new(String::new()) };
    /// The spans of this thread.
    static SPANS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Reads along from now on, whatever was called before.
pub(crate) fn watch() {
    START.call_once(|| {
        tracing::subscriber::set_global_default(Watcher).unwrap();
        log::set_logger(&Watcher).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
}

/// For what is known to log secrets.
pub(crate) fn unwatched<T>(run: impl FnOnce() -> T) -> T {
    let before = UNWATCHED.replace(true);
    let done = run();
    UNWATCHED.set(before);
    done
}

#[track_caller]
pub(crate) fn assert_no_secret() {
    let leaks = std::mem::take(&mut *LEAKS.lock().unwrap());
    assert!(leaks.is_empty(), "{leaks:#?}");
}

pub(crate) fn lines() -> u64 {
    LINES.load(Ordering::Relaxed)
}

/// The spans of this thread since the last time.
pub(crate) fn spans() -> Vec<String> {
    SPANS.take()
}

fn read(target: &str, line: &str) {
    LINES.fetch_add(1, Ordering::Relaxed);
    let leaks = |text: &str| SECRETS.iter().any(|secret| text.contains(secret));
    let dumped = target == DUMP.0 && {
        DUMPED.with_borrow_mut(|dumped| {
            dumped.push_str(line.get(DUMP.1..).unwrap_or_default());
            // A secret reaches over two or three lines.
            let old = dumped.len().saturating_sub(64);
            dumped.drain(..old);
            leaks(dumped)
        })
    };
    if dumped || leaks(line) {
        LEAKS.lock().unwrap().push(format!("{target}: {line}"));
    }
}

struct Watcher;

impl Log for Watcher {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        !UNWATCHED.get()
    }

    fn log(&self, record: &Record<'_>) {
        if Log::enabled(self, record.metadata()) {
            read(record.target(), &record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Spans are never told apart: each has the number of its place in [`SPANS`].
impl Subscriber for Watcher {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(span.metadata().name().to_owned());
        span.record(&mut line);
        read(span.metadata().target(), &line.0);
        SPANS.with_borrow_mut(|spans| {
            spans.push(line.0);
            Id::from_u64(spans.len() as u64)
        })
    }

    fn record(&self, span: &Id, values: &tracing::span::Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        read("", &line.0);
        SPANS.with_borrow_mut(|spans| {
            if let Some(span) = spans.get_mut(span.into_u64() as usize - 1) {
                span.push_str(&line.0);
            }
        });
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        read(event.metadata().target(), &line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}
