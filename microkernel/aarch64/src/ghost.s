// What the checking build does where the kernel is entered and left: see `ghost.rs`.
//
// Both halves keep every register of user code. TPIDRRO_EL0, which is zero while user code runs, holds
// x30 until there is room for it.

    // x0 to x28, to where `base` points.
    .macro save_to base
    stp     x0, x1, [\base]
    stp     x2, x3, [\base, #2 * 8]
    stp     x4, x5, [\base, #4 * 8]
    stp     x6, x7, [\base, #6 * 8]
    stp     x8, x9, [\base, #8 * 8]
    stp     x10, x11, [\base, #10 * 8]
    stp     x12, x13, [\base, #12 * 8]
    stp     x14, x15, [\base, #14 * 8]
    stp     x16, x17, [\base, #16 * 8]
    stp     x18, x19, [\base, #18 * 8]
    stp     x20, x21, [\base, #20 * 8]
    stp     x22, x23, [\base, #22 * 8]
    stp     x24, x25, [\base, #24 * 8]
    stp     x26, x27, [\base, #26 * 8]
    str     x28, [\base, #28 * 8]
    .endm

    .section .text.entry, "ax", %progbits

    // The second half of `enter_kernel`: x29 is saved, x29 and x30 are free. Notes what came.
    .balign 64
    .global ghost_enter
ghost_enter:
    adrp    x29, ghost_entry
    save_to x29
    str     x30, [x29, #{VECTOR}]
    mrs     x28, tpidrro_el0
    mov     x30, sp
    stp     x28, x30, [x29, #30 * 8] // x30 and the thread
    mrs     x28, elr_el1
    mrs     x30, sp_el0
    stp     x28, x30, [x29, #{POINTERS}]
    mrs     x28, tpidr_el0
    mrs     x30, spsr_el1
    stp     x28, x30, [x29, #{POINTERS} + 16]
    mrs     x28, esr_el1
    mrs     x30, far_el1
    stp     x28, x30, [x29, #{SYNDROME}]
    mrs     x28, cntvct_el0
    stp     x28, x28, [x29, #{ENTERED}] // and what the kernel sees from now on
    ldr     x30, [x29, #{VECTOR}]
    ldp     x28, x29, [x29, #28 * 8]
    ret

    // In place of every `eret`: all registers are the user's, `sp` is the thread that goes on. What the
    // ghost takes of the counter is given back, if there is an EL2 to ask for that.
    .balign 64
    .global ghost_leave
ghost_leave:
    msr     tpidrro_el0, x30
    adrp    x30, ghost_exit
    str     x29, [x30, #29 * 8]
    mov     x29, x30
    save_to x29
    mrs     x28, tpidrro_el0
    mov     x19, sp
    stp     x28, x19, [x29, #30 * 8]
    mrs     x20, cntvct_el0
    msr     tpidrro_el0, xzr
    adrp    x0, ghost_stack_end
    mov     sp, x0
    mov     x0, #{EXIT}
    bl      ghost_check
    mrs     x0, cntvct_el0
    sub     x0, x0, x20
    hvc     #0
    mov     sp, x19
    adrp    x30, ghost_exit
    ldp     x0, x1, [x30]
    ldp     x2, x3, [x30, #2 * 8]
    ldp     x4, x5, [x30, #4 * 8]
    ldp     x6, x7, [x30, #6 * 8]
    ldp     x8, x9, [x30, #8 * 8]
    ldp     x10, x11, [x30, #10 * 8]
    ldp     x12, x13, [x30, #12 * 8]
    ldp     x14, x15, [x30, #14 * 8]
    ldp     x16, x17, [x30, #16 * 8]
    ldp     x18, x19, [x30, #18 * 8]
    ldp     x20, x21, [x30, #20 * 8]
    ldp     x22, x23, [x30, #22 * 8]
    ldp     x24, x25, [x30, #24 * 8]
    ldp     x26, x27, [x30, #26 * 8]
    ldp     x28, x29, [x30, #28 * 8]
    ldr     x30, [x30, #30 * 8]
    eret
    dsb     nsh
    isb

    // Called from Rust, when the core is going to sleep or to be switched off: x0 = the moment.
    .balign 64
    .global ghost_pause
ghost_pause:
    stp     x19, x20, [sp, #-32]!
    stp     x29, x30, [sp, #16]
    mrs     x20, cntvct_el0
    mov     x19, sp
    adrp    x1, ghost_stack_end
    mov     sp, x1
    bl      ghost_check
    mrs     x0, cntvct_el0
    sub     x0, x0, x20
    hvc     #0
    mov     sp, x19
    ldp     x29, x30, [sp, #16]
    ldp     x19, x20, [sp], #32
    ret

    // EL2 stays behind for one service: x0 = ticks that the virtual counter skips.
    .balign 2048
    .global ghost_vectors
ghost_vectors:
    .space  8 * 128
    mrs     x1, cntvoff_el2
    add     x1, x1, x0
    msr     cntvoff_el2, x1
    eret
    dsb     nsh
    isb

    .section .bss.ghost, "aw", %nobits
    .balign 4096
    .global ghost_entry, ghost_exit, ghost_stack_end
ghost_entry:
    .space  4096
ghost_exit:
    .space  4096
    .space  {STACK_BYTES}
ghost_stack_end:
