//! `ABI.md` says what the code says.

use std::collections::BTreeMap;

use ipc_abi::call::{CacheOperation, PlatformCount, PlatformOperation, SystemCall};
use ipc_abi::capability::{Access, FrameMode, Kind, ThreadState};
use ipc_abi::debug::thread_flag;
use ipc_abi::error::Error;
use ipc_abi::fault::FaultCause;

const PAGE: &str = include_str!("../ABI.md");

/// The words between backticks in `text`.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The section under the heading `## title`.
fn section(title: &str) -> &'static str {
    let heading = format!("\n## {title}\n");
    let start = PAGE
        .find(&heading)
        .unwrap_or_else(|| panic!("no section {title:?}"));
    let rest = &PAGE[start + heading.len()..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

/// The cells of each row of the tables in `text`.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines()
        .filter(|line| line.starts_with("| "))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
}

#[test]
fn page_lists_every_system_call_by_number() {
    let listed: Vec<(u16, &str)> = section("System calls")
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .map(|heading| {
            let (number, name) = heading.split_once(' ').expect("a number and a name");
            (number.parse().expect("a number"), name.trim_matches('`'))
        })
        .collect();
    let known: Vec<(u16, &str)> = SystemCall::ALL
        .iter()
        .map(|call| (*call as u16, call.name()))
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn page_lists_the_errors_of_every_system_call() {
    let mut listed = BTreeMap::new();
    for part in section("System calls").split("\n### ").skip(1) {
        let (heading, body) = part.split_once('\n').expect("a body");
        let name = quoted(heading)[0].to_owned();
        let errors = body
            .lines()
            .find_map(|line| line.strip_prefix("Errors: "))
            .unwrap_or_else(|| panic!("{name} has no line of errors"));
        let mut errors: Vec<&str> = quoted(errors);
        errors.sort_unstable();
        listed.insert(name, errors);
    }
    for call in SystemCall::ALL {
        let mut known: Vec<&str> = Error::ALL
            .iter()
            .filter(|e| call.can_return(**e))
            .map(|e| e.name())
            .collect();
        known.sort_unstable();
        assert_eq!(listed[call.name()], known, "errors of {}", call.name());
    }
}

#[test]
fn page_lists_every_error_by_number() {
    let listed: Vec<(u64, &str)> = rows(section("Errors"))
        .skip(1)
        .map(|row| (row[0].parse().expect("a number"), quoted(row[1])[0]))
        .collect();
    let known: Vec<(u64, &str)> = Error::ALL.iter().map(|e| (*e as u64, e.name())).collect();
    assert_eq!(listed, known);
}

#[test]
fn page_lists_every_kind_by_number() {
    let listed: Vec<(&str, u8)> = rows(section("Capabilities"))
        .filter(|row| row.len() == 4 && row[0] != "kind")
        .map(|row| (row[0], row[1].parse().expect("a number")))
        .collect();
    let known: Vec<(&str, u8)> = Kind::ALL.iter().map(|k| (k.name(), *k as u8)).collect();
    assert_eq!(listed, known);
}

#[test]
fn page_lists_every_value_by_number() {
    let listed: Vec<(&str, u64, &str)> = rows(section("Values"))
        .skip(1)
        .map(|row| {
            let value = row[1].parse().expect("a number");
            (quoted(row[0])[0], value, quoted(row[2])[0])
        })
        .collect();
    let states: Vec<String> = ThreadState::ALL
        .iter()
        .map(|state| format!("{state:?}"))
        .collect();
    let mut known = vec![
        ("Access", Access::READ.into_raw(), "READ"),
        ("Access", Access::READ_WRITE.into_raw(), "READ_WRITE"),
        ("Access", Access::READ_EXECUTE.into_raw(), "READ_EXECUTE"),
        ("FrameMode", FrameMode::Data as u64, "Data"),
        ("FrameMode", FrameMode::Code as u64, "Code"),
        ("CacheOperation", CacheOperation::Clean as u64, "Clean"),
        (
            "CacheOperation",
            CacheOperation::CleanInvalidate as u64,
            "CleanInvalidate",
        ),
        (
            "PlatformOperation",
            PlatformOperation::PowerOff as u64,
            "PowerOff",
        ),
        (
            "PlatformOperation",
            PlatformOperation::Reset as u64,
            "Reset",
        ),
        ("PlatformCount", PlatformCount::Unhelped as u64, "Unhelped"),
        ("thread_flag", thread_flag::FLOATING, "FLOATING"),
        ("thread_flag", thread_flag::FOREIGN, "FOREIGN"),
    ];
    let numbers = ThreadState::ALL.iter().map(|state| *state as u64);
    known.extend(
        numbers
            .zip(&states)
            .map(|(number, name)| ("ThreadState", number, name.as_str())),
    );
    assert_eq!(listed, known);
}

#[test]
fn page_lists_every_fault_cause_by_number() {
    let listed: Vec<(String, u64)> = rows(section("Faults"))
        .skip(1)
        .map(|row| {
            (
                quoted(row[0])[0].to_owned(),
                row[1].parse().expect("a number"),
            )
        })
        .collect();
    let known: Vec<(String, u64)> = FaultCause::ALL
        .iter()
        .map(|cause| (format!("{cause:?}"), *cause as u64))
        .collect();
    assert_eq!(listed, known);
}

#[test]
fn no_error_is_returned_by_no_call() {
    let unused: Vec<&str> = Error::ALL
        .iter()
        .filter(|error| !SystemCall::ALL.iter().any(|call| call.can_return(**error)))
        .map(|error| error.name())
        .collect();
    assert_eq!(unused, Vec::<&str>::new());
}
