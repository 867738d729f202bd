//! A promise is not the last argument.

use ipc_abi::interface;

#[interface(version = 1)]
trait Sample {
    #[method(1)]
    fn wait(&mut self, promise: Promise<u32>, limit: u32);
}

fn main() {}
