//! The signers that are compared, for wall time, allocations and instructions.

pub mod sign;

/// A package's name, and what may follow after a comma, with the newest version that the lock file has (volcengine-rs brings an
/// older reqwest); our own crates have none worth a mention.
pub fn versioned(name: &str) -> String {
    let (package, _) = name.split_once(',').unwrap_or((name, ""));
    let entry = format!("name = \"{package}\"\nversion = \"");
    let locked = include_str!("Cargo.lock").rsplit_once(&entry).and_then(|(_, rest)| rest.split_once('"'));
    match locked {
        Some((version, _)) if !package.starts_with("volc-") => name.replacen(package, &format!("{package} {version}"), 1),
        _ => name.to_owned(),
    }
}
