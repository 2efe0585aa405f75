//! The pages in `transcripts/`: what they show is what happens.

use std::path::Path;

use trycmd::TestCases;

fn cases(key: &str, secret: &str) -> TestCases {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("transcripts");
    let cases = TestCases::new();
    cases.register_bin("volc-images", Path::new(env!("CARGO_BIN_EXE_volc-images")));
    cases.env("HOME", home.to_string_lossy()).env("XDG_STATE_HOME", home.join("state").to_string_lossy());
    // Whoever runs the tests may have a key of their own; an empty value is none.
    for name in ["SESSION_TOKEN", "REGION", "PROFILE", "CLI_CONFIG_FILE"] {
        cases.env(format!("VOLCENGINE_{name}"), "");
    }
    for name in ["ACCESS_KEY_ID", "ACCESS_KEY", "SECRET_ACCESS_KEY", "SECRET_KEY", "REGION"] {
        cases.env(format!("VOLCSTACK_{name}"), "");
    }
    cases.env("VOLCENGINE_ACCESS_KEY", key).env("VOLCENGINE_SECRET_KEY", secret);
    cases
}

#[test]
fn deletions_and_refusals_are_what_the_pages_show() {
    cases("", "")
        .case("tests/transcripts/deleting.md")
        .case("tests/transcripts/refusals.md")
        .case("tests/transcripts/cleaning-up.md");
}

#[test]
fn explanations_are_what_the_page_shows() {
    cases("AKLTZXhhbXBsZQexample", "c2VjcmV0").case("tests/transcripts/explaining.md");
}
