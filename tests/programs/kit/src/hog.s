// Threads that use time up, and threads that sleep. Position independent, in the pages of the agents'
// code; `hog.rs` says what they do.

    // x0 = a page: notes there from when to when it ran, as long as there is space.
    .balign 64
    .global hog_code
hog_code:
    mov     x19, x0
    mov     x22, #0                 // how many stretches are noted
    mrs     x20, cntvct_el0         // when it was seen last
    mov     x21, x20                // when the stretch began
1:
    mrs     x23, cntvct_el0
    sub     x24, x23, x20
    mov     x20, x23
    cmp     x24, #{GAP}
    b.ls    1b
    sub     x24, x23, x24           // when the stretch ended
    cmp     x22, #{STRETCHES}
    b.hs    1b
    add     x25, x19, x22, lsl #4
    stp     x21, x24, [x25, #16]
    add     x22, x22, #1
    str     x22, [x19]
    mov     x21, x23
    b       1b

    // x0 = a time: sleeps until then, counts in the word at sp, sleeps for ever.
    .balign 64
    .global sleeper_code
sleeper_code:
    svc     #{SLEEP}
    ldr     x1, [sp]
    add     x1, x1, #1
    str     x1, [sp]
1:
    mov     x0, #-1
    svc     #{SLEEP}
    b       1b
    .global agent_code_end
agent_code_end:
