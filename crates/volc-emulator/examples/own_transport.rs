//! The core under a transport of your own, here a bare socket, with an action of your own beside its own ones.
#![allow(clippy::print_stdout, reason = "a program that talks to people")]

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use http::{Request, Response};
use volc_emulator::{Emulator, Fault, Image, When};
use volc_proto::ecs::{Deletion, ImageId, Policy, Snapshots, Step};
use volc_proto::{Action, Credentials, Endpoint, Fate, Query, Region, parse};

/// An action that the core does not have: how many images there are.
struct CountImages;

#[derive(serde::Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Count {
    total_count: u64,
}

impl Action for CountImages {
    const NAME: &'static str = "DescribeImages";
    const VERSION: &'static str = "2020-04-01";
    const SERVICE: &'static str = "ecs";
    type Output = Count;

    fn query(&self, query: &mut Query) {
        query.push("MaxResults", "1");
    }
}

/// Sends a request and reads the answer to its end, or says how it was lost.
fn send(request: &Request<Vec<u8>>, timeout: Duration) -> Result<Response<Vec<u8>>, (Fate, String)> {
    let unsent = |error: std::io::Error| (Fate::Unsent, error.to_string());
    let lost = |error: std::io::Error| (Fate::Unknown, error.to_string());
    let host = request.uri().authority().map_or("", |authority| authority.as_str());
    let mut stream = TcpStream::connect(host).map_err(unsent)?;
    stream.set_read_timeout(Some(timeout)).map_err(unsent)?;
    let mut head = format!(
        "{} {} HTTP/1.1\r\nconnection: close\r\n",
        request.method(),
        request.uri().path_and_query().map_or("/", |t| t.as_str())
    );
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    write!(stream, "{head}\r\n").map_err(lost)?;
    let mut answer = Vec::new();
    stream.take(1 << 20).read_to_end(&mut answer).map_err(lost)?;

    let broken = || (Fate::Unknown, "this is no HTTP answer".to_owned());
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or_else(broken)?;
    let text = std::str::from_utf8(&answer[..end]).map_err(|_| broken())?;
    let status = text.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok()).ok_or_else(broken)?;
    let headers = text.lines().skip(1).filter_map(|line| line.split_once(": "));
    let builder = headers.fold(Response::builder().status(status), |builder, (name, value)| builder.header(name, value));
    builder.body(answer[end + 4..].to_vec()).map_err(|_| broken())
}

fn count(endpoint: &Endpoint, who: &Credentials) -> Result<u64, Box<dyn Error>> {
    let request = endpoint.request(&CountImages, who, SystemTime::now().into())?;
    let response = send(&request, Duration::from_secs(5)).map_err(|(_, reason)| reason)?;
    Ok(parse::<CountImages>(&response)?.output.total_count)
}

fn main() -> Result<(), Box<dyn Error>> {
    let who = Credentials::new("AKLTexampleexample", "an example's secret")?;
    let images = (1..=3).map(|n| Image::new(format!("image-own-{n}")));
    let emulator = Emulator::builder().credentials(who.clone()).images(images);
    let emulator = emulator.fault(When::requests([2]), Fault::Drop { after_deletion: true }).start()?;
    let endpoint = emulator.endpoint(Region::new("cn-beijing")?);
    println!("{} images before", count(&endpoint, &who)?);

    let ids = (1..=3).map(|n| ImageId::new(format!("image-own-{n}"))).collect::<Result<Vec<_>, _>>()?;
    let mut deletion = Deletion::new(ids, Snapshots::Keep, Policy::default())?;
    let started = Instant::now();
    loop {
        match deletion.step(started.elapsed()) {
            Step::Send(mut attempt) => {
                let (id, timeout) = (attempt.id(), attempt.timeout());
                let request = attempt.request(&endpoint, &who, SystemTime::now().into())?;
                match send(&request, timeout) {
                    Ok(response) => deletion.answered(id, started.elapsed(), &response),
                    Err((fate, reason)) => deletion.lost(id, started.elapsed(), fate, reason),
                };
            }
            Step::Wait(time) => std::thread::sleep(time),
            Step::Pending | Step::Done => break,
        }
    }
    for (id, outcome) in deletion.report().outcomes() {
        println!("{id} is {outcome}");
    }
    println!("{} images left. All this was an emulator: nothing real was deleted.", count(&endpoint, &who)?);
    Ok(())
}
