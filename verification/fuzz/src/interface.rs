//! The dispatchers of every interface, which get what any client sends, and the clients, which get what
//! any server answers.

use super::Bug;
use super::input::Input;
use super::stub::Stub;
use ipc_abi::interface::{CallError, Dispatch, HostBuffer, Local, Transport};
use ipc_abi::manifest::Badge;
use ipc_abi::message::{Incoming, LongWriter, MESSAGE_WORDS, Message};
use ipc_abi::service::bench::{BenchClient, BenchInterface};
use ipc_abi::service::bench_partner::{PartnerClient, PartnerInterface};
use ipc_abi::service::command::{CommandClient, CommandInterface};
use ipc_abi::service::console::{ConsoleClient, ConsoleInterface};
use ipc_abi::service::stream::{CHUNK_BYTES, StreamClient, StreamInterface};
use ipc_abi::service::supervisor::{LogLevel, SupervisorClient, SupervisorInterface};
use ipc_abi::tag::{MessageKind, Tag};

/// The first byte says which interface, and which side of it.
pub(super) fn run(bytes: &[u8], bug: Bug) {
    let mut input = Input::new(bytes);
    let which = input.byte();
    let message = message(&mut input);
    let long = input.rest();
    match which % 12 {
        0 => serve::<ConsoleInterface>(message, long, bug),
        1 => serve::<SupervisorInterface>(message, long, bug),
        2 => serve::<BenchInterface>(message, long, bug),
        3 => serve::<PartnerInterface>(message, long, bug),
        4 => ask_console(&mut Answers::new(message, long)),
        5 => ask_supervisor(&mut Answers::new(message, long)),
        6 => ask_bench(&mut Answers::new(message, long)),
        7 => ask_partner(&mut Answers::new(message, long)),
        8 => serve::<CommandInterface>(message, long, bug),
        9 => ask_command(&mut Answers::new(message, long)),
        10 => serve::<StreamInterface>(message, long, bug),
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
        let mut way =
            Local::<I, Stub>::new(Stub::new(bug)).with_badge(Badge::from_raw(request.badge));
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

fn ask_command(way: &mut Answers) {
    let mut client = CommandClient::new(way);
    let _ = client.run("some\nwords\n");
}
