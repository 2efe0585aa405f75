//! The journal: what is in it, whom it lets in, and what can be gone on with.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::Command;

use serde_json::Value;
#[cfg(unix)]
use support::gate::Gate;
use support::*;
use volc_emulator::{Emulator, Expiry, Fault, When};
use volc_proto::Credentials;

fn lines(journal: &Path) -> Vec<Value> {
    fs::read_to_string(journal).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A run over two images, of which the second is unclear, and its journal.
fn unfinished(emulator: &Emulator) -> PathBuf {
    let journal = folder().join("journal.jsonl");
    let flags = ["image-a", "image-b", "--chunk", "1", "--attempts", "1", "--yes", "--journal"];
    run(delete_blindly_at(&emulator.url()).args(flags).arg(&journal)).expect(3);
    journal
}

fn second_is_lost() -> Emulator {
    emulator(["image-a", "image-b"]).fault(When::requests([2]), Fault::CutBody).start().unwrap()
}

#[test]
fn every_run_leaves_one_where_the_user_s_state_belongs_and_says_so() {
    let emulator = emulator(["image-a"]).start().unwrap();
    let state = folder();
    let ended = run(delete_blindly_at(&emulator.url()).env("XDG_STATE_HOME", &state).args(["image-a", "--yes"])).expect(0);
    let journals: Vec<_> = fs::read_dir(state.join("volc-images")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(journals.len(), 1);
    let path = journals[0].canonicalize().unwrap();
    assert!(ended.err.contains(&format!("journal: {}", path.display())), "{}", ended.err);
}

#[test]
fn it_says_what_an_audit_asks_for_and_no_secret() {
    let emulator = second_is_lost();
    let journal = unfinished(&emulator);
    let lines = lines(&journal);
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["begin", "intent", "outcome", "intent", "outcome"]);
    let begin = &lines[0];
    assert_eq!(begin["tool"], concat!("volc-images/", env!("CARGO_PKG_VERSION")));
    assert_eq!((begin["endpoint"].as_str(), begin["region"].as_str()), (Some(&*emulator.url()), Some("cn-beijing")));
    assert_eq!((begin["key_id"].as_str(), begin["snapshots"].as_str()), (Some("AKLT****mple"), Some("keep")));
    assert_eq!((begin["images"].as_u64(), begin["digest"].as_str().map(str::len)), (Some(2), Some(64)));
    assert!(begin["at"].as_str().unwrap().ends_with('Z') && lines[1]["at"].is_string());
    assert_eq!(lines[2]["request_id"].as_str(), emulator.requests()[0].request_id.as_deref());
    let text = fs::read_to_string(&journal).unwrap();
    assert!(!text.contains(KEY) && !text.contains(SECRET) && !text.contains("Signature"), "{text}");
}

#[test]
fn it_has_the_list_so_that_nobody_has_to_keep_it() {
    let emulator = second_is_lost();
    let journal = unfinished(&emulator);
    let resume = || {
        let mut command = delete_blindly_at(&emulator.url());
        command.env_remove("VOLCENGINE_REGION").arg("--resume").arg(&journal);
        command
    };
    let plan = run(&mut resume()).expect(0).out;
    assert!(plan.contains("1 image (1 settled before)") && plan.contains("cn-beijing (from the journal)"), "{plan}");
    assert!(plan.contains("  image-b\n") && !plan.contains("  image-a\n"), "{plan}");
    let result = run(resume().args(["--yes", "--output", "json"])).expect(0).json();
    let gone = |id: &str| (id.to_owned(), "gone".to_owned());
    assert_eq!(outcomes(&result), [gone("image-a"), gone("image-b")]);
    assert_eq!(result["images"][1]["why"], "not-found-after-unclear");
    assert_eq!(emulator.requests()[2].image_ids, ["image-b"]);
    assert_eq!(result["images"][0]["request_id"].as_str(), emulator.requests()[0].request_id.as_deref());
}

#[test]
fn a_finished_one_tells_its_result_again_and_sends_nothing() {
    let emulator = second_is_lost();
    let journal = unfinished(&emulator);
    let resume = || run(delete_blindly_at(&emulator.url()).args(["--yes", "--output", "json", "--resume"]).arg(&journal));
    let first = resume().expect(0).json();
    let requests = emulator.requests().len();
    let second = resume().expect(0).json();
    assert_eq!((&first["images"], requests), (&second["images"], emulator.requests().len()));
}

#[test]
fn it_goes_on_with_another_key() {
    let emulator = second_is_lost();
    let journal = unfinished(&emulator);
    emulator.remove_credentials(KEY);
    let who = Credentials::new("AKTPanotherexample", SECRET).unwrap().with_session_token("token").unwrap();
    emulator.add_temporary_credentials(who, Expiry::AfterRequests(1));
    let mut command = delete_blindly_at(&emulator.url());
    command.env("VOLCENGINE_ACCESS_KEY", "AKTPanotherexample").env("VOLCENGINE_SESSION_TOKEN", "token");
    run(command.args(["--yes", "--resume"]).arg(&journal)).expect(0);
    let keys: Vec<_> = lines(&journal).iter().filter_map(|line| line["key_id"].as_str().map(str::to_owned)).collect();
    assert_eq!(keys, ["AKLT****mple", "AKTP****mple"]);
}

#[test]
fn it_is_bound_to_endpoint_region_snapshots_and_list() {
    let emulator = second_is_lost();
    let journal = unfinished(&emulator);
    let requests = emulator.requests().len();
    let refused = |url: &str, flags: &[&str], says: &str| {
        let mut command = delete_blindly_at(url);
        let ended = run(command.args(flags).args(["--yes", "--resume"]).arg(&journal)).expect(64);
        assert!(ended.err.contains(says), "{says} in {}", ended.err);
    };
    refused("http://127.0.0.1:9", &[], "expected the journal's endpoint");
    refused(&emulator.url(), &["--region", "cn-shanghai"], "expected the journal's region, cn-beijing, not cn-shanghai");
    refused(&emulator.url(), &["image-a"], "expected a journal of the same list");
    refused(&emulator.url(), &["image-b", "image-a"], "expected a journal of the same list");
    let keep = file("image-b\n");
    refused(
        &emulator.url(),
        &["--keep-file", keep.to_str().unwrap()],
        "expected no image of the journal's list in the keep file",
    );

    let mut command = volc_images();
    command.env("VOLCENGINE_ACCESS_KEY", KEY).env("VOLCENGINE_SECRET_KEY", SECRET);
    command.args(["delete", "--endpoint", &emulator.url(), "--snapshots", "delete", "--yes", "--resume"]);
    let ended = run(command.arg(&journal)).expect(64);
    assert!(ended.err.contains("expected a journal of the same snapshot choice"), "{}", ended.err);
    assert_eq!(emulator.requests().len(), requests);
    run(delete_blindly_at(&emulator.url()).args(["image-a", "image-b", "--yes", "--resume"]).arg(&journal)).expect(0);
}

#[test]
fn a_second_process_is_kept_out() {
    let stall = Fault::StallHead { after_deletion: true, milliseconds: None };
    let emulator = emulator(["image-a"]).fault(When::requests([1]), stall).start().unwrap();
    let journal = folder().join("journal.jsonl");
    let mut first = start(delete_blindly_at(&emulator.url()).args(["image-a", "--yes", "--journal"]).arg(&journal));
    wait_until("the first request", || emulator.requests().len() == 1);
    for more in [&["--yes"][..], &[]] {
        let ended = run(delete_blindly_at(&emulator.url()).args(more).arg("--resume").arg(&journal)).expect(4);
        assert!(ended.err.contains("another process holds it"), "{}", ended.err);
    }
    assert_eq!(emulator.requests().len(), 1);
    first.kill().unwrap();
    first.wait().unwrap();
    // A process that died holds nothing.
    run(delete_blindly_at(&emulator.url()).args(["--yes", "--resume"]).arg(&journal)).expect(0);
}

#[test]
fn a_torn_last_line_is_cut_off() {
    let emulator = second_is_lost();
    let journal = unfinished(&emulator);
    let whole = fs::read(&journal).unwrap();
    fs::write(&journal, &whole[..whole.len() - 10]).unwrap();
    run(delete_blindly_at(&emulator.url()).args(["--yes", "--resume"]).arg(&journal)).expect(0);
    let events: Vec<_> = lines(&journal).iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(events, ["begin", "intent", "outcome", "intent", "begin", "intent", "outcome"]);
    assert!(lines(&journal)[4].get("list").is_none());
}

#[test]
fn a_plan_changes_none() {
    let emulator = second_is_lost();
    let journal = unfinished(&emulator);
    let torn = [fs::read(&journal).unwrap(), b"{\"event\":".to_vec()].concat();
    fs::write(&journal, &torn).unwrap();
    run(delete_blindly_at(&emulator.url()).arg("--resume").arg(&journal)).expect(0);
    assert_eq!(fs::read(&journal).unwrap(), torn);
}

#[test]
fn one_without_its_list_asks_for_it() {
    let emulator = second_is_lost();
    let journal = unfinished(&emulator);
    let mut lines = lines(&journal);
    lines[0].as_object_mut().unwrap().remove("list");
    fs::write(&journal, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let resume = |ids: &[&str]| run(delete_blindly_at(&emulator.url()).args(ids).args(["--yes", "--resume"]).arg(&journal));
    let ended = resume(&[]).expect(64);
    assert!(ended.err.contains("expected at least one image"), "{}", ended.err);
    resume(&["image-a", "image-b"]).expect(0);
}

#[test]
fn one_that_leaves_no_numbers_for_later_attempts_is_refused() {
    let emulator = second_is_lost();
    let journal = unfinished(&emulator);
    let whole = fs::read_to_string(&journal).unwrap();
    for number in [1_u64 << 53, (1 << 53) - 1, 1 << 52, 1 << 32] {
        let made_up = whole.replace("\"attempt\":2", &format!("\"attempt\":{number}"));
        assert_ne!(made_up, whole);
        fs::write(&journal, &made_up).unwrap();
        let ended = run(delete_blindly_at(&emulator.url()).args(["--yes", "--resume"]).arg(&journal)).expect(64);
        assert!(ended.err.contains(&format!("not a leap to {number}")), "{}", ended.err);
        assert_eq!((fs::read_to_string(&journal).unwrap(), emulator.requests().len()), (made_up, 2));
    }
}

#[test]
fn none_is_kept_where_none_is_wanted() {
    let emulator = emulator(["image-a"]).start().unwrap();
    let state = folder();
    let mut command = delete_blindly_at(&emulator.url());
    let ended = run(command.env("XDG_STATE_HOME", &state).args(["image-a", "--yes", "--no-journal"])).expect(0);
    assert!(ended.err.contains("without a journal"), "{}", ended.err);
    assert!(fs::read_dir(state).unwrap().next().is_none());
}

/// The program as on a full disk: no file grows beyond so many blocks of 512 bytes (1,024 in some shells), and the process
/// is told so.
#[cfg(unix)]
fn on_full_disk(blocks: u32, program: &Command) -> Command {
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!(r#"trap "" XFSZ; ulimit -f {blocks}; exec "$0" "$@""#)]);
    limited.arg(program.get_program()).args(program.get_args());
    limited.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited
}

/// Two requests' worth of images, about to be deleted where the first answer is too long to be written down.
#[cfg(unix)]
fn unable_to_write_an_answer(url: &str, journal: &Path) -> Command {
    let program = delete_blindly_at(url);
    // Its beginning and first intent take 3.4 KB, the outcome after them 6 KB.
    let mut limited = on_full_disk(8, &program);
    let flags = ["--chunk", "100", "--attempts", "1", "--yes", "--output", "json", "--journal"];
    limited.args(numbered(120)).args(flags).arg(journal);
    limited
}

/// The events of a journal whose last line is torn.
#[cfg(unix)]
fn whole_events(journal: &Path) -> Vec<String> {
    let text = fs::read_to_string(journal).unwrap();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let event = |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].as_str().unwrap().to_owned();
    whole.map(event).collect()
}

#[cfg(unix)]
#[test]
fn what_cannot_be_written_down_is_not_sent() {
    let ids = numbered(40);
    let emulator = emulator(ids.iter().map(String::as_str)).start().unwrap();
    let journal = folder().join("journal.jsonl");
    let mut limited = on_full_disk(4, &delete_blindly_at(&emulator.url()));
    let flags = ["--chunk", "1", "--yes", "--output", "json", "--journal"];
    let ended = run(limited.args(&ids).args(flags).arg(&journal)).expect(2);
    assert!(ended.err.contains("the journal could not be written, and so the run was stopped"), "{}", ended.err);
    let result = ended.json();
    let gone = outcomes(&result).iter().filter(|(_, outcome)| outcome == "gone").count();
    assert!((1..40).contains(&gone), "{gone}");
    assert_eq!((gone, inventory(&emulator).len()), (emulator.requests().len(), 40 - gone));
    run(delete_blindly_at(&emulator.url()).args(["--yes", "--resume"]).arg(&journal)).expect(0);
    assert!(emulator.images().is_empty());
}

#[cfg(unix)]
#[test]
fn an_answer_that_cannot_be_written_down_counts_all_the_same() {
    let lost = Fault::Drop { after_deletion: true };
    for (fault, code, outcome) in [(None, 2, "gone"), (Some(lost), 3, "unclear")] {
        let ids = numbered(120);
        let emulator = emulator(ids.iter().map(String::as_str));
        let emulator = fault.into_iter().fold(emulator, |emulator, fault| emulator.fault(When::requests([1]), fault));
        let emulator = emulator.start().unwrap();
        let journal = folder().join("journal.jsonl");
        let ended = run(&mut unable_to_write_an_answer(&emulator.url(), &journal)).expect(code);
        assert!(ended.err.contains("the journal could not be written"), "{}", ended.err);
        assert_eq!(whole_events(&journal), ["begin", "intent"]);
        let result = ended.json();
        assert_eq!((&result["exit_code"], &result["counts"][outcome]), (&code.into(), &100.into()));
        assert_eq!((&result["counts"]["not_deleted"], inventory(&emulator).len()), (&20.into(), 20));
        if outcome == "gone" {
            assert_eq!(result["images"][0]["request_id"].as_str(), emulator.requests()[0].request_id.as_deref());
        }
        run(delete_blindly_at(&emulator.url()).args(["--yes", "--resume"]).arg(&journal)).expect(0);
    }
}

#[cfg(unix)]
#[test]
fn a_run_that_did_not_begin_since_its_journal_cannot_be_written_is_4() {
    let emulator = emulator(["image-a"]).start().unwrap();
    let journal = folder().join("journal.jsonl");
    let mut limited = on_full_disk(0, &delete_blindly_at(&emulator.url()));
    let ended = run(limited.args(["image-a", "--yes", "--output", "json", "--journal"]).arg(&journal)).expect(4);
    assert_eq!((&ended.json()["exit_code"], emulator.requests().len()), (&4.into(), 0));
}

#[cfg(unix)]
#[test]
fn a_result_is_told_though_nobody_hears_that_its_journal_could_not_be_written() {
    let ids = numbered(120);
    let emulator = emulator(ids.iter().map(String::as_str)).start().unwrap();
    let gate = Gate::new(emulator.address());
    let journal = folder().join("journal.jsonl");
    let mut child = start(&mut unable_to_write_an_answer(&gate.url(), &journal));
    gate.wait();
    drop(child.stderr.take());
    gate.pass();
    let ended = Ended::from(child.wait_with_output().unwrap()).expect(2);
    let result = ended.json();
    assert_eq!((&result["exit_code"], &result["counts"]["gone"]), (&2.into(), &100.into()));
    assert_eq!((whole_events(&journal), inventory(&emulator).len()), (vec!["begin".to_owned(), "intent".to_owned()], 20));
}

#[test]
fn it_is_bound_to_its_account() {
    // After the account and the look at the images.
    let lost = When::requests([4]);
    let first = emulator(["image-a", "image-b"]).fault(lost, Fault::CutBody).start().unwrap();
    let journal = folder().join("journal.jsonl");
    let flags = ["image-a", "image-b", "--chunk", "1", "--attempts", "1", "--verify", "never", "--yes", "--journal"];
    run(delete_at(&first.url()).args(flags).arg(&journal)).expect(3);
    let (url, address) = (first.url(), first.address());
    drop(first);
    // The same address with another account's key: whatever is not found there proves nothing.
    let other = emulator([]).account_id(2_100_000_001).listen(address).start().unwrap();
    for flags in [&["--yes"][..], &["--yes", "--no-look"]] {
        let ended = run(delete_at(&url).arg("--resume").arg(&journal).args(flags)).expect(4);
        assert!(ended.err.contains("expected a key of the account 2100000000, not one of 2100000001"), "{}", ended.err);
    }
    assert_eq!(other.requests().iter().filter(|request| request.action.as_deref() == Some("DeleteImages")).count(), 0);
}
