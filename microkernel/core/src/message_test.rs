//! Facts about what a message may carry, and what it is held against.

use ipc_abi::call::{SystemCall, Window};
use ipc_abi::capability::ThreadState;
use ipc_abi::error::Error;
use ipc_abi::tag::Tag;

use crate::ipc_test::{Pair, pair, pair_with, state};
use crate::world::World;

/// What the kernel answers to a call of the pair's client whose tag is this; the server goes on waiting.
fn refusal(p: &Pair, tag: Tag) -> Option<Error> {
    p.world.raw_message(SystemCall::Call, p.gate, tag, 0);
    assert_eq!(state(&p.world, p.server), ThreadState::Receiving as u64);
    p.world.refusal(p.client)
}

#[test]
fn tag_of_nothing_but_bits_to_check_is_refused() {
    let tag = Tag::from_raw(Tag::SLOW_BITS);
    assert_eq!(refusal(&pair(), tag), Some(Error::BadArgument));
}

#[test]
fn capability_that_is_not_there_is_refused() {
    let p = pair_with(Window::new(200, 2));
    let tag = Tag::new(1, 96).with_capabilities(2);
    p.world.set_register(p.client.thread, 12, p.gate);
    for handle in [0, 220, 256, u64::MAX] {
        p.world.set_register(p.client.thread, 13, handle);
        assert_eq!(refusal(&p, tag), Some(Error::BadHandle));
    }
}

#[test]
fn window_takes_as_many_as_it_says_into_empty_slots_but_the_first_of_the_table() {
    for (window, occupied) in [
        (Window::new(200, 1), None),
        (Window::new(200, 2), Some(201)),
        (Window::new(0, 2), None),
    ] {
        let p = pair_with(window);
        for word in [12, 13] {
            p.world.set_register(p.client.thread, word, p.gate);
        }
        if let Some(slot) = occupied {
            let place = World::destination(slot);
            let copied = p.world.kernel().capability_copy(p.gate, place, 255);
            assert_eq!(copied, Ok(0));
        }
        let tag = Tag::new(1, 96).with_capabilities(2);
        assert_eq!(refusal(&p, tag), Some(Error::NoSlots));
    }
}

#[test]
fn window_does_not_begin_with_the_first_slot_of_the_table() {
    let p = pair_with(Window::new(0, 1));
    p.world.set_register(p.client.thread, 12, p.gate);
    let tag = Tag::new(1, 96).with_capabilities(1);
    assert_eq!(refusal(&p, tag), Some(Error::NoSlots));
}
