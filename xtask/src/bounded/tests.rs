//! Small kernels of a few instructions: what is bounded, with its figure, and what is refused.

use super::constant::{Known, State};
use super::explore::Obscure;
use super::function::{Analysis, Summary};
use super::kernel::{Kernel, Mark, Piece, Symbol};

const START: u64 = 0x1000;
const NOP: u32 = 0xD503_201F;
const RETURN: u32 = 0xD65F_03C0;
const TRAP: u32 = 0xD420_0020;

fn branch_if_zero(words: i32) -> u32 {
    0xB400_0000 | (words.cast_unsigned() & 0x7_FFFF) << 5
}

fn jump(words: i32) -> u32 {
    0x1400_0000 | words.cast_unsigned() & 0x3FF_FFFF
}

fn call(words: i32) -> u32 {
    0x9400_0000 | words.cast_unsigned() & 0x3FF_FFFF
}

/// A kernel with functions of the given names and instructions, one after the other.
fn kernel(functions: &[(&str, &[u32])], marks: &[(u64, Mark)]) -> Kernel {
    let mut kernel = Kernel::default();
    let mut bytes = Vec::new();
    for (name, code) in functions {
        let address = START + bytes.len() as u64;
        bytes.extend(code.iter().flat_map(|word| word.to_le_bytes()));
        let size = 4 * code.len() as u64;
        let name = (*name).to_owned();
        let symbol = Symbol {
            name,
            address,
            size,
        };
        kernel.functions.insert(address, symbol);
    }
    kernel.code.push(Piece {
        address: START,
        bytes,
    });
    for (index, mark) in marks {
        kernel
            .marks
            .entry(START + 4 * index)
            .or_default()
            .push(*mark);
    }
    kernel
}

fn analyse(kernel: &Kernel) -> Result<Summary, Obscure> {
    Analysis::new(kernel).summarize(START, State::default(), Known::new())
}

fn reason(kernel: &Kernel) -> String {
    analyse(kernel).expect_err("it cannot be bounded").reason
}

#[test]
fn straight_code_costs_its_instructions() {
    let kernel = kernel(&[("f", &[NOP, NOP, RETURN])], &[]);
    assert_eq!(analyse(&kernel).expect("bounded").costs.through, Some(3));
}

#[test]
fn longer_branch_counts() {
    let code = [branch_if_zero(4), NOP, NOP, NOP, RETURN];
    let kernel = kernel(&[("f", &code)], &[]);
    assert_eq!(analyse(&kernel).expect("bounded").costs.through, Some(5));
}

#[test]
fn loop_costs_its_bound_times_its_body() {
    // 0: the round begins; 1: leaves, or 2: goes round.
    let code = [NOP, branch_if_zero(2), jump(-2), RETURN];
    let marks = [(0, Mark::AtMost(10))];
    let kernel = kernel(&[("f", &code)], &marks);
    // Nine rounds of three, the last one of two, and the return.
    assert_eq!(analyse(&kernel).expect("bounded").costs.through, Some(30));
}

#[test]
fn loop_inside_a_loop_multiplies() {
    let code = [
        NOP,
        NOP,
        branch_if_zero(2),
        jump(-2),
        branch_if_zero(2),
        jump(-5),
        RETURN,
    ];
    let marks = [(0, Mark::AtMost(4)), (1, Mark::AtMost(5))];
    let kernel = kernel(&[("f", &code)], &marks);
    // Inside: 4 * 3 + 2; outside: 3 * (1 + 14 + 2) + (1 + 14 + 1) + 1.
    assert_eq!(analyse(&kernel).expect("bounded").costs.through, Some(68));
}

#[test]
fn what_is_seldom_reached_counts_seldom() {
    // A short round, or a long one, which is marked.
    let code = [
        NOP,
        branch_if_zero(4),
        NOP,
        NOP,
        NOP,
        branch_if_zero(2),
        jump(-6),
        RETURN,
    ];
    let marks = [
        (0, Mark::AtMost(10)),
        (
            2,
            Mark::Seldom {
                number: 1,
                bound: 2,
            },
        ),
    ];
    let kernel = kernel(&[("f", &code)], &marks);
    // Two rounds of seven, seven of four, and the last one of three; or the last one is long.
    assert_eq!(analyse(&kernel).expect("bounded").costs.through, Some(46));
}

#[test]
fn loop_without_a_mark_is_refused() {
    let code = [NOP, branch_if_zero(2), jump(-2), RETURN];
    let kernel = kernel(&[("f", &code)], &[]);
    assert_eq!(reason(&kernel), "a loop without a bound");
}

#[test]
fn loop_that_can_pass_by_its_mark_is_refused() {
    let code = [
        NOP,
        branch_if_zero(2),
        NOP,
        branch_if_zero(2),
        jump(-4),
        RETURN,
    ];
    let kernel = kernel(&[("f", &code)], &[(2, Mark::AtMost(3))]);
    assert_eq!(reason(&kernel), "a loop that can go round without its mark");
}

#[test]
fn mark_of_an_inner_loop_does_not_bound_the_outer_one() {
    let code = [
        NOP,
        NOP,
        branch_if_zero(2),
        jump(-2),
        branch_if_zero(2),
        jump(-5),
        RETURN,
    ];
    let kernel = kernel(&[("f", &code)], &[(1, Mark::AtMost(5))]);
    assert_eq!(reason(&kernel), "a loop without a bound");
}

#[test]
fn cycle_with_two_ways_in_is_refused() {
    let code = [branch_if_zero(2), NOP, NOP, branch_if_zero(-2), RETURN];
    let kernel = kernel(&[("f", &code)], &[(1, Mark::AtMost(1))]);
    assert_eq!(reason(&kernel), "a cycle that is entered in two places");
}

#[test]
fn recursion_is_refused() {
    let kernel = kernel(
        &[("f", &[call(2), RETURN]), ("g", &[call(-2), RETURN])],
        &[],
    );
    assert_eq!(reason(&kernel), "recursion: f calls g calls itself");
}

#[test]
fn call_through_a_register_is_refused() {
    let kernel = kernel(&[("f", &[0xD63F_0100, RETURN])], &[]);
    assert_eq!(reason(&kernel), "a call of an unknown function");
}

#[test]
fn jump_through_a_register_is_refused() {
    let kernel = kernel(&[("f", &[NOP, 0xD61F_0100])], &[]);
    assert_eq!(
        reason(&kernel),
        "a jump through a register that is no table"
    );
}

#[test]
fn call_adds_cost_and_stack() {
    // g: stp x29, x30, [sp, #-48]!; ldp x29, x30, [sp], #48; ret
    let g = [0xA9BD_7BFD, 0xA8C3_7BFD, RETURN];
    // f: sub sp, sp, #80; bl g; add sp, sp, #80; ret
    let f = [0xD101_43FF, call(3), 0x9101_43FF, RETURN];
    let kernel = kernel(&[("f", &f), ("g", &g)], &[]);
    let summary = analyse(&kernel).expect("bounded");
    assert_eq!((summary.costs.through, summary.stack_bytes), (Some(7), 128));
}

#[test]
fn preemption_point_divides() {
    let code = [NOP, NOP, NOP, RETURN];
    let kernel = kernel(&[("f", &code)], &[(1, Mark::PreemptionPoint)]);
    let costs = analyse(&kernel).expect("bounded").costs;
    assert_eq!(costs.through, None);
    assert_eq!((costs.into, costs.out), (Some(1), Some(3)));
}

#[test]
fn loop_with_a_preemption_point_needs_no_bound() {
    let code = [NOP, branch_if_zero(2), jump(-2), RETURN];
    let kernel = kernel(&[("f", &code)], &[(2, Mark::PreemptionPoint)]);
    let costs = analyse(&kernel).expect("bounded").costs;
    assert_eq!((costs.through, costs.between), (Some(3), Some(3)));
}

#[test]
fn panic_is_an_end_with_its_chain() {
    let functions: [(&str, &[u32]); 3] = [
        ("f", &[branch_if_zero(2), call(2), RETURN]),
        ("g", &[call(1)]),
        ("core::panicking::panic", &[TRAP]),
    ];
    let summary = analyse(&kernel(&functions, &[])).expect("bounded");
    let chain = &summary.panics["core::panicking::panic"];
    assert_eq!(chain, &["g", "core::panicking::panic"]);
}

#[test]
fn length_of_a_copy_bounds_it() {
    // memcpy: strb w3, [x0], #1; subs x2, x2, #1; b.ne -2; ret
    let copy = [0x3800_1403, 0xF100_0442, 0x54FF_FFC1, RETURN];
    let known: [u32; 3] = [0x5280_0102, call(2), RETURN]; // mov w2, #8
    let kernel = kernel(&[("f", &known), ("memcpy", &copy)], &[]);
    let costs = analyse(&kernel).expect("bounded").costs;
    assert!((27..=40).contains(&costs.through.unwrap_or(0)), "{costs:?}");
    let unknown = self::kernel(&[("f", &[call(2), RETURN]), ("memcpy", &copy)], &[]);
    assert_eq!(reason(&unknown), "memcpy of unknown length");
}
