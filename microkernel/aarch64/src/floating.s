// ---- Floating point --------------------------------------------------------------------------
//
// User code can use the registers while the current thread is the one whose values they hold
// (FLOATING_OWNER); else the first use of a thread with the flag traps, and the values are exchanged.
// The kernel itself uses none.

    .arch_extension fp
    .arch_extension simd

    // Allows the thread at `next`, which goes on, floating point if the registers hold its values,
    // and notes its marks. Clobbers x19 to x23.
    .macro toggle_floating next
    mrs     x19, tpidr_el1
    ldr     x20, [x19, #{FLOATING_OWNER}]
    ubfx    x21, \next, #6, #{NUMBER_BITS}
    mov     w22, #{FLOATING_TRAPS}
    orr     w23, w22, #{FLOATING_ON}
    cmp     x20, x21
    csel    x22, x23, x22, eq
    ldr     x23, [\next, #{LINK}]
    msr     cpacr_el1, x22
    str     x23, [x19, #{EXTRA}]
    .endm

    // `operation` is `stp` or `ldp`, `base` the address of a thread's VECTOR.
    .macro move_vectors operation base
    \operation q0, q1, [\base]
    \operation q2, q3, [\base, #2 * 16]
    \operation q4, q5, [\base, #4 * 16]
    \operation q6, q7, [\base, #6 * 16]
    \operation q8, q9, [\base, #8 * 16]
    \operation q10, q11, [\base, #10 * 16]
    \operation q12, q13, [\base, #12 * 16]
    \operation q14, q15, [\base, #14 * 16]
    \operation q16, q17, [\base, #16 * 16]
    \operation q18, q19, [\base, #18 * 16]
    \operation q20, q21, [\base, #20 * 16]
    \operation q22, q23, [\base, #22 * 16]
    \operation q24, q25, [\base, #24 * 16]
    \operation q26, q27, [\base, #26 * 16]
    \operation q28, q29, [\base, #28 * 16]
    \operation q30, q31, [\base, #30 * 16]
    .endm

    .section .text.entry, "ax", %progbits
    // The trap of a thread: x29 and x30 are saved, all else is the user's. The values of the owner go
    // to it, those of this thread come.
floating_trap:
    mov     x30, sp
    ldr     x29, [x30, #{FLAGS}]
    tbz     x29, #{FLOATING_BIT}, other_fault
    mov     w29, #{FLOATING_TRAPS}
    orr     w29, w29, #{FLOATING_ON}
    msr     cpacr_el1, x29
    isb                             // the kernel's own use follows (Arm ARM DDI 0487, D19.1.2)
    mrs     x29, tpidr_el1
    ldr     x30, [x29, #{FLOATING_OWNER}]
    cbz     x30, 1f                 // what the registers hold is nobody's
    mov     x29, #{DIRECT_MAP}
    add     x30, x29, x30, lsl #6
    add     x30, x30, #{VECTOR}
    move_vectors stp x30
    mrs     x29, fpcr
    str     x29, [x30, #64 * 8]
    mrs     x29, fpsr
    str     x29, [x30, #65 * 8]
1:
    add     x30, sp, #{VECTOR}
    ldr     x29, [x30, #64 * 8]
    msr     fpcr, x29
    ldr     x29, [x30, #65 * 8]
    msr     fpsr, x29
    move_vectors ldp x30
    mrs     x29, tpidr_el1
    mov     x30, sp
    ubfx    x30, x30, #6, #{NUMBER_BITS}
    str     x30, [x29, #{FLOATING_OWNER}]
    ldp     x29, x30, [sp, #{X} + 29 * 8]
    return_to_user

    // Called from Rust: x0 = the address of the thread whose values the registers hold, which is not
    // the current one; so user code cannot use them now, nor when this returns.
    .global save_floating
save_floating:
    mov     w1, #{FLOATING_TRAPS}
    orr     w2, w1, #{FLOATING_ON}
    msr     cpacr_el1, x2
    isb
    add     x0, x0, #{VECTOR}
    move_vectors stp x0
    mrs     x2, fpcr
    str     x2, [x0, #64 * 8]
    mrs     x2, fpsr
    str     x2, [x0, #65 * 8]
    msr     cpacr_el1, x1           // in force at the `eret`
    ret
