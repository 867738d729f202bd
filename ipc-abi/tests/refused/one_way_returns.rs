//! A method that nobody waits for returns something.

use ipc_abi::interface;

#[interface(version = 1)]
trait Sample {
    #[method(1, one_way)]
    fn note(&mut self) -> u32;
}

fn main() {}
