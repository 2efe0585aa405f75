//! The laws of the deletion machine, over random scripts, and every row of its tables.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use volc_tests::machine::drive_deletion;

/// More of them: `VOLC_SCRIPTS=1000000 cargo test -p volc-tests --test deletion_laws`.
fn scripts() -> u32 {
    std::env::var("VOLC_SCRIPTS").map_or(20_000, |scripts| scripts.parse().expect("a number of scripts in VOLC_SCRIPTS"))
}

#[test]
fn the_laws_hold_over_random_scripts() {
    let config = ProptestConfig { cases: scripts(), failure_persistence: None, ..ProptestConfig::default() };
    let script = prop::collection::vec(any::<u8>(), 0..600);
    let result = TestRunner::new(config).run(&script, |script| {
        if std::env::var("GEN").is_err() { drive_deletion(&script); }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
