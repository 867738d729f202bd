//! The dispatchers of every interface, which get what any client sends, and the clients, which get what
//! any server answers.

use super::input::Input;
use super::{Bug, plant};
use ipc_abi::interface::{
    Batch, CallError, Caller, Dispatch, HostBuffer, Local, Promise, Transport,
};
use ipc_abi::manifest::{Badge, Name};
use ipc_abi::message::{Incoming, LongWriter, MESSAGE_WORDS, Message};
use ipc_abi::service::bench::{Bench, BenchClient, BenchError, BenchInterface};
use ipc_abi::service::bench::{Figure, FigureName, Unit};
use ipc_abi::service::bench_partner::{Partner, PartnerClient, PartnerInterface};
use ipc_abi::service::console::{Console, ConsoleClient, ConsoleError, ConsoleInterface};
use ipc_abi::service::console::{LineText, Statistics};
use ipc_abi::service::stream::{
    CHUNK_BYTES, Chunk, Stream, StreamClient, StreamError, StreamInterface,
};
use ipc_abi::service::supervisor::{
    Line, LogLevel, MemoryInfo, ProcessInfo, ProcessState, SlotInfo,
};
use ipc_abi::service::supervisor::{
    Supervisor, SupervisorClient, SupervisorError, SupervisorInterface,
};
use ipc_abi::tag::{MessageKind, Tag};

/// The first byte says which interface, and which side of it.
pub(super) fn run(bytes: &[u8], bug: Bug) {
    let mut input = Input::new(bytes);
    let which = input.byte();
    let message = message(&mut input);
    let long = input.rest();
    match which % 10 {
        0 => serve::<ConsoleInterface>(message, long, bug),
        1 => serve::<SupervisorInterface>(message, long, bug),
        2 => serve::<BenchInterface>(message, long, bug),
        3 => serve::<PartnerInterface>(message, long, bug),
        4 => ask_console(&mut Answers::new(message, long)),
        5 => ask_supervisor(&mut Answers::new(message, long)),
        6 => ask_bench(&mut Answers::new(message, long)),
        7 => ask_partner(&mut Answers::new(message, long)),
        8 => serve::<StreamInterface>(message, long, bug),
        _ => ask_stream(&mut Answers::new(message, long)),
    }
}

fn message(input: &mut Input<'_>) -> Incoming {
    let tag = Tag::from_raw(input.word());
    let badge = u64::from(input.byte());
    let mut words = [0; MESSAGE_WORDS];
    for word in &mut words {
        *word = input.word();
    }
    Incoming { tag, badge, words }
}

/// A request of any sort is answered, or kept for later, and equal ones equally.
fn serve<I: Dispatch<Stub>>(request: Incoming, long: &[u8], bug: Bug) {
    let answer = || {
        let mut way = Local::<I, Stub>::new(Stub { bug, line: None })
            .with_badge(Badge::from_raw(request.badge));
        let bytes = long.get(..Tag::BUFFER_BYTES).unwrap_or(long);
        way.write(bytes).expect("it fits the buffer");
        way.call(Message {
            tag: request.tag,
            words: request.words,
        })
    };
    let first = answer();
    assert_eq!(first, answer(), "the same request has the same answer");
    if let Ok(reply) = first {
        assert_eq!(
            reply.tag.kind(),
            Tag::new(0, 0).kind(),
            "a reply forges nothing"
        );
        assert!(
            reply.tag.length() <= Tag::BUFFER_BYTES,
            "a reply fits its buffer"
        );
    }
}

/// A server that answers everything the same.
struct Answers {
    reply: Incoming,
    buffer: HostBuffer,
}

impl Answers {
    /// Any tag of a reply, and any bytes.
    fn new(reply: Incoming, long: &[u8]) -> Answers {
        let mut buffer = HostBuffer::default();
        let bytes = long.get(..Tag::BUFFER_BYTES).unwrap_or(long);
        buffer.write(0, bytes).expect("it fits the buffer");
        Answers { reply, buffer }
    }
}

impl Transport for Answers {
    type Buffer = HostBuffer;

    fn buffer(&mut self) -> &mut HostBuffer {
        &mut self.buffer
    }

    fn call(&mut self, _request: Message) -> Result<Incoming, CallError> {
        match self.reply.tag.kind() {
            Some(MessageKind::Refusal) => Err(CallError::Deferred),
            _ => Ok(self.reply),
        }
    }

    fn send(&mut self, _message: Message) -> Result<(), CallError> {
        Ok(())
    }
}

fn ask_console(way: &mut Answers) {
    let mut client = ConsoleClient::new(way);
    let _ = client.write(b"text");
    let _ = client.read_line("> ");
    let _ = client.statistics();
}

fn ask_supervisor(way: &mut Answers) {
    let mut client = SupervisorClient::new(way);
    // A service that always has more is listened to for so long.
    let _ = client.processes().take(1_000).count();
    let _ = client.memory();
    let _ = client.capabilities(1).take(1_000).count();
    let _ = client.halt();
    let _ = client.next_line();
    let _ = client.kill(1);
    let _ = client.say(LogLevel::Info, 0, "line");
}

fn ask_stream(way: &mut Answers) {
    let mut client = StreamClient::new(way);
    if let Ok(chunk) = client.read(7) {
        assert!(chunk.len() <= CHUNK_BYTES);
    }
    let _ = client.write(b"bytes");
    let _ = client.flush();
}

fn ask_bench(way: &mut Answers) {
    let mut client = BenchClient::new(way);
    let _ = client.count();
    let _ = client.name(1);
    let _ = client.measure(1);
    let _ = client.unit();
}

fn ask_partner(way: &mut Answers) {
    let mut client = PartnerClient::new(way);
    let _ = client.add(1, 2);
    let _ = client.enter(3);
    let _ = client.take_turns(4);
    let _ = client.turns_taken();
}

/// Serves everything.
struct Stub {
    bug: Bug,
    line: Option<Promise<Result<LineText, ConsoleError>>>,
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
