//! A payload has no one format.

use ipc_abi::payload;

#[payload]
struct Sample<T> {
    value: T,
}

fn main() {}
