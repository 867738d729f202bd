//! Both mistakes are told at once.

use ipc_abi::interface;

#[interface(version = 1)]
trait Sample {
    fn first(&mut self);
    #[method(0)]
    fn second(&self);
}

fn main() {}
