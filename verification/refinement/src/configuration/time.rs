//! Deadlines, budgets and help, up to a horizon.

use ipc_abi::call::SystemCall as S;
use ipc_abi::capability::Rights;

use super::maker::{CONTEXT, Maker, THREAD, TIME, plain};
use crate::action::{Action, Message};
use crate::arena::START;
use crate::normal::Care;
use crate::transition::Scene;

const TIMED: Care = Care {
    identities: false,
    time: true,
    registers: false,
};

/// Calls that time out, sleepers, and what comes first.
pub(super) fn deadlines() -> Scene {
    let mut m = Maker::new(88);
    let endpoint = m.endpoint();
    let gate = m.gate(endpoint, 7);
    let notification = m.notification();
    let bell = m.gate(notification, 3);
    m.thread(255);
    m.thread(128);
    for patience in [0, 100, 300] {
        m.message(Message {
            patience,
            ..plain(S::CallUntil, gate)
        });
        m.message(Message {
            patience,
            ..plain(S::ReceiveUntil, endpoint)
        });
        m.message(Message {
            patience,
            ..plain(S::WaitUntil, notification)
        });
        m.function(S::Sleep, &[patience]);
    }
    m.messages(&[S::Receive, S::ReplyReceive], &[endpoint]);
    m.functions(&[S::Signal], &[bell]);
    m.action(Action::Pass(64));
    m.action(Action::Timer);
    m.finish_until(TIMED, START + 512)
}

/// Budgets that are used up in a call or outside, and come back.
pub(super) fn budgets() -> Scene {
    let mut m = Maker::new(88);
    let endpoint = m.endpoint();
    let gate = m.gate(endpoint, 7);
    let notification = m.notification();
    let bell = m.gate(notification, 3);
    let contexts = [CONTEXT, m.thread(255).1];
    for context in contexts {
        m.function(S::ContextConfigure, &[context, TIME, 255, 1024, 4096]);
        m.function(S::ContextConfigure, &[context, TIME, 200, 2048, 3000]);
        m.functions(&[S::ContextInspect], &[context]);
        m.function(S::ContextSetHandler, &[context, bell]);
    }
    m.function(S::ContextConfigure, &[CONTEXT, TIME, 255, 0, 0]);
    m.function(S::ContextConfigure, &[CONTEXT, TIME, 255, 100, 200]);
    m.messages(&[S::Call], &[gate]);
    m.messages(&[S::Receive, S::ReplyReceive], &[endpoint]);
    m.messages(&[S::TryWait], &[notification]);
    m.function(S::Yield, &[]);
    m.action(Action::Pass(700));
    m.action(Action::Timer);
    m.finish_until(TIMED, START + 8192)
}

/// Callers of different importance at a server that is busy, and the chain behind it.
pub(super) fn helping() -> Scene {
    let mut m = Maker::new(88);
    let endpoints = [m.endpoint(), m.endpoint()];
    let gates = [m.gate(endpoints[0], 7), m.gate(endpoints[1], 9)];
    let threads = [THREAD, m.thread(200).0, m.thread(100).0];
    m.messages(&[S::Call], &gates);
    m.messages(&[S::Receive, S::ReplyReceive], &endpoints);
    m.messages(&[S::Reply], &[0]);
    m.functions(&[S::ThreadStop, S::ThreadResume], &threads);
    m.function(S::Yield, &[]);
    m.finish(Care::default())
}

/// One thread holds another in its hands: registers, flags, memory.
pub(super) fn debugging() -> Scene {
    let mut m = Maker::new(88);
    let thread = m.thread(255).0;
    let weak = m.copy(thread, Rights::NONE);
    for register in [0, 30, 31, 32, 33, 35, 64, 128, 129, 144, 145, 200] {
        m.function(S::ThreadRead, &[thread, register]);
        m.function(S::ThreadWrite, &[thread, register, 0]);
        if !(34..128).contains(&register) {
            m.function(S::ThreadWrite, &[thread, register, 0x1E5]);
        }
    }
    m.function(S::ThreadRead, &[weak, 0]);
    for flags in [0, 1, 2, 3, 4, 5 << 32] {
        m.function(S::ThreadConfigure, &[thread, flags]);
    }
    m.functions(&[S::ThreadStop, S::ThreadResume], &[thread, THREAD]);
    m.function(S::ThreadPeek, &[thread, 0x1000]);
    m.function(S::ThreadPoke, &[thread, 0x1001, 1]);
    m.function(S::Null, &[]);
    m.action(Action::Timer);
    m.finish(Care {
        registers: true,
        ..Care::default()
    })
}
