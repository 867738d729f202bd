//! A method takes the number of one that is gone.

use ipc_abi::interface;

#[interface(version = 2, reserved(1, "gone"))]
trait Sample {
    #[method(1)]
    fn first(&mut self);
}

fn main() {}
