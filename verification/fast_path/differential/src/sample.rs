//! Scenarios written down with how they end here, for another emulator to run.

use std::fmt::Write;
use std::ops::Range;

use pecan_core::object::{core_state, thread};
use serde_json::{Value, json};

use crate::image::Image;
use crate::machine::{Registers, SYSTEM, Stop};
use crate::paths::{Labels, Outcome, SAVED, run_fast, run_slow};
use crate::scenario::make;
use crate::store::Store;

/// Runs some scenarios, and writes all down. The slow path is run where the fast path applies and
/// nothing is pending.
pub(crate) fn take(image: &Image, labels: Labels, seeds: Range<u64>) -> Value {
    let mut store = Store::new();
    let samples = seeds.map(|seed| {
        let scenario = make(seed, &mut store);
        let frames: Vec<Value> = store.frames().map(frame_value).collect();
        let fast = run_fast(image, labels, &scenario, &store, |_, _| {});
        store.undo_to(0);
        let pending = store.field(scenario.cast.core, core_state::PENDING.word());
        let is_quiet = fast.stop == Stop::Return && pending == 0;
        let slow = if is_quiet {
            run_slow(image, labels, &scenario, &store).ok()
        } else {
            None
        };
        store.undo_to(0);
        json!({
            "seed": seed,
            "registers": register_value(&scenario.registers),
            "thread": scenario.cast.current,
            "stack_frame": (scenario.cast.core >> 6) - 1,
            "vector": labels.vector(),
            "slow_entry": labels.slow(&scenario),
            "first_saved": SAVED.0,
            "x_word": thread::X.word(),
            "frames": frames,
            "fast": outcome_value(&fast),
            "slow": slow.as_ref().map(outcome_value),
        })
    });
    Value::Array(samples.collect())
}

fn frame_value((frame, kind, words): (u64, u8, &[std::cell::Cell<u64>])) -> Value {
    let mut text = String::with_capacity(words.len() * 16);
    for word in words {
        // As the bytes stand in memory.
        let _ = write!(text, "{:016x}", word.get().swap_bytes());
    }
    json!({"frame": frame, "kind": kind, "bytes": text})
}

fn register_value(registers: &Registers) -> Value {
    let system: Vec<Value> = SYSTEM
        .iter()
        .zip(registers.system)
        .map(|(register, value)| json!([register.name, value]))
        .collect();
    json!({
        "x": registers.x,
        "sp": registers.sp,
        "pc": registers.pc,
        "flags": registers.flags,
        "system": system,
    })
}

fn outcome_value(outcome: &Outcome) -> Value {
    let changes: Vec<Value> = outcome
        .changes
        .iter()
        .map(|change| json!([change.place.0, change.after]))
        .collect();
    json!({
        "returns": outcome.stop == Stop::Return,
        "registers": register_value(&outcome.registers),
        "changes": changes,
    })
}
