// A thread that makes random system calls without end, and one that signals without end. Position
// independent, in the pages of the agents' code; `raider.rs` says what they do.
//
// sp is the raider's own part of the raid's page, and the one register that it trusts; x19 is the
// state of Marsaglia's "Xorshift RNGs" (2003), 64 bits, (13, 7, 17). Offsets in capitals come from
// `raider.rs`.

    .macro random
    eor     x19, x19, x19, lsl #13
    eor     x19, x19, x19, lsr #7
    eor     x19, x19, x19, lsl #17
    .endm

    .balign 64
    .global raider_code
raider_code:
    mov     sp, x0                  // x0 = its part of the page
    ldr     x19, [sp, #{STATE}]
raider_next:
    ldr     x20, [sp, #{LEFT}]
    cbz     x20, raider_rest
    sub     x20, x20, #1
    str     x20, [sp, #{LEFT}]
    // The call: any, the first unknown one, or the last.
    random
    lsr     x24, x19, #8
    mov     x25, #{CALLS} + 2
    udiv    x26, x24, x25
    msub    x27, x26, x25, x24
    str     x27, [sp, #{CALL}]
    add     x28, sp, #{HINTS}
    ldr     x28, [x28, x27, lsl #3] // a byte for each of x0 to x5, and for x17
    mov     x21, #0
    add     x22, sp, #{REGISTERS}
raider_word:                        // register x21 of 19
    random
    lsr     x24, x19, #4
    and     x23, x19, #15
    tst     x19, #3 << 60
    b.eq    3f                      // as it comes
    mov     x25, #6
    cmp     x21, #17
    csel    x25, x25, x21, eq
    cmp     x25, #6
    b.hi    3f                      // there is no hint
    lsl     x25, x25, #3
    lsr     x23, x28, x25
    tbz     x23, #7, 2f
    and     x24, x23, #0x7F         // a handle
    b       raider_store
2:
    and     x23, x23, #15
3:
    adr     x25, raider_sorts
    add     x25, x25, x23, lsl #5
    br      x25
raider_store:
    str     x24, [x22, x21, lsl #3]
    add     x21, x21, #1
    cmp     x21, #19
    b.ne    raider_word
    // The tag: mostly one that can be sent; a quarter of these with capabilities, or long.
    random
    and     x23, x19, #15
    cbz     x23, 3f
    ldr     x24, [x22, #16 * 8]
    mov     x25, #0x00FF
    movk    x25, #0x00FF, lsl #16
    tst     x19, #0x30
    b.ne    2f
    movk    x25, #0x000F, lsl #32
2:
    and     x24, x24, x25
    str     x24, [x22, #16 * 8]
3:
    str     x19, [sp, #{STATE}]
    // A deadline: one that comes soon, or anything.
    mrs     x20, cntvct_el0
    and     x24, x19, #0xFFF
    add     x20, x20, x24
    tst     x19, #3 << 20
    csel    x20, x19, x20, eq
    adr     x25, raider_calls
    add     x30, x25, x27, lsl #3
    ldp     x0, x1, [x22]
    ldp     x2, x3, [x22, #2 * 8]
    ldp     x4, x5, [x22, #4 * 8]
    ldp     x6, x7, [x22, #6 * 8]
    ldp     x8, x9, [x22, #8 * 8]
    ldp     x10, x11, [x22, #10 * 8]
    ldp     x12, x13, [x22, #12 * 8]
    ldp     x14, x15, [x22, #14 * 8]
    ldp     x16, x17, [x22, #16 * 8]
    ldr     x18, [x22, #18 * 8]
    br      x30
raider_done:
    ldr     x20, [sp, #{DONE_CALLS}]
    add     x20, x20, #1
    str     x20, [sp, #{DONE_CALLS}]
    ldr     x21, [sp, #{CALL}]
    cmp     x21, #{LAST_MESSAGE_CALL}
    b.hi    2f
    ubfx    x0, x16, #36, #4
    cmp     x0, #4                  // a refusal
    cset    x0, eq
2:
    cbnz    x0, 1f                  // it was refused
    add     x22, sp, #{SUCCESSES}
    ldr     x23, [x22, x21, lsl #3]
    add     x23, x23, #1
    str     x23, [x22, x21, lsl #3]
1:
    ldr     x19, [sp, #{STATE}]
    b       raider_next
raider_rest:
    brk     #0                      // without a fault handler, this stops the thread
    b       raider_rest

    // What a register may be: 32 bytes for each of sixteen sorts; x24 is random, x23 and x25 free.
    .balign 32
raider_sorts:
    // A handle, low.
    .rept   2
    and     x24, x24, #63
    b       raider_store
    .balign 32
    .endr
    // A line of its interrupts.
    ldr     x25, [sp, #{LINE}]
    and     x24, x24, #3
    add     x24, x24, x25
    b       raider_store
    .balign 32
    // A small number.
    and     x24, x24, #7
    b       raider_store
    .balign 32
    // A time that comes soon.
    mrs     x25, cntvct_el0
    and     x24, x24, #0xFFF
    add     x24, x24, x25
    b       raider_store
    .balign 32
    // Ticks, at least the shortest budget.
    and     x24, x24, #7
    mov     x25, #1 << 10
    lsl     x24, x25, x24
    b       raider_store
    .balign 32
    // A handle.
    and     x24, x24, #0x1FF
    b       raider_store
    .balign 32
    // A place in the own table, whose handle is 1.
    .rept   2
    and     x24, x24, #63
    mov     x25, #1
    orr     x24, x24, x25, lsl #32
    b       raider_store
    .balign 32
    .endr
    // The place of a large frame, behind the first 64 small ones.
    ldr     x24, [sp, #{OBJECT}]
    mov     x25, #64 * 64 + 0x7FFF
    add     x24, x24, x25
    and     x24, x24, #~0x7FFF
    b       raider_store
    .balign 32
    // A place in any table.
    and     x25, x24, #63
    lsr     x24, x24, #8
    and     x24, x24, #0x1FF
    orr     x24, x24, x25, lsl #32
    b       raider_store
    .balign 32
    // The number of an object at the start of a frame.
    ldr     x25, [sp, #{UNITS}]
    and     x24, x24, x25
    and     x24, x24, #~63
    ldr     x25, [sp, #{OBJECT}]
    add     x24, x24, x25
    b       raider_store
    .balign 32
    // The number of an object.
    ldr     x25, [sp, #{UNITS}]
    and     x24, x24, x25
    ldr     x25, [sp, #{OBJECT}]
    add     x24, x24, x25
    b       raider_store
    .balign 32
    // A frame.
    ldr     x25, [sp, #{UNITS}]
    and     x24, x24, x25, lsr #6
    ldr     x25, [sp, #{OBJECT}]
    add     x24, x24, x25, lsr #6
    b       raider_store
    .balign 32
    // An address: of a page among the lowest, or among those where the raider's own are.
    and     x24, x24, #0x1F
    lsl     x24, x24, #12
    tbz     x19, #40, raider_store
    mov     x25, #0x60
    orr     x24, x24, x25, lsl #32
    b       raider_store
    .balign 32
    // A small number, one bit, or anything.
    tbz     x19, #50, raider_store
    tbz     x19, #51, 1f
    and     x24, x24, #15
    b       raider_store
1:
    mov     x25, #1
    lsl     x24, x25, x24
    b       raider_store
    .balign 32

raider_calls:
    .set    number, 0
    .rept   {CALLS} + 1
    svc     #number
    b       raider_done
    .set    number, number + 1
    .endr
    svc     #0xFFFF
    b       raider_done

    // Signals through the gate x0 whenever it runs.
    .balign 64
    .global watchdog_code
watchdog_code:
    mov     x19, x0
1:
    mov     x0, x19
    svc     #{SIGNAL}
    b       1b
