#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "explorer"), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(feature = "explorer")]
pub mod action;
#[cfg(feature = "explorer")]
pub mod arena;
#[cfg(feature = "explorer")]
pub mod configuration;
#[cfg(feature = "explorer")]
pub mod explore;
#[cfg(feature = "explorer")]
pub mod machine;
#[cfg(feature = "explorer")]
pub mod normal;
pub mod projection;
#[cfg(feature = "explorer")]
pub mod random;
#[cfg(feature = "explorer")]
pub mod refusal;
#[cfg(feature = "explorer")]
pub mod report;
#[cfg(feature = "explorer")]
pub mod seeded;
#[cfg(feature = "explorer")]
pub mod signature;
#[cfg(feature = "explorer")]
pub mod state;
#[cfg(feature = "explorer")]
pub mod transition;
#[cfg(feature = "explorer")]
pub mod twin;
