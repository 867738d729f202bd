//! A method with a batch returns something else.

use ipc_abi::interface;

#[interface(version = 1)]
trait Sample {
    #[method(1)]
    fn list(&mut self, batch: &mut Batch<'_, u32>) -> Result<u32, u32>;
}

fn main() {}
