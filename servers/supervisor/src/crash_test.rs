use std::collections::BTreeMap;
use std::format;
use std::vec::Vec;

use super::*;
use crate::symbol::tests::package;

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

/// `run` at BASE calls `panic_fmt` at BASE + 0x20 and `helper` at BASE + 0x10.
fn program() -> (Vec<u8>, ipc_abi::manifest::Program) {
    let mut code = [0xD503_201F; 16];
    code[1] = 0x9400_0007;
    code[2] = 0x9400_0002;
    let symbols = [
        (BASE, "shell::command::run"),
        (BASE + 0x10, "shell::helper"),
        (BASE + 0x20, "core::panicking::panic_fmt"),
        (BASE + 0x30, "userlib::panic::die"),
        (BASE + 0x40, ""),
    ];
    package(&code, &symbols)
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

#[test]
fn panic_is_told_with_text_and_function() {
    let mut memory = Bytes::default();
    memory.put(0x5000, b"panic");
    memory.put_words(0x7000, &[3, BASE + 0x24, BASE + 12, 0x7010, BASE + 8, 9]);
    let told = told(fault(FaultCause::Breakpoint, 0, BRK | 1), &mut memory);
    assert_eq!(told, "shell crashed: panic (in shell::command::run)");
}

#[test]
fn call_of_the_program_to_itself_is_no_panic() {
    let mut memory = Bytes::default();
    memory.put(0x5000, b"panic");
    memory.put_words(0x7000, &[BASE + 12]);
    let told = told(fault(FaultCause::Breakpoint, 0, BRK | 1), &mut memory);
    assert_eq!(told, "shell crashed: panic");
}

#[test]
fn unreadable_panic_is_told_as_such() {
    let told = told(
        fault(FaultCause::Breakpoint, 0, BRK | 1),
        &mut Bytes::default(),
    );
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
        ..fault(FaultCause::Breakpoint, 0, BRK | 1)
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
