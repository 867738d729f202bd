//! The attribute has no version.

use ipc_abi::interface;

#[interface]
trait Sample {
    #[method(1)]
    fn first(&mut self);
}

fn main() {}
