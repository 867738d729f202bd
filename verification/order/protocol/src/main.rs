//! Protocols between cores, as `ARCHITECTURE.md` designs them, in every interleaving and with every
//! stale value that C11 allows (`loom`), each with twins in which one ordering is missing.
//!
//! The kernel runs one core: none of its protocols is in it yet. The ring is, and so are the locks of a process:
//! their models run the code of `ipc-abi` and of `userlib`. Prints a line for each model and, at last, the
//! counts; exits with 1 if a model fails or a twin does not.

mod protocol;
mod ring;
mod wait;

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::{MODELS, Model, Weak};

/// Runs a model; answers how many executions it took, or `None` if one of them failed.
fn run(model: &Model, weak: Weak) -> Option<u64> {
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    let check = model.check;
    let result = catch_unwind(AssertUnwindSafe(|| {
        loom::model(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            check(weak);
        });
    }));
    result.ok().map(|()| count.load(Ordering::Relaxed))
}

fn main() -> ExitCode {
    set_hook(Box::new(|_| {}));
    let (mut models, mut executions, mut twins, mut failures) = (0, 0, 0, 0);
    for model in MODELS {
        match run(model, Weak::NOTHING) {
            Some(count) => {
                println!("passed  {}: {count} executions", model.name);
                models += 1;
                executions += count;
            }
            None => {
                println!("FAILED  {}", model.name);
                failures += 1;
            }
        }
        for (place, name) in model.orderings.iter().enumerate() {
            if run(model, Weak::at(place)).is_none() {
                twins += 1;
            } else {
                println!("FAILED  {}: nobody misses {name}", model.name);
                failures += 1;
            }
        }
    }
    println!("models {models} executions {executions} twins {twins}");
    ExitCode::from(u8::from(failures != 0))
}
