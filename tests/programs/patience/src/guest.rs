//! A guest of the server: goes on errands.

use core::fmt::{Display, Write};

use ipc_abi::interface::CallError;
use userlib::time::{Deadline, Duration, Instant};
use userlib::{Environment, Gate, serve};

use crate::service::{Errand, Guest, GuestInterface, Outcome, PatienceClient, WORD_BYTES};

/// The guest.
struct Server {
    patience: Gate,
    outcome: Outcome,
}

impl Guest for Server {
    fn go(&mut self, errand: Errand) {
        let start = Instant::now();
        let brought = self.run(errand);
        let is_too_early = match errand {
            Errand::Nap { milliseconds, .. } => {
                brought.is_ok() && start.elapsed() < Duration::from_millis(milliseconds)
            }
            Errand::Pass | Errand::PassWithin { .. } => false,
        };
        self.outcome = match brought {
            Ok(_) if is_too_early => text(&"too early"),
            Ok(number) => text(&number),
            Err(error) => text(&error.name()),
        };
    }

    fn outcome(&mut self) -> Outcome {
        self.outcome.clone()
    }
}

impl Server {
    fn run(&self, errand: Errand) -> Result<u64, CallError> {
        match errand {
            Errand::Nap {
                milliseconds,
                byte,
                length,
            } => {
                let word = [byte; WORD_BYTES];
                let word = word.get(..usize::from(length)).unwrap_or(&word);
                PatienceClient::new(self.patience).nap(milliseconds, word)
            }
            Errand::Pass => PatienceClient::new(self.patience).pass(),
            Errand::PassWithin { milliseconds } => {
                let deadline = Deadline::after(Duration::from_millis(milliseconds));
                PatienceClient::new(self.patience.until(deadline)).pass()
            }
        }
    }
}

/// As much of a text as an outcome has.
fn text(what: &impl Display) -> Outcome {
    let mut outcome = Outcome::new();
    // What does not fit is no outcome that anybody waits for.
    let _ = write!(outcome, "{what}");
    outcome
}

/// Serves.
pub(crate) fn run(environment: &Environment) {
    let (endpoint, patience) = match (environment.endpoint(), environment.gate("patience")) {
        (Ok(endpoint), Ok(patience)) => (endpoint, patience),
        (Err(error), _) | (_, Err(error)) => panic!("a guest cannot serve: {error}"),
    };
    let mut server = Server {
        patience,
        outcome: Outcome::new(),
    };
    let error = serve(GuestInterface, endpoint, &mut server);
    panic!("a guest cannot serve any more: {}", error.name());
}
