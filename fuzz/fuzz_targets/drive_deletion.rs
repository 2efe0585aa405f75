#![no_main]
// What must hold, and how the bytes are read, stands at the oracle: the same one that `cargo test` calls.
libfuzzer_sys::fuzz_target!(|data: &[u8]| volc_tests::machine::drive_deletion(data));
