// A thread that makes the system calls that its steps name, and the same for one call of the
// program's own thread. Position independent: it is copied into other address spaces.
//
// sp is the address of the current step. It is the one register that is neither loaded nor saved:
// if the kernel loses it, the step's status never becomes DONE.
//
// Offsets in capitals come from `step.rs`.

    .section .text.agent, "ax", %progbits
    .balign 4096
    .global agent_code
agent_code:
    // x0 = the first step. What else is in the registers of a thread that starts is written down.
    orr     x1, x1, x2
    orr     x1, x1, x3
    orr     x1, x1, x4
    orr     x1, x1, x5
    orr     x1, x1, x6
    orr     x1, x1, x7
    orr     x1, x1, x8
    orr     x1, x1, x9
    orr     x1, x1, x10
    orr     x1, x1, x11
    orr     x1, x1, x12
    orr     x1, x1, x13
    orr     x1, x1, x14
    orr     x1, x1, x15
    orr     x1, x1, x16
    orr     x1, x1, x17
    orr     x1, x1, x18
    orr     x1, x1, x19
    orr     x1, x1, x20
    orr     x1, x1, x21
    orr     x1, x1, x22
    orr     x1, x1, x23
    orr     x1, x1, x24
    orr     x1, x1, x25
    orr     x1, x1, x26
    orr     x1, x1, x27
    orr     x1, x1, x28
    orr     x1, x1, x29
    orr     x1, x1, x30
    mrs     x2, tpidr_el0
    orr     x1, x1, x2
    str     x1, [x0, #{FOUND}]
agent_step:
    mov     sp, x0
1:
    mov     x30, #{RUNNING}
    str     x30, [sp, #{STATUS}]
    ldr     x30, [sp, #{ACTION}]
    adr     x29, actions
    add     x30, x29, x30, lsl #4
    str     x30, [sp, #{TARGET}]
    mov     x30, #0xF0000000        // all condition flags set
    msr     nzcv, x30
    ldr     x30, [sp, #{POINTER}]
    msr     tpidr_el0, x30
    ldp     x0, x1, [sp]
    ldp     x2, x3, [sp, #2 * 8]
    ldp     x4, x5, [sp, #4 * 8]
    ldp     x6, x7, [sp, #6 * 8]
    ldp     x8, x9, [sp, #8 * 8]
    ldp     x10, x11, [sp, #10 * 8]
    ldp     x12, x13, [sp, #12 * 8]
    ldp     x14, x15, [sp, #14 * 8]
    ldp     x16, x17, [sp, #16 * 8]
    ldp     x18, x19, [sp, #18 * 8]
    ldp     x20, x21, [sp, #20 * 8]
    ldp     x22, x23, [sp, #22 * 8]
    ldp     x24, x25, [sp, #24 * 8]
    ldp     x26, x27, [sp, #26 * 8]
    ldp     x28, x29, [sp, #28 * 8]
    ldr     x30, [sp, #{TARGET}]
    br      x30

    .global agent_after
agent_after:
    stp     x0, x1, [sp]
    stp     x2, x3, [sp, #2 * 8]
    stp     x4, x5, [sp, #4 * 8]
    stp     x6, x7, [sp, #6 * 8]
    stp     x8, x9, [sp, #8 * 8]
    stp     x10, x11, [sp, #10 * 8]
    stp     x12, x13, [sp, #12 * 8]
    stp     x14, x15, [sp, #14 * 8]
    stp     x16, x17, [sp, #16 * 8]
    stp     x18, x19, [sp, #18 * 8]
    stp     x20, x21, [sp, #20 * 8]
    stp     x22, x23, [sp, #22 * 8]
    stp     x24, x25, [sp, #24 * 8]
    stp     x26, x27, [sp, #26 * 8]
    stp     x28, x29, [sp, #28 * 8]
    str     x30, [sp, #30 * 8]
    mrs     x0, nzcv
    str     x0, [sp, #{FLAGS}]
    mrs     x0, tpidr_el0
    str     x0, [sp, #{POINTER}]
    mov     x0, #{DONE}
    str     x0, [sp, #{STATUS}]
    ldr     x1, [sp, #{CALLER_STACK}]
    cbnz    x1, 2f
    add     sp, sp, #{STEP_BYTES}
    ldr     x0, [sp, #{ACTION}]
    cmp     x0, #{END}
    b.ne    1b
3:
    brk     #0                      // without a fault handler, this stops the thread
    b       3b
2:
    mov     sp, x1
    ldp     x19, x20, [sp, #2 * 8]
    ldp     x21, x22, [sp, #4 * 8]
    ldp     x23, x24, [sp, #6 * 8]
    ldp     x25, x26, [sp, #8 * 8]
    ldp     x27, x28, [sp, #10 * 8]
    ldp     x29, x30, [sp], #12 * 8
    ret

    // Sixteen bytes for each action: first the system calls, by number.
    .balign 16
actions:
    .set    number, 0
    .rept   {CALLS}
    ldr     x30, [sp, #30 * 8]
    svc     #number
    b       agent_after
    nop
    .set    number, number + 1
    .endr
    // UnknownCall
    ldr     x30, [sp, #30 * 8]
    svc     #{CALLS}
    b       agent_after
    nop
    // LastCall
    ldr     x30, [sp, #30 * 8]
    svc     #0xFFFF
    b       agent_after
    nop
    // Load
    ldr     x1, [x0]
    b       agent_after
    nop
    nop
    // Store
    str     x1, [x0]
    b       agent_after
    nop
    nop
    // Jump
    br      x0
    b       agent_after
    nop
    nop
    // Run
    blr     x0
    b       agent_after
    nop
    nop
    // Float: fmov d0, xzr
    .inst   0x9E6703E0
    b       agent_after
    nop
    nop
    // Vector: movi v0.2d, #0
    .inst   0x6F00E400
    b       agent_after
    nop
    nop
    // Undefined: udf #0
    .inst   0
    b       agent_after
    nop
    nop
    // Break
    brk     #1
    b       agent_after
    nop
    nop
    // LoadExclusive
    ldaxr   x1, [x0]
    b       agent_after
    nop
    nop
    // StackPointer
    mov     sp, x0
    ldr     x1, [sp]
    b       agent_after
    nop
    // Spin: counts in x1 until the word at x0 is not zero
    add     x1, x1, #1
    ldr     x2, [x0]
    cbz     x2, . - 8
    b       agent_after
    // Halt
    hlt     #0
    b       agent_after
    nop
    nop
    // Supervise
    hvc     #0
    b       agent_after
    nop
    nop
    // Monitor
    smc     #0
    b       agent_after
    nop
    nop
    // Return
    eret
    b       agent_after
    nop
    nop
    // WaitForInterrupt
    wfi
    b       agent_after
    nop
    nop

    // x0 = a step: does it with the registers that it names, on the caller's own thread.
    .global do_step
do_step:
    stp     x29, x30, [sp, #-12 * 8]!
    stp     x19, x20, [sp, #2 * 8]
    stp     x21, x22, [sp, #4 * 8]
    stp     x23, x24, [sp, #6 * 8]
    stp     x25, x26, [sp, #8 * 8]
    stp     x27, x28, [sp, #10 * 8]
    mov     x9, sp
    str     x9, [x0, #{CALLER_STACK}]
    mrs     x9, tpidr_el0
    str     x9, [x0, #{POINTER}]
    b       agent_step
