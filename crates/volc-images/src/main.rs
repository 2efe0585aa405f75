#![doc = include_str!("../README.md")]

mod advice;
mod args;
mod delete;
mod emulator;
mod exit;
mod explain;
mod groups;
mod ids;
mod journal;
mod list;
mod look;
mod output;
mod place;
mod plan;
mod progress;
mod read;
mod run;
mod seen;
mod select;
mod table;
mod text;

use std::io::{self, IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::SystemTime;

use anstream::AutoStream;
use clap::{CommandFactory, Parser};

use crate::args::{Arguments, Command};
use crate::exit::{Exit, Failure};
use crate::place::Environment;
use crate::text::{BAD, DOUBT};

/// Who asks: in the journal, in every result, and in the `User-Agent`.
pub(crate) const TOOL: &str = concat!("volc-images/", env!("CARGO_PKG_VERSION"));

/// Where a command reads and writes: results to `out`, messages and progress to `err`.
pub(crate) struct Streams<'a> {
    pub(crate) input: &'a mut dyn Read,
    pub(crate) out: &'a mut dyn Write,
    pub(crate) err: &'a mut dyn Write,
    /// Whether somebody sits there who can be asked.
    pub(crate) can_ask: bool,
    /// Whether progress is a bar.
    pub(crate) bar: bool,
}

impl Streams<'_> {
    pub(crate) fn warn(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.err, "{DOUBT}warning:{DOUBT:#} {text}")
    }

    pub(crate) fn error(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.err, "{BAD}error:{BAD:#} {text}")
    }
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() };
        }
    };
    let choice = match arguments.color {
        clap::ColorChoice::Auto => anstream::ColorChoice::Auto,
        clap::ColorChoice::Always => anstream::ColorChoice::Always,
        clap::ColorChoice::Never => anstream::ColorChoice::Never,
    };
    let bar = io::stderr().is_terminal();
    let mut streams = Streams {
        input: &mut io::stdin(),
        out: &mut AutoStream::new(io::stdout(), choice),
        err: &mut AutoStream::new(io::stderr(), choice),
        can_ask: bar && io::stdin().is_terminal(),
        bar,
    };
    match run(&arguments.command, &mut streams) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let _ = streams.error(&failure.to_string());
            failure.exit.into()
        }
    }
}

fn run(command: &Command, streams: &mut Streams<'_>) -> Result<Exit, Failure> {
    let environment =
        Environment { variable: &|name| std::env::var(name).ok(), home: std::env::home_dir(), now: SystemTime::now().into() };
    match command {
        Command::Delete(arguments) => delete::delete(arguments, &environment, streams),
        Command::List(arguments) => list::list(arguments, &environment, streams),
        Command::Explain(arguments) => explain::explain(arguments, &environment, streams),
        Command::Emulator(arguments) => emulator::serve(arguments, environment.now, streams.out, streams.err),
        Command::Completions { shell } => {
            // It panics where it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "volc-images", &mut script);
            streams.out.write_all(&script)?;
            Ok(Exit::Fine)
        }
    }
}
