#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

pub mod crowd;
mod encode;
pub mod figure;
pub mod interrupt;
pub mod line;
pub mod mapping;
pub mod measure;
pub mod partner;
pub mod rig;
mod ring;
pub mod samples;
pub mod service;
pub mod workbench;
pub mod worker;
