//! Each rule of the system builder has one bad example, and that example breaks no other rule.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use xtask::system::rule::{BOARD_RULES, Rule, SYSTEM_RULES};
use xtask::system::{graph::draw, load, load_with};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn good_board() -> PathBuf {
    here("../boards/qemu-virt/board.toml")
}

/// The board that the bad example of `rule` needs.
fn board_for(rule: &str) -> PathBuf {
    let own = here("tests/bad-systems-boards").join(format!("{rule}.toml"));
    if own.exists() { own } else { good_board() }
}

fn good_system() -> PathBuf {
    here("../boards/qemu-virt/system.toml")
}

/// The message that the first line of a bad example promises.
fn promise(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("the example is there");
    let first = text.lines().next().and_then(|line| line.strip_prefix("# "));
    first
        .expect("the example starts with its message")
        .to_string()
}

fn examples(folder: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(here(folder)).expect("the folder is there");
    let names = entries.map(|entry| entry.expect("it can be read").file_name());
    names
        .map(|name| name.to_string_lossy().trim_end_matches(".toml").to_string())
        .collect()
}

fn rule_names(rules: &[Rule]) -> BTreeSet<String> {
    rules.iter().map(|rule| rule.name.to_string()).collect()
}

#[test]
fn every_board_rule_has_a_bad_example_with_its_exact_message() {
    assert_eq!(examples("tests/bad-boards"), rule_names(BOARD_RULES));
    for rule in BOARD_RULES {
        let path = here("tests/bad-boards").join(format!("{}.toml", rule.name));
        let error = load(&good_system(), &path).expect_err(rule.name);
        assert_eq!(
            error.root_cause().to_string(),
            promise(&path),
            "{}",
            rule.name
        );
        assert_eq!(
            error.to_string(),
            format!("{} does not make sense", path.display())
        );
    }
}

#[test]
fn every_system_rule_has_a_bad_example_with_its_exact_message() {
    assert_eq!(examples("tests/bad-systems"), rule_names(SYSTEM_RULES));
    for rule in SYSTEM_RULES {
        let path = here("tests/bad-systems").join(format!("{}.toml", rule.name));
        let error = load(&path, &board_for(rule.name)).expect_err(rule.name);
        assert_eq!(
            error.root_cause().to_string(),
            promise(&path),
            "{}",
            rule.name
        );
        assert_eq!(
            error.to_string(),
            format!("{} does not make sense", path.display())
        );
    }
}

#[test]
fn unknown_keys_are_refused_with_their_line() {
    let path = here("tests/unknown-key.toml");
    let error = load(&path, &good_board()).expect_err("the key is unknown");
    assert_eq!(error.root_cause().to_string(), promise(&path));
    assert_eq!(error.to_string(), path.display().to_string());
}

#[test]
fn rules_hold_with_processes_from_outside() {
    for name in examples("tests/bad-outside") {
        let folder = here("tests/bad-outside").join(&name);
        let path = folder.join("system.toml");
        let error = load_with(&good_system(), &good_board(), &[folder]).expect_err(&name);
        assert_eq!(error.root_cause().to_string(), promise(&path), "{name}");
        let place = format!("{} does not make sense", path.display());
        assert_eq!(error.to_string(), place);
    }
    let nowhere = here("tests/no-such-folder");
    let error = load_with(
        &good_system(),
        &good_board(),
        std::slice::from_ref(&nowhere),
    );
    assert_eq!(
        error.expect_err("there is none").to_string(),
        format!("cannot read {}", nowhere.join("system.toml").display())
    );
}

#[test]
fn missing_file_is_named() {
    let error = load(&here("nowhere.toml"), &good_board()).expect_err("there is none");
    assert_eq!(
        error.to_string(),
        format!("cannot read {}", here("nowhere.toml").display())
    );
}

#[test]
fn graph_of_the_shipped_system_says_who_reaches_whom() {
    let text = draw(&load(&good_system(), &good_board()).expect("the shipped system is good"));
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    for line in [
        "shell priority 100",
        "-> supervisor (halt, kill)",
        "-> bench-partner passing capabilities by a ring of 32",
    ] {
        assert!(
            text.lines().any(|found| words(found) == line),
            "{line:?} is not in\n{text}"
        );
    }
}

/// The book's page about systems.
fn book() -> String {
    std::fs::read_to_string(here("../docs/book/system.md")).expect("the page is there")
}

#[test]
fn book_shows_the_graph_of_the_shipped_system() {
    let text = draw(&load(&good_system(), &good_board()).expect("the shipped system is good"));
    assert!(
        book().contains(&text),
        "docs/book/system.md does not show\n{text}"
    );
}

#[test]
fn book_explains_every_key_of_a_process() {
    let path = here("tests/unknown-key.toml");
    let known = promise(&path);
    let keys = known.split('`').skip(3).step_by(2);
    let book = book();
    for key in keys {
        let row = format!("\n| `{key}` | ");
        assert!(
            book.contains(&row),
            "docs/book/system.md does not explain `{key}`"
        );
    }
}
