// ---- Entries that save everything ------------------------------------------------------------

    .section .text.entry, "ax", %progbits

    // Message calls beside the fast paths. PSTATE is 0: condition flags are zero on return.
slow_call:
    mov     w30, #{CALL}
    b       slow_message
slow_reply_receive:
    mov     w30, #{REPLY_RECEIVE}
    b       slow_message
    .balign 16
message:
    cmp     w30, #{WAIT_CALL}
    b.eq    wait_light
    save_x19_to_x28
slow_message:
    ldr     x19, [sp, #{SPECIAL}]
    tbnz    x19, #{FOREIGN_BIT}, fault_saved
    save_x0_to_x18
    save_pointers
    str     xzr, [sp, #{PSTATE}]
    enter_core
    mov     w0, w30
    bl      message_call
    b       exit

    // Every other exception of user code, `svc` with a number that is no system call, and every `svc`
    // of a foreign thread.
    .balign 16
fault:
    mrs     x30, esr_el1
    lsr     w30, w30, #26
    cmp     w30, #{FLOATING_CLASS}
    b.eq    floating_trap
other_fault:
    save_x19_to_x28
fault_saved:
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
    .balign 16
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

    .balign 16
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

    // sp = the core's object, x0 = the thread that goes on. If it or the last one has registers
    // beyond the usual, they are exchanged first.
resume:
    ldr     x1, [sp, #{EXTRA}]
resume_after:
    ldr     x2, [x0, #{LINK}]
    mov     sp, x0
    orr     x1, x1, x2
    tbnz    x1, #{EXTRA_BIT}, resume_extra
    // Its program state is cut down to what user code may have, so that no mistake elsewhere can
    // return to a higher exception level or with interrupts masked.
resume_usual:
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

    // A light frame: see `fast.s`.
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

    // x1 = the marks of both threads, x0 = sp = the one that goes on.
resume_extra:
    toggle_floating x0
    tbz     x1, #{DEBUG_BIT}, resume_usual
    mov     x20, x0
    mov     sp, x19                 // the core's object
    bl      switch_debug_registers
    mov     sp, x20
    b       resume_usual

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
