//! Provokes every error of every system call, and looks at what succeeds.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]
