//! Counts instructions by valgrind's callgrind. SHA-256's compression function is kept apart: valgrind knows no SHA instructions.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Instructions.
#[derive(Debug, Default)]
pub struct Counts {
    /// All of them.
    pub total: u64,
    /// Those of SHA-256's compression function.
    pub compression: u64,
}

impl Counts {
    /// Those outside SHA-256's compression function.
    pub fn outside(&self) -> u64 {
        self.total - self.compression
    }
}

/// Runs this program once more, with these arguments, and counts within the function of this name. Also what it has printed.
///
/// # Panics
///
/// Without valgrind, and when the program fails.
pub fn count(function: &str, arguments: &[&str]) -> (Counts, String) {
    let file = std::env::temp_dir().join(format!("volc-callgrind-{}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--quiet", "--tool=callgrind", &format!("--toggle-collect={function}")])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe().expect("this program has a path"))
        .args(arguments)
        .output()
        .expect("valgrind is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let counts = read(&file);
    let _ = fs::remove_file(&file);
    (counts, String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Adds up callgrind's file: its total, and the own cost of the compression function.
fn read(file: &Path) -> Counts {
    let text = fs::read_to_string(file).expect("callgrind has written its file");
    let mut names: HashMap<&str, &str> = HashMap::new();
    let (mut counts, mut compressing, mut called) = (Counts::default(), false, false);
    for line in text.lines() {
        if let Some(total) = line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")) {
            counts.total = total.trim().parse().expect("one number");
        } else if let Some((key, value)) = line.split_once('=') {
            // `fn=(7) name` names a function for the first time, `fn=(7)` again; `cfn=` may be the first as well.
            if key == "fn" || key == "cfn" {
                let (id, name) = value.split_once(' ').unwrap_or((value, ""));
                if !name.is_empty() {
                    names.insert(id, name);
                }
                if key == "fn" {
                    compressing = names.get(id).is_some_and(|name| name.contains("sha256") && name.contains("compress"));
                }
            }
            called = key == "calls";
        } else if line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '*')) {
            // The line after `calls=` is the callee's cost, which is in its own lines as well.
            if compressing && !std::mem::take(&mut called) {
                counts.compression += line.split_whitespace().nth(1).and_then(|cost| cost.parse::<u64>().ok()).unwrap_or(0);
            }
            called = false;
        }
    }
    counts
}
