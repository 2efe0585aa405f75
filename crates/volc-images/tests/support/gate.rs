//! A gate in front of an emulator: each request waits in it until the test lets it pass, so that a test can do something
//! while a request is under way, however fast the machine is.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

pub struct Gate {
    address: SocketAddr,
    arrived: Receiver<()>,
    pass: Sender<()>,
}

impl Gate {
    pub fn new(emulator: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (arrival, arrived) = channel();
        let (pass, passes) = channel();
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming() {
                // Whoever was killed while waiting is not served.
                let _ = serve(client.unwrap(), emulator, &arrival, &passes);
            }
        });
        Self { address, arrived, pass }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until a request is in the gate.
    #[track_caller]
    pub fn wait(&self) {
        self.arrived.recv_timeout(LIMIT).expect("a request");
    }

    /// Lets one request pass.
    pub fn pass(&self) {
        self.pass.send(()).unwrap();
    }
}

/// One request on one connection.
fn serve(mut client: TcpStream, emulator: SocketAddr, arrival: &Sender<()>, passes: &Receiver<()>) -> std::io::Result<()> {
    client.set_read_timeout(Some(LIMIT))?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let _ = arrival.send(());
    let _ = passes.recv_timeout(LIMIT);
    let mut upstream = TcpStream::connect(emulator)?;
    upstream.set_read_timeout(Some(LIMIT))?;
    request.truncate(request.len() - 2);
    upstream.write_all(&[&request, &b"Connection: close\r\n\r\n"[..]].concat())?;
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer)?;
    client.write_all(&answer)
}
