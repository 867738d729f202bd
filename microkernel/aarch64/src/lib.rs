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
pub mod crossing;
pub mod exception;
pub mod layout;
pub mod translation;
pub mod tree;

#[cfg(target_os = "none")]
pub mod boot;
#[cfg(target_os = "none")]
pub mod bound;
#[cfg(target_os = "none")]
mod cache;
#[cfg(target_os = "none")]
pub mod console;
#[cfg(target_os = "none")]
mod control;
#[cfg(target_os = "none")]
mod debug;
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
#[cfg(all(target_os = "none", feature = "ghost"))]
pub mod ghost;
#[cfg(target_os = "none")]
mod gic;
#[cfg(target_os = "none")]
pub mod hook;
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
#[cfg(target_os = "none")]
pub mod window;

#[cfg(test)]
mod tests {
    use std::string::String;
    use std::vec::Vec;

    /// The names of the registers that `set_up` writes: those of `aarch64_cpu`, the assembler's, or
    /// the one in the comment where that is only a number.
    fn written() -> Vec<String> {
        let source = include_str!("register.rs");
        let start = source.find("fn set_up()").unwrap();
        let end = start + source[start..].find("\n}\n").unwrap();
        let body = &source[start..end];
        let by_macro = body.split("write_register!(").skip(1).map(|rest| {
            let name = rest.split('"').nth(1).unwrap();
            let comment = rest.lines().next().unwrap().split("// ").nth(1);
            comment
                .filter(|_| name.starts_with("S3_"))
                .unwrap_or(name)
                .to_uppercase()
        });
        let by_method = [".set(", ".write(", ".modify("]
            .into_iter()
            .flat_map(|call| {
                body.match_indices(call).map(|(at, _)| {
                    let before = body[..at].trim_end();
                    before.rsplit(char::is_whitespace).next().unwrap().into()
                })
            });
        by_macro.chain(by_method).collect()
    }

    #[test]
    fn every_register_that_is_set_is_in_the_table_for_reviewers() {
        let readme = include_str!("../../README.md");
        let table = readme.split("## What user code can reach").nth(1).unwrap();
        let table = table.split("\n## ").next().unwrap();
        assert!(written().len() > 10 && written().iter().any(|it| it == "SCTLR_EL1"));
        for name in written() {
            assert!(table.contains(name.as_str()), "{name}");
        }
    }
}
