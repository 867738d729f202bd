"""Litmus tests of the kernel's barriers under Arm's memory model. See README.md."""
