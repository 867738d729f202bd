//! A system of many processes' worth of objects, for random walks.

use pecan_core::object::UNITS_PER_FRAME;

use super::maker::{DEVICES, MEMORY, Maker, THREAD};
use crate::arena::FIRST_DEVICE;
use crate::normal::Care;
use crate::transition::Scene;

/// Frames of the second region.
const SPLIT: u64 = 12;

/// A dozen threads of seven priorities, and several of everything else.
///
/// # Panics
///
/// Panics if it cannot be made.
#[must_use]
pub fn large_system() -> Scene {
    let mut m = Maker::new(224);
    let (_, to) = m.slot();
    m.host
        .kernel()
        .region_split(MEMORY, SPLIT, to)
        .expect("a region of its own");
    for _ in 0..SPLIT {
        m.host.frame();
    }
    let endpoints = [m.endpoint(), m.endpoint(), m.endpoint()];
    let notifications = [m.notification(), m.notification()];
    let gates: Vec<u64> = (1..=6)
        .zip(endpoints.into_iter().chain(notifications).cycle())
        .map(|(badge, target)| m.gate(target, badge))
        .collect();
    m.reply();
    m.reply();
    let spaces = [m.space(4), m.space(1)];
    let frames: Vec<u64> = (0..5).map(|_| m.frame().0).collect();
    m.irq(33);
    let (_, to) = m.slot();
    let registers = FIRST_DEVICE * UNITS_PER_FRAME;
    m.host
        .kernel()
        .create_frame(DEVICES, registers, to)
        .expect("registers");
    let kernel = m.host.kernel();
    kernel
        .map(spaces[0], frames[0], 0x40_0000_0000, 3)
        .expect("it is mapped");
    kernel
        .thread_set_buffer(THREAD, frames[1])
        .expect("a buffer");
    kernel
        .thread_set_handler(THREAD, gates[0])
        .expect("a handler");
    m.host.drain_all();
    for priority in [255, 255, 254, 200, 200, 128, 100, 33, 20] {
        m.thread(priority);
    }
    m.new_thread();
    m.finish_until(
        Care {
            time: true,
            ..Care::default()
        },
        u64::MAX,
    )
}
