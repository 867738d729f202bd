// The way into the kernel and the way out: exception vectors, the two fast paths, the entries of
// the slow ones, and the return to user space.
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
    b       interrupt               // IRQ
    .balign 128
    b       interrupt               // FIQ: the GIC without security extensions may use either
    .balign 128
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

    // Straight-line speculation past `eret` finds nothing to run.
    .macro return_to_user
    eret
    dsb     nsh
    isb
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

// ---- Fast paths ------------------------------------------------------------------------------
//
// Neither writes anything but the thread's save area for x19 to x30 (dead while it runs) before its
// last check. Every way out of the checks leads to the slow path in `pecan_core`, which decides
// everything again. Memory is reached through links that the objects' invariants guard; each is
// named in `microkernel/README.md`.

    // Between the start of the image and the vectors, whose alignment would leave a gap there.
    .section .text.first, "ax", %progbits

    // call: x17 = a gate. On success the first waiting server of this core runs.
    .balign 64
call:
    save_x19_to_x28
    lsr     x19, x16, #32           // only the sender's half of the tag: no capabilities, not long
    cbnz    x19, slow_call
    load_capability
    ubfx    x25, x24, #48, #9       // kind, and the right to send
    cmp     x25, #{GATE_TO_SEND}
    ccmp    x22, x17, #0, eq        // the handle is inside the table
    b.ne    slow_call
    load_object_kind x29
    ldp     x25, x27, [x29, #{GATE_ID}]
    cmp     w26, #{GATE}
    ccmp    x25, x23, #0, eq        // the gate is the one that the capability was made for
    b.ne    slow_call
    ldr     x29, [x29, #{GATE_ENDPOINT}]
    ldp     x20, x21, [sp, #{LINK}] // x21 = CORE
    add     x29, x19, x29, lsl #6
    add     x29, x29, x21, lsl #4
    ldr     x26, [x29, #{SERVERS}]
    cbz     x26, slow_call          // nobody waits on this core
    add     x28, x19, x26, lsl #6
    ldp     x22, x23, [x28, #{NEXT}] // x23 = SPECIAL
    cbnz    x23, slow_call

    // The server leaves the list of those that wait,
    stp     x22, x26, [x29, #{SERVERS}] // and TAKEN
    cbz     x22, 1f
    add     x22, x19, x22, lsl #6
    str     xzr, [x22, #{PREV}]
1:
    // caller and server are linked,
    ldr     x23, [x28, #{LINK}]
    stp     x20, xzr, [x28, #{CALLER}] // and WAIT: it can run
    str     x23, [sp, #{WAIT}]
    str     x24, [sp, #{SENT_THROUGH}] // the gate's rights, for capabilities in the reply
    mrs     x20, elr_el1
    mrs     x21, sp_el0
    mrs     x22, tpidr_el0
    stp     x20, x21, [sp, #{PC}]
    stp     x22, x18, [sp, #{POINTER}] // and WINDOW
    // and the server gets the message: x0 to x16 are as the caller left them.
    mov     x17, x27
    mov     x18, xzr
    mov     sp, x28
    resume_fast

    // reply_receive: x17 = an endpoint. On success the caller goes on and this thread waits.
    .balign 64
reply_receive:
    save_x19_to_x28
    lsr     x19, x16, #32
    cbnz    x19, slow_reply_receive
    load_capability
    ubfx    x25, x24, #48, #8
    cmp     x25, #{ENDPOINT}
    ccmp    x22, x17, #0, eq
    b.ne    slow_reply_receive
    tbz     x24, #{RECEIVE_BIT}, slow_reply_receive
    ubfx    x29, x24, #6, #{NUMBER_BITS}
    load_object_kind x24
    ldp     x25, x27, [x24, #{ENDPOINT_ID}] // x27 = WAITING
    cmp     w26, #{ENDPOINT}
    ccmp    x25, x23, #0, eq
    ccmp    x27, #0, #0, eq         // no caller waits for a server
    b.ne    slow_reply_receive
    ldr     x25, [sp, #{SPECIAL}]
    ldr     x28, [sp, #{CALLER}]
    cbnz    x25, slow_reply_receive // no signal waits for this thread
    cbz     x28, slow_reply_receive // there is somebody to answer
    add     x28, x19, x28, lsl #6   // the mark in bit 60 falls off
    ldp     x20, x21, [sp, #{LINK}] // x21 = CORE
    ldr     x25, [x28, #{WAIT}]
    ldr     x26, [x28, #{SPECIAL}]
    cmp     x25, x20                // the caller waits for this server's ordinary reply
    ccmp    x26, #0, #0, eq
    b.ne    slow_reply_receive

    // This thread goes to the front of those that wait,
    add     x24, x24, x21, lsl #4
    ldr     x22, [x24, #{SERVERS}]
    ubfx    x20, x20, #0, #{NUMBER_BITS}
    movk    x29, #{WAIT_RECEIVE}, lsl #48
    str     x22, [sp, #{NEXT}]
    stp     x18, xzr, [sp, #{WINDOW}] // and PREV
    cbz     x22, 2f
    add     x22, x19, x22, lsl #6
    str     x20, [x22, #{PREV}]
2:
    str     x20, [x24, #{SERVERS}]
    stp     xzr, x29, [sp, #{CALLER}] // and WAIT
    mrs     x20, elr_el1
    mrs     x21, sp_el0
    mrs     x22, tpidr_el0
    stp     x20, x21, [sp, #{PC}]
    str     x22, [sp, #{POINTER}]
    // and the caller gets the message.
    str     xzr, [x28, #{WAIT}]
    mov     x17, xzr
    mov     x18, xzr
    mov     sp, x28
    resume_fast

// ---- Function calls --------------------------------------------------------------------------

    // Sets x2 to x18 to zero, so that nothing of the kernel is left in them.
    .macro clear_x2_to_x18
    adr     x18, zeros
    clear_from_x18
    .endm
    .macro clear_from_x18
    ldp     x2, x3, [x18]
    ldp     x4, x5, [x18]
    ldp     x6, x7, [x18]
    ldp     x8, x9, [x18]
    ldp     x10, x11, [x18]
    ldp     x12, x13, [x18]
    ldp     x14, x15, [x18]
    ldp     x16, x17, [x18]
    mov     x18, xzr
    .endm

    // null: answers at once.
    .balign 64
null:
    adr     x18, zeros
    ldp     x0, x1, [x18]
    clear_from_x18
    ldp     x29, x30, [sp, #{X} + 29 * 8]
    msr     spsr_el1, xzr
    return_to_user

    // All others: a Rust function on the core's stack. x19 to x28 are the user's own and stay in
    // their registers; x29 holds the thread meanwhile.
    .balign 64
function:
    cmp     w30, #{LAST_CALL}
    b.hi    fault
    csel    w30, w30, wzr, ls       // clamped under speculation too: entry 0 refuses
    mov     x29, sp
    ubfx    x6, x29, #6, #{NUMBER_BITS}
    mrs     x7, tpidr_el1
    mov     sp, x7
    str     x6, [sp, #{CURRENT}]
    adr     x8, functions
    ldr     x8, [x8, w30, uxtw #3]
    blr     x8
    ldp     x2, x3, [sp, #{CURRENT}] // x3 = PENDING
    ubfx    x4, x29, #6, #{NUMBER_BITS}
    cmp     x2, x4
    ccmp    x3, #0, #0, eq
    b.ne    leave_function
return_from_function:
    mov     sp, x29
    clear_x2_to_x18
    ldp     x29, x30, [sp, #{X} + 29 * 8]
    msr     spsr_el1, xzr
    return_to_user

    // There is work to do, or another thread goes on. From here on, the thread has a *light* frame:
    // x0, x1 and x16 of it count, x2 to x15, x17 and x18 are zero; LIGHT in PSTATE says so.
leave_function:
    stp     x0, x1, [x29, #{X}]
    str     xzr, [x29, #{X} + 16 * 8]
leave_light:
    cbnz    x3, 4f
    cbz     x2, 4f
    mov     x0, #{DIRECT_MAP}       // the usual case: only another thread
    add     x0, x0, x2, lsl #6
    b       switch_light
4:
    bl      leave
    cmp     x0, x29
    b.ne    switch_light
    ldr     x2, [x29, #{ROOT}]      // the core may have idled meanwhile, with the empty root
    msr     ttbr0_el1, x2
    mov     sp, x29
    clear_x2_to_x18
    ldp     x0, x1, [sp, #{X}]
    ldr     x16, [sp, #{X} + 16 * 8]
    ldp     x29, x30, [sp, #{X} + 29 * 8]
    msr     spsr_el1, xzr
    return_to_user
switch_light:
    mov     sp, x29
    save_x19_to_x28
    save_pointers
    mov     x20, #{LIGHT}
    str     x20, [sp, #{PSTATE}]
    b       resume

    // wait: takes no message, so it is a function of the handle in x17 that answers in x0 and x16.
    .balign 64
wait_light:
    mov     x29, sp
    ubfx    x6, x29, #6, #{NUMBER_BITS}
    mrs     x7, tpidr_el1
    mov     sp, x7
    str     x6, [sp, #{CURRENT}]
    mov     x0, x17
    bl      wait_for_signal         // x0 = the bits, x1 = the tag
    ldp     x2, x3, [sp, #{CURRENT}] // x3 = PENDING
    ubfx    x4, x29, #6, #{NUMBER_BITS}
    cmp     x2, x4
    ccmp    x3, #0, #0, eq
    b.ne    5f
    mov     sp, x29
    clear_x2_to_x18
    mov     x16, x1
    mov     x1, xzr
    ldp     x29, x30, [sp, #{X} + 29 * 8]
    msr     spsr_el1, xzr
    return_to_user
5:
    stp     x0, xzr, [x29, #{X}]
    str     x1, [x29, #{X} + 16 * 8]
    b       leave_light

// ---- Entries that save everything ------------------------------------------------------------

    .section .text.entry, "ax", %progbits

    // Message calls beside the fast paths. PSTATE is 0: condition flags are zero on return.
slow_call:
    mov     w30, #{CALL}
    b       slow_message
slow_reply_receive:
    mov     w30, #{REPLY_RECEIVE}
    b       slow_message
    .balign 64
message:
    cmp     w30, #{WAIT_CALL}
    b.eq    wait_light
    save_x19_to_x28
slow_message:
    save_x0_to_x18
    save_pointers
    str     xzr, [sp, #{PSTATE}]
    enter_core
    mov     w0, w30
    bl      message_call
    b       exit

    // Every other exception of user code, and `svc` with a number that is no system call.
    .balign 64
fault:
    save_x19_to_x28
    save_x0_to_x18
    save_pointers
    mrs     x23, spsr_el1
    str     x23, [sp, #{PSTATE}]
    enter_core
    mrs     x0, esr_el1
    mrs     x1, far_el1
    bl      user_exception
    b       exit

    // An asynchronous error: reported as a fault of the thread that it hit.
    .balign 64
serror:
    stp     x29, x30, [sp, #{X} + 29 * 8]
    save_x19_to_x28
    save_x0_to_x18
    save_pointers
    mrs     x23, spsr_el1
    str     x23, [sp, #{PSTATE}]
    enter_core
    mrs     x0, esr_el1
    bl      user_serror
    b       exit

    .balign 64
interrupt:
    stp     x29, x30, [sp, #{X} + 29 * 8]
    save_x19_to_x28
    save_x0_to_x18
    save_pointers
    mrs     x23, spsr_el1
    str     x23, [sp, #{PSTATE}]
    enter_core
    bl      interrupt_arrived

// ---- The common exit -------------------------------------------------------------------------

    // sp = the core's object. Leaves to the current thread, after whatever is pending.
    .global exit
exit:
    ldp     x0, x1, [sp, #{CURRENT}] // x1 = PENDING
    cbnz    x1, 3f
    cbz     x0, 3f
    mov     x1, #{DIRECT_MAP}
    add     x0, x1, x0, lsl #6
    b       resume
3:
    bl      leave

    // x0 = the thread that goes on. Its program state is cut down to what user code may have, so
    // that no mistake elsewhere can return to a higher exception level or with interrupts masked.
resume:
    mov     sp, x0
    ldp     x1, x2, [sp, #{PC}]
    ldp     x3, x4, [sp, #{ROOT}]
    ldr     x5, [sp, #{PSTATE}]
    tbnz    x5, #63, resume_light
    mov     w6, #{USER_PSTATE_LOW}
    movk    w6, #{USER_PSTATE_HIGH}, lsl #16
    and     x5, x5, x6
    msr     elr_el1, x1
    msr     sp_el0, x2
    msr     ttbr0_el1, x3
    msr     tpidr_el0, x4
    msr     spsr_el1, x5
    ldp     x0, x1, [sp, #{X}]
    ldp     x2, x3, [sp, #{X} + 2 * 8]
    ldp     x4, x5, [sp, #{X} + 4 * 8]
    ldp     x6, x7, [sp, #{X} + 6 * 8]
    ldp     x8, x9, [sp, #{X} + 8 * 8]
    ldp     x10, x11, [sp, #{X} + 10 * 8]
    ldp     x12, x13, [sp, #{X} + 12 * 8]
    ldp     x14, x15, [sp, #{X} + 14 * 8]
    ldp     x16, x17, [sp, #{X} + 16 * 8]
    ldp     x18, x19, [sp, #{X} + 18 * 8]
    ldp     x20, x21, [sp, #{X} + 20 * 8]
    ldp     x22, x23, [sp, #{X} + 22 * 8]
    ldp     x24, x25, [sp, #{X} + 24 * 8]
    ldp     x26, x27, [sp, #{X} + 26 * 8]
    ldp     x28, x29, [sp, #{X} + 28 * 8]
    ldr     x30, [sp, #{X} + 30 * 8]
    return_to_user

resume_light:
    msr     elr_el1, x1
    msr     sp_el0, x2
    msr     ttbr0_el1, x3
    msr     tpidr_el0, x4
    msr     spsr_el1, xzr
    clear_x2_to_x18
    ldp     x0, x1, [sp, #{X}]
    ldr     x16, [sp, #{X} + 16 * 8]
    ldp     x19, x20, [sp, #{X} + 19 * 8]
    ldp     x21, x22, [sp, #{X} + 21 * 8]
    ldp     x23, x24, [sp, #{X} + 23 * 8]
    ldp     x25, x26, [sp, #{X} + 25 * 8]
    ldp     x27, x28, [sp, #{X} + 27 * 8]
    ldp     x29, x30, [sp, #{X} + 29 * 8]
    return_to_user

// ---- Exceptions in the kernel ----------------------------------------------------------------

    // x0 = the vector's number. The stack may be what is broken, so the epitaph has its own.
kernel_exception:
    mrs     x1, esr_el1
    mrs     x2, elr_el1
    mrs     x3, far_el1
    mov     x4, sp
    adrp    x5, epitaph_stack_end
    add     x5, x5, :lo12:epitaph_stack_end
    mov     sp, x5
    bl      report_kernel_exception
    b       .
