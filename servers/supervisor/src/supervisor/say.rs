//! Lines: who says them, and who takes them.

use ipc_abi::interface::{Caller, Promise};
use ipc_abi::service::supervisor::{Line, LogLevel, PERMISSION_SAY, SupervisorError};

use super::Supervisor;
use crate::kernel::Kernel;
use crate::log::line;

impl<K: Kernel> Supervisor<'_, K> {
    /// A process says a line: it is kept if the process may, and nobody waits for anything.
    pub(super) fn hear(&mut self, caller: Caller, level: LogLevel, lost: u32, text: &str) {
        let number = caller.client();
        let Some(process) = self.processes.get(usize::from(number)) else {
            return;
        };
        let description = &process.description;
        let is_heard = description.log.is_some_and(|lowest| level <= lowest);
        if !caller.has_permission(PERMISSION_SAY) || !is_heard {
            return;
        }
        let name = &description.name;
        if lost > 0 {
            self.log.count_lost(number, name, lost);
        }
        let line = line(format_args!("{name}: {}: {text}", level.name()));
        self.log.push_said(number, name, &line);
        self.tell_waiting();
    }

    /// Says a line: to the waiting reader, or to the log.
    pub(super) fn say(&mut self, line: Line) {
        self.log.push(&line);
        self.tell_waiting();
    }

    /// Tells who waits for a line that there is one.
    fn tell_waiting(&mut self) {
        if let Some(reader) = self.reader.take() {
            self.tell(reader);
        }
    }

    /// Gives the oldest line to `reader`, who waits on if there is none.
    pub(super) fn tell(&mut self, reader: Promise<Result<Line, SupervisorError>>) {
        let Some(entry) = self.log.take() else {
            self.reader = Some(reader);
            return;
        };
        if reader.try_answer(Ok(entry.line())).is_err() {
            self.log.put_back(entry);
        }
    }
}
