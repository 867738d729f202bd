//! A number is reserved twice.

use ipc_abi::interface;

#[interface(version = 2, reserved(2, 2))]
trait Sample {
    #[method(1)]
    fn first(&mut self);
}

fn main() {}
