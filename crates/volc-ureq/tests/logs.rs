//! What a logger sees that takes everything.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Mutex;

use log::{LevelFilter, Log, Metadata, Record};
use volc_tests::network::{Server, action, endpoint, success, who};
use volc_ureq::Client;

/// All lines, and the bytes of all lines that are a dump of 16 bytes.
static LINES: Mutex<String> = Mutex::new(String::new());
static DUMPED: Mutex<String> = Mutex::new(String::new());

struct Everything;

impl Log for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = record.args().to_string();
        // Eight groups of two bytes in hexadecimal digits, then the same as text.
        if record.target() == "ureq_proto::util" && line.len() > 40 {
            let digits: Vec<_> = line[..40].chars().filter(char::is_ascii_hexdigit).collect();
            let bytes = digits.chunks(2).map(|pair| u8::from_str_radix(&String::from_iter(pair), 16).unwrap_or(b'?'));
            DUMPED.lock().unwrap().extend(bytes.map(char::from));
        }
        LINES.lock().unwrap().push_str(&format!("{} {line}\n", record.target()));
    }

    fn flush(&self) {}
}

#[test]
fn neither_the_token_nor_the_signature_is_logged_at_any_level() {
    log::set_logger(&Everything).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let server = Server::answering(success());
    let client = Client::new(endpoint(&server.url()), who());
    assert!(client.call(&action()).is_ok() && client.call(&action()).is_ok());
    // They were sent: only the log goes without.
    assert!(server.requests().iter().all(|request| request.contains("canaryOfTheToken") && request.contains("Signature=")));
    assert!(Client::new(endpoint("https://nonexistent.invalid"), who()).call(&action()).is_err());

    let (lines, dumped) = (LINES.lock().unwrap(), DUMPED.lock().unwrap());
    // What ureq writes is in the log, so what must not be there could be.
    assert!(dumped.contains("GET /?Action=DeleteImages") && dumped.contains("x-security-token: xxx"), "{dumped}");
    for secret in ["AKLTcanary", "canaryOfThe", "Signature="] {
        assert!(!lines.contains(secret) && !dumped.contains(secret), "{secret}: {dumped}\n{lines}");
    }
}
