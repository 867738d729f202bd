//! Which errors of which system calls were seen where they were expected.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use ipc_abi::call::SystemCall;
use ipc_abi::error::Error;

/// More than the greatest error number.
const COLUMNS: usize = 64;

/// One mark for each system call and error.
#[derive(Debug)]
pub struct Ledger {
    marks: Vec<Mark>,
}

/// What is known of a system call and one of its errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Mark {
    #[default]
    Unseen,
    Seen,
    Failed(String),
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger {
            marks: vec![Mark::Unseen; SystemCall::ALL.len() * COLUMNS],
        }
    }
}

impl Ledger {
    fn mark(&mut self, call: SystemCall, error: Error) -> Option<&mut Mark> {
        let row = call as usize * COLUMNS;
        let column = usize::try_from(error.into_raw()).ok()?;
        self.marks.get_mut(row + column)
    }

    /// The kernel refused as it must.
    pub fn note_seen(&mut self, call: SystemCall, error: Error) {
        if let Some(mark @ Mark::Unseen) = self.mark(call, error) {
            *mark = Mark::Seen;
        }
    }

    /// The kernel did something else.
    pub fn note_failed(&mut self, call: SystemCall, error: Error, why: &str) {
        if let Some(mark) = self.mark(call, error) {
            *mark = Mark::Failed(String::from(why));
        }
    }

    /// Each documented error of each call, and why it does not pass, if it does not.
    pub fn verdicts(&mut self) -> Vec<(SystemCall, Error, Option<String>)> {
        let mut verdicts = Vec::new();
        for call in SystemCall::ALL {
            for error in Error::ALL {
                if !call.can_return(*error) {
                    continue;
                }
                let why = match self.mark(*call, *error) {
                    Some(Mark::Seen) => None,
                    Some(Mark::Failed(why)) => Some(why.clone()),
                    Some(Mark::Unseen) | None => Some(String::from("no case provoked it")),
                };
                verdicts.push((*call, *error, why));
            }
        }
        verdicts
    }
}
