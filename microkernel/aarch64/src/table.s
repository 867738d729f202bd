// What `entry.s` looks up: the function of each system call, and zeros.

    .section .rodata.entry, "a", %progbits
    .global zeros, functions
    .balign 64
zeros:
    .quad   0, 0

    // The function of each system call, by number; the message calls and `null` never get here.
    .set    entries, 0
    .macro  entry function
    .quad   \function
    .set    entries, entries + 1
    .endm
    .balign 64
functions:
    .rept   {FIRST_FUNCTION}
    entry   refuse_system_call
    .endr
    entry   signal
    entry   yield
    entry   save_caller
    entry   capability_copy
    entry   capability_delete
    entry   capability_inspect
    entry   destroy
    entry   region_split
    entry   region_merge
    entry   region_inspect
    entry   reclaim
    entry   allowance_split
    entry   allowance_merge
    entry   create_frame
    entry   create_space
    entry   create_table
    entry   create_thread
    entry   create_context
    entry   create_endpoint
    entry   create_gate
    entry   create_notification
    entry   create_reply
    entry   create_irq
    entry   space_donate
    entry   map
    entry   unmap
    entry   protect
    entry   table_extend
    entry   thread_start
    entry   thread_stop
    entry   thread_resume
    entry   thread_set_buffer
    entry   thread_set_handler
    entry   thread_set_context
    entry   thread_bind
    entry   thread_inspect
    entry   irq_bind
    entry   irq_acknowledge
    entry   platform_control
    entry   frame_set_mode
    entry   frame_inspect
    entry   context_configure
    entry   context_set_handler
    entry   context_inspect
    entry   platform_inspect
    entry   sleep
    entry   thread_configure
    entry   thread_read
    entry   thread_write
    entry   thread_peek
    entry   thread_poke
    entry   create_large_frame
    entry   space_withdraw
    entry   frame_maintain
    entry   frame_give
    entry   device_confirm_reset
    .if entries != {LAST_CALL} + 1
    .error "the table of functions does not match the list of system calls"
    .endif
