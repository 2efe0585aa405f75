//! A server that does what a script says, byte by byte, over real sockets.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// No read, write or wait of a test takes longer.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Runs a script for each connection, on a thread of its own, and closes the connection after it. Stops when it is dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.log.lock().expect("nobody panics with the log")
    }
}

#[derive(Default)]
struct Log {
    stopping: bool,
    requests: Vec<String>,
    bytes: usize,
    connections: usize,
    closed: usize,
    open: Vec<Weak<TcpStream>>,
}

impl Server {
    /// On a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// Where there is none.
    pub fn start(script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let (script, accepting) = (Arc::new(script), shared.clone());
        let listener = thread::spawn(move || {
            let mut threads = Vec::new();
            for stream in listener.incoming().flatten() {
                let stream = Arc::new(stream);
                let mut log = accepting.lock();
                if log.stopping {
                    break;
                }
                log.connections += 1;
                log.open.push(Arc::downgrade(&stream));
                let mut connection =
                    Connection { stream, number: log.connections, unread: Vec::new(), shared: accepting.clone() };
                drop(log);
                let script = script.clone();
                threads.push(thread::spawn(move || {
                    let shared = connection.shared.clone();
                    let limit = Some(LIMIT);
                    if connection.stream.set_read_timeout(limit).and(connection.stream.set_write_timeout(limit)).is_ok() {
                        script(&mut connection);
                    }
                    drop(connection);
                    shared.lock().closed += 1;
                    shared.changed.notify_all();
                }));
            }
            threads.into_iter().for_each(|thread| thread.join().expect("no script panics"));
        });
        Self { address, shared, listener: Some(listener) }
    }

    /// Reads one request per connection and sends these bytes for it.
    pub fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |connection| {
            if connection.request().is_some() {
                connection.send(&answer);
            }
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL of plain HTTP.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// The head of every request that was read so far.
    pub fn requests(&self) -> Vec<String> {
        self.shared.lock().requests.clone()
    }

    /// How many bytes were read so far, of requests or of whatever came instead.
    pub fn bytes(&self) -> usize {
        self.shared.lock().bytes
    }

    /// Waits until the server has closed this many connections.
    ///
    /// # Panics
    ///
    /// After [`LIMIT`].
    pub fn wait_until_closed(&self, connections: usize) {
        let log = self.shared.lock();
        let (log, waited) = (self.shared.changed.wait_timeout_while(log, LIMIT, |log| log.closed < connections))
            .expect("nobody panics with the log");
        assert!(!waited.timed_out(), "expected {connections} closed connections, there are {}", log.closed);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut log) = self.shared.log.lock() {
            log.stopping = true;
            for stream in log.open.iter().filter_map(Weak::upgrade) {
                // An error means that it is closed already.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        // One more connection, so that the listener looks up.
        let _ = TcpStream::connect(self.address);
        if let Some(listener) = self.listener.take() {
            let joined = listener.join();
            assert!(joined.is_ok() || thread::panicking(), "a script panicked");
        }
    }
}

/// The server's end of a connection.
pub struct Connection {
    stream: Arc<TcpStream>,
    number: usize,
    /// Came with a request, behind it.
    unread: Vec<u8>,
    shared: Arc<Shared>,
}

impl Connection {
    /// Counted from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The head of the next request; `None` when the client leaves instead.
    pub fn request(&mut self) -> Option<String> {
        let mut head = std::mem::take(&mut self.unread);
        let end = loop {
            if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            let mut bytes = [0; 4096];
            match self.read(&mut bytes) {
                Ok(read @ 1..) => head.extend_from_slice(&bytes[..read]),
                _ => return None,
            }
        };
        self.unread = head.split_off(end);
        let head = String::from_utf8_lossy(&head).into_owned();
        self.shared.lock().requests.push(head.clone());
        Some(head)
    }

    /// Whether the client still took it.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends byte after byte with a pause before each, until the client leaves or [`LIMIT`] has passed.
    pub fn drip(&mut self, byte: &[u8], pause: Duration) {
        for _ in 0..LIMIT.as_millis() / pause.as_millis() {
            thread::sleep(pause);
            if !self.send(byte) {
                return;
            }
        }
    }

    /// Sends the same again and again until the client leaves, 64 MiB at most. Returns how often.
    pub fn flood(&mut self, bytes: &[u8]) -> usize {
        (0..(64 << 20) / bytes.len()).take_while(|_| self.send(bytes)).count()
    }

    /// Passes on what comes from here and from there, until both have closed.
    pub fn tunnel(&mut self, other: &TcpStream) {
        let copy = |mut from: &TcpStream, mut to: &TcpStream| {
            // Errors are ends, too.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        };
        thread::scope(|scope| {
            scope.spawn(|| copy(&self.stream, other));
            copy(other, &self.stream);
        });
    }

    /// Says nothing more, until the client leaves or [`LIMIT`] has passed.
    pub fn wait(&mut self) {
        let mut rest = [0; 1024];
        while self.read(&mut rest).is_ok_and(|read| read > 0) {}
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.unread.is_empty() {
            let read = buffer.len().min(self.unread.len());
            buffer[..read].copy_from_slice(&self.unread[..read]);
            self.unread.drain(..read);
            return Ok(read);
        }
        let read = (&*self.stream).read(buffer)?;
        self.shared.lock().bytes += read;
        Ok(read)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.stream).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.stream).flush()
    }
}
