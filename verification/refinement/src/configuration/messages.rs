//! Messages, signals, faults.

use ipc_abi::call::{SystemCall as S, Window};
use ipc_abi::capability::Rights;
use ipc_abi::fault::{FaultCause, FaultReply};
use ipc_abi::tag::Tag;

use super::maker::{EMPTY, Maker, OUTSIDE, THREAD, place_of, plain};
use crate::action::{Action, Message};
use crate::normal::Care;
use crate::transition::Scene;

const SENDING: [S; 4] = [S::Call, S::Send, S::TryCall, S::TrySend];
const RECEIVING: [S; 3] = [S::ReplyReceive, S::Receive, S::TryReceive];

/// Clients, a server, and every way to refuse them.
pub(super) fn call_and_reply() -> Scene {
    let mut m = Maker::new(88);
    let endpoint = m.endpoint();
    let gates = [m.gate(endpoint, 7), m.gate(endpoint, 9)];
    let weak = m.copy(gates[0], Rights::GRANT);
    let deaf = m.copy(endpoint, Rights::WRITE);
    m.thread(255);
    m.thread(254);
    m.messages(&SENDING, &gates);
    m.messages(&SENDING, &[weak, endpoint, 0, EMPTY, OUTSIDE]);
    m.messages(&RECEIVING, &[endpoint, deaf, gates[0], EMPTY]);
    m.messages(&[S::Reply], &[0]);
    m.function(S::Yield, &[]);
    m.function(S::Null, &[]);
    m.action(Action::Timer);
    m.finish(Care::default())
}

/// The same with four threads, one of which has no time of its own, and two endpoints.
pub(super) fn two_servers() -> Scene {
    let mut m = Maker::new(88);
    let endpoints = [m.endpoint(), m.endpoint()];
    let gates = [m.gate(endpoints[0], 7), m.gate(endpoints[1], 9)];
    m.thread(255);
    m.thread(254);
    m.messages(&[S::Call, S::Send], &gates);
    m.messages(&[S::ReplyReceive, S::Receive, S::TryReceive], &endpoints);
    m.messages(&[S::Reply], &[0]);
    m.action(Action::Timer);
    m.finish(Care::default())
}

/// Callers that are saved and answered later.
pub(super) fn saved_callers() -> Scene {
    let mut m = Maker::new(88);
    let endpoint = m.endpoint();
    let gate = m.gate(endpoint, 7);
    let replies = [m.reply(), m.reply()];
    let weak = m.copy(replies[0], Rights::READ);
    let threads = [THREAD, m.thread(255).0, m.thread(254).0];
    m.messages(&[S::Call], &[gate]);
    m.messages(&RECEIVING, &[endpoint]);
    m.messages(&[S::Reply], &[0]);
    m.messages(&[S::ReplyTo], &[replies[0], replies[1], weak, gate, EMPTY]);
    m.functions(
        &[S::SaveCaller],
        &[replies[0], replies[1], weak, gate, EMPTY],
    );
    for thread in threads {
        m.functions(&[S::ThreadStop, S::ThreadResume], &[thread]);
    }
    m.action(Action::Timer);
    m.finish(Care::default())
}

/// Signals to one who waits, to a bound thread, and from an interrupt.
pub(super) fn signals() -> Scene {
    let mut m = Maker::new(88);
    let notifications = [m.notification(), m.notification()];
    let endpoint = m.endpoint();
    let gate = m.gate(endpoint, 5);
    let bells = [m.gate(notifications[0], 1), m.gate(notifications[1], 6)];
    let deaf = m.copy(notifications[0], Rights::WRITE);
    let irq = m.irq(33);
    let threads = [m.thread(255).0, m.thread(254).0];
    m.messages(&[S::TryWait], &[notifications[0], deaf, EMPTY]);
    m.functions(
        &[S::Wait],
        &[notifications[0], notifications[1], deaf, gate, EMPTY],
    );
    m.functions(&[S::Signal], &[bells[0], bells[1], gate, EMPTY, OUTSIDE]);
    m.messages(&[S::Receive, S::TryReceive], &[endpoint]);
    m.messages(&[S::Send], &[gate]);
    m.function(S::ThreadBind, &[threads[0], notifications[1]]);
    m.function(S::ThreadBind, &[threads[1], notifications[1]]);
    m.function(S::IrqBind, &[irq, notifications[0], 4]);
    m.function(S::IrqBind, &[irq, notifications[1], 0]);
    m.functions(&[S::IrqAcknowledge], &[irq, gate]);
    m.action(Action::Interrupt(33));
    m.finish(Care::default())
}

/// Threads that are stopped, resumed and started anew while they call, serve and wait.
pub(super) fn stopping() -> Scene {
    let mut m = Maker::new(88);
    let endpoint = m.endpoint();
    let gate = m.gate(endpoint, 7);
    let notification = m.notification();
    let bell = m.gate(notification, 3);
    let threads = [THREAD, m.thread(255).0, m.thread(254).0];
    let unborn = m.new_thread();
    let weak = m.copy(threads[1], Rights::READ);
    m.messages(&[S::Call, S::Send], &[gate]);
    m.messages(&[S::ReplyReceive, S::Receive], &[endpoint]);
    m.functions(&[S::Wait], &[notification]);
    m.functions(&[S::Signal], &[bell]);
    for thread in [threads[0], threads[1], threads[2], unborn, weak, gate] {
        m.functions(
            &[S::ThreadStop, S::ThreadResume, S::ThreadInspect],
            &[thread],
        );
        m.function(S::ThreadStart, &[thread, 0x1000, 0x2000, 7]);
    }
    m.finish(Care::default())
}

/// Capabilities that come along, and windows that take them or not.
pub(super) fn transfers() -> Scene {
    let mut m = Maker::new(88);
    let endpoint = m.endpoint();
    let gate = m.gate(endpoint, 7);
    let poor = m.copy(gate, Rights::SEND);
    let gift = m.notification();
    m.thread(255);
    let (slot, at) = m.slot();
    let (next, next_at) = m.slot();
    assert_eq!(next, slot + 1, "slots are in order");
    let base = u32::try_from(slot).expect("a slot");
    for window in [
        Window::NONE,
        Window::new(base, 1),
        Window::new(base, 2),
        Window::new(0, 1),
    ] {
        for call in [S::Receive, S::ReplyReceive] {
            m.message(Message {
                window,
                ..plain(call, endpoint)
            });
        }
    }
    for (handle, window) in [
        (gate, Window::NONE),
        (gate, Window::new(base, 1)),
        (poor, Window::NONE),
    ] {
        for count in 0..3 {
            let tag = Tag::new(3, 128).with_capabilities(count);
            let capabilities = [gift, slot, 0, 0];
            m.message(Message {
                tag,
                window,
                capabilities,
                ..plain(S::Call, handle)
            });
        }
    }
    for (call, count) in [(S::ReplyReceive, 1), (S::ReplyReceive, 2), (S::Send, 1)] {
        let tag = Tag::new(3, 128).with_capabilities(count);
        let capabilities = [gift, slot, EMPTY, 0];
        let handle = if call == S::Send { gate } else { endpoint };
        m.message(Message {
            tag,
            capabilities,
            ..plain(call, handle)
        });
    }
    m.functions(&[S::CapabilityDelete, S::CapabilityInspect], &[at, next_at]);
    m.finish(Care::default())
}

/// Tags that nobody may send, and messages in buffers.
pub(super) fn long_messages() -> Scene {
    let mut m = Maker::new(88);
    let endpoint = m.endpoint();
    let gate = m.gate(endpoint, 7);
    let buffers = [m.frame().0, m.frame().0];
    let threads = [THREAD, m.thread(255).0];
    for (length, bits) in [(64, 0), (4096, 0), (4097, 0), (8, 1 << 36), (8, 1 << 63)] {
        for (call, handle) in [
            (S::Call, gate),
            (S::Send, gate),
            (S::ReplyReceive, endpoint),
        ] {
            let long = Tag::new(1, length).with_long().into_raw();
            let tag = Tag::from_raw(long | bits);
            m.message(Message {
                tag,
                ..plain(call, handle)
            });
        }
    }
    m.messages(&[S::Call, S::ReplyReceive, S::Receive], &[gate, endpoint]);
    for thread in threads {
        for buffer in buffers {
            m.function(S::ThreadSetBuffer, &[thread, buffer]);
        }
    }
    m.function(S::ThreadSetBuffer, &[threads[0], gate]);
    m.functions(&[S::FrameInspect], &[buffers[0], gate]);
    m.function(S::FrameSetMode, &[buffers[0], 1]);
    m.function(S::FrameSetMode, &[buffers[0], 0]);
    m.function(S::FrameSetMode, &[buffers[0], 2]);
    m.finish(Care::default())
}

/// Faults: their handler, its replies, and who is stopped.
pub(super) fn faults() -> Scene {
    let mut m = Maker::new(88);
    let endpoint = m.endpoint();
    let gate = m.gate(endpoint, 7);
    let reply = m.reply();
    let threads = [THREAD, m.thread(255).0, m.thread(254).0];
    for thread in threads {
        m.function(S::ThreadSetHandler, &[thread, gate]);
        m.functions(&[S::ThreadResume], &[thread]);
    }
    m.functions(&[S::ThreadStop], &[threads[1], threads[2]]);
    m.function(S::ThreadSetHandler, &[threads[1], endpoint]);
    m.action(Action::Fault(FaultCause::DataAbort));
    m.action(Action::StepDone);
    m.messages(&[S::Call], &[gate]);
    m.messages(&[S::Receive], &[endpoint]);
    let replies = [
        FaultReply::Retry,
        FaultReply::ContinueAt,
        FaultReply::Stop,
        FaultReply::Skip,
        FaultReply::Step,
        FaultReply::Rewrite,
    ];
    for method in replies.into_iter().map(|reply| reply as u16).chain([9]) {
        let tag = Tag::new(method, 40);
        m.message(Message {
            tag,
            ..plain(S::ReplyReceive, endpoint)
        });
    }
    m.messages(&[S::Reply], &[0]);
    let tag = Tag::new(FaultReply::Retry as u16, 0);
    m.message(Message {
        tag,
        ..plain(S::ReplyTo, reply)
    });
    m.functions(&[S::SaveCaller], &[reply]);
    m.function(S::ThreadRead, &[threads[1], 2]);
    m.function(S::ThreadRead, &[threads[1], 32]);
    m.finish(Care {
        registers: true,
        ..Care::default()
    })
}

/// Everything that a capability is copied, looked at and deleted by, in a few slots.
pub(super) fn capabilities() -> Scene {
    let mut m = Maker::new(88);
    let endpoint = m.endpoint();
    let slots: Vec<u64> = (0..4).map(|_| m.slot().0).collect();
    let places: Vec<u64> = slots.iter().map(|&slot| place_of(slot)).collect();
    for &from in slots.iter().chain(&[endpoint, 0, OUTSIDE]) {
        for &to in &places {
            for rights in [0xFF, 0x10, 0x90] {
                m.function(S::CapabilityCopy, &[from, to, rights]);
            }
        }
    }
    for &at in places
        .iter()
        .chain(&[place_of(0), place_of(OUTSIDE), endpoint << 32 | 20])
    {
        m.functions(&[S::CapabilityDelete, S::CapabilityInspect], &[at]);
    }
    m.function(S::CapabilityCopy, &[endpoint, place_of(0), 0xFF]);
    m.function(S::CapabilityCopy, &[endpoint, place_of(OUTSIDE), 0xFF]);
    m.functions(&[S::Destroy], &[slots[0], slots[1], EMPTY]);
    m.finish(Care {
        identities: true,
        ..Care::default()
    })
}
