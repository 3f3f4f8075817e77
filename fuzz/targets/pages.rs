//! What pages are given.

#![no_main]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/it/invariants/pages.rs"]
mod invariants;

fuzz_target!(|bytes: &[u8]| invariants::hold(bytes));
