//! A method takes the name of one that is gone.

use ipc_abi::interface;

#[interface(version = 2, reserved(1, "gone"))]
trait Sample {
    #[method(2)]
    fn gone(&mut self);
}

fn main() {}
