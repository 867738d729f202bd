use super::*;
use ipc_abi::manifest::CALLS_MAX;
use std::path::PathBuf;

/// A copy of the files that a new server changes, or that say whether its name is taken.
struct Tree(PathBuf);

const COPIED: &[&str] = &[
    "Cargo.lock",
    "boards/qemu-virt/board.toml",
    "boards/qemu-virt/system.toml",
    "docs/book/system.md",
    "ipc-abi/src/service/mod.rs",
    "servers/shell/src/command.rs",
    "servers/shell/src/service/mod.rs",
    "tests/cases/main.rs",
];

impl Tree {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir();
        let path = path.join(format!("pecan-server-{}-{name}", std::process::id()));
        for file in COPIED {
            let to = path.join(file);
            fs::create_dir_all(to.parent().expect("it is in the copy")).expect("there is room");
            fs::copy(workspace::root().join(file), to).expect("it is there");
        }
        Self(path)
    }

    fn read(&self, path: &str) -> String {
        read(&self.0, path).expect("it is there")
    }

    fn make(&self, name: &str) -> Result<()> {
        let name = ServerName::new(name)?;
        name::check_free(&name, &self.0)?;
        plan_server(&name, &self.0, &|source| Ok(source.to_owned()))?.carry_out(&self.0)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        // It is in the folder for temporary files anyhow.
        let _left = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn server_is_everywhere_that_it_has_to_be() {
    let tree = Tree::new("whole");
    tree.make("made-by-test").expect("the name is free");
    for (path, line) in [
        ("ipc-abi/src/service/mod.rs", "pub mod made_by_test;"),
        (
            "ipc-abi/src/service/made_by_test.rs",
            "pub trait MadeByTest {",
        ),
        ("servers/made-by-test/Cargo.toml", "name = \"made-by-test\""),
        ("servers/made-by-test/README.md", "# made-by-test"),
        (
            "servers/made-by-test/src/lib.rs",
            "impl MadeByTest for Server {",
        ),
        ("servers/made-by-test/src/main.rs", "userlib::entry!(run);"),
        ("servers/shell/src/service/mod.rs", "mod made_by_test;"),
        (
            "servers/shell/src/service/mod.rs",
            "    made_by_test::COMMAND,",
        ),
        (
            "servers/shell/src/service/made_by_test.rs",
            "fn add(gate: TimedGate, words: &[String]) -> Answer {",
        ),
        ("tests/cases/main.rs", "mod made_by_test;"),
        ("tests/cases/main.rs", "    made_by_test::cases,"),
        (
            "tests/cases/made_by_test.rs",
            "fn successor_answers(workshop: &Workshop) -> Result<()> {",
        ),
        ("docs/book/system.md", "made-by-test   priority 90"),
        ("docs/book/system.md", "               -> made-by-test"),
    ] {
        let text = tree.read(path);
        assert!(
            text.lines().any(|own| own == line),
            "no {line:?} in {path}:\n{text}"
        );
    }
    let declared = system::load(&tree.0.join(SYSTEM), &tree.0.join(BOARD));
    let declared = declared.expect("it breaks no rule");
    assert!(declared.process("made-by-test").is_some_and(|it| it.serves));
}

#[test]
fn name_is_taken_once_it_is_made() {
    let tree = Tree::new("taken");
    tree.make("one-by-test").expect("the name is free");
    tree.make("two-by-test").expect("another is, too");
    let system = tree.read(SYSTEM);
    let error = tree.make("one-by-test").expect_err("it is taken");
    assert_eq!(
        error.to_string(),
        "the name `one-by-test` is taken: boards/qemu-virt/system.toml has a process of this name"
    );
    assert_eq!(tree.read(SYSTEM), system);
    let interface = workspace_interface(&tree);
    fs::write(&interface, "mine").expect("there is room");
    let error = tree
        .make("three-by-test")
        .expect_err("its interface is there");
    assert_eq!(
        error.to_string(),
        "the name `three-by-test` is taken: there is ipc-abi/src/service/three_by_test.rs"
    );
}

fn workspace_interface(tree: &Tree) -> PathBuf {
    tree.0.join("ipc-abi/src/service/three_by_test.rs")
}

#[test]
fn system_that_is_full_takes_no_server() {
    let tree = Tree::new("full");
    let declared = system::load(&tree.0.join(SYSTEM), &tree.0.join(BOARD));
    let declared = declared.expect("the shipped system is good");
    let calls = declared.process(SHELL).map_or(0, |shell| shell.calls.len());
    for number in calls..CALLS_MAX {
        let name = format!("test-{number}");
        tree.make(&name).expect("there is room for one more call");
    }
    let error = tree.make("test-full").expect_err("there is none");
    let shown = format!("{error:#}");
    assert!(
        shown.contains("process `shell` calls 17 services, more than 16"),
        "{shown}"
    );
    assert!(!tree.0.join("servers/test-full").exists());
}

#[test]
fn page_that_shows_another_system_is_refused() {
    let tree = Tree::new("page");
    fs::write(tree.0.join(SYSTEM_PAGE), "nothing").expect("there is room");
    let error = tree.make("one-by-test").expect_err("the page is wrong");
    assert_eq!(
        error.to_string(),
        "docs/book/system.md does not show the system as it is: `./x image --graph` does"
    );
    assert!(!tree.0.join("servers").join("one-by-test").exists());
}
