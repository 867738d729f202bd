//! A number is given to two methods.

use ipc_abi::interface;

#[interface(version = 1)]
trait Sample {
    #[method(1)]
    fn first(&mut self);
    #[method(1)]
    fn second(&mut self);
}

fn main() {}
