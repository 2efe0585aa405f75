//! What tests and fuzz targets share: oracles (what must hold of any input), the data files beside this folder, and a network
//! that misbehaves as told.

pub mod machine;
mod machine_laws;
mod machine_looks;
mod machine_script;
mod machine_service;
mod machine_sights;
pub mod machine_story;
pub mod machine_wire;
pub mod network;
pub mod oracles;
pub mod replies;
pub mod vectors;

/// The code of the front pages compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// As above.
#[cfg(doctest)]
#[doc = include_str!("../../README.zh.md")]
struct ReadmeInChinese;

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;

/// Every `*.json` file of a folder in `tests/`, with its name, in the order of the names.
///
/// # Panics
///
/// Where the folder or a file cannot be read as a `T`: a test that finds no data must not pass.
pub fn load_folder<T: DeserializeOwned>(folder: &str) -> Vec<(String, T)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("expected the folder {}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    assert!(!paths.is_empty(), "expected JSON files in {}", folder.display());
    paths.iter().map(|path| (path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), load(path))).collect()
}

/// One JSON file of `tests/`.
///
/// # Panics
///
/// Where it cannot be read as a `T`.
pub fn load_file<T: DeserializeOwned>(path: &str) -> T {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
}

fn load<T: DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("expected the file {}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("expected other JSON in {}: {error}", path.display()))
}
