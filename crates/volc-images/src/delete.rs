//! `volc-images delete`: reads, plans, asks, and only then sends.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use volc_proto::ecs::{Deletion, DescribeImages, ImageId, Snapshots, Visibility};
use volc_ureq::Client;

use crate::advice::to_look;
use crate::args::{self, Form};
use crate::exit::{Exit, Failure};
use crate::ids::List;
use crate::journal::{Journal, Past, default_path};
use crate::look::Look;
use crate::place::{Environment, Place};
use crate::plan::{Listed, Plan};
use crate::progress::Progress;
use crate::read::Reader;
use crate::run::{Ran, RequestIds, SharedJournal, run};
use crate::seen::Seen;
use crate::select::{Rule, Selection};
use crate::text::{images, shell};
use crate::{Streams, TOOL, emulator, output, table};

pub(crate) fn delete(
    arguments: &args::Delete,
    environment: &Environment<'_>,
    streams: &mut Streams<'_>,
) -> Result<Exit, Failure> {
    let rule = arguments.selection.rule().map_err(Failure::usage)?;
    let keep = keep_list(arguments)?;
    let (journal, past) = arguments.resume.as_deref().map(Journal::open).transpose()?.unzip();
    let source = match rule {
        Some(rule) => Source::Rule(rule),
        None => read_list(arguments, past.as_ref(), &keep, streams)?,
    };

    let ids = match &source {
        Source::List(ids, _) => Some(&**ids),
        Source::Rule(_) => None,
    };
    let rehearsal = arguments.emulator.as_ref().map(|faults| emulator::rehearse(ids, faults, &arguments.place, environment));
    let rehearsal = rehearsal.transpose()?;
    let place = match &rehearsal {
        Some(rehearsal) => rehearsal.place(),
        None => Place::find(&arguments.place, past.as_ref().map(|past| &*past.begin.context.region), environment)?,
    };
    for warning in &place.warnings {
        streams.warn(warning)?;
    }
    if let Some(past) = &past {
        same_place(past, &place)?;
    }

    let client = Client::new(place.endpoint.clone(), place.who.clone()).user_agent(TOOL).map_err(Failure::impossible)?;
    let (ids, listed, selected) = match source {
        Source::List(ids, listed) => (ids, listed, None),
        Source::Rule(rule) => {
            let (selection, look) = select(&rule, arguments, &client, &keep)?;
            let (ids, kept) = (selection.to_delete(), selection.kept_by_file());
            at_most(arguments.max_images, ids.len())?;
            let listed = Listed { duplicates: 0, kept, emulator: rehearsal.is_some(), from: "selected" };
            (ids, listed, Some((selection, look)))
        }
    };

    let mut request_ids = RequestIds::default();
    let mut whole_lines = 0;
    // A journal is bound to its account: to another one its images are not found, which looks as if they were gone.
    let wanted = arguments.account.clone().or_else(|| past.as_ref()?.account.clone());
    let (deletion, snapshots) = match past {
        Some(past) => {
            past.events.iter().for_each(|event| request_ids.learn(event));
            whole_lines = past.length;
            let snapshots = arguments.snapshots.map_or(past.begin.snapshots, Snapshots::from);
            (Some(Deletion::resume(ids, snapshots, arguments.policy(), past.events)), snapshots)
        }
        None => {
            let expected = || Failure::usage("expected --snapshots keep or --snapshots delete");
            let snapshots = arguments.snapshots.ok_or_else(expected)?.into();
            // None are left when all are to be kept.
            ((!ids.is_empty()).then(|| Deletion::new(ids, snapshots, arguments.policy())), snapshots)
        }
    };
    let deletion = deletion.transpose().map_err(Failure::usage)?;
    let mut plan = Plan::new(&place, snapshots, arguments.chunk.into(), deletion.as_ref(), listed, environment.now);
    match selected {
        Some((selection, mut look)) => {
            look.saw(&plan.ids, selection.images.iter().cloned());
            (plan.look, plan.selection) = (look, Some(selection));
        }
        // Last of all: what is wrong with the command line costs no request.
        None => {
            // What is only shown is no reason to try again and wait.
            let attempts = if wanted.is_some() { arguments.attempts } else { 1 };
            let reader = Reader::new(&client, attempts, arguments.rate);
            plan.look = Look::at_account(&reader, wanted.as_deref(), arguments.no_look)?;
            if !arguments.no_look && !plan.ids.is_empty() {
                plan.look.at_images(&reader, &plan.ids);
            }
        }
    }

    // The answers to what was looked at have told the service's time.
    plan.now = client.now();

    let decision = decide(arguments, &plan, streams)?;
    let (Decision::Yes, Some(mut deletion)) = (decision, deletion) else {
        show_plan(arguments, &plan, decision, streams)?;
        return Ok(Exit::Fine);
    };

    let journal = match journal {
        Some(mut journal) => {
            journal.cut(whole_lines)?;
            Some(journal)
        }
        None => new_journal(arguments, &plan, environment)?,
    };
    let path = journal.as_ref().map(|journal| journal.path().to_owned());
    match &path {
        Some(path) => writeln!(streams.err, "journal: {}", path.display())?,
        None => streams.warn("without a journal nobody can go on with this run should it die")?,
    }

    let progress = Progress::new(streams.bar, &deletion.report());
    let ran = run(&client, &mut deletion, &SharedJournal::new(journal), progress, request_ids)?;
    let exit = Exit::of(&ran.report, ran.interrupted, ran.nothing_done, arguments.missing_ok);
    // The run is over: that something cannot be told changes nothing of what it did.
    if let Some(error) = &ran.unwritten {
        let _ = streams.error(&format!("the journal could not be written, and so the run was stopped: {error}"));
    }
    if let Err(error) = show_result(arguments, &plan, &ran, exit, path.as_deref(), streams) {
        let _ = streams.error(&format!("the result could not be written: {error}"));
    }
    Ok(exit)
}

/// Which images are meant.
enum Source {
    List(Vec<ImageId>, Listed),
    Rule(Rule),
}

/// The images on the lists, and what else these say.
fn read_list(
    arguments: &args::Delete,
    past: Option<&Past>,
    keep: &HashSet<ImageId>,
    streams: &mut Streams<'_>,
) -> Result<Source, Failure> {
    let named = !arguments.ids.is_empty() || arguments.ids_file.is_some();
    let list = match past {
        Some(Past { list: Some(ids), .. }) if !named => List { ids: ids.clone(), ..List::default() },
        _ => List::read(&arguments.ids, arguments.ids_file.as_deref(), streams.input).map_err(Failure::usage)?,
    };
    if list.ids.is_empty() {
        let expected = "expected at least one image, as an argument, in --ids-file FILE, or - for standard input";
        return Err(Failure::usage(format!("{expected}; or a selection, such as --name-prefix PREFIX")));
    }
    if list.partial {
        streams.warn("the list is a page of DescribeImages that says more follow (NextToken); those are not on it")?;
    }
    let (kept, ids): (Vec<_>, Vec<_>) = list.ids.into_iter().partition(|id| keep.contains(id));
    if let (Some(_), false, Some(id)) = (past, named, kept.first()) {
        let expected = "expected no image of the journal's list in the keep file; a new run can leave it out";
        return Err(Failure::usage(format!("{expected}: {id}")));
    }
    // The list of a journal was short enough when its run began.
    if past.is_none() {
        at_most(arguments.max_images, ids.len())?;
    }
    let emulator = arguments.emulator.is_some();
    Ok(Source::List(ids, Listed { duplicates: list.duplicates, kept, emulator, from: "on the list" }))
}

/// The images that must stay.
fn keep_list(arguments: &args::Delete) -> Result<HashSet<ImageId>, Failure> {
    let Some(path) = &arguments.keep_file else { return Ok(HashSet::new()) };
    let keep = List::read_file(path).map_err(Failure::usage)?;
    if keep.partial {
        let expected = "expected every page of DescribeImages in the keep file, but the last one says more follow";
        return Err(Failure::usage(expected));
    }
    // What wrote it may have failed.
    if keep.ids.is_empty() {
        let expected = "expected at least one image in the keep file; where none has to stay, leave --keep-file out";
        return Err(Failure::usage(expected));
    }
    Ok(keep.ids.into_iter().collect())
}

/// All that there is, what a rule says of it, and whose it is.
fn select(rule: &Rule, arguments: &args::Delete, client: &Client, keep: &HashSet<ImageId>) -> Result<(Selection, Look), Failure> {
    let reader = Reader::new(client, arguments.attempts, arguments.rate);
    let look = Look::at_account(&reader, arguments.account.as_deref(), arguments.no_look)?;
    let found = reader.images(DescribeImages::new().visibility(Visibility::Private)).map_err(|error| {
        let advice = to_look(error.code());
        Failure::impossible(format!("the images to select from cannot be read: {error}; to do: {advice}"))
    })?;
    let seen = found.into_iter().filter_map(|found| Seen::new(found.image)).collect();
    // Ages are measured by the service's clock: its answers have told it by now.
    Ok((rule.select(seen, look.account.as_deref(), keep, client.now()), look))
}

fn at_most(most: usize, found: usize) -> Result<(), Failure> {
    if found > most {
        let (found, most) = (images(found), images(most));
        return Err(Failure::usage(format!("expected at most {most}, not {found}; --max-images N allows more")));
    }
    Ok(())
}

fn new_journal(arguments: &args::Delete, plan: &Plan, environment: &Environment<'_>) -> Result<Option<Journal>, Failure> {
    if arguments.no_journal {
        return Ok(None);
    }
    let path = match &arguments.journal {
        Some(path) => path.clone(),
        None => default_path(plan, environment.now)?,
    };
    Ok(Some(Journal::create(&path, plan.ids.clone(), plan.look.account.clone())?))
}

/// A journal binds to its endpoint and region. The machine refuses others too, but not before it runs.
fn same_place(past: &Past, place: &Place) -> Result<(), Failure> {
    let (was, origin, region) = (&past.begin.context, place.endpoint.origin("ecs"), place.endpoint.region());
    if was.endpoint != origin {
        let expected = format!("expected the journal's endpoint, {}, not {origin}; --endpoint sets it", was.endpoint);
        return Err(Failure::usage(expected));
    }
    if was.region != region.as_str() {
        return Err(Failure::usage(format!("expected the journal's region, {}, not {region}", was.region)));
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Yes,
    /// Somebody was asked, and saw the plan.
    No,
    NotAsked,
}

/// Whether to send. Who reads IDs from standard input cannot be asked on it.
fn decide(arguments: &args::Delete, plan: &Plan, streams: &mut Streams<'_>) -> io::Result<Decision> {
    let reads_stdin = arguments.ids.iter().any(|id| id == "-") || arguments.ids_file.as_deref() == Some(Path::new("-"));
    if !arguments.yes && (!streams.can_ask || reads_stdin || plan.to_delete == 0) {
        return Ok(Decision::NotAsked);
    }
    plan.write(streams.err, arguments.verbose)?;
    writeln!(streams.err)?;
    if arguments.yes {
        return Ok(Decision::Yes);
    }
    Ok(if agrees(plan.to_delete, streams.input, streams.err)? { Decision::Yes } else { Decision::No })
}

/// Asks for the number of images: a yes is typed without thinking.
fn agrees(images: usize, input: &mut dyn io::Read, err: &mut dyn Write) -> io::Result<bool> {
    write!(err, "A deletion cannot be undone. To go ahead, type the number of images: ")?;
    err.flush()?;
    let mut answer = String::new();
    BufReader::new(input).read_line(&mut answer)?;
    Ok(answer.trim().replace(',', "").parse() == Ok(images))
}

fn show_plan(arguments: &args::Delete, plan: &Plan, decision: Decision, streams: &mut Streams<'_>) -> io::Result<()> {
    if arguments.output != Form::Text {
        return output::write_plan(streams.out, arguments.output, plan);
    }
    if decision == Decision::NotAsked {
        plan.write(streams.out, arguments.verbose)?;
        writeln!(streams.out)?;
    }
    plan.write_end(streams.out)
}

fn show_result(
    arguments: &args::Delete,
    plan: &Plan,
    ran: &Ran,
    exit: Exit,
    journal: Option<&Path>,
    streams: &mut Streams<'_>,
) -> io::Result<()> {
    if arguments.output != Form::Text {
        return output::write_result(streams.out, arguments.output, plan, ran, exit, journal);
    }
    table::write(streams.out, ran, arguments.verbose)?;
    if arguments.emulator.is_some() {
        return writeln!(streams.out, "{}", emulator::NOTHING_REAL);
    }
    let open = ran.report.outcomes().any(|(_, outcome)| !outcome.is_settled());
    match journal {
        Some(path) if open => {
            let place = arguments.place.flags();
            writeln!(streams.out, "To go on: volc-images delete {place}--resume {} --yes", shell(path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser;

    #[test]
    fn only_the_number_itself_is_a_yes() {
        let asked = |answer: &str| agrees(4_000, &mut answer.as_bytes(), &mut Vec::new()).unwrap();
        assert!(asked("4000\n") && asked(" 4,000 \n") && asked("4000"));
        for answer in ["", "\n", "y\n", "yes\n", "400\n", "40000\n", "-4000\n", "4000.0\n"] {
            assert!(!asked(answer), "{answer:?}");
        }
    }

    /// What somebody on a terminal sees who types `input`: standard output, then standard error.
    fn on_terminal(arguments: &[&str], input: &str) -> (String, String) {
        let common = ["volc-images", "delete", "--emulator", "--snapshots", "keep", "--no-journal"];
        let Arguments { command: Command::Delete(arguments), .. } = Arguments::parse_from(common.iter().chain(arguments)) else {
            panic!("it is a deletion")
        };
        let environment = Environment { variable: &|_| None, home: None, now: volc_proto::Timestamp::MAX };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut streams = Streams { input: &mut input.as_bytes(), out: &mut out, err: &mut err, can_ask: true, bar: false };
        delete(&arguments, &environment, &mut streams).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn whoever_types_the_number_of_images_deletes_them() {
        let (out, err) = on_terminal(&["image-a", "image-b"], "2\n");
        assert!(err.contains("2 images") && err.ends_with("without a journal nobody can go on with this run should it die\n"));
        assert!(out.contains("2 of 2 images gone"), "{out}");
    }

    #[test]
    fn whoever_types_anything_else_has_sent_nothing() {
        let (out, err) = on_terminal(&["image-a", "image-b"], "1\n");
        assert!(err.ends_with("type the number of images: "), "{err}");
        assert!(!out.contains("Plan") && out.contains("Nothing was deleted."), "{out}");
        let (out, _) = on_terminal(&["image-a", "--output", "json"], "no\n");
        assert!(out.contains("\"executed\": false"), "{out}");
    }

    #[test]
    fn whoever_pipes_a_list_is_not_asked() {
        for arguments in [&["-"][..], &["--ids-file", "-"]] {
            let (out, err) = on_terminal(arguments, "image-a\n1\n1\n");
            assert_eq!(err, "");
            assert!(out.contains("Nothing was deleted."), "{out}");
        }
    }
}
