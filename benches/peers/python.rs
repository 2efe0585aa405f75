//! The official SDK for Python, in a process of its own that takes its turn like all the others.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Lines, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use volc_peers::sign::KEY;

pub(crate) struct Python {
    pub(crate) version: String,
    child: Child,
    pipes: RefCell<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
}

impl Python {
    /// Starts python.py, which calls this server.
    pub(crate) fn start(interpreter: &str, server: SocketAddr) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python.py");
        let mut child = Command::new(interpreter)
            .args([script, KEY.0, KEY.1, &server.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the interpreter can be started");
        let input = child.stdin.take().expect("it is piped");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let version = output.next().expect("it names its version").expect("text");
        Self { version, child, pipes: RefCell::new((input, output)) }
    }

    /// Has it "sign" or "call" so often, for so many images.
    pub(crate) fn time(&self, what: &str, images: usize, count: u32) -> Duration {
        let (input, output) = &mut *self.pipes.borrow_mut();
        writeln!(input, "{what} {images} {count}").expect("it listens");
        let nanoseconds = output.next().expect("it answers").expect("text");
        Duration::from_nanos(nanoseconds.parse().expect("a number"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
