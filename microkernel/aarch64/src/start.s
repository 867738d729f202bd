// From the boot loader to Rust: the image's header, down to EL1, MMU on, stack, zeroed memory.
//
// Entered by the Linux arm64 boot protocol (Documentation/arch/arm64/booting.rst): MMU off, the
// physical address of the device tree in x0, at EL1 or EL2, loaded at its link address. Secondary
// cores stay off: nobody asks the firmware (PSCI) for them.

    .section .head, "ax", %progbits
    .global image_head
image_head:
    b       start
    .long   0
    .quad   {TEXT_OFFSET}           // from the start of memory
    .quad   kernel_end - image_head // with what is zeroed
    .quad   2                       // little endian, 4 KiB pages, near the start of memory
    .quad   0
    .quad   0
    .quad   0
    .ascii  "ARM\x64"
    .long   0

start:
    msr     daifset, #0xf
    mov     x20, x0                 // the device tree
    mrs     x0, currentel
    cmp     x0, #{EL2}
    b.eq    leave_el2
    b.hi    park                    // EL3 belongs to firmware
    b       start_el1

park:
    wfe
    b       park

// EL2: everything belongs to EL1, nothing is trapped, no second translation stage.
leave_el2:
    mov     x0, #{HCR_RW}
    msr     hcr_el2, x0             // EL1 is AArch64
    isb                             // the layout of CNTHCTL_EL2 and CPTR_EL2 depends on HCR_EL2.E2H
    mov     x0, #3
    msr     cnthctl_el2, x0         // EL1 reaches the physical counter and timer
    msr     cntvoff_el2, xzr        // virtual time is physical time
    .if {GHOST}
    adr     x0, ghost_vectors
    msr     vbar_el2, x0            // what the checks take of it is given back
    .endif
    mov     x0, #0x33ff
    msr     cptr_el2, x0            // no trap of floating point (bits that are RES1 set)
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    mrs     x1, id_aa64dfr0_el1
    ubfx    x1, x1, #8, #4          // PMUVer
    mov     x0, xzr
    cbz     x1, 1f
    cmp     x1, #0xf                // not by the architecture
    b.eq    1f
    mrs     x0, pmcr_el0
    ubfx    x0, x0, #11, #5
1:
    msr     mdcr_el2, x0            // all event counters are EL1's, counting is not prohibited
    mrs     x1, id_aa64mmfr0_el1
    ubfx    x0, x1, #56, #4         // FGT
    cbz     x0, 2f
    msr     S3_4_C1_C1_4, xzr       // HFGRTR_EL2
    msr     S3_4_C1_C1_5, xzr       // HFGWTR_EL2
    msr     S3_4_C1_C1_6, xzr       // HFGITR_EL2
    msr     S3_4_C3_C1_4, xzr       // HDFGRTR_EL2
    msr     S3_4_C3_C1_5, xzr       // HDFGWTR_EL2
2:
    mrs     x1, id_aa64mmfr1_el1
    ubfx    x0, x1, #40, #4         // HCX
    cbz     x0, 3f
    msr     S3_4_C1_C2_2, xzr       // HCRX_EL2
3:
    mrs     x1, id_aa64pfr0_el1
    ubfx    x0, x1, #24, #4         // GIC system registers
    cbz     x0, 4f
    mov     x0, #0xf
    msr     S3_4_C12_C9_5, x0       // ICC_SRE_EL2: system registers, EL1 may too
    isb                             // ICH_HCR_EL2 exists from here on
    msr     S3_4_C12_C11_0, xzr     // ICH_HCR_EL2: no virtual interrupts
4:
    ldr     x0, ={SCTLR_OFF}
    msr     sctlr_el1, x0
    mov     x0, #{SPSR_EL1H}
    msr     spsr_el2, x0
    adr     x0, start_el1
    msr     elr_el2, x0
    eret

start_el1:
    ldr     x0, ={SCTLR_OFF}
    msr     sctlr_el1, x0
    isb                             // EL1 starts from a known state
    mrs     x21, cntvct_el0
    // The cycle counter counts from here, so that what it shows later is the time since reset.
    mrs     x1, id_aa64dfr0_el1
    ubfx    x1, x1, #8, #4
    cbz     x1, 5f
    cmp     x1, #0xf
    b.eq    5f
    msr     pmccfiltr_el0, xzr
    mov     x0, #1 << 31
    msr     pmcntenset_el0, x0
    mov     x0, #{PMCR_START}
    msr     pmcr_el0, x0
5:
    ldr     x0, ={MAIR}
    msr     mair_el1, x0
    ldr     x0, ={TCR}
    mrs     x1, id_aa64mmfr0_el1
    and     x2, x1, #0xf            // PARange
    mov     x3, #{PA_RANGE_48}
    cmp     x2, x3
    csel    x2, x2, x3, lo
    bfi     x0, x2, #32, #3         // IPS
    ubfx    x2, x1, #4, #4          // ASIDBits
    cmp     x2, #2
    cset    x2, eq
    bfi     x0, x2, #36, #1         // AS: 16 bits of ASID
    msr     tcr_el1, x0
    adrp    x0, early_identity
    msr     ttbr0_el1, x0
    adrp    x0, early_root
    msr     ttbr1_el1, x0
    tlbi    vmalle1
    ic      iallu
    dsb     nsh                     // both are complete
    isb                             // and the registers above are in force
    ldr     x0, ={SCTLR_EARLY}
    msr     sctlr_el1, x0
    isb                             // the MMU is on
    ldr     x0, =start_high
    br      x0
    .ltorg

// Goes to the physical address of the next instruction, replaces both tables there, comes back:
// x0 = the kernel's root table, x1 = an empty table, both physical. The same addresses change from
// blocks to pages, so no entry of the old tables may be left when the new ones are seen
// (break-before-make, Arm ARM DDI 0487, D8.16.1).
    .section .text.entry, "ax", %progbits
    .global replace_tables
replace_tables:
    adr     x2, 6f
    and     x2, x2, #~{DIRECT_MAP}
    br      x2
6:
    msr     ttbr1_el1, x1           // no kernel address translates
    isb
    tlbi    vmalle1
    dsb     nsh
    isb
    msr     ttbr1_el1, x0
    isb                             // kernel addresses translate by the new tables
    adr     x2, 7f
    orr     x2, x2, #{DIRECT_MAP}
    br      x2
7:
    msr     ttbr0_el1, x1           // no user address translates
    isb
    tlbi    vmalle1
    dsb     nsh
    isb                             // the identity map is gone
    ret

start_high:
    adrp    x0, bss_start
    add     x0, x0, :lo12:bss_start
    adrp    x1, bss_end
    add     x1, x1, :lo12:bss_end
8:
    stp     xzr, xzr, [x0], #16
    stp     xzr, xzr, [x0], #16
    stp     xzr, xzr, [x0], #16
    stp     xzr, xzr, [x0], #16
    cmp     x0, x1                  // both are page aligned
    b.lo    8b
    adrp    x0, core_object
    msr     tpidr_el1, x0
    mov     sp, x0
    adrp    x0, vectors
    add     x0, x0, :lo12:vectors
    msr     vbar_el1, x0
    isb                             // exceptions of the kernel are reported from here on
    mov     x0, x20
    mov     x1, x21
    mov     x29, xzr
    mov     x30, xzr
    bl      kernel_start
    b       exit

// The kernel's first tables: constants, since the image's address is one. The identity map and the
// direct map of the gigabyte of the image (the device tree is there too), and the first gigabyte,
// where a console for a very early epitaph may be.
    .section .data.tables, "aw", %progbits
    .balign 4096
early_identity:
    .quad   0
    .quad   {EARLY_MEMORY}
    .space  4096 - 16
early_level1:
    .quad   {EARLY_DEVICES}
    .quad   {EARLY_MEMORY}
    .space  4096 - 16
early_root:
    .quad   early_level1 - {DIRECT_MAP} + 3
    .space  4096 - 8

// The objects that live in the image. The page below a stack is never mapped.
    .section .bss.objects, "aw", %nobits
    .balign 4096
    .global core_guard, core_object, machine_object, null_endpoint, null_slots, null_root
    .global translation_tables, epitaph_guard, epitaph_stack_end
core_guard:
    .space  4096
    .space  {STACK_BYTES}
core_object:
    .space  {CORE_BYTES}
epitaph_guard:
    .space  4096
    .space  {EPITAPH_STACK_BYTES}
epitaph_stack_end:
machine_object:
    .space  {MACHINE_BYTES}
null_slots:
    .space  4096
null_root:
    .space  4096
translation_tables:
    .space  {TABLES_BYTES}
null_endpoint:
    .space  4096
