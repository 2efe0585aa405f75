//! Prints random requests with our signatures of them, a line of JSON each, for other people's signers to sign as well.
//!
//! Usage: `signed-requests COUNT SEED`. One seed gives the same lines every time.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, BufWriter, Write};

use http::{HeaderName, HeaderValue, Request};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};
use volc_proto::{Credentials, Query, Region, Signer, Timestamp};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (Some(Ok(count)), Some(Ok(seed)), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("expected two numbers: how many requests, and the seed".into());
    };
    let mut random = Random(seed);
    let mut output = BufWriter::new(io::stdout().lock());
    for _ in 0..count {
        writeln!(output, "{}", signed(&mut random)?)?;
    }
    Ok(output.flush()?)
}

/// Everything that the official signers treat alike, and some of what they do not: the scripts tell the two apart.
fn signed(random: &mut Random) -> Result<Value, Box<dyn Error>> {
    let method = random.one_of(&["GET", "GET", "GET", "POST", "PUT", "DELETE"]);
    let region = random.one_of(&["cn-beijing", "cn-shanghai", "ap-southeast-1", "cn-beijing-autodriving", "x1"]);
    let service = random.one_of(&["ecs", "ecs", "iam", "sts", "storage_ebs"]);
    let host = match random.below(16) {
        0 => "127.0.0.1:8080".to_owned(),
        1 => "Open.Example.com:8443".to_owned(),
        2 => random.one_of(&["h:443", "h:80"]).to_owned(),
        3..8 => format!("{}.{region}.volcengineapi.com", service.replace('_', "-")),
        _ => "open.volcengineapi.com".to_owned(),
    };
    let path = match random.below(32) {
        0 => format!("/{}", random.text(ODD, 8).replace('/', "")),
        1..5 => format!("/{}/{}", random.text(PLAIN, 8), random.text(PLAIN, 8)),
        _ => "/".to_owned(),
    };
    let query = if random.below(2) == 0 { deletion(random) } else { parameters(random) };
    let body = if method == "GET" { String::new() } else { random.text(ODD, 60) };

    let mut headers = vec![("Host", host.clone())];
    if method != "GET" || random.below(2) == 0 {
        headers.push(("Content-Type", random.one_of(&["application/json", "text/plain; charset=utf-8"]).to_owned()));
    }
    if random.below(3) == 0 {
        headers.push(("User-Agent", "signed-requests".to_owned()));
        headers.push(("Accept", "application/json".to_owned()));
        headers.push(("X-Sdk-Request", "attempt=1; max=4".to_owned()));
    }
    if random.below(4) == 0 {
        headers.push(("X-Note", random.text(VISIBLE, 20)));
    } else if random.below(12) == 0 {
        headers.push(("X-Note", [random.one_of(&["", " ", "\t"]), "a", random.one_of(&[" ", "  ", "\t"]), "b"].concat()));
    }

    let key_id = format!("AKLT{}", random.text(PLAIN, 40));
    let alphabet = if random.below(8) == 0 { SPOKEN } else { VISIBLE };
    let secret = format!("s{}s", random.text(alphabet, 100));
    let token = (random.below(3) == 0).then(|| format!("t{}", random.text(VISIBLE, 300)));
    let mut who = Credentials::new(&key_id, &secret)?;
    if let Some(token) = &token {
        who = who.with_session_token(token)?;
    }
    // Half of them before 2100.
    let end = random.one_of(&[4_102_444_800, Timestamp::MAX.unix() + 1]);
    let at = Timestamp::from_unix(random.below(end)).ok_or("expected a date")?;

    let segments = path.split('/').map(|segment| percent_encode(segment.as_bytes(), NON_ALPHANUMERIC).to_string());
    let text: Query = query.iter().map(|(name, value)| (name, value)).collect();
    let uri = format!("https://{host}{}?{text}", segments.collect::<Vec<_>>().join("/"));
    let mut request = Request::builder().method(method).uri(uri).body(())?;
    for (name, value) in &headers {
        request.headers_mut().insert(HeaderName::from_bytes(name.as_bytes())?, HeaderValue::from_str(value)?);
    }
    let region_name = region;
    let region = Region::new(region)?;
    let signer = Signer::new(&who, &region, service);

    // Python's signer signs what ours does by itself; Node's all but a few headers, and no hash where there is no body.
    let python = signer.signature(&request, body.as_bytes(), at)?;
    let signed = headers.iter().map(|(name, _)| *name).filter(|name| !matches!(*name, "Content-Type" | "User-Agent"));
    let added = [Some("X-Date"), token.as_ref().map(|_| "X-Security-Token"), (!body.is_empty()).then_some("X-Content-Sha256")];
    let names: Result<Vec<_>, _> = signed.chain(added.into_iter().flatten()).map(|name| name.parse::<HeaderName>()).collect();
    let names = names?;
    let node = signer.headers(&names).signature(&request, body.as_bytes(), at)?;
    let with_host = random.below(2) == 0;
    let presigned = match random.below(4) {
        0 if with_host => Some(signer.presign(request.uri(), at, None)?),
        0 => Some(signer.headers(&[]).presign(request.uri(), at, None)?),
        _ => None,
    };
    let presigned = presigned.map(|uri| json!({"host": with_host, "uri": uri.as_str()}));
    Ok(json!({
        "method": method, "path": path, "query": query, "headers": headers, "body": body,
        "access_key_id": key_id, "secret_access_key": secret, "session_token": token,
        "date": at.to_string(), "region": region_name, "service": service,
        "python": python.authorization().to_str()?, "node": node.authorization().to_str()?, "presigned": presigned,
    }))
}

/// The request that all this is for.
fn deletion(random: &mut Random) -> Vec<(String, String)> {
    let mut query = vec![("Action".to_owned(), "DeleteImages".to_owned()), ("Version".to_owned(), "2020-04-01".to_owned())];
    if random.below(2) == 0 {
        query.push(("DeleteBindedSnapshots".to_owned(), random.one_of(&["true", "false"]).to_owned()));
    }
    // Few mostly, 100 at most.
    let most = random.below(100) + 1;
    for number in 1..=random.below(most) + 1 {
        let id = match random.below(16) {
            0 => random.text(ODD, 30),
            _ => format!("image-{}", random.text(PLAIN, 30)),
        };
        query.push((format!("ImageIds.{number}"), id));
    }
    query
}

/// Any other: names that begin with a letter, since those of actions do, and values of any kind.
fn parameters(random: &mut Random) -> Vec<(String, String)> {
    let mut names = BTreeSet::new();
    for _ in 0..random.below(8) {
        let odd = random.below(12) == 0;
        // A presigned request lists its names with `;` between them.
        let rest = random.text(if odd { SPOKEN } else { PLAIN }, 6).replace(';', "");
        names.insert(format!("{}{rest}", random.one_of(&["A", "a", "Filter.", "z"])));
    }
    let mut query: Vec<(String, String)> = names.into_iter().map(|name| (name, random.text(ODD, 40))).collect();
    if random.below(24) == 0 && !query.is_empty() {
        let name = query[0].0.clone();
        query.push((name, random.text(ODD, 3)));
    }
    // In no order.
    for index in (1..query.len()).rev() {
        query.swap(index, random.below(index as u64 + 1) as usize);
    }
    query
}

const PLAIN: &str = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-._~";
const VISIBLE: &str = "abcXYZ0123456789-._~!\"#$%&'()*+,/:;<=>?@[\\]^`{|}";
const ODD: &str = "abcXYZ019-._~ !\"#$%&'()*+,/:;<=>?@[\\]^`{|}\t\n\r\0\u{7f}é镜像\u{2028}\u{ff5e}🚀";
const SPOKEN: &str = "aZ~_-/ +é镜\u{ff5e}🚀";

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len() as u64) as usize]
    }

    /// None to `most` of these characters.
    fn text(&mut self, alphabet: &str, most: u64) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..self.below(most + 1)).map(|_| self.one_of(&alphabet)).collect()
    }
}
