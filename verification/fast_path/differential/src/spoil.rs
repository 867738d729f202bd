//! What keeps a scenario off the fast path: each of its conditions, broken in a random way that the
//! kernel could meet.

use ipc_abi::capability::Rights;
use ipc_abi::tag::Tag;
use pecan_core::object::{Field, FrameKind, Slots, endpoint, special, thread, wait};

use crate::scenario::{Maker, Route};
use crate::store::frame_of;

/// One condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Spoil {
    /// The tag has bits beyond the sender's half.
    Tag,
    /// The handle is outside what the fast path sees of the table.
    Handle,
    /// The fast path sees no table.
    Mask,
    /// The capability is of another kind.
    Kind,
    /// It lacks the right.
    Right,
    /// The frame holds something else now.
    Frame,
    /// The object is another one now.
    Identity,
    /// Nobody waits for the message, or there is nobody to answer.
    Nobody,
    /// The server that waits is special.
    Special,
    /// The thread itself is special.
    OwnSpecial,
    /// Callers wait at the endpoint.
    Waiting,
    /// The caller waits for this answer in a way that is not the fast path's.
    Wait,
    /// The answer to a fault is an unusual one.
    Method,
}

const CALL: [Spoil; 9] = [
    Spoil::Tag,
    Spoil::Handle,
    Spoil::Mask,
    Spoil::Kind,
    Spoil::Right,
    Spoil::Frame,
    Spoil::Identity,
    Spoil::Nobody,
    Spoil::Special,
];
const REPLY: [Spoil; 12] = [
    Spoil::Tag,
    Spoil::Handle,
    Spoil::Mask,
    Spoil::Kind,
    Spoil::Right,
    Spoil::Frame,
    Spoil::Identity,
    Spoil::Nobody,
    Spoil::Special,
    Spoil::OwnSpecial,
    Spoil::Waiting,
    Spoil::Wait,
];

/// Breaks one condition of a scenario; sometimes two.
pub(crate) fn spoil(maker: &mut Maker<'_>) {
    let count = 1 + maker.random.below(4) / 3;
    for _ in 0..count {
        let which = match maker.scenario.route {
            Route::Call => maker.random.pick(&CALL),
            Route::Reply | Route::Other => maker.random.pick(&REPLY),
            // The reasons that only a fault has, as often as all others.
            Route::Fault => {
                let other = maker.random.pick(&REPLY);
                maker.random.pick(&[other, Spoil::Method])
            }
        };
        if !maker.scenario.spoils.contains(&which) {
            maker.scenario.spoils.push(which);
            maker.break_condition(which);
        }
    }
}

impl Maker<'_> {
    fn break_condition(&mut self, which: Spoil) {
        let cast = self.scenario.cast;
        match which {
            Spoil::Tag => self.scenario.registers.x[16] |= self.random.bit_of(Tag::SLOW_BITS),
            Spoil::Handle => self.scenario.registers.x[17] |= self.random.bit_of(!255),
            Spoil::Mask => self.set(cast.current, thread::MASK, 0),
            Spoil::Kind | Spoil::Right | Spoil::Identity => self.break_capability(which),
            Spoil::Frame => self.break_frame(),
            Spoil::Nobody => self.leave_alone(),
            Spoil::Special => {
                let bits = self.random.bit_of(0x3F);
                self.set(cast.partner, thread::SPECIAL, bits);
            }
            Spoil::OwnSpecial => {
                let known = special::SIGNALLED | special::CALLER_GONE | special::OWN_TIME;
                let bits = self.random.bit_of(known);
                self.set(cast.current, thread::SPECIAL, bits);
            }
            Spoil::Waiting => {
                let bits = self.random.bit_of(0xFF);
                self.set(cast.endpoint, endpoint::WAITING, bits);
            }
            Spoil::Wait => self.wait_otherwise(),
            Spoil::Method => {
                let other = self.random.bit_of(0xFFFE) | self.random.below(2);
                let method = self.random.pick(&[2, 3, 4, 5, 6, other]);
                let tag = &mut self.scenario.registers.x[16];
                *tag = *tag & !0xFFFF | method;
            }
        }
    }

    fn break_capability(&mut self, which: Spoil) {
        let (cast, handle) = (self.scenario.cast, self.scenario.registers.x[17]);
        let slot = handle % 256 * 2;
        let word = Field::<Slots>::new(0).at(slot + 1);
        let right = match self.scenario.route {
            Route::Call => Rights::SEND,
            Route::Reply | Route::Fault | Route::Other => Rights::RECEIVE,
        };
        let old = self.get(cast.slots, word);
        match which {
            Spoil::Kind => {
                let other = old ^ self.random.bit_of(0xFF << 48);
                let new = self.random.pick(&[0, other]);
                self.set(cast.slots, word, new);
            }
            Spoil::Right => {
                let new = old & !(u64::from(right.into_raw()) << 56);
                self.set(cast.slots, word, new);
            }
            Spoil::Tag
            | Spoil::Handle
            | Spoil::Mask
            | Spoil::Frame
            | Spoil::Identity
            | Spoil::Nobody
            | Spoil::Special
            | Spoil::OwnSpecial
            | Spoil::Waiting
            | Spoil::Wait
            | Spoil::Method => {
                let identity = Field::<Slots>::new(0).at(slot);
                let new = self.get(cast.slots, identity) ^ self.random.bit_of(!0);
                self.set(cast.slots, identity, new);
            }
        }
    }

    fn break_frame(&mut self) {
        let (number, kind) = match self.scenario.route {
            Route::Call => (self.scenario.cast.gate, FrameKind::Gate),
            Route::Reply | Route::Fault | Route::Other => {
                (self.scenario.cast.endpoint, FrameKind::Endpoint)
            }
        };
        let bit = u8::try_from(self.random.bit_of(0xFF)).unwrap_or(1);
        self.store.change_kind(frame_of(number), kind as u8 ^ bit);
    }

    fn leave_alone(&mut self) {
        let cast = self.scenario.cast;
        match self.scenario.route {
            Route::Call => {
                let servers = endpoint::SERVERS.at(2 * cast.index);
                self.set(cast.endpoint, servers, 0);
            }
            Route::Reply | Route::Fault | Route::Other => self.set(cast.current, thread::CALLER, 0),
        }
    }

    fn wait_otherwise(&mut self) {
        let cast = self.scenario.cast;
        let link = self.get(cast.current, thread::LINK);
        let marked = link & !wait::REASON;
        let reasons = [wait::SAVED, wait::SEND, wait::RECEIVE, wait::SAVED_FAULT];
        let other = self.random.pick(&reasons) | marked;
        let near = self.get(cast.partner, thread::WAIT) ^ self.random.bit_of((1 << 40) - 1);
        let waits = self.random.pick(&[other, near]);
        self.set(cast.partner, thread::WAIT, waits);
    }
}
