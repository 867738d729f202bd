//! The small systems that are explored. Each is the first process with a few objects more, and a list
//! of what can happen: calls with good handles and bad ones, faults, interrupts, the timer.

mod large;
mod maker;
mod messages;
mod objects;
mod refused;
mod time;

pub use large::large_system;

use crate::explore::Configuration;

/// All of them.
pub const ALL: &[Configuration] = &[
    Configuration {
        name: "call and reply",
        has: "3 threads, an endpoint, 2 gates",
        states: [32_000, 450_000],
        build: messages::call_and_reply,
    },
    Configuration {
        name: "two servers",
        has: "3 threads, 2 endpoints, 2 gates",
        states: [32_000, 450_000],
        build: messages::two_servers,
    },
    Configuration {
        name: "saved callers",
        has: "3 threads, an endpoint, a gate, 2 reply objects",
        states: [64_000, 450_000],
        build: messages::saved_callers,
    },
    Configuration {
        name: "signals",
        has: "3 threads, 2 notifications, an endpoint, 3 gates, an interrupt",
        states: [32_000, 450_000],
        build: messages::signals,
    },
    Configuration {
        name: "stopping",
        has: "4 threads, an endpoint, a notification, 2 gates",
        states: [32_000, 450_000],
        build: messages::stopping,
    },
    Configuration {
        name: "transfers",
        has: "2 threads, an endpoint, 2 gates, 2 free slots",
        states: [32_000, 450_000],
        build: messages::transfers,
    },
    Configuration {
        name: "long messages",
        has: "2 threads, an endpoint, a gate, 2 frames",
        states: [32_000, 450_000],
        build: messages::long_messages,
    },
    Configuration {
        name: "faults",
        has: "3 threads, an endpoint, a gate, a reply object",
        states: [32_000, 450_000],
        build: messages::faults,
    },
    Configuration {
        name: "capabilities",
        has: "a thread, an endpoint, 4 free slots",
        states: [32_000, 450_000],
        build: messages::capabilities,
    },
    Configuration {
        name: "death of what is awaited",
        has: "3 threads, an endpoint, a notification, 3 gates, a reply object",
        states: [32_000, 450_000],
        build: objects::death_of_what_is_awaited,
    },
    Configuration {
        name: "death of threads",
        has: "3 threads and contexts, an endpoint, a gate, a reply object",
        states: [32_000, 450_000],
        build: objects::death_of_threads,
    },
    Configuration {
        name: "creation",
        has: "a thread, a frame of objects, 2 free slots",
        states: [32_000, 450_000],
        build: objects::creation,
    },
    Configuration {
        name: "regions",
        has: "a thread, regions of 3 slots",
        states: [32_000, 900_000],
        build: objects::regions,
    },
    Configuration {
        name: "mapping",
        has: "2 spaces with pools, 2 frames, 3 pages",
        states: [64_000, 250_000],
        build: objects::mapping,
    },
    Configuration {
        name: "devices",
        has: "a device, 2 frames",
        states: [64_000, 450_000],
        build: objects::devices,
    },
    Configuration {
        name: "allowances",
        has: "lines, ASIDs and time in 2 allowances",
        states: [64_000, 450_000],
        build: objects::allowances,
    },
    Configuration {
        name: "processes",
        has: "a space, a table and a thread that come and go",
        states: [32_000, 450_000],
        build: objects::processes,
    },
    Configuration {
        name: "deadlines",
        has: "3 threads, an endpoint, a notification, 512 ticks",
        states: [32_000, 350_000],
        build: time::deadlines,
    },
    Configuration {
        name: "budgets",
        has: "2 threads with budgets, an endpoint, 8192 ticks",
        states: [32_000, 350_000],
        build: time::budgets,
    },
    Configuration {
        name: "helping",
        has: "3 threads of 3 priorities, 2 endpoints",
        states: [32_000, 450_000],
        build: time::helping,
    },
    Configuration {
        name: "debugging",
        has: "2 threads and the registers of one",
        states: [32_000, 450_000],
        build: time::debugging,
    },
    Configuration {
        name: "ranges",
        has: "a space with a pool, 3 frames, 3 runs of pages",
        states: [16_000, 250_000],
        build: refused::ranges,
    },
    Configuration {
        name: "wrong arguments",
        has: "one of every object, and bad names of each",
        states: [64, 1_000],
        build: refused::functions,
    },
    Configuration {
        name: "wrong messages",
        has: "2 threads, an endpoint, a gate, and bad names of each",
        states: [256, 20_000],
        build: refused::messages,
    },
];
