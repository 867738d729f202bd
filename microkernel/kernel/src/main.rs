#![doc = include_str!("../README.md")]
#![cfg_attr(target_os = "none", no_std, no_main)]
#![cfg_attr(
    target_os = "none",
    expect(unsafe_code, reason = "names that the assembly calls")
)]

#[cfg(target_os = "none")]
mod call;
#[cfg(target_os = "none")]
mod exit;
#[cfg(all(target_os = "none", feature = "ghost"))]
mod ghost;
#[cfg(target_os = "none")]
mod start;
#[cfg(target_os = "none")]
mod user;

/// The kernel runs on bare metal; on the host there is nothing to do.
#[cfg(not(target_os = "none"))]
fn main() {}
