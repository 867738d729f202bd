use super::*;
use crate::command::COMMANDS;
use alloc::vec;
use core::cell::RefCell;
use ipc_abi::boot::KernelInfo;
use ipc_abi::interface::{Batch, Caller, Local, Promise};
use ipc_abi::service::bench::{Bench, BenchInterface, Unit};
use ipc_abi::service::command::text;
use ipc_abi::service::console::{Console, ConsoleInterface, Statistics};
use ipc_abi::service::supervisor::{
    Line, LogLevel, MemoryInfo, ProcessState, Supervisor, SupervisorError, SupervisorInterface,
};

/// A console on which somebody types given lines, and whose screen is a text.
struct FakeConsole<'a> {
    lines: Vec<&'static str>,
    screen: &'a RefCell<String>,
}

impl Console for FakeConsole<'_> {
    fn write(&mut self, text: &[u8]) -> Result<(), ConsoleError> {
        let text = core::str::from_utf8(text).expect("the shell writes text");
        self.screen.borrow_mut().push_str(text);
        Ok(())
    }

    fn read_line(&mut self, prompt: &str, promise: Promise<Result<LineText, ConsoleError>>) {
        if self.lines.is_empty() {
            return promise.answer(Err(ConsoleError::Busy));
        }
        let line = self.lines.remove(0);
        self.screen
            .borrow_mut()
            .push_str(&format!("{prompt}{line}\n"));
        promise.answer(Ok(LineText::try_from(line).expect("a short line")));
    }

    fn statistics(&mut self) -> Statistics {
        Statistics::default()
    }
}

struct FakeSupervisor;

impl Supervisor for FakeSupervisor {
    fn say(&mut self, _caller: Caller, _level: LogLevel, _lost: u32, _text: &str) {}

    fn processes(&mut self, batch: &mut Batch<'_, ProcessInfo>) {
        // One batch each.
        let Some((name, next)) = ["supervisor", "shell"]
            .iter()
            .zip(1..)
            .find(|(_, next)| *next > batch.position())
        else {
            return;
        };
        let info = ProcessInfo {
            name: Name::try_from(*name).expect("a short name"),
            state: ProcessState::Receiving,
            priority: 100,
            restarts: 0,
            frames: 16,
        };
        batch.push(&info, next).expect("it is the first");
        batch.pause(next);
    }

    fn memory(&mut self) -> MemoryInfo {
        MemoryInfo {
            total_frames: 100,
            free_frames: 68,
            lost_frames: 0,
        }
    }

    fn capabilities(
        &mut self,
        process: u32,
        batch: &mut Batch<'_, SlotInfo>,
    ) -> Result<(), SupervisorError> {
        for slot in [3, 7].into_iter().filter(|_| process == 1) {
            let info = SlotInfo {
                slot,
                kind: 10,
                rights: 1,
                is_live: true,
            };
            batch.push(&info, u64::from(slot) + 1).expect("it fits");
        }
        Ok(())
    }

    fn halt(&mut self, _caller: Caller) -> Result<(), SupervisorError> {
        Err(SupervisorError::NotPermitted)
    }

    fn next_line(&mut self, _caller: Caller, promise: Promise<Result<Line, SupervisorError>>) {
        promise.answer(Err(SupervisorError::NotPermitted));
    }

    fn kill(&mut self, _caller: Caller, number: u32) -> Result<(), SupervisorError> {
        match number {
            0 => Err(SupervisorError::Itself),
            _ => Ok(()),
        }
    }
}

struct FakeBench;

const FIGURES: [&str; 2] = ["syscall/null", "ipc/call-reply/0-words"];

impl Bench for FakeBench {
    fn count(&mut self) -> u32 {
        2
    }

    fn name(&mut self, figure: u32) -> Result<FigureName, BenchError> {
        let name = FIGURES.get(figure as usize).ok_or(BenchError::NoFigure)?;
        Ok(FigureName::try_from(*name).expect("a short name"))
    }

    fn measure(&mut self, figure: u32) -> Result<Figure, BenchError> {
        if figure == 1 {
            return Err(BenchError::PartnerMisbehavior);
        }
        Ok(Figure {
            min: 1,
            median: 2,
            max: 3,
        })
    }

    fn unit(&mut self) -> Unit {
        Unit::Instructions
    }
}

struct FakeMachine<'a> {
    crashes: &'a RefCell<Vec<Crash>>,
}

impl Machine for FakeMachine<'_> {
    fn info(&self) -> KernelInfo {
        KernelInfo {
            counter_hertz: 10,
            boot_ticks: 5,
            ..KernelInfo::default()
        }
    }

    fn ticks(&self) -> u64 {
        20
    }

    fn cycles(&self) -> u64 {
        777
    }

    fn gate(&self, service: &str) -> Result<TimedGate, EnvironmentError> {
        let name = Name::try_from(service).expect("a short name");
        Err(EnvironmentError::Missing(name))
    }

    fn ask(&self, command: &str, words: &str) -> Result<Option<CommandText>, ServiceFailure> {
        match command {
            "ask" => Ok(Some(text(format_args!("{words:?}\n")))),
            "fail" => Err(ServiceFailure::Refused(words.to_string())),
            _ => Ok(None),
        }
    }

    fn crash(&mut self, how: Crash) {
        self.crashes.borrow_mut().push(how);
    }
}

/// What is on the screen after somebody typed `lines` to a shell of this incarnation.
fn screen_of(incarnation: u32, lines: &[&'static str]) -> String {
    let (screen, crashes) = (RefCell::new(String::new()), RefCell::new(vec![]));
    let console = FakeConsole {
        lines: lines.to_vec(),
        screen: &screen,
    };
    let services = Services {
        console: ConsoleClient::new(Local::<ConsoleInterface, _>::new(console)),
        supervisor: SupervisorClient::new(Local::<SupervisorInterface, _>::new(FakeSupervisor)),
        bench: BenchClient::new(Local::<BenchInterface, _>::new(FakeBench)),
    };
    let name = Name::try_from("shell").expect("a short name");
    let machine = FakeMachine { crashes: &crashes };
    let mut shell = Shell::new(services, machine, Identity { name, incarnation });
    assert_eq!(shell.run(), ConsoleFailure::Refused(ConsoleError::Busy));
    drop(shell);
    screen.into_inner()
}

#[test]
fn the_prompt_tells_how_the_last_command_ended() {
    assert_eq!(
        screen_of(0, &["echo a  'b  c'", "", "nonsense", "", "echo"]),
        "pecan> echo a  'b  c'\na b  c\n\
         pecan> \n\
         pecan> nonsense\nunknown command 'nonsense': 'help' lists the commands\n\
         pecan!> \n\
         pecan!> echo\n\n"
    );
}

#[test]
fn help_lists_every_command_or_one() {
    let screen = screen_of(0, &["help"]);
    for description in COMMANDS {
        assert!(screen.contains(description.summary), "{}", description.name);
    }
    let one = screen_of(0, &["help caps"]);
    assert!(one.contains("caps [process]") && !one.contains("halt"));
}

#[test]
fn tables_come_from_the_supervisor() {
    let screen = screen_of(0, &["ps", "mem", "caps"]);
    assert!(
        screen.contains("shell       receiving       100         0  64 KiB\n"),
        "{screen}"
    );
    assert!(screen.contains("(free)          68  272 KiB\n"), "{screen}");
    assert!(
        screen.contains("   3  Gate  s-------\n   7  Gate  s-------\nrights:"),
        "{screen}"
    );
    assert!(!screen.contains("pecan!>"));
}

#[test]
fn capabilities_of_an_unknown_process_are_an_error() {
    let screen = screen_of(0, &["caps nobody", ""]);
    assert!(screen.contains("caps: there is no process 'nobody'"));
    assert!(screen.ends_with("pecan!> \n"));
}

#[test]
fn figures_are_printed_one_by_one_until_one_fails() {
    assert_eq!(
        screen_of(
            0,
            &["bench", "bench syscall", "bench boot/", "bench nothing"]
        ),
        "pecan> bench\n\
         bench boot/to-prompt instructions 777 777 777\n\
         bench syscall/null instructions 1 2 3\n\
         bench: its partner answered what it was not asked\n\
         pecan!> bench syscall\n\
         bench syscall/null instructions 1 2 3\n\
         pecan> bench boot/\n\
         bench boot/to-prompt instructions 777 777 777\n\
         pecan> bench nothing\n\
         bench: no figure has 'nothing' in its name\n"
    );
}

#[test]
fn a_restarted_shell_has_no_boot_figure() {
    let screen = screen_of(1, &["bench boot/"]);
    assert!(screen.contains("bench: no figure has 'boot/' in its name"));
}

#[test]
fn halting_without_the_permission_is_refused() {
    let screen = screen_of(0, &["halt", ""]);
    assert!(screen.contains("supervisor: not permitted"), "{screen}");
    assert!(screen.ends_with("pecan!> \n"));
}

#[test]
fn killing_says_what_it_cannot() {
    assert_eq!(
        screen_of(0, &["kill shell", "kill supervisor", "kill nobody", ""]),
        "pecan> kill shell\n\
         pecan> kill supervisor\n\
         supervisor: the supervisor does not end itself: 'halt' ends the system\n\
         pecan!> kill nobody\n\
         kill: there is no process 'nobody': 'ps' lists the processes\n\
         pecan!> \n"
    );
}

#[test]
fn line_of_no_command_goes_to_the_process_that_is_one() {
    assert_eq!(
        screen_of(0, &["ask a 'b  c'", "ask", "fail x", "asks", ""]),
        "pecan> ask a 'b  c'\n\"a\\nb  c\\n\"\n\
         pecan> ask\n\"\"\n\
         pecan> fail x\nfail: x\n\n\
         pecan!> asks\nunknown command 'asks': 'help' lists the commands\n\
         pecan!> \n"
    );
}

#[test]
fn services_that_are_not_granted_are_named() {
    for command in crate::service::COMMANDS {
        let name = command.description.name;
        let screen = screen_of(0, &[name]);
        let refusal = format!("{name}: system.toml does not let this shell call it");
        assert!(screen.contains(&refusal), "{screen}");
    }
}

#[test]
fn a_crash_that_does_not_happen_is_said() {
    assert!(screen_of(0, &["crash undefined"]).contains("the crash did not happen"));
}

#[test]
fn uptime_counts_from_the_start_of_the_kernel() {
    assert!(screen_of(0, &["uptime"]).contains("pecan> uptime\n1.500 s\n"));
}

#[test]
fn long_output_is_written_in_pieces() {
    struct Narrow<'a>(FakeConsole<'a>);
    impl Console for Narrow<'_> {
        fn write(&mut self, text: &[u8]) -> Result<(), ConsoleError> {
            assert!(text.len() <= WRITE_BYTES);
            self.0.write(text)
        }

        fn read_line(&mut self, prompt: &str, promise: Promise<Result<LineText, ConsoleError>>) {
            self.0.read_line(prompt, promise);
        }

        fn statistics(&mut self) -> Statistics {
            self.0.statistics()
        }
    }
    let (screen, crashes) = (RefCell::new(String::new()), RefCell::new(vec![]));
    let console = Narrow(FakeConsole {
        lines: vec![],
        screen: &screen,
    });
    let services = Services {
        console: ConsoleClient::new(Local::<ConsoleInterface, _>::new(console)),
        supervisor: SupervisorClient::new(Local::<SupervisorInterface, _>::new(FakeSupervisor)),
        bench: BenchClient::new(Local::<BenchInterface, _>::new(FakeBench)),
    };
    let identity = Identity {
        name: Name::new(),
        incarnation: 0,
    };
    let mut shell = Shell::new(services, FakeMachine { crashes: &crashes }, identity);
    let text = "x".repeat(3 * WRITE_BYTES + 1);
    assert_eq!(shell.print(&text), Ok(()));
    drop(shell);
    assert_eq!(screen.into_inner(), text);
}
