//! `ask-new-name [amount]`: adds to the server's total.

#![cfg_attr(target_os = "none", no_std, no_main)]

use ipc_abi::interface::Failure;
use ipc_abi::service::command::{Command, CommandInterface, CommandText, Complaint, text};
use new_name::interface::NewNameClient;
use userlib::{Environment, Gate, serve};

userlib::entry!(run);

struct Ask {
    server: NewNameClient<Gate>,
}

impl Command for Ask {
    fn run(&mut self, words: &str) -> Result<CommandText, Complaint> {
        let word = words.lines().next().unwrap_or("0");
        let amount = word
            .parse()
            .map_err(|_| text(format_args!("'{word}' is no number")))?;
        match self.server.add(amount) {
            Ok(total) => Ok(text(format_args!("{total}\n"))),
            Err(Failure::Service(error)) => Err(text(format_args!("{error}"))),
            Err(Failure::Call(error)) => Err(text(format_args!("no answer: {}", error.name()))),
        }
    }
}

fn run(environment: Environment) {
    let (endpoint, gate) = match (environment.endpoint(), environment.gate("new-name")) {
        (Ok(endpoint), Ok(gate)) => (endpoint, gate),
        (Err(error), _) | (_, Err(error)) => panic!("ask-new-name cannot serve: {error}"),
    };
    let server = NewNameClient::new(gate);
    let error = serve(CommandInterface, endpoint, &mut Ask { server });
    panic!("ask-new-name cannot serve any more: {}", error.name());
}
