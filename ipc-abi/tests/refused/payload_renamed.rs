//! An attribute of serde changes the format.

use ipc_abi::payload;

#[payload]
struct Sample {
    #[serde(rename = "b")]
    a: u32,
}

fn main() {}
