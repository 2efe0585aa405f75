//! `volc-images explain`: the steps of a signature, to lay beside what somebody else computed.

use std::fs;
use std::io::{self, Write};

use volc_proto::ecs::{DeleteImages, ImageId};
use volc_proto::{Action, Signature, Signer, Timestamp};

use crate::Streams;
use crate::args;
use crate::exit::{Exit, Failure};
use crate::ids::List;
use crate::place::{Environment, Place};
use crate::text::{BAD, BOLD, GOOD, printable};

pub(crate) fn explain(
    arguments: &args::Explain,
    environment: &Environment<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, Failure> {
    let theirs = match &arguments.compare {
        Some(path) => {
            let text = fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
            Some(unescaped(&text))
        }
        None => None,
    };
    let mut ids = List::read(&arguments.ids, None, streams.input).map_err(Failure::usage)?.ids;
    if ids.is_empty() {
        ids.push(ImageId::new("image-ebgy1og99tfct0example").map_err(Failure::usage)?);
    }
    let place = Place::find(&arguments.place, None, environment)?;
    for warning in &place.warnings {
        streams.warn(warning)?;
    }
    // The other side's time, so that it is no difference.
    let at = arguments.at.or_else(|| theirs.as_deref().and_then(date_of)).unwrap_or(environment.now);
    let action = DeleteImages::new(ids, arguments.snapshots.into()).map_err(Failure::usage)?;
    let signature = sign(&place, &action, at)?;

    match theirs {
        Some(theirs) => Ok(compare(streams.out, signature.canonical_request(), &theirs)?),
        None => {
            show(streams.out, &place, &signature)?;
            Ok(Exit::Fine)
        }
    }
}

/// As [`Endpoint::request`](volc_proto::Endpoint::request) signs, with the steps.
fn sign(place: &Place, action: &DeleteImages, at: Timestamp) -> Result<Signature, Failure> {
    let mut request = place.endpoint.request(action, &place.who, at).map_err(Failure::usage)?;
    // A request that is signed is not signed again.
    for header in ["authorization", "x-security-token"] {
        request.headers_mut().remove(header);
    }
    let signer = Signer::new(&place.who, place.endpoint.region(), DeleteImages::SERVICE);
    signer.signature(&request, b"", at).map_err(Failure::usage)
}

/// The texts stand at the margin, as they are hashed.
fn show(out: &mut dyn Write, place: &Place, signature: &Signature) -> io::Result<()> {
    let (scope, headers, key) = (signature.credential_scope(), signature.signed_headers(), place.who.masked_key_id());
    writeln!(out, "{BOLD}Canonical request{BOLD:#}\n{}", signature.canonical_request())?;
    writeln!(out, "\n{BOLD}String to sign{BOLD:#}\n{}", signature.string_to_sign())?;
    writeln!(out, "\n{BOLD}Signed headers{BOLD:#}\n{headers}")?;
    writeln!(out, "\n{BOLD}Credential scope{BOLD:#}\n{scope}")?;
    writeln!(out, "\n{BOLD}Authorization{BOLD:#}")?;
    writeln!(out, "HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={headers}, Signature=[hidden]")?;
    writeln!(out, "\nNothing was sent. The key ID is masked; secret, session token and signature are hidden.")
}

/// A canonical request in a JSON message, or in a log, has its line ends spelled out.
fn unescaped(text: &str) -> String {
    let text = text.trim_matches(['\r', '\n', '"']);
    if text.contains('\n') { text.replace("\r\n", "\n") } else { text.replace("\\n", "\n") }
}

fn date_of(canonical_request: &str) -> Option<Timestamp> {
    canonical_request.lines().find_map(|line| line.strip_prefix("x-date:"))?.trim().parse().ok()
}

/// Where two canonical requests part.
#[derive(Debug, PartialEq)]
struct Difference {
    line: usize,
    what: &'static str,
    ours: String,
    theirs: String,
}

fn compare(out: &mut dyn Write, ours: &str, theirs: &str) -> io::Result<Exit> {
    let Some(Difference { line, what, ours, theirs }) = difference(ours, theirs) else {
        writeln!(out, "{GOOD}The same.{GOOD:#} Session tokens were not compared.")?;
        writeln!(out, "If the signature is refused all the same, look at secret key, region, service and date.")?;
        return Ok(Exit::Fine);
    };
    writeln!(out, "{BAD}The first difference{BAD:#} is in line {line}, {what}:")?;
    writeln!(out, "  ours    {}", printable(&ours))?;
    writeln!(out, "  theirs  {}", printable(&theirs))?;
    Ok(Exit::Different)
}

/// What stands for a line, or a parameter, that one side does not have.
const NONE: &str = "(none)";

fn difference(ours: &str, theirs: &str) -> Option<Difference> {
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.split('\n').collect(), theirs.split('\n').collect());
    let headers = ours.iter().position(|line| line.is_empty()).unwrap_or(ours.len());
    for index in 0..ours.len().max(theirs.len()) {
        let line = |lines: &[&str]| lines.get(index).map_or(NONE, |line| line).to_owned();
        let (ours, theirs) = (line(&ours), line(&theirs));
        if ours == theirs || (is_token(&ours) && is_token(&theirs)) {
            continue;
        }
        let what = match index {
            0 => "the method",
            1 => "the path",
            2 => "the query, at this parameter",
            _ if index <= headers => "the headers",
            _ if index == headers + 1 => "the names of the signed headers",
            _ => "the hash of the body",
        };
        let (ours, theirs) = if index == 2 { parameter(&ours, &theirs) } else { (ours, theirs) };
        return Some(Difference { line: index + 1, what, ours: hidden(ours), theirs: hidden(theirs) });
    }
    None
}

/// The first parameters that differ.
fn parameter(ours: &str, theirs: &str) -> (String, String) {
    let (mut ours, mut theirs) = (ours.split('&'), theirs.split('&'));
    loop {
        match (ours.next(), theirs.next()) {
            (Some(our), Some(their)) if our == their => {}
            (our, their) => return (our.unwrap_or(NONE).to_owned(), their.unwrap_or(NONE).to_owned()),
        }
    }
}

fn is_token(line: &str) -> bool {
    line.starts_with("x-security-token:")
}

/// How the names of secrets end, in lower case: `X-Signature` in a query, `Signature` in an `Authorization`.
const SECRETS: [&str; 4] = ["authorization", "credential", "security-token", "signature"];

/// Secrets stand in the texts of others in full: each is left out, with what follows it up to the next `&`.
fn hidden(line: String) -> String {
    let parts = line.split('&').map(|part| match secret_in(part) {
        Some(at) => format!("{}[hidden]", &part[..at]),
        None => part.to_owned(),
    });
    parts.collect::<Vec<_>>().join("&")
}

/// Where a secret begins.
fn secret_in(part: &str) -> Option<usize> {
    let lower = part.to_ascii_lowercase();
    let names = SECRETS.iter().flat_map(|name| lower.match_indices(name));
    let values = names.filter_map(|(at, name)| {
        let value = part[at + name.len()..].trim_start_matches([' ', '\t', '"', '\'', '\\']).strip_prefix([':', '='])?;
        Some(part.len() - value.len())
    });
    // The beginning of a key ID, which is the same for all.
    let key_ids = ["AKLT", "AKTP"].iter().filter_map(|start| Some(part.find(start)? + start.len()));
    values.chain(key_ids).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "GET\n/\nAction=DeleteImages&ImageIds.1=a&ImageIds.10=b&Version=2020-04-01\n\
                        host:h\nx-date:20230707T105452Z\n\
                        x-security-token:[session token]\n\nhost;x-date;x-security-token\ne3b0";

    fn found(from: &str, to: &str) -> Option<Difference> {
        difference(OURS, &OURS.replace(from, to))
    }

    #[test]
    fn the_first_difference_is_named_after_its_part() {
        assert_eq!(found("x", "x"), None);
        for (from, to, line, what) in [
            ("GET", "POST", 1, "the method"),
            ("\n/\n", "\n\n", 2, "the path"),
            ("host:h", "host:h:443", 4, "the headers"),
            ("host;x-date", "host;x-content-sha256;x-date", 8, "the names of the signed headers"),
            ("e3b0", "e3b0ffff", 9, "the hash of the body"),
            ("\ne3b0", "", 9, "the hash of the body"),
        ] {
            let found = found(from, to).unwrap();
            assert_eq!((found.line, found.what), (line, what), "{from} {to}");
        }
    }

    #[test]
    fn of_a_query_only_the_parameter_is_shown() {
        let found = found("ImageIds.10=b", "ImageIds.2=b").unwrap();
        assert_eq!((&*found.ours, &*found.theirs), ("ImageIds.10=b", "ImageIds.2=b"));
    }

    #[test]
    fn the_token_of_the_other_side_is_never_shown() {
        assert_eq!(found("[session token]", "hunter2"), None);
        let found =
            difference(&OURS.replace("x-security-token:[session token]\n", ""), &OURS.replace("[session token]", "hunter2"));
        assert!(!format!("{found:?}").contains("hunter2"));
    }

    #[test]
    fn no_secret_of_the_other_side_is_shown_wherever_it_stands() {
        for (theirs, shown) in [
            (
                "/?Action=A&X-Security-Token=hunter2&X-Signature=hunter2",
                "/?Action=A&X-Security-Token=[hidden]&X-Signature=[hidden]",
            ),
            ("GET /?x-signature=hunter2 HTTP/1.1", "GET /?x-signature=[hidden]"),
            ("X-Credential=AKLThunter2%2F20230707&X-Date=now", "X-Credential=[hidden]&X-Date=now"),
            ("X-Security-Token : hunter2", "X-Security-Token :[hidden]"),
            (r#"{"X-Security-Token": "hunter2"}"#, r#"{"X-Security-Token":[hidden]"#),
            (r#"{\"X-Security-Token\": \"hunter2\"}"#, r#"{\"X-Security-Token\":[hidden]"#),
            ("{'X-Security-Token': 'hunter2'}", "{'X-Security-Token':[hidden]"),
            ("authorization:HMAC-SHA256 Credential=AKLThunter2, Signature=hunter2", "authorization:[hidden]"),
            ("HMAC-SHA256 SignedHeaders=host, Signature=hunter2", "HMAC-SHA256 SignedHeaders=host, Signature=[hidden]"),
            ("AccessKeyId=AKLThunter2&Version=1", "AccessKeyId=AKLT[hidden]&Version=1"),
            ("key é AKTPhunter2", "key é AKTP[hidden]"),
        ] {
            assert_eq!(hidden(theirs.to_owned()), shown);
            let found = difference(OURS, &format!("GET\n{theirs}\n")).unwrap();
            assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
            let found = difference(OURS, &format!("GET\n/\n{theirs}\n")).unwrap();
            assert!(!format!("{found:?}").contains("hunter2"), "{found:?}");
        }
    }

    #[test]
    fn what_is_no_secret_is_shown() {
        for line in OURS.lines().filter(|line| !is_token(line)) {
            assert_eq!(hidden(line.to_owned()), line);
        }
        for line in ["X-SignedQueries=X-Credential;X-Date;X-Security-Token&X-SignedHeaders=host", "SignatureVersion=1&a=b"] {
            assert_eq!(hidden(line.to_owned()), line);
        }
    }

    #[test]
    fn line_ends_that_are_spelled_out_are_line_ends() {
        assert_eq!(unescaped("\"GET\\n/\\na=b\"\n"), "GET\n/\na=b");
        assert_eq!(unescaped("GET\r\n/\r\n"), "GET\n/");
        assert_eq!(date_of(OURS).map(Timestamp::unix), Some(1_688_727_292));
    }
}
