use core::cell::RefCell;
use std::boxed::Box;
use std::collections::BTreeMap;
use std::vec::Vec;

use ipc_abi::capability::Kind;
use ipc_abi::interface::object;
use ipc_abi::interface::{Grantable, Granted};
use ipc_abi::startup::SlotRange;

use super::*;

/// A table, and what each of its slots holds.
#[derive(Default)]
struct Fake {
    held: RefCell<BTreeMap<u32, Description>>,
}

impl Table for Fake {
    fn inspect(&self, slot: u32) -> Result<Description, Error> {
        let held = self.held.borrow();
        Ok(held.get(&slot).copied().unwrap_or(Description::EMPTY))
    }

    fn copy(&self, handle: u32, slot: u32, _rights: Rights) -> Result<(), Error> {
        let mut held = self.held.borrow_mut();
        let copied = *held.get(&handle).ok_or(Error::BadHandle)?;
        if !copied.is_live() {
            return Err(Error::Stale);
        }
        assert!(held.insert(slot, copied).is_none(), "{slot} is not empty");
        Ok(())
    }

    fn delete(&self, slot: u32) -> Result<(), Error> {
        let removed = self.held.borrow_mut().remove(&slot);
        removed.map(drop).ok_or(Error::BadHandle)
    }
}

const FRAME: Description = Description::new(Kind::Frame, Rights::ALL, true);

/// A keeper of so many slots from 32 on.
fn keeper(count: u32) -> &'static SlotKeeper<Fake> {
    let slots: &'static Slots = Box::leak(Box::new(Slots::new()));
    slots.offer(SlotRange { first: 32, count });
    Box::leak(Box::new(SlotKeeper {
        table: Fake::default(),
        slots,
    }))
}

/// Lets these arrive in the window, which the loop opened before.
fn arrive(keeper: &SlotKeeper<Fake>, window: &Window<Fake>, came: &[Description]) -> Vec<u32> {
    let open = window.open();
    let first = u32::try_from(open.base()).expect("it is a slot");
    let slots: Vec<u32> = (first..).take(came.len()).collect();
    for (slot, description) in slots.iter().zip(came) {
        let before = keeper.table.held.borrow_mut().insert(*slot, *description);
        assert!(before.is_none(), "the window is open, so it is empty");
    }
    window.note(Tag::new(1, 0).with_capabilities(came.len() as u64));
    slots
}

fn held(keeper: &SlotKeeper<Fake>) -> usize {
    keeper.table.held.borrow().len()
}

#[test]
fn what_is_claimed_moves_out_and_what_is_not_goes() {
    let keeper = keeper(8);
    let window = Window::take(keeper);
    for _ in 0..3 {
        let slots = arrive(keeper, &window, &[FRAME; 4]);
        let first = keeper.claim(slots[0], object::Frame::accepts).unwrap();
        let second = keeper.claim(slots[1], object::Frame::accepts).unwrap();
        assert!(first > 35 && second > 35 && first != second);
        keeper.discard(slots[2]);
        window.open();
        assert_eq!(held(keeper), 2);
        let granted = Granted::<object::Frame>::held(first, keeper);
        drop((granted, Granted::<object::Frame>::held(second, keeper)));
        assert_eq!(held(keeper), 0);
    }
}

#[test]
fn one_capability_too_many_finds_no_slot() {
    let keeper = keeper(6);
    let window = Window::take(keeper);
    let slots = arrive(keeper, &window, &[FRAME; 3]);
    let first = keeper.claim(slots[0], object::Frame::accepts).unwrap();
    assert!(keeper.claim(slots[1], object::Frame::accepts).is_ok());
    let refused = keeper.claim(slots[2], object::Frame::accepts);
    assert_eq!(refused, Err(ProtocolError::NoSlots));
    keeper.release(first);
    let slots = arrive(keeper, &window, &[FRAME]);
    assert!(keeper.claim(slots[0], object::Frame::accepts).is_ok());
}

#[test]
fn what_is_of_another_kind_or_dead_is_not_claimed() {
    let keeper = keeper(8);
    let window = Window::take(keeper);
    let gate = Description::new(Kind::Gate, Rights::SIGNAL, true);
    let dead = Description::new(Kind::Frame, Rights::ALL, false);
    let slots = arrive(keeper, &window, &[gate, dead]);
    for slot in [slots[0], slots[1], slots[1] + 1, 0, 31, 9999] {
        let refused = keeper.claim(slot, object::Frame::accepts);
        assert_eq!(refused, Err(ProtocolError::WrongKind), "{slot}");
    }
    assert!(keeper.claim(slots[0], object::Signal::accepts).is_ok());
}

#[test]
fn loop_without_slots_takes_no_capabilities() {
    let keeper = keeper(3);
    let window = Window::take(keeper);
    assert_eq!(window.open(), SlotWindow::NONE);
    drop(window);
    assert!(keeper.slots.take(3, Use::Taken).is_some());
}

#[test]
fn window_of_a_loop_that_ended_leaves_nothing() {
    let keeper = keeper(4);
    let window = Window::take(keeper);
    arrive(keeper, &window, &[FRAME; 4]);
    drop(window);
    assert_eq!(held(keeper), 0);
    assert!(keeper.slots.take(4, Use::Taken).is_some());
}

/// Makes a call with `count` slots, of whose reply so many come.
fn call(keeper: &SlotKeeper<Fake>, count: usize, reply: Tag) -> Result<Incoming, CallError> {
    keeper.call_taking(count, |window| {
        let came = reply.capabilities();
        let mut incoming = Incoming {
            tag: reply,
            ..Incoming::default()
        };
        if came <= window.count() && reply.kind() == Some(MessageKind::Message) {
            for (index, word) in (0..came).zip(&mut incoming.words[12..]) {
                *word = window.base() + index;
                let slot = u32::try_from(*word).expect("it is a slot");
                keeper.table.held.borrow_mut().insert(slot, FRAME);
            }
        }
        incoming
    })
}

#[test]
fn slots_that_a_reply_does_not_fill_come_back() {
    let keeper = keeper(4);
    let reply = |count| Tag::new(0, 0).with_capabilities(count);
    for tag in [reply(0), reply(4), Tag::refusal(Error::Died)] {
        assert!(call(keeper, 3, tag).is_ok());
        assert_eq!(keeper.slots.take(4, Use::Taken), Some(32), "{tag:?}");
        keeper.slots.give_back(32, 4);
    }
    let came = call(keeper, 3, reply(2)).expect("it answers");
    assert_eq!(came.words[12..14], [32, 33]);
    assert_eq!(keeper.slots.take(2, Use::Taken), Some(34));
    assert_eq!(
        keeper.claim(32, object::Frame::accepts),
        Ok(32),
        "it is there"
    );
    keeper.release(32);
    keeper.discard(33);
    assert_eq!(held(keeper), 0);
    assert_eq!(keeper.slots.take(2, Use::Taken), Some(32));
}

#[test]
fn call_without_slots_for_its_reply_is_not_made() {
    let keeper = keeper(2);
    let refused = keeper.call_taking(3, |_| panic!("it is not called"));
    assert_eq!(refused, Err(CallError::Refused(Error::NoSlots)));
}
