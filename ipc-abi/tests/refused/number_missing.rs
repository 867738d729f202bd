//! A number is left out, and not reserved.

use ipc_abi::interface;

#[interface(version = 1)]
trait Sample {
    #[method(1)]
    fn first(&mut self);
    #[method(3)]
    fn third(&mut self);
}

fn main() {}
