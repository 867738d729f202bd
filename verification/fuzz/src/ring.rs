//! Either side of a ring, whose peer writes what it likes: whatever is read of it is the next of the input, every
//! time that it is read.

use super::Bug;
use super::input::Input;
use super::stub::Stub;
use ipc_abi::interface::ring::{Reply, serve};
use ipc_abi::interface::{Dispatch, EncodeError, RingError, RingTransport, Ticket};
use ipc_abi::message::Message;
use ipc_abi::ring::{
    Completer, HEADER_WORDS, PeerMisbehavior, RingMemory, RingWord, SLOTS_MIN, Slot, SubmitError,
    Submitter,
};
use ipc_abi::service::bench::{BenchInterface, BenchRing};
use ipc_abi::service::bench_partner::{PartnerInterface, PartnerRing};
use ipc_abi::service::command::{CommandInterface, CommandRing};
use ipc_abi::service::console::{ConsoleInterface, ConsoleRing};
use ipc_abi::service::supervisor::SupervisorInterface;
use std::array::from_fn;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;

/// Where the client's words are in the header: all before; the server's are all from here.
const SERVERS: usize = HEADER_WORDS / 2;
/// The most steps of one input.
const STEPS: u32 = 200;

/// The first byte says which side, and which interface.
pub(super) fn run(bytes: &[u8], bug: Bug) {
    let mut input = Input::new(bytes);
    match input.byte() % 6 {
        0 => attack_server::<ConsoleInterface>(input, bug),
        1 => attack_server::<SupervisorInterface>(input, bug),
        2 => attack_server::<BenchInterface>(input, bug),
        3 => attack_server::<PartnerInterface>(input, bug),
        4 => attack_server::<CommandInterface>(input, bug),
        _ => attack_client(input),
    }
}

/// Whose a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// This side's: it writes it, and does not read it back.
    Own,
    /// The peer's count.
    Count,
    /// The peer's, of a slot: the token and the tag.
    First,
    /// The peer's, any other.
    Other,
}

/// The bytes that are left, for all words.
type Bytes<'a> = Rc<RefCell<Input<'a>>>;

/// A word, as one side sees it.
struct Word<'a> {
    sort: Sort,
    bytes: Bytes<'a>,
}

impl RingWord for Word<'_> {
    fn load(&self) -> u64 {
        let mut bytes = self.bytes.borrow_mut();
        match self.sort {
            Sort::Own => panic!("what a side wrote is not read back: its peer may have changed it"),
            Sort::Count => u64::from(bytes.byte()),
            // Mostly what can be in such a word; else anything.
            Sort::First => match bytes.byte() {
                token @ ..0x80 => {
                    let (method, length) = (bytes.byte(), bytes.byte());
                    u64::from(token) << 32 | u64::from(length) << 16 | u64::from(method)
                }
                0x80.. => bytes.word(),
            },
            Sort::Other => bytes.word(),
        }
    }

    fn load_acquire(&self) -> u64 {
        self.load()
    }

    fn store(&self, _value: u64) {
        assert_eq!(self.sort, Sort::Own, "a side writes what is its own");
    }

    fn store_release(&self, value: u64) {
        self.store(value);
    }
}

/// Which side sees the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// The memory, as one side sees it.
struct Memory<'a> {
    header: Box<[Word<'a>; HEADER_WORDS]>,
    submissions: Vec<Slot<Word<'a>>>,
    completions: Vec<Slot<Word<'a>>>,
}

impl<'a> Memory<'a> {
    fn new(side: Side, bytes: &Bytes<'a>) -> Memory<'a> {
        let word = |sort| Word {
            sort,
            bytes: Rc::clone(bytes),
        };
        let header = |index| {
            let is_own = (index < SERVERS) == (side == Side::Client);
            let is_count = index % SERVERS == 0;
            word(match (is_own, is_count) {
                (true, _) => Sort::Own,
                (false, true) => Sort::Count,
                (false, false) => Sort::Other,
            })
        };
        let queue = |whose| {
            let sort = |index| match (whose == side, index) {
                (true, _) => Sort::Own,
                (false, 0) => Sort::First,
                (false, _) => Sort::Other,
            };
            let slot = |_| -> Slot<Word<'a>> { from_fn(|index| word(sort(index))) };
            (0..SLOTS_MIN).map(slot).collect()
        };
        Memory {
            header: Box::new(from_fn(header)),
            submissions: queue(Side::Client),
            completions: queue(Side::Server),
        }
    }
}

impl<'a> RingMemory for Memory<'a> {
    type Word = Word<'a>;

    fn header(&self) -> &[Word<'a>; HEADER_WORDS] {
        &self.header
    }

    fn submissions(&self) -> &[Slot<Word<'a>>] {
        &self.submissions
    }

    fn completions(&self) -> &[Slot<Word<'a>>] {
        &self.completions
    }

    fn fence(&self) {}
}

/// A server, to whom a client submits what it likes.
fn attack_server<I: Dispatch<Stub>>(input: Input<'_>, bug: Bug) {
    let bytes = Rc::new(RefCell::new(input));
    let mut completer = Completer::new(Memory::new(Side::Server, &bytes));
    let mut server = Stub::new(bug);
    completer.reset();
    for _ in 0..STEPS {
        if bytes.borrow().is_empty() {
            break;
        }
        let step = bytes.borrow_mut().byte();
        // What the client may do is not its own to say; but it may be more or less.
        let badge = u64::from(bytes.borrow_mut().byte() % 2);
        let outcome = match step % 4 {
            0 | 1 => {
                let most = u64::from(step / 4 % 10);
                let served = serve::<I, _, _>(&mut completer, &mut server, badge, most);
                served.map(|count| assert!(count <= most && count <= u64::from(SLOTS_MIN)))
            }
            2 => completer.sleep().map(drop),
            _ => {
                let _ = completer.publish();
                completer.wake();
                Ok(())
            }
        };
        if let Err(misbehavior) = outcome {
            // The ring is closed.
            assert_eq!(misbehavior, PeerMisbehavior::TooMany);
            break;
        }
    }
}

/// What reads the answer to one of the client's methods.
type Read = Box<dyn FnOnce(Reply<'_>)>;

/// A client by `ipc-abi` alone.
struct Client<'a> {
    submitter: Submitter<Memory<'a>>,
    /// What is under way or kept, by token, and where it is kept.
    tickets: Vec<(u32, Read, Option<Slot<AtomicU64>>)>,
    is_closed: bool,
}

impl RingTransport for Client<'_> {
    fn submit(&mut self, request: &Message, used_words: usize) -> Result<u32, RingError> {
        match self.submitter.submit(request, used_words) {
            Ok(token) => {
                assert!(!self.is_closed, "the ring is closed");
                assert!(self.tickets.iter().all(|(other, _, _)| *other != token));
                assert!(token < SLOTS_MIN, "there is such a slot");
                Ok(token)
            }
            Err(SubmitError::Full) => {
                let is_full = self.tickets.len() == SLOTS_MIN as usize;
                assert!(is_full || self.is_closed, "only a full ring refuses");
                Err(RingError::Full)
            }
            Err(SubmitError::NotInRing) => Err(RingError::Request(EncodeError::TooLong)),
        }
    }
}

impl Client<'_> {
    /// Submits one of many requests.
    fn ask(&mut self, which: u8) {
        match which % 8 {
            0 => self.remember(|way| PartnerRing::new(way).add(1, 2)),
            1 => self.remember(|way| PartnerRing::new(way).do_nothing()),
            2 => self.remember(|way| PartnerRing::new(way).measure_text("a text")),
            3 => self.remember(|way| ConsoleRing::new(way).write(b"text")),
            4 => self.remember(|way| ConsoleRing::new(way).statistics()),
            5 => self.remember(|way| BenchRing::new(way).name(1)),
            6 => self.remember(|way| BenchRing::new(way).unit()),
            _ => self.remember(|way| CommandRing::new(way).run("words\n")),
        }
    }

    fn remember<R: 'static>(
        &mut self,
        submit: impl FnOnce(&mut Self) -> Result<Ticket<R>, RingError>,
    ) {
        if let Ok(ticket) = submit(self) {
            let token = ticket.token();
            let read = move |reply: Reply<'_>| drop(ticket.read(reply));
            self.tickets.push((token, Box::new(read), None));
        }
    }

    /// Takes what comes next, as who waits for the operation `wanted` does.
    fn take(&mut self, wanted: u32) -> Result<(), PeerMisbehavior> {
        let own = || -> Slot<AtomicU64> { from_fn(|_| AtomicU64::new(0)) };
        if let Some(reply) = self.submitter.take_expected(wanted) {
            let slot = own();
            reply.copy_to(&slot);
            let (read, kept) = self.forget(wanted);
            assert!(kept.is_none(), "it was under way");
            read(Reply::of(&slot));
            return Ok(());
        }
        while let Some(taken) = self.submitter.take()? {
            let mut tickets = self.tickets.iter_mut();
            let ticket = tickets.find(|(token, _, _)| *token == taken.token);
            let (_, _, kept) = ticket.expect("it was submitted");
            assert!(kept.is_none(), "it was under way");
            let slot = own();
            taken.reply.copy_to(&slot);
            *kept = Some(slot);
        }
        if self.submitter.give_back(wanted) {
            let (read, kept) = self.forget(wanted);
            read(Reply::of(&kept.expect("it was kept")));
        }
        Ok(())
    }

    /// The ticket with this token.
    fn forget(&mut self, wanted: u32) -> (Read, Option<Slot<AtomicU64>>) {
        let mut tickets = self.tickets.iter();
        let index = tickets.position(|(token, _, _)| *token == wanted);
        let (_, read, kept) = self.tickets.swap_remove(index.expect("it was submitted"));
        (read, kept)
    }
}

/// A client, to whom a server answers what it likes.
fn attack_client(input: Input<'_>) {
    let bytes = Rc::new(RefCell::new(input));
    let mut client = Client {
        submitter: Submitter::new(Memory::new(Side::Client, &bytes)),
        tickets: Vec::new(),
        is_closed: false,
    };
    client.submitter.reset();
    for _ in 0..STEPS {
        if bytes.borrow().is_empty() {
            break;
        }
        let step = bytes.borrow_mut().byte();
        let outcome = match step % 8 {
            0..=2 => {
                client.ask(step / 8);
                Ok(())
            }
            3 => {
                let _ = client.submitter.publish();
                Ok(())
            }
            4 => client.submitter.look().map(drop),
            5 | 6 => client.take(u32::from(step / 8 % 10)),
            _ => client.submitter.sleep().map(drop),
        };
        assert!(client.submitter.under_way() <= u64::from(SLOTS_MIN));
        if let Err(misbehavior) = outcome {
            assert_ne!(misbehavior, PeerMisbehavior::Unfinished, "it was not asked");
            client.submitter.close();
            client.is_closed = true;
        }
    }
}
