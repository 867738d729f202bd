use std::collections::BTreeMap;
use std::format;
use std::vec::Vec;

use super::*;
use crate::symbol::tests::{START, package, package_with_frames};

/// Memory of bytes here and there.
#[derive(Default)]
struct Bytes(BTreeMap<u64, u8>);

impl Bytes {
    fn put(&mut self, address: u64, bytes: &[u8]) {
        self.0.extend((address..).zip(bytes.iter().copied()));
    }

    fn put_words(&mut self, address: u64, words: &[u64]) {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.put(address, &bytes);
    }
}

impl Memory for Bytes {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> bool {
        let bytes: Option<Vec<u8>> = (address..)
            .take(buffer.len())
            .map(|at| self.0.get(&at).copied())
            .collect();
        bytes.map(|bytes| buffer.copy_from_slice(&bytes)).is_some()
    }
}

const BASE: u64 = 0x21_0000;

/// `run` at BASE.
fn program() -> (Vec<u8>, ipc_abi::manifest::Program) {
    package(&[], &[(BASE, "shell::command::run"), (BASE + 0x10, "")])
}

fn fault(cause: FaultCause, address: u64, syndrome: u64) -> Fault {
    Fault {
        badge: 0,
        cause: Some(cause),
        program_counter: BASE + 4,
        address,
        syndrome,
        stack_pointer: 0x7000,
        link_register: 0,
        registers: [0x5000, 5],
    }
}

/// A panic in no function that has a name.
fn nameless_panic() -> Fault {
    Fault {
        program_counter: BASE + 0x10,
        ..fault(FaultCause::Breakpoint, 0, BRK | 1)
    }
}

fn told(fault: Fault, memory: &mut Bytes) -> String {
    told_of(0, fault, memory)
}

fn told_of(thread: u8, fault: Fault, memory: &mut Bytes) -> String {
    let (package, program) = program();
    let name = Culprit {
        process: "shell",
        thread,
        place: ThreadPlace::new(thread, 4),
    };
    let symbols = Symbols::new(&package, &program);
    report(&fault, name, &symbols, memory).as_str().into()
}

const BRK: u64 = 0x3C << 26 | 1 << 25;

/// Bytes of a function in [`Chain`]: the last instruction is its call.
const FUNCTION: u64 = 0x20;
const NOP: u32 = 0xD503_201F;
/// `blr x8`.
const CALL_POINTER: u32 = 0xD63F_0100;

/// Functions, each of which calls the next one, the last of which panicked. Since calls are last
/// instructions, each return address is where the next function starts, as behind calls that never
/// come back. The frames are full of such addresses.
struct Chain<'a> {
    names: &'a [&'a str],
    behind: Option<&'a str>,
    code: Vec<u32>,
    frames: Vec<(u64, (u32, u32))>,
    memory: Bytes,
}

impl<'a> Chain<'a> {
    const STACK: u64 = 0x7000;
    const FRAME: u64 = 32;

    fn new(names: &'a [&'a str]) -> Chain<'a> {
        let mut memory = Bytes::default();
        memory.put(0x5000, b"panic");
        let mut frames = Vec::new();
        let start = |number: usize| BASE + FUNCTION * number as u64;
        for (number, outwards) in (0..names.len()).zip((0..names.len() as u64).rev()) {
            let decoys = [start(1), start(2), start(number + 1)];
            let words = [decoys.as_slice(), &[start(number)]].concat();
            memory.put_words(Self::STACK + Self::FRAME * outwards, &words);
            frames.extend([(start(number), START), (start(number) + 4, (32, 24))]);
        }
        frames.push((start(names.len()), (0, 0)));
        // bl to the next instruction.
        let code = [NOP, NOP, NOP, NOP, NOP, NOP, NOP, 0x9400_0001].repeat(names.len());
        Chain {
            names,
            behind: None,
            code,
            frames,
            memory,
        }
    }

    /// Replaces the call of a function.
    fn with_call(mut self, number: usize, instruction: u32) -> Chain<'a> {
        self.code[8 * number + 7] = instruction;
        self
    }

    /// Adds a function behind the others that nobody calls.
    fn with_function(mut self, name: &'a str) -> Chain<'a> {
        self.frames.pop();
        self.frames.push((self.end(), START));
        self.behind = Some(name);
        self
    }

    fn end(&self) -> u64 {
        BASE + FUNCTION * self.names.len() as u64
    }

    /// What is told behind the text of the panic.
    fn place(mut self) -> String {
        let names = self.names.iter().copied().chain(self.behind);
        let symbols: Vec<_> = (BASE..).step_by(0x20).zip(names).collect();
        let (package, program) = package_with_frames(&self.code, &symbols, &self.frames);
        let name = Culprit {
            process: "shell",
            thread: 0,
            place: ThreadPlace::new(0, 4),
        };
        let fault = Fault {
            program_counter: self.end() - 4,
            ..fault(FaultCause::Breakpoint, 0, BRK | 1)
        };
        let symbols = Symbols::new(&package, &program);
        let told = report(&fault, name, &symbols, &mut self.memory);
        told.strip_prefix("shell crashed: panic").unwrap().into()
    }
}

const RUN: &str = " (in shell::run)";
const OUTER: &[&str] = &["userlib::start::run", "shell::main", "shell::decoy"];
const OWN: &[&str] = &["shell::run"];
const INNER: &[&str] = &[
    "core::panicking::panic_fmt",
    "__rustc::rust_begin_unwind",
    "userlib::panic::fault::panic",
];

#[test]
fn panic_of_every_kind_is_told_with_the_function_that_panicked() {
    let kinds: [&[&str]; 19] = [
        &[],
        &["core::panicking::panic_bounds_check"],
        &["core::slice::index::slice_index_fail"],
        &[
            "<str as core::ops::index::Index<core::ops::range::Range<usize>>>::index",
            "core::str::slice_error_fail",
        ],
        &["<[u8]>::copy_from_slice::len_mismatch_fail"],
        &[
            "<alloc::vec::Vec<shell::Line>>::remove",
            "<alloc::vec::Vec<_>>::remove::assert_failed",
        ],
        &[
            "<alloc::vec::Vec<shell::Line>>::push",
            "<alloc::raw_vec::RawVec<shell::Line>>::grow_one",
            "alloc::raw_vec::handle_error",
            "alloc::alloc::handle_alloc_error",
            "__rustc::__rdl_alloc_error_handler",
        ],
        &[
            "<u8 as alloc::vec::spec_from_elem::SpecFromElem>::from_elem",
            "alloc::raw_vec::handle_error",
        ],
        &[
            "<alloc::boxed::Box<shell::Line>>::new",
            "alloc::alloc::handle_alloc_error",
        ],
        &[
            "<str as alloc::string::ToString>::to_string",
            "alloc::raw_vec::handle_error",
        ],
        &[
            "alloc::fmt::format::format_inner",
            "core::fmt::write",
            "<alloc::string::String as core::fmt::Write>::write_str",
            "alloc::raw_vec::handle_error",
        ],
        &[
            "<alloc::collections::btree::map::BTreeMap<u8, shell::Line>>::insert",
            "alloc::alloc::handle_alloc_error",
        ],
        &["core::option::unwrap_failed"],
        &["core::result::unwrap_failed"],
        &["core::panicking::panic_const::panic_const_div_by_zero"],
        &[
            "<core::iter::adapters::map::Map<I, F> as core::iter::Iterator>::fold",
            "<u32 as core::ops::arith::Div>::div",
            "core::panicking::panic_const::panic_const_div_by_zero",
        ],
        &["core::num::from_str_radix_panic"],
        &["core::cell::panic_already_mutably_borrowed"],
        &["core::slice::sort::shared::smallsort::panic_on_ord_violation"],
    ];
    for kind in kinds {
        let names = [OUTER, OWN, kind, INNER].concat();
        assert_eq!(Chain::new(&names).place(), RUN, "{kind:?}");
    }
}

#[test]
fn panic_of_a_library_by_itself_names_nobody() {
    let names = [&OUTER[..1], &["core::option::unwrap_failed"], INNER].concat();
    assert_eq!(Chain::new(&names).place(), "");
}

#[test]
fn call_of_a_pointer_is_a_call() {
    let names = [OUTER, OWN, INNER].concat();
    assert_eq!(Chain::new(&names).with_call(3, CALL_POINTER).place(), RUN);
}

#[test]
fn function_that_left_no_frame_is_told_where_the_call_names_it() {
    // `shell::run`, which is called and ended with a jump to `remove`.
    let inner = ["<alloc::vec::Vec<u8>>::remove", INNER[0]];
    let names = [OUTER, &inner].concat();
    let call = 0x9400_0000 | (5 * 8 - (2 * 8 + 7));
    let chain = Chain::new(&names).with_function("shell::run");
    assert_eq!(chain.with_call(2, call).place(), RUN);
    let chain = Chain::new(&names).with_function("core::iter::fold");
    assert_eq!(chain.with_call(2, call).place(), " (in shell::decoy)");
}

#[test]
fn stack_that_tells_of_no_call_names_nobody() {
    let names = [OUTER, OWN, INNER].concat();
    for wrong in [NOP, 0x1400_0001, 0xD61F_0100] {
        assert_eq!(Chain::new(&names).with_call(5, wrong).place(), "");
    }
    for address in [0, 3, BASE, BASE + 6 * FUNCTION + 2, u64::MAX] {
        let mut chain = Chain::new(&names);
        chain.memory.put_words(Chain::STACK + 24, &[address]);
        assert_eq!(chain.place(), "", "{address:#x}");
    }
    let mut chain = Chain::new(&names);
    chain.memory.0.remove(&(Chain::STACK + Chain::FRAME + 24));
    assert_eq!(chain.place(), "", "unreadable");
}

#[test]
fn unknown_frame_names_nobody() {
    let names = [OUTER, OWN, INNER].concat();
    let mut chain = Chain::new(&names);
    chain.frames.push((BASE + 5 * FUNCTION + 8, (0, 0)));
    chain.frames.sort_unstable();
    assert_eq!(chain.place(), "");
    let mut chain = Chain::new(&names);
    chain.frames.clear();
    assert_eq!(chain.place(), "", "a program without frames");
}

#[test]
fn own_function_is_looked_for_within_a_bound() {
    let library = std::vec!["core::iter::fold"; CALLS_MAX];
    let names = [OWN, &library[..]].concat();
    assert_eq!(Chain::new(&names).place(), RUN);
    let names = [&names[..], &["core::panicking::panic_fmt"]].concat();
    assert_eq!(Chain::new(&names).place(), "", "one past the bound");
}

#[test]
fn unreadable_panic_is_told_as_such() {
    let told = told(nameless_panic(), &mut Bytes::default());
    assert_eq!(
        told,
        "shell crashed: panicked, with a text at 0x5000 that cannot be read"
    );
}

#[test]
fn long_panic_is_cut() {
    let mut memory = Bytes::default();
    memory.put(0x5000, &[b'x'; 1000]);
    let endless = Fault {
        registers: [0x5000, u64::MAX],
        ..nameless_panic()
    };
    let told = told(endless, &mut memory);
    assert_eq!(told.len(), "shell crashed: ".len() + TEXT_BYTES);
}

#[test]
fn other_faults_are_told_with_place() {
    let place = "(in shell::command::run, at 0x210004)";
    let cases = [
        (FaultCause::DataAbort, 0x40, "cannot write at 0x18"),
        (FaultCause::DataAbort, 0, "cannot read at 0x18"),
        (FaultCause::InstructionAbort, 0, "cannot execute at 0x18"),
        (FaultCause::UndefinedInstruction, 0, "undefined instruction"),
        (FaultCause::Alignment, 0, "misaligned access at 0x18"),
        (FaultCause::Breakpoint, BRK | 7, "breakpoint 7"),
        (FaultCause::UnknownSystemCall, 99, "unknown system call 99"),
        (FaultCause::HardwareBreakpoint, 0, "hardware breakpoint"),
        (FaultCause::Watchpoint, 0, "watchpoint at 0x18"),
        (FaultCause::SingleStep, 0, "single step"),
        (FaultCause::ForeignCall, BRK | 7, "foreign call 7"),
        (FaultCause::SystemError, 0x1F, "error of the machine 0x1f"),
        (FaultCause::FloatingPoint, 0, "floating-point exception"),
        (FaultCause::Other, 0x1F, "exception with syndrome 0x1f"),
    ];
    for (cause, syndrome, what) in cases {
        let told = told(fault(cause, 0x18, syndrome), &mut Bytes::default());
        assert_eq!(told, format!("shell crashed: {what} {place}"));
    }
}

#[test]
fn thread_and_its_own_overflow_are_told() {
    let place = "(in shell::command::run, at 0x210004)";
    let told = |thread, address, syndrome| {
        let fault = fault(FaultCause::DataAbort, address, syndrome);
        told_of(thread, fault, &mut Bytes::default())
    };
    let [first, second] = [0, 2].map(|thread| ThreadPlace::new(thread, 4).guard);
    let what = format!("shell crashed: its stack overflowed at {first:#x} {place}");
    assert_eq!(told(0, first, 0x40), what);
    let what = format!("shell (thread 2) crashed: its stack overflowed at {second:#x} {place}");
    assert_eq!(told(2, second, 0), what);
    let what = format!("shell (thread 2) crashed: cannot read at {first:#x} {place}");
    assert_eq!(told(2, first, 0), what, "it is the stack of another");
}

#[test]
fn place_outside_the_program_is_told_as_such() {
    let jump = Fault {
        program_counter: 8,
        ..fault(FaultCause::InstructionAbort, 8, 0)
    };
    let told = told(jump, &mut Bytes::default());
    assert_eq!(
        told,
        "shell crashed: cannot execute at 0x8 (at 0x8, in no function)"
    );
}
