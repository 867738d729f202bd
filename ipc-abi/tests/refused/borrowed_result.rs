//! A method returns what it does not own.

use ipc_abi::interface;

#[interface(version = 1)]
trait Sample {
    #[method(1)]
    fn name(&mut self) -> &str;
}

fn main() {}
