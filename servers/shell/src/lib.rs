#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod command;
mod crash;
pub mod failure;
pub mod info;
pub mod report;
pub mod service;
pub mod shell;
pub mod system;
pub mod table;
pub mod unit;
pub mod words;
