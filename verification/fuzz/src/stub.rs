//! A server of every interface that does hardly anything.

use super::{Bug, plant};
use ipc_abi::interface::{Batch, Caller, Promise};
use ipc_abi::manifest::Name;
use ipc_abi::service::bench::{Bench, BenchError, Figure, FigureName, Unit};
use ipc_abi::service::bench_partner::Partner;
use ipc_abi::service::command::{Command, CommandText, Complaint, text};
use ipc_abi::service::console::{Console, ConsoleError, LineText, Statistics};
use ipc_abi::service::stream::{CHUNK_BYTES, Chunk, Stream, StreamError};
use ipc_abi::service::supervisor::SlotInfo;
use ipc_abi::service::supervisor::{Line, LogLevel, MemoryInfo, ProcessInfo, ProcessState};
use ipc_abi::service::supervisor::{Supervisor, SupervisorError};

/// Serves everything.
pub(super) struct Stub {
    bug: Bug,
    line: Option<Promise<Result<LineText, ConsoleError>>>,
}

impl Stub {
    pub(super) const fn new(bug: Bug) -> Stub {
        Stub { bug, line: None }
    }
}

impl Command for Stub {
    fn run(&mut self, words: &str) -> Result<CommandText, Complaint> {
        let count = words.split('\n').count();
        match words.strip_suffix('\n') {
            Some(words) => Ok(text(format_args!("{count} words: {words}"))),
            None => Err(text(format_args!("{words} does not end"))),
        }
    }
}

impl Console for Stub {
    fn write(&mut self, text: &[u8]) -> Result<(), ConsoleError> {
        plant(self.bug, text.first() >= Some(&0x80));
        match text.len() {
            0 => Err(ConsoleError::TextTooLong),
            _ => Ok(()),
        }
    }

    fn read_line(&mut self, prompt: &str, promise: Promise<Result<LineText, ConsoleError>>) {
        match LineText::try_from(prompt) {
            Ok(line) => promise.answer(Ok(line)),
            Err(_) => self.line = Some(promise),
        }
    }

    fn statistics(&mut self) -> Statistics {
        Statistics::default()
    }
}

impl Stream for Stub {
    fn read(&mut self, most: u32, promise: Promise<Result<Chunk, StreamError>>) {
        match usize::try_from(most) {
            Ok(most) if most <= CHUNK_BYTES => {
                promise.answer(Ok(core::iter::repeat_n(1, most).collect()));
            }
            Ok(_) | Err(_) => promise.answer(Err(StreamError::TooMuch)),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<u32, StreamError> {
        u32::try_from(bytes.len()).map_err(|_| StreamError::TooMuch)
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Err(StreamError::Closed)
    }
}

impl Supervisor for Stub {
    fn say(&mut self, _caller: Caller, level: LogLevel, _lost: u32, text: &str) {
        assert!(LogLevel::ALL.contains(&level) && text.len() <= 4096);
    }

    fn processes(&mut self, batch: &mut Batch<'_, ProcessInfo>) {
        let mut position = batch.position();
        while position % 1_000 != 0 {
            position = position.wrapping_add(1);
            let info = ProcessInfo {
                name: Name::new(),
                state: ProcessState::Ready,
                priority: 1,
                restarts: u32::from(position.to_le_bytes()[0]),
                frames: 2,
            };
            if batch.push(&info, position).is_err() {
                return;
            }
        }
    }

    fn memory(&mut self) -> MemoryInfo {
        MemoryInfo::default()
    }

    fn capabilities(
        &mut self,
        process: u32,
        batch: &mut Batch<'_, SlotInfo>,
    ) -> Result<(), SupervisorError> {
        if process == 0 {
            return Err(SupervisorError::NoSuchProcess);
        }
        batch.pause(batch.position().saturating_add(u64::from(process)));
        Ok(())
    }

    fn halt(&mut self, caller: Caller) -> Result<(), SupervisorError> {
        match caller.client() {
            0 => Ok(()),
            _ => Err(SupervisorError::NotPermitted),
        }
    }

    fn next_line(&mut self, caller: Caller, promise: Promise<Result<Line, SupervisorError>>) {
        match caller.client() {
            0 => promise.answer(Ok(Line::new())),
            _ => drop(promise),
        }
    }

    fn kill(&mut self, caller: Caller, number: u32) -> Result<(), SupervisorError> {
        match (caller.client(), number) {
            (0, 0) => Err(SupervisorError::Itself),
            (0, _) => Ok(()),
            _ => Err(SupervisorError::NotPermitted),
        }
    }
}

impl Bench for Stub {
    fn count(&mut self) -> u32 {
        1
    }

    fn name(&mut self, figure: u32) -> Result<FigureName, BenchError> {
        match figure {
            0 => Err(BenchError::NoFigure),
            _ => Ok(FigureName::new()),
        }
    }

    fn measure(&mut self, figure: u32) -> Result<Figure, BenchError> {
        let number = u64::from(figure);
        Ok(Figure {
            min: number,
            median: number,
            max: number,
        })
    }

    fn unit(&mut self) -> Unit {
        Unit::Cycles
    }
}

impl Partner for Stub {
    fn add(&mut self, left: u64, right: u64) -> u64 {
        left.wrapping_add(right)
    }

    fn enter(&mut self, mode: u64, promise: Promise<u64>) {
        promise.answer(mode);
    }

    fn take_turns(&mut self, _count: u64, promise: Promise<u64>) {
        drop(promise);
    }

    fn turns_taken(&mut self) -> u64 {
        0
    }

    fn do_nothing(&mut self) {}

    fn measure_text(&mut self, text: &str) -> u32 {
        u32::try_from(text.len()).unwrap_or(u32::MAX)
    }
}
