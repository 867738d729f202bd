//! An argument is of a type that the standard library has, but no message.

use ipc_abi::interface;

#[interface(version = 1)]
trait Sample {
    #[method(1)]
    fn put(&mut self, text: String, count: u32) -> u32;
}

fn main() {}
