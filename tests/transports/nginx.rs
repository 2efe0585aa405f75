//! Through a real reverse proxy in front of the emulator.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use volc_emulator::{Emulator, Fault, Image, When};
use volc_proto::ecs::{Deletion, ImageId, Policy, Report, Snapshots};
use volc_tests::network::{GENEROUS, LIMIT, endpoint, who};

use crate::adapters::{ALL, Adapter};
use crate::logs;
use crate::table::{Expected, Seen, row, say};

const PROGRAM: &str = "/usr/sbin/nginx";

/// Whether there is an nginx; where there is none, says so.
fn is_there(scenarios: &str) -> bool {
    let there = fs::exists(PROGRAM).unwrap();
    if !there {
        assert!(std::env::var("VOLC_STRICT").as_deref() != Ok("1"), "there is no {PROGRAM}, and VOLC_STRICT is set");
        say(&format!("SKIPPED, since there is no {PROGRAM} (Debian: nginx-light): {scenarios}"));
    }
    there
}

/// An nginx of its own, in a folder of its own. Stops when it is dropped.
struct Nginx {
    process: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Nginx {
    /// With these directives for its one server, in front of these upstreams.
    fn start(directives: &str, upstreams: &[SocketAddr]) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = std::env::temp_dir().join(format!("volc-nginx-{}-{}", std::process::id(), address.port()));
        fs::create_dir(&folder).unwrap();
        let upstreams: String = upstreams.iter().map(|upstream| format!("server {upstream} max_fails=0; ")).collect();
        let temporary: String =
            ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(|of| format!("{of}_temp_path {of}; ")).concat();
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log error.log; events {{}}
            http {{
                access_log off; {temporary}
                upstream emulator {{ {upstreams} }}
                server {{
                    listen {address};
                    {directives}
                    location / {{
                        proxy_pass http://emulator;
                        proxy_http_version 1.1;
                        proxy_set_header Host $http_host;
                        proxy_set_header Connection '';
                    }}
                }}
            }}"
        );
        fs::write(folder.join("nginx.conf"), configuration).unwrap();
        let mut command = Command::new(PROGRAM);
        command.arg("-p").arg(&folder).args(["-c", "nginx.conf", "-e", "error.log"]).stdin(Stdio::null());
        let nginx = Self { process: command.spawn().unwrap(), folder, address };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < LIMIT, "nginx does not listen: {:?}", fs::read_to_string(nginx.folder.join("error.log")));
            thread::sleep(Duration::from_millis(10));
        }
        nginx
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Wide enough for 100 IDs of 128 bytes.
const WIDE: &str = "large_client_header_buffers 4 32k;";

/// Runs the deletion of these images with each adapter, each with an emulator that has them, and prints what became of them.
/// In the end the emulator has seen so many requests.
fn runs(scenario: &str, directives: &str, fault: Option<Fault>, ids: &[ImageId], requests: usize, expected: &str) {
    logs::watch();
    let mut cells = String::new();
    for adapter in ALL {
        let images = ids.iter().map(|id| Image::new(id.to_string()));
        let mut emulator = Emulator::builder().credentials(who()).images(images);
        if let Some(fault) = &fault {
            emulator = emulator.fault(When::requests([1]), fault.clone());
        }
        let emulator = emulator.start().unwrap();
        let nginx = Nginx::start(directives, &[emulator.address(); 2]);
        let report = run(adapter, &nginx, ids);
        for (id, outcome) in report.outcomes() {
            assert!(outcome.to_string().starts_with(expected), "{scenario}, {}: {id} {outcome}", adapter.name);
        }
        assert_eq!(report.attempts().len(), 1, "{scenario}, {}", adapter.name);
        assert_eq!(emulator.requests().len(), requests, "{scenario}, {}", adapter.name);
        assert_eq!(emulator.images().is_empty(), requests > 0);
        cells += &format!("  {}: {expected}", adapter.name);
    }
    logs::assert_no_secret();
    say(&format!("{scenario:<88}{cells}"));
}

fn run(adapter: &Adapter, nginx: &Nginx, ids: &[ImageId]) -> Report {
    let policy = Policy { attempts: 1, ..Policy::default() };
    let mut deletion = Deletion::new(ids.iter().cloned(), Snapshots::Keep, policy).unwrap();
    adapter.client(endpoint(&nginx.url()), GENEROUS).run(&mut deletion)
}

#[test]
fn the_longest_query_there_is() {
    if !is_there("the longest query") {
        return;
    }
    let ids: Vec<_> = (0..100).map(|n| ImageId::new(format!("image-{n:0122}")).unwrap()).collect();
    assert_eq!(ids[0].as_str().len(), 128);
    runs("nginx, 100 IDs of 128 bytes", WIDE, None, &ids, 1, "gone: the service accepted the deletion");
    // A client cannot know that the service never saw it.
    runs("nginx as it comes, 100 IDs of 128 bytes: 414", "", None, &ids, 0, "unclear: ");
}

#[test]
fn a_replay_of_the_proxy() {
    if !is_there("the replay to a second upstream") {
        return;
    }
    let ids = [ImageId::new("image-canary").unwrap()];
    // The first upstream deletes and dies, so nginx asks the second.
    let dies = Fault::Drop { after_deletion: true };
    let there_is_none = "gone: there is no such image";
    runs("nginx replays the GET to a second upstream", WIDE, Some(dies), &ids, 2, there_is_none);
}

#[test]
fn errors_of_the_proxy() {
    if !is_there("502 and 504") {
        return;
    }
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nginx = Nginx::start("", &[nobody]);
    row("nginx, and the upstream is down: 502", &Expected::Unknown, "HTTP 502", |adapter| Seen {
        outcome: adapter.client(endpoint(&nginx.url()), GENEROUS).call(),
        heard: 0,
    });
    row("nginx, and the upstream is silent: 504", &Expected::Unknown, "HTTP 504", |adapter| {
        let stall = Fault::StallHead { after_deletion: true, milliseconds: None };
        let image = Image::new("image-canary");
        let emulator = Emulator::builder().credentials(who()).image(image).fault(When::Always, stall).start().unwrap();
        let nginx = Nginx::start("proxy_read_timeout 1s; proxy_next_upstream off;", &[emulator.address()]);
        let outcome = adapter.client(endpoint(&nginx.url()), GENEROUS).call();
        assert_eq!((emulator.requests().len(), emulator.images().len()), (1, 0));
        Seen { outcome, heard: 0 }
    });
}
