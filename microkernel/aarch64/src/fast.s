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
    orr     x29, x20, x23           // the marks of both
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
    tbnz    x29, #{EXTRA_BIT}, call_extra
end_call:
    mov     sp, x28
    resume_fast

    // This thread, which answered, goes to the front of those that wait. x19, x20, x24, x29 and x21 as
    // the checks of `reply_receive` left them.
    .macro wait_for_call
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
    .endm

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
    ldp     x20, x21, [sp, #{LINK}] // x21 = CORE
    orr     x27, x28, x20           // the marks of both
    add     x28, x19, x28, lsl #6   // the marks fall off
    ldr     x25, [x28, #{WAIT}]
    ldr     x26, [x28, #{SPECIAL}]
    cmp     x25, x20                // the caller waits for this server's ordinary reply
    ccmp    x26, #0, #0, eq
    b.ne    reply_to_fault

    wait_for_call
    // and the caller gets the message.
    str     xzr, [x28, #{WAIT}]
    mov     x17, xzr
    mov     x18, xzr
    tbnz    x27, #{EXTRA_BIT}, reply_extra
end_reply:
    mov     sp, x28
    resume_fast

    // The caller's fault may be what is answered, by *retry* or *continue at*: it goes on with all its
    // registers.
reply_to_fault:
    eor     x25, x25, x20
    mov     x22, #{FAULT_NOT_REPLY}
    and     w23, w16, #0xFFFF
    cmp     x25, x22                // the caller waits for this server's answer to a fault
    ccmp    x26, #0, #0, eq
    b.ne    slow_reply_receive
    cmp     w23, #{CONTINUE_AT}
    b.hi    slow_reply_receive
    ldr     x25, [x28, #{PC}]
    csel    x25, x0, x25, eq
    str     x25, [x28, #{PC}]
    str     xzr, [x28, #{SENDING}]
    wait_for_call
    str     xzr, [x28, #{WAIT}]
    mrs     x1, tpidr_el1
    ldr     x1, [x1, #{EXTRA}]
    mov     x0, x28
    b       resume_after

    // One of the two threads may use floating-point registers.
call_extra:
    toggle_floating x28
    b       end_call
reply_extra:
    toggle_floating x28
    b       end_reply

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
    ldr     x30, [sp, #{SPECIAL}]
    tbnz    x30, #{FOREIGN_BIT}, fault
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
    ldr     x29, [sp, #{SPECIAL}]
    csel    w30, w30, wzr, ls       // clamped under speculation too: entry 0 refuses
    tbnz    x29, #{FOREIGN_BIT}, fault
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
switch_light:
    ldr     x1, [sp, #{EXTRA}]
    mov     sp, x29
    save_x19_to_x28
    save_pointers
    mov     x20, #{LIGHT}
    str     x20, [sp, #{PSTATE}]
    b       resume_after
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

    // wait: takes no message, so it is a function of the handle in x17 that answers in x0 and x16.
    .balign 64
wait_light:
    ldr     x29, [sp, #{SPECIAL}]
    tbnz    x29, #{FOREIGN_BIT}, fault
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
