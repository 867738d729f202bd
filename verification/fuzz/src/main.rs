//! The program that libFuzzer drives: `run` beside this crate builds and calls it. The variable
//! `PECAN_FUZZ_TARGET` says what the bytes reach; with `PECAN_FUZZ_PLANTED` there is a bug to find.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pecan_fuzz::{Bug, Target};
use std::sync::OnceLock;

static CHOSEN: OnceLock<(Target, Bug)> = OnceLock::new();

fn choose() -> (Target, Bug) {
    let name = std::env::var("PECAN_FUZZ_TARGET").unwrap_or_default();
    let target = Target::find(&name).expect("PECAN_FUZZ_TARGET names a target");
    let bug = match std::env::var_os("PECAN_FUZZ_PLANTED") {
        Some(_) => Bug::Planted,
        None => Bug::None,
    };
    (target, bug)
}

fuzz_target!(|bytes: &[u8]| {
    let (target, bug) = CHOSEN.get_or_init(choose);
    target.run(bytes, *bug);
});
