//! A number has another width on another machine.

use ipc_abi::interface;

#[interface(version = 1)]
trait Sample {
    #[method(1)]
    fn seek(&mut self, place: usize);
}

fn main() {}
