// The way into the kernel and the way out. This file has the exception vectors and what saves and
// restores registers; then come, as one text, `floating.s`, `fast.s` (the fast paths, and function
// calls) and `slow.s` (the entries that save everything, and the return to user space).
//
// While user code runs, SP_EL1 is the address of the current thread object and TPIDR_EL1 that of
// this core's object, below which the core's stack grows. Interrupts stay masked in the kernel.
//
// `eret` is a context synchronization event (SCTLR_EL1.EOS is 1; Arm ARM DDI 0487, D1.4.6), so the
// system registers written here (TTBR0_EL1, TPIDR_EL0, ELR_EL1, SPSR_EL1, SP_EL0) need no `isb`:
// the kernel itself uses none of them before the `eret`. No TLB entry has to go when the space
// changes: user entries are tagged with the ASID, which TTBR0_EL1 changes together with the root
// table (TCR_EL1.A1 is 0), and kernel entries are global and live in TTBR1_EL1 alone.
//
// An offset in capitals comes from `pecan_core::object`.

// ---- The ghost -------------------------------------------------------------------------------
//
// The checking build sees every way in and out (`ghost.s`); in the kernel that ships, GHOST is 0.

    .macro enter_kernel
    .if {GHOST}
    msr     tpidrro_el0, x30
    adrp    x30, ghost_entry
    str     x29, [x30, #29 * 8]
    bl      ghost_enter
    mrs     x30, tpidrro_el0
    msr     tpidrro_el0, xzr
    .endif
    .endm

    // Straight-line speculation past `eret` finds nothing to run.
    .macro return_to_user
    .if {GHOST}
    b       ghost_leave
    .else
    eret
    dsb     nsh
    isb
    .endif
    .endm

// ---- Vectors ---------------------------------------------------------------------------------

    // An exception in the kernel itself is a bug: nothing of the interrupted code is needed again.
    .macro kernel_exception_vector number
    .balign 128
    mov     x0, #\number
    b       kernel_exception
    .endm

    .section .text.vectors, "ax", %progbits
    .balign 2048
    .global vectors
vectors:
    kernel_exception_vector 0
    kernel_exception_vector 1
    kernel_exception_vector 2
    kernel_exception_vector 3
    kernel_exception_vector 4
    kernel_exception_vector 5
    kernel_exception_vector 6
    kernel_exception_vector 7

    // Synchronous, from user code: x29 and x30 go to the thread, x30 becomes the number of the
    // system call (any exception that is no `svc` of AArch64 becomes a number that is none).
    .balign 128
    enter_kernel
    stp     x29, x30, [sp, #{X} + 29 * 8]
    mrs     x30, esr_el1
    mov     w29, #{SVC_SYNDROME}
    subs    w30, w30, w29
    b.eq    call
    cmp     w30, #{REPLY_RECEIVE}
    b.eq    reply_receive
    cmp     w30, #{NULL}
    b.hi    function
    b.eq    null
    b       message

    .balign 128
    enter_kernel
    b       interrupt               // IRQ
    .balign 128
    enter_kernel
    b       interrupt               // FIQ: the GIC without security extensions may use either
    .balign 128
    enter_kernel
    b       serror                  // SError

    // From AArch32 user code, which does not exist: SPSR_EL1.M[4] is 0 at every `eret`.
    kernel_exception_vector 12
    kernel_exception_vector 13
    kernel_exception_vector 14
    kernel_exception_vector 15

// ---- Save and restore ------------------------------------------------------------------------

    .macro save_x19_to_x28
    stp     x19, x20, [sp, #{X} + 19 * 8]
    stp     x21, x22, [sp, #{X} + 21 * 8]
    stp     x23, x24, [sp, #{X} + 23 * 8]
    stp     x25, x26, [sp, #{X} + 25 * 8]
    stp     x27, x28, [sp, #{X} + 27 * 8]
    .endm

    .macro save_x0_to_x18
    stp     x0, x1, [sp, #{X}]
    stp     x2, x3, [sp, #{X} + 2 * 8]
    stp     x4, x5, [sp, #{X} + 4 * 8]
    stp     x6, x7, [sp, #{X} + 6 * 8]
    stp     x8, x9, [sp, #{X} + 8 * 8]
    stp     x10, x11, [sp, #{X} + 10 * 8]
    stp     x12, x13, [sp, #{X} + 12 * 8]
    stp     x14, x15, [sp, #{X} + 14 * 8]
    stp     x16, x17, [sp, #{X} + 16 * 8]
    str     x18, [sp, #{X} + 18 * 8]
    .endm

    // Program counter, stack pointer and thread pointer; clobbers x20 to x22.
    .macro save_pointers
    mrs     x20, elr_el1
    mrs     x21, sp_el0
    mrs     x22, tpidr_el0
    stp     x20, x21, [sp, #{PC}]
    str     x22, [sp, #{POINTER}]
    .endm

    // From the thread to the core's stack, which ends where the core's object begins: CURRENT is
    // valid from here on. Clobbers x20 and x21.
    .macro enter_core
    mov     x20, sp
    ubfx    x20, x20, #6, #{NUMBER_BITS}
    mrs     x21, tpidr_el1
    mov     sp, x21
    str     x20, [sp, #{CURRENT}]
    .endm

    // The second half of both fast paths: `sp` is the thread that goes on, x0 to x18 are final.
    .macro resume_fast
    ldp     x20, x21, [sp, #{PC}]
    ldp     x22, x23, [sp, #{ROOT}]
    msr     elr_el1, x20
    msr     sp_el0, x21
    msr     ttbr0_el1, x22
    msr     tpidr_el0, x23
    msr     spsr_el1, xzr           // EL0, AArch64, nothing masked, condition flags zero
    ldp     x19, x20, [sp, #{X} + 19 * 8]
    ldp     x21, x22, [sp, #{X} + 21 * 8]
    ldp     x23, x24, [sp, #{X} + 23 * 8]
    ldp     x25, x26, [sp, #{X} + 25 * 8]
    ldp     x27, x28, [sp, #{X} + 27 * 8]
    ldp     x29, x30, [sp, #{X} + 29 * 8]
    return_to_user
    .endm

    // Finds the capability that x17 names: x23 = identity, x24 = the slot's second word, x22 = the
    // handle, clamped to the table also under speculation; the caller compares x22 with x17. The
    // clamp keeps the loads inside the thread's first 256 slots. x19 = the base of the direct map.
    .macro load_capability
    ldp     x20, x21, [sp, #{SLOTS}]
    mov     x19, #{DIRECT_MAP}
    and     x22, x17, x21
    add     x20, x19, x20, lsl #6
    add     x20, x20, x22, lsl #4
    ldp     x23, x24, [x20]
    .endm

    // Loads what guards the object of the capability in x24: w26 = the kind byte of its frame;
    // `address` becomes the object's address. Only for a capability of a kind that lives in memory.
    .macro load_object_kind address
    ubfx    x25, x24, #12, #{FRAME_BITS}
    mov     x26, #{KINDS}
    ldrb    w26, [x26, x25]
    orr     \address, x24, #{DIRECT_MAP}
    .endm
