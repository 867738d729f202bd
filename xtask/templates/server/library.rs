#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

use ipc_abi::service::new_name::{NewName, NewNameError};

/// The server.
#[derive(Debug, Default)]
pub struct Server {
    total: u32,
}

impl NewName for Server {
    fn add(&mut self, amount: u32) -> Result<u32, NewNameError> {
        let total = self.total.checked_add(amount);
        self.total = total.ok_or(NewNameError::Overflow)?;
        Ok(self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipc_abi::interface::{Failure, Local, send_rubbish};
    use ipc_abi::service::new_name::{NewNameClient, NewNameInterface};

    #[test]
    fn whatever_comes_is_answered() {
        let mut server = Local::<NewNameInterface, _>::new(Server::default());
        assert!(send_rubbish(&mut server, 10_000) > 0);
    }

    #[test]
    fn total_grows_as_far_as_it_fits() {
        let server = Local::<NewNameInterface, _>::new(Server::default());
        let mut client = NewNameClient::new(server);
        assert_eq!(client.add(2), Ok(2));
        assert_eq!(client.add(3), Ok(5));
        let overflow = Err(Failure::Service(NewNameError::Overflow));
        assert_eq!(client.add(u32::MAX), overflow);
        assert_eq!(client.add(0), Ok(5));
    }
}
