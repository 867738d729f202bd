"""Proofs about functions of the shipped kernel, on the machine code of its ELF file.

A function's instructions are lifted one by one (`lift`), executed on symbolic registers and memory
(`execute`, `memory`), and compared with a claim written here in Python (`claims`). What remains is a
list of obligations without quantifiers or loops, which two independent solvers must discharge
(`solve`). A claim holds for every input and for every memory that satisfies the written invariants.
"""
