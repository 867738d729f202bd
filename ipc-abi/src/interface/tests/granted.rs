//! Capabilities as arguments and results: what arrives, what is refused, and that nothing is left behind.

use super::*;
use crate::capability::{Kind, Rights};
use crate::interface::structure::Structure;

mod ring;

/// Takes bytes.
#[interface(version = 1)]
trait Drain {
    /// Takes one.
    #[method(1, one_way)]
    fn put(&mut self, byte: u8);
}

/// Keeps what it is given.
#[interface(version = 1)]
trait Store {
    /// Takes a way in to a service.
    #[method(1)]
    fn attach(&mut self, drain: Granted<DrainInterface>) -> Result<(), SampleError>;
    /// Takes memory in a tuple, and text.
    #[method(2)]
    fn lend(&mut self, text: &str, memory: (u32, Granted<object::Frame>)) -> u32;
    /// Brings a way in to a service.
    #[method(3)]
    fn open(&mut self, is_there: bool) -> Result<Granted<DrainInterface>, SampleError>;
    /// Brings two, and a number between them.
    #[method(4)]
    fn pair(&mut self) -> (Granted<object::Frame>, u64, Granted<object::Signal>);
    /// Takes as many as a message can carry.
    #[method(5)]
    fn four(
        &mut self,
        pairs: (Granted<object::Frame>, Granted<object::Frame>),
        third: Granted<object::Frame>,
        fourth: Granted<object::Frame>,
    ) -> u64;
    /// Takes memory and answers nothing.
    #[method(6, one_way)]
    fn give(&mut self, memory: Granted<object::Frame>);
    /// Takes none and brings none.
    #[method(7)]
    fn plain(&mut self, number: u64) -> u64;
    /// Cannot answer in one message.
    #[method(8)]
    fn flood(&mut self) -> (Granted<object::Frame>, Vec<u8, 5000>);
    /// Takes memory, and bytes that just fit into registers beside it.
    #[method(9)]
    fn wide(&mut self, bytes: &[u8], memory: Granted<object::Frame>) -> u32;
    /// Answers later.
    #[method(10)]
    fn later(&mut self, memory: Granted<object::Frame>, promise: Promise<u64>);
    /// Takes text alone.
    #[method(11)]
    fn name(&mut self, text: &str);
}

#[derive(Default)]
struct Keeping {
    frames: Vec<Granted<object::Frame>, 8>,
    drain: Option<Granted<DrainInterface>>,
    calls: u32,
}

impl Keeping {
    fn keep(&mut self, frame: Granted<object::Frame>) -> u64 {
        let object = table().find(frame.handle()).expect("it is there").object;
        self.calls += 1;
        self.frames.push(frame).expect("there is room");
        object
    }
}

impl Store for Keeping {
    fn attach(&mut self, drain: Granted<DrainInterface>) -> Result<(), SampleError> {
        self.calls += 1;
        match self.drain.replace(drain) {
            None => Ok(()),
            Some(_) => Err(SampleError::Empty),
        }
    }

    fn lend(&mut self, text: &str, (number, frame): (u32, Granted<object::Frame>)) -> u32 {
        self.keep(frame);
        number + u32::try_from(text.len()).expect("it is short")
    }

    fn open(&mut self, is_there: bool) -> Result<Granted<DrainInterface>, SampleError> {
        self.calls += 1;
        if is_there {
            Ok(table().make())
        } else {
            Err(SampleError::Empty)
        }
    }

    fn pair(&mut self) -> (Granted<object::Frame>, u64, Granted<object::Signal>) {
        (table().make(), 7, table().make())
    }

    fn four(
        &mut self,
        (first, second): (Granted<object::Frame>, Granted<object::Frame>),
        third: Granted<object::Frame>,
        fourth: Granted<object::Frame>,
    ) -> u64 {
        let all = [first, second, third, fourth];
        all.into_iter().fold(0, |sum, it| sum * 100 + self.keep(it))
    }

    fn give(&mut self, memory: Granted<object::Frame>) {
        self.keep(memory);
    }

    fn plain(&mut self, number: u64) -> u64 {
        number
    }

    fn flood(&mut self) -> (Granted<object::Frame>, Vec<u8, 5000>) {
        (table().make(), core::iter::repeat_n(7, 5000).collect())
    }

    fn wide(&mut self, bytes: &[u8], memory: Granted<object::Frame>) -> u32 {
        self.keep(memory);
        u32::try_from(bytes.len()).expect("it is short")
    }

    fn later(&mut self, memory: Granted<object::Frame>, promise: Promise<u64>) {
        promise.answer(self.keep(memory));
    }

    fn name(&mut self, _text: &str) {
        self.calls += 1;
    }
}

impl Drain for Keeping {
    fn put(&mut self, _byte: u8) {}
}

type Shop = Local<StoreInterface, Keeping>;

fn table() -> &'static HostTable {
    HostTable::of_thread()
}

fn shop() -> StoreClient<Shop> {
    StoreClient::connect(Shop::new(Keeping::default())).expect("the schemas are the same")
}

/// A frame, and the number of its object.
fn frame() -> (Granted<object::Frame>, u64) {
    let frame = table().make::<object::Frame>();
    let object = table().find(frame.handle()).expect("it is there").object;
    (frame, object)
}

/// A request with these capabilities, of one's own making.
fn raw_with(method: u16, length: u16, handles: &[u32]) -> Message {
    let mut message = Message::empty(method);
    message.tag = Tag::new(method, length).with_capabilities(handles.len() as u64);
    for (word, handle) in message.words[12..].iter_mut().zip(handles) {
        *word = u64::from(*handle);
    }
    message
}

/// The status of the answer to that.
fn status_of(shop: &mut Shop, message: Message) -> Result<u16, CallError> {
    shop.call(message).map(|reply| reply.tag.method())
}

#[test]
fn argument_is_the_servers_own_copy_until_it_drops_it() {
    let (before, mut shop) = (table().count(), shop());
    let (lent, object) = frame();
    let copy = Granted::lent(lent.handle());
    assert_eq!(shop.lend("four", (3, copy)), Ok(7));
    let kept = shop.transport().server().frames[0].handle();
    assert_ne!(kept, lent.handle());
    assert_eq!(table().find(kept).map(|it| it.object), Some(object));
    assert_eq!(table().count(), before + 2, "the client's and the server's");
    drop((lent, shop));
    assert_eq!(table().count(), before);
}

#[test]
fn capability_that_is_given_away_is_the_clients_no_more() {
    let (before, mut shop) = (table().count(), shop());
    let (frame, _) = frame();
    assert_eq!(shop.lend("", (3, frame)), Ok(3));
    assert_eq!(table().count(), before + 1);
}

#[test]
fn result_is_the_clients_own() {
    let (before, mut shop) = (table().count(), shop());
    let opened = shop.open(true).expect("it is there");
    let found = table().find(opened.handle()).expect("it is the client's");
    assert_eq!((found.kind, found.is_live), (Kind::Gate, true));
    assert_eq!(table().count(), before + 1, "the server has none");
    drop(opened);
    assert_eq!(table().count(), before);
    let error = shop.open(false).expect_err("it is not there");
    assert_eq!(error, Failure::Service(SampleError::Empty));
    let (memory, number, signal) = shop.pair().expect("it answers");
    assert_eq!(number, 7);
    assert_ne!(memory.handle(), signal.handle());
    assert_eq!(table().count(), before + 2);
}

#[test]
fn four_arrive_in_their_order() {
    let (before, mut shop) = (table().count(), shop());
    let frames = [frame(), frame(), frame(), frame()];
    let expected = frames.iter().fold(0, |sum, (_, it)| sum * 100 + it);
    let [(a, _), (b, _), (c, _), (d, _)] = frames;
    assert_eq!(shop.four((a, b), c, d), Ok(expected));
    assert_eq!(table().count(), before + 4);
}

#[test]
fn one_way_and_late_methods_take_capabilities_too() {
    let (before, mut shop) = (table().count(), shop());
    let ((frame, _), (other, object)) = (self::frame(), self::frame());
    assert_eq!(shop.give(frame), Ok(()));
    assert_eq!(shop.later(other), Ok(object));
    assert_eq!(shop.transport().server().calls, 2);
    assert_eq!(table().count(), before + 2);
}

#[test]
fn wrong_count_is_refused_before_the_method_runs() {
    let (mut shop, before) = (Shop::new(Keeping::default()), table().count());
    let ((one, _), (two, _)) = (frame(), frame());
    let (one, two) = (one.into_handle(), two.into_handle());
    let wrong = Ok(ProtocolError::WrongCapabilities.into_raw());
    assert_eq!(status_of(&mut shop, raw_with(1, 0, &[])), wrong);
    assert_eq!(status_of(&mut shop, raw_with(1, 0, &[one, two])), wrong);
    assert_eq!(
        status_of(&mut shop, raw_with(5, 0, &[one, one, two])),
        wrong
    );
    let unexpected = Ok(ProtocolError::UnexpectedCapabilities.into_raw());
    assert_eq!(status_of(&mut shop, raw_with(7, 8, &[one])), unexpected);
    assert_eq!(status_of(&mut shop, raw_with(0, 0, &[one])), unexpected);
    assert_eq!(status_of(&mut shop, raw_with(3, 1, &[one])), unexpected);
    assert_eq!(status_of(&mut shop, raw_with(11, 1, &[one])), unexpected);
    let unknown = Ok(ProtocolError::UnknownMethod.into_raw());
    assert_eq!(status_of(&mut shop, raw_with(77, 0, &[one])), unknown);
    assert_eq!(shop.server().calls, 0);
    assert_eq!(table().count(), before + 2, "all others were discarded");
}

#[test]
fn wrong_kind_is_refused_before_the_method_runs() {
    let (mut shop, before) = (Shop::new(Keeping::default()), table().count());
    let gate = table().make_object(Kind::Gate, Rights::SIGNAL, Badge::from_raw(0));
    let (good, dead) = (frame().0.into_handle(), frame().0.into_handle());
    let wrong = Ok(ProtocolError::WrongKind.into_raw());
    assert_eq!(status_of(&mut shop, raw_with(1, 0, &[good])), wrong);
    let no_way_in = status_of(&mut shop, raw_with(1, 0, &[gate]));
    assert_eq!(no_way_in, wrong, "it signals");
    let last = raw_with(5, 0, &[good, good, good, gate]);
    assert_eq!(status_of(&mut shop, last), wrong);
    let first = raw_with(5, 0, &[gate, good, good, good]);
    assert_eq!(status_of(&mut shop, first), wrong);
    table().destroy(dead);
    let stale = status_of(&mut shop, raw_with(6, 0, &[dead]));
    assert_eq!(stale, wrong, "its object is gone");
    assert_eq!(shop.server().calls, 0);
    assert_eq!(table().count(), before + 3);
}

#[test]
fn malformed_bytes_leave_no_capability_behind() {
    let (mut shop, before) = (Shop::new(Keeping::default()), table().count());
    let good = frame().0.into_handle();
    let status = |shop: &mut Shop, message| status_of(shop, message).map(ProtocolError::from_raw);
    let one_more = status(&mut shop, raw_with(1, 1, &[good]));
    assert_eq!(
        one_more,
        Ok(Some(ProtocolError::WrongKind)),
        "in their order"
    );
    let trailing = status(&mut shop, raw_with(6, 1, &[good]));
    assert_eq!(trailing, Ok(Some(ProtocolError::TrailingBytes)));
    let truncated = status(&mut shop, raw_with(2, 1, &[good]));
    assert_eq!(truncated, Ok(Some(ProtocolError::Truncated)));
    let in_registers = status(&mut shop, raw_with(9, 97, &[good]));
    assert_eq!(in_registers, Ok(Some(ProtocolError::NotInBuffer)));
    let mut short = raw_with(9, 96, &[good]);
    short.tag = short.tag.with_long();
    let in_buffer = status(&mut shop, short);
    assert_eq!(in_buffer, Ok(Some(ProtocolError::NotInRegisters)));
    let mut one_way = raw_with(6, 1, &[good]);
    assert_eq!(shop.send(one_way), Ok(()), "nobody hears of it");
    one_way.tag = Tag::new(77, 0).with_capabilities(1);
    assert_eq!(shop.send(one_way), Ok(()));
    assert_eq!(shop.server().calls, 0);
    assert_eq!(table().count(), before + 1);
}

#[test]
fn bytes_beside_capabilities_fill_twelve_registers_and_then_the_buffer() {
    let (before, mut shop) = (table().count(), shop());
    let bytes = [7; 4096];
    for length in [0_usize, 94, 95, 96, 97, 125, 126, 127, 4094] {
        let count = u32::try_from(length).expect("it is small");
        assert_eq!(
            shop.wide(&bytes[..length], frame().0),
            Ok(count),
            "{length}"
        );
        shop.transport().server().frames.clear();
    }
    let too_long = shop.wide(&bytes[..4095], frame().0);
    assert_eq!(too_long, Err(CallError::Request(EncodeError::TooLong)));
    assert_eq!(table().count(), before);
}

#[test]
fn gate_that_passes_no_capabilities_is_told_so_on_both_ways() {
    let before = table().count();
    let mut shop = StoreClient::new(Shop::new(Keeping::default()).with_rights(Rights::SEND));
    let refused = shop.lend("", (3, frame().0));
    assert_eq!(refused, Err(CallError::Refused(Error::NoRight)));
    let error = CallError::Protocol(ProtocolError::MayNotTakeCapabilities);
    assert_eq!(shop.open(true).map(drop), Err(Failure::Call(error)));
    assert_eq!(shop.plain(5), Ok(5));
    assert_eq!(table().count(), before, "the server took back what it made");
}

#[test]
fn client_without_places_gets_no_capability() {
    let (mut shop, before) = (Shop::new(Keeping::default()), table().count());
    let mut open = Message::empty(3);
    (open.tag, open.words[0]) = (Tag::new(3, 1), 1);
    let reply = shop.call(open).expect("it answers");
    assert_eq!(reply.tag, Tag::new(0, 0).with_capabilities(1));
    assert_eq!(reply.words[12..], [0; 4]);
    assert_eq!(table().count(), before);
}

#[test]
fn server_that_takes_none_has_no_places() {
    let before = table().count();
    let mut way = Local::<DrainInterface, _>::new(Keeping::default());
    let good = frame().0;
    let refused = way.call(raw_with(1, 1, &[good.handle()])).map(drop);
    assert_eq!(refused, Err(CallError::Refused(Error::NoSlots)));
    assert_eq!(table().count(), before + 1);
}

#[test]
fn answer_that_cannot_be_sent_takes_its_capability_back() {
    let (before, mut shop) = (table().count(), shop());
    let error = CallError::Protocol(ProtocolError::ReplyTooLong);
    assert_eq!(shop.flood().map(drop), Err(error));
    assert_eq!(table().count(), before);
}

/// A transport that answers with `reply` whatever is asked.
struct Liar(Message, HostBuffer);

impl Transport for Liar {
    type Buffer = HostBuffer;

    fn buffer(&mut self) -> &mut HostBuffer {
        &mut self.1
    }

    fn call(&mut self, request: Message) -> Result<Incoming, CallError> {
        self.call_taking(request, 0)
    }

    fn call_taking(&mut self, _request: Message, _count: usize) -> Result<Incoming, CallError> {
        let Message { tag, words } = self.0;
        Ok(Incoming {
            tag,
            badge: 0,
            words,
        })
    }

    fn send(&mut self, _message: Message) -> Result<(), CallError> {
        Ok(())
    }
}

/// What a client makes of this answer to `open`.
fn opened(reply: Message) -> CallError {
    let answer = StoreClient::new(Liar(reply, HostBuffer::default())).open(true);
    match answer.map(drop).expect_err("it is no answer") {
        Failure::Call(error) => error,
        Failure::Service(error) => panic!("{error:?}"),
    }
}

#[test]
fn service_that_answers_nonsense_is_blamed_and_its_capabilities_are_discarded() {
    let before = table().count();
    let gate = || table().make::<DrainInterface>().into_handle();
    let malformed = |error| CallError::PeerMisbehavior(Misbehavior::Malformed(error));
    let wrong = malformed(ProtocolError::WrongCapabilities);
    assert_eq!(opened(raw_with(0, 0, &[])), wrong);
    assert_eq!(opened(raw_with(0, 0, &[gate(), gate()])), wrong);
    let kind = malformed(ProtocolError::WrongKind);
    assert_eq!(opened(raw_with(0, 0, &[frame().0.into_handle()])), kind);
    assert_eq!(opened(raw_with(0, 0, &[0])), kind, "there was no place");
    let trailing = malformed(ProtocolError::TrailingBytes);
    assert_eq!(opened(raw_with(0, 1, &[gate()])), trailing);
    assert_eq!(opened(raw_with(1, 1, &[gate()])), wrong, "its own error");
    let no_place = ProtocolError::NoPlace;
    let refusal = raw_with(no_place.into_raw(), 0, &[gate()]);
    assert_eq!(opened(refusal), CallError::Protocol(no_place));
    assert_eq!(table().count(), before);
}

#[test]
fn call_through_what_was_given_comes_with_its_badge() {
    let mut way = Local::<SampleInterface, _>::new(Server::default());
    let handle = table().make_object(Kind::Gate, Rights::SEND, Badge::new(9, 0));
    let gate = Granted::<SampleInterface>::held(handle, table());
    assert_eq!(SampleClient::new(way.through(&gate)).who(0), Ok(9));
    assert_eq!(SampleClient::new(&mut way).who(0), Ok(0));
    table().destroy(handle);
    let stale = SampleClient::new(way.through(&gate)).who(0);
    assert_eq!(stale, Err(CallError::Refused(Error::Stale)));
}

#[test]
fn schema_tells_which_capabilities_travel() {
    let [attach, lend, open, ..] = StoreInterface::METHODS else {
        panic!("it has eleven");
    };
    let drain = Structure::Capability {
        kind: "Gate",
        interface: Some("Drain"),
    };
    assert_eq!(attach.arguments[0].structure, drain);
    assert_eq!(
        (attach.arguments[0].size, attach.arguments[0].wire),
        (Some(0), "capability")
    );
    assert_eq!(open.result.structure, drain);
    assert_eq!(lend.arguments[1].wire, "(fixed, capability)");
    const { assert!(StoreInterface::TAKES_CAPABILITIES && StoreInterface::BRINGS_CAPABILITIES) };
    const { assert!(!DrainInterface::TAKES_CAPABILITIES && !SampleInterface::BRINGS_CAPABILITIES) };
    let hash = |interface| {
        let drain = Structure::Capability {
            kind: "Gate",
            interface,
        };
        super::super::structure::Hash::START
            .structure(&drain)
            .finish()
    };
    assert_ne!(hash(Some("Drain")), hash(Some("Drains")));
    assert_ne!(hash(Some("Drain")), hash(None));
}
