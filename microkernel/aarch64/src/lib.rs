#![doc = include_str!("../README.md")]
#![no_std]
#![cfg_attr(
    target_os = "none",
    expect(
        unsafe_code,
        reason = "this crate is the mechanism: registers, devices, raw memory"
    )
)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

#[cfg(test)]
extern crate std;

pub mod board;
pub mod exception;
pub mod layout;
pub mod translation;
pub mod tree;

#[cfg(target_os = "none")]
pub mod boot;
#[cfg(target_os = "none")]
pub mod console;
#[cfg(target_os = "none")]
pub mod direct_map;
#[cfg(target_os = "none")]
pub mod effect;
#[cfg(target_os = "none")]
mod entry;
#[cfg(target_os = "none")]
pub mod firmware;
#[cfg(target_os = "none")]
mod frame;
#[cfg(target_os = "none")]
mod gic;
#[cfg(target_os = "none")]
mod image;
#[cfg(target_os = "none")]
pub mod interrupt;
#[cfg(target_os = "none")]
mod memory;
#[cfg(target_os = "none")]
mod mmio;
#[cfg(target_os = "none")]
pub mod register;
#[cfg(target_os = "none")]
pub mod timer;
