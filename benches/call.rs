//! A whole call over a loopback connection that is kept alive, against the same library with a ready-made request.
//!
//! All variants take turns in one process, and the medians are compared: only the ratios mean something. Prints a table.
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::rt::TokioExecutor;
use volc_benches::{Verdicts, ids, reply};
use volc_proto::ecs::{DeleteImages, Snapshots};
use volc_proto::{Credentials, Endpoint, Region};

const ROUNDS: usize = 301;
const CALLS: usize = 20;

fn main() {
    println!("{:24} {:>12} {:>8}", "", "us per call", "ratio");
    for images in [1, 100] {
        let address = server(reply(&ids(images), Verdicts::AllFailed).into_body());
        let action = DeleteImages::new(ids(images), Snapshots::Keep).expect("1 to 100 images");
        let endpoint = Endpoint::custom(&format!("http://{address}"), Region::new("cn-beijing").expect("a region"))
            .expect("a loopback address");
        let who = Credentials::new("AKLTFAKEkeyOfTheBenchmarks", "not-a-secret").expect("letters");
        let ready = endpoint.request(&action, &who, std::time::SystemTime::now().into()).expect("it can be signed");

        let blocking = volc_ureq::Client::new(endpoint.clone(), who.clone());
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let bare_ureq = || {
            let (parts, _) = ready.clone().into_parts();
            let mut response = agent.run(Request::from_parts(parts, ())).expect("the server answers");
            response.body_mut().read_to_vec().expect("the server answers").len()
        };
        let volc_ureq = || blocking.call(&action).expect("the server answers").output.operation_details.len();

        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let pooled: Pooled<_, Empty<Bytes>> = Pooled::builder(TokioExecutor::new()).build_http();
        let asynchronous = volc_hyper::Client::new(endpoint.clone(), who.clone());
        let bare_hyper = || {
            runtime.block_on(async {
                let request = ready.clone().map(|_| Empty::new());
                let response = pooled.request(request).await.expect("the server answers");
                Limited::new(response.into_body(), 1 << 20).collect().await.expect("the server answers").to_bytes().len()
            })
        };
        let volc_hyper = || {
            runtime
                .block_on(async { asynchronous.call(&action).await.expect("the server answers").output.operation_details.len() })
        };

        let variants: [(&str, &dyn Fn() -> usize); 4] =
            [("bare ureq", &bare_ureq), ("volc-ureq", &volc_ureq), ("bare hyper-util", &bare_hyper), ("volc-hyper", &volc_hyper)];
        let mut times = [const { Vec::new() }; 4];
        for _ in 0..ROUNDS {
            for ((_, call), times) in variants.iter().zip(&mut times) {
                let started = Instant::now();
                for _ in 0..CALLS {
                    assert!(std::hint::black_box(call()) > 0);
                }
                times.push(started.elapsed() / CALLS as u32);
            }
        }
        let medians = times.map(|mut times| {
            times.sort();
            times[times.len() / 2]
        });
        for (index, (name, _)) in variants.iter().enumerate() {
            let ratio = |of: Duration, to: Duration| of.as_secs_f64() / to.as_secs_f64();
            let shown = if index % 2 == 1 { format!("{:.2}", ratio(medians[index], medians[index - 1])) } else { "1".to_owned() };
            println!("{:24} {:>12.1} {:>8}", format!("{name}, {images} IDs"), medians[index].as_secs_f64() * 1e6, shown);
        }
    }
}

/// Answers every request on every connection with this body.
fn server(body: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let kind = HeaderValue::from_static("application/json");
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n", kind.to_str().expect("ASCII"), body.len());
    let answer = [head.as_bytes(), &body].concat();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = answer.clone();
            thread::spawn(move || serve(stream, &answer));
        }
    });
    address
}

fn serve(mut stream: TcpStream, answer: &[u8]) {
    let _ = stream.set_nodelay(true);
    let (mut buffer, mut filled) = (vec![0; 64 << 10], 0);
    loop {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) | Err(_) => return,
            Ok(read) => filled += read,
        }
        // A GET ends with an empty line.
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            filled = 0;
            if stream.write_all(answer).is_err() {
                return;
            }
        }
    }
}
