//! The journal of a run on disk: what a crash leaves to go on from, and what an audit asks for.
//!
//! One event a line, appended; an intent is on the disk before its request leaves. One process at a time holds it.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use volc_proto::Timestamp;
use volc_proto::ecs::{Begin, Event, ImageId, InvalidJournal, read_journal};

use crate::TOOL;
use crate::exit::Failure;
use crate::plan::Plan;

/// A journal that no other process holds. It is let go when this is dropped.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
    /// What the first line of a new journal has besides its event: without the list nobody could go on once its source is
    /// gone.
    list: Option<Vec<ImageId>>,
    /// The same of whose key it is, where that is known.
    account: Option<String>,
}

/// One line. A reader of events passes over the list and the account.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    event: &'a Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<Vec<ImageId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
}

impl Journal {
    /// A new journal, which must not exist yet.
    pub(crate) fn create(path: &Path, list: Vec<ImageId>, account: Option<String>) -> Result<Self, JournalError> {
        let error = |error| JournalError::io(path, error);
        let file = OpenOptions::new().append(true).create_new(true).open(path).map_err(error)?;
        lock(&file, path)?;
        let path = fs::canonicalize(path).map_err(error)?;
        keep_name(&path).map_err(|error| JournalError::io(&path, error))?;
        Ok(Self { file, path, list: Some(list), account })
    }

    /// A journal to go on with, and what it says.
    pub(crate) fn open(path: &Path) -> Result<(Self, Past), JournalError> {
        let error = |error| JournalError::io(path, error);
        // Not in append mode: Windows cuts no file that was opened so. The lock keeps others away from its end.
        let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(error)?;
        lock(&file, path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(error)?;
        let invalid = |error| JournalError::Invalid { path: path.to_owned(), error };
        let (events, length) = read_journal(&bytes).map_err(invalid)?;
        let Some(Event::Begin(begin)) = events.first().cloned() else { return Err(invalid(InvalidJournal::Begin)) };
        #[derive(Deserialize, Default)]
        struct First {
            list: Option<Vec<ImageId>>,
            account: Option<String>,
        }
        let first = bytes.split(|b| *b == b'\n').next().unwrap_or_default();
        let First { list, account } = serde_json::from_slice(first).unwrap_or_default();
        let path = fs::canonicalize(path).map_err(error)?;
        Ok((Self { file, path, list: None, account: None }, Past { begin, list, account, events, length: length as u64 }))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Cuts a torn last line off, before anything is appended.
    pub(crate) fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::End(0))?;
        self.file.sync_all()
    }

    /// Appends an event. A beginning and an intent are on the disk when this returns; whatever was written before is too.
    pub(crate) fn record(&mut self, event: &Event) -> io::Result<()> {
        let event = match event {
            Event::Wait { .. } => return Ok(()),
            Event::Begin(begin) => {
                let mut begin = begin.clone();
                begin.context.tool = TOOL.to_owned();
                &Event::Begin(begin)
            }
            event => event,
        };
        let mut line = serde_json::to_vec(&Line { event, list: self.list.take(), account: self.account.take() })?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        match event {
            Event::Begin(_) | Event::Intent(_) => self.file.sync_data(),
            _ => Ok(()),
        }
    }

    /// Everything onto the disk.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.file.sync_all()
    }
}

/// What a journal says.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) begin: Begin,
    /// The images, where the journal has them.
    pub(crate) list: Option<Vec<ImageId>>,
    /// Whose images they are, where the journal knows.
    pub(crate) account: Option<String>,
    pub(crate) events: Vec<Event>,
    /// How many bytes are whole lines.
    pub(crate) length: u64,
}

/// A name for the journal of this run, in the user's state directory, which is made where it is not there.
pub(crate) fn default_path(plan: &Plan, at: Timestamp) -> Result<PathBuf, JournalError> {
    let base = etcetera::choose_base_strategy().map_err(|_| JournalError::NoHome)?;
    let folder = base.state_dir().unwrap_or_else(|| base.data_dir()).join("volc-images");
    fs::create_dir_all(&folder).map_err(|error| JournalError::io(&folder, error))?;
    let digest = plan.digest.get(..8).unwrap_or_default();
    Ok(folder.join(format!("{at}-{}-{digest}-{}.jsonl", plan.region, std::process::id())))
}

fn lock(file: &File, path: &Path) -> Result<(), JournalError> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => JournalError::Held { path: path.to_owned() },
        TryLockError::Error(error) => JournalError::io(path, error),
    })
}

/// A new file outlives a power cut only once its folder was written. Windows has no such call, and needs none.
fn keep_name(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Why there is no journal. This run has deleted nothing.
#[derive(Debug)]
pub(crate) enum JournalError {
    Io { path: PathBuf, error: io::Error },
    Held { path: PathBuf },
    Invalid { path: PathBuf, error: InvalidJournal },
    NoHome,
}

impl JournalError {
    fn io(path: &Path, error: io::Error) -> Self {
        Self::Io { path: path.to_owned(), error }
    }
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, error } if error.kind() == io::ErrorKind::AlreadyExists => {
                write!(f, "expected a new file for the journal, but {} is there; to go on with it: --resume", path.display())
            }
            Self::Io { path, .. } => write!(f, "expected a journal at {}", path.display()),
            Self::Held { path } => write!(f, "expected to be alone with {}, but another process holds it", path.display()),
            Self::Invalid { path, .. } => write!(f, "expected a journal in {}", path.display()),
            Self::NoHome => f.write_str("expected a home directory for the journal; --journal FILE names another place"),
        }
    }
}

impl std::error::Error for JournalError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } if error.kind() != io::ErrorKind::AlreadyExists => Some(error),
            Self::Invalid { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        match &error {
            JournalError::Invalid { .. } => Self::usage(error),
            JournalError::Io { error: io, .. } if matches!(io.kind(), io::ErrorKind::AlreadyExists | io::ErrorKind::NotFound) => {
                Self::usage(error)
            }
            _ => Self::impossible(error),
        }
    }
}
