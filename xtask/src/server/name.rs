//! What a server can be called: a name that the system, cargo and Rust all take, and nobody has.

use crate::system::rule;
use anyhow::{Context, Result, bail};
use ipc_abi::manifest::NAME_BYTES;
use std::fmt;
use std::fs;
use std::path::Path;
use toml::{Table, Value};

use super::template;

/// Words that Rust keeps for itself (The Rust Reference, "Keywords"): no module has their name.
const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];
/// Crates that come with the compiler.
const OWN_CRATES: &[&str] = &["alloc", "core", "proc_macro", "std", "test"];
/// What the trait must not be called: names that every file has, or those of the templates.
const TYPES: &[&str] = &[
    "Box",
    "Default",
    "Deserialize",
    "Err",
    "None",
    "Ok",
    "Option",
    "Result",
    "Serialize",
    "Server",
    "Some",
    "String",
    "Vec",
];
/// Where the commands of the shell are described.
const COMMANDS: &str = "servers/shell/src/command.rs";

/// A name that a server can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerName(String);

impl fmt::Display for ServerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl ServerName {
    /// Checks what a name needs by itself.
    pub(super) fn new(name: &str) -> Result<Self> {
        let own = Self(name.to_owned());
        match own.flaw() {
            None => Ok(own),
            Some(flaw) => bail!("no server can be called `{name}`: {flaw}"),
        }
    }

    /// As processes and packages are called.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// As modules and crates are called.
    pub(super) fn ident(&self) -> String {
        self.0.replace('-', "_")
    }

    /// As the interface's trait is called.
    pub(super) fn camel(&self) -> String {
        let parts = self.0.split('-');
        let parts = parts.map(|part| {
            let (first, rest) = part.split_at_checked(1).unwrap_or((part, ""));
            first.to_ascii_uppercase() + rest
        });
        parts.collect()
    }

    fn flaw(&self) -> Option<String> {
        let (name, ident, camel) = (self.as_str(), self.ident(), self.camel());
        if name.len() > NAME_BYTES {
            let bytes = name.len();
            return Some(format!("it has {bytes} bytes, {NAME_BYTES} are allowed"));
        }
        if !rule::is_name(name) {
            let rule = "a small letter, then small letters, digits and hyphens";
            return Some(format!("a name is {rule}"));
        }
        if name.split('-').any(str::is_empty) {
            return Some("a hyphen stands between letters and digits".to_owned());
        }
        if KEYWORDS.contains(&name) {
            return Some("it is a keyword of Rust".to_owned());
        }
        if OWN_CRATES.contains(&ident.as_str()) {
            return Some("a crate of Rust itself has this name".to_owned());
        }
        if TYPES.contains(&camel.as_str()) {
            return Some(format!(
                "its trait would be `{camel}`, which means something already"
            ));
        }
        None
    }
}

/// Refuses a name that something in the tree has.
pub(super) fn check_free(name: &ServerName, root: &Path) -> Result<()> {
    check_unknown(name, root)?;
    let paths = template::server_files(name);
    let folder = format!("servers/{name}");
    let paths = paths.into_iter().map(|(path, _)| path).chain([folder]);
    let mut taken = paths.filter(|path| root.join(path).exists());
    match taken.next() {
        None => Ok(()),
        Some(path) => bail!("the name `{name}` is taken: there is {path}"),
    }
}

/// Refuses a name that means something in the system.
pub(super) fn check_unknown(name: &ServerName, root: &Path) -> Result<()> {
    match find_holder(name, root)? {
        None => Ok(()),
        Some(holder) => bail!("the name `{name}` is taken: {holder}"),
    }
}

fn find_holder(name: &ServerName, root: &Path) -> Result<Option<String>> {
    let read = |path: &str| {
        fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
    };
    let system = crate::system::declaration::parse::<crate::system::declaration::System>(&read(
        super::SYSTEM,
    )?)
    .context(super::SYSTEM)?;
    if system.process.iter().any(|it| it.name == name.as_str()) {
        return Ok(Some(format!(
            "{} has a process of this name",
            super::SYSTEM
        )));
    }
    if find_commands(&read(COMMANDS)?).any(|command| command == name.as_str()) {
        return Ok(Some("it is a command of the shell".to_owned()));
    }
    let lock: Table = read("Cargo.lock")?.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(Value::as_array);
    let names = packages.into_iter().flatten();
    let mut names = names.filter_map(|package| package.get("name")?.as_str());
    if names.any(|package| package.replace('-', "_") == name.ident()) {
        return Ok(Some("Cargo.lock has a crate of this name".to_owned()));
    }
    Ok(None)
}

/// The names in `describe("name", …)`.
fn find_commands(source: &str) -> impl Iterator<Item = &str> {
    let calls = source.split("describe(").skip(1);
    calls.filter_map(|call| call.trim_start().strip_prefix('"')?.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace;

    fn refusal(name: &str) -> String {
        let own = ServerName::new(name);
        let own = own.and_then(|name| check_free(&name, &workspace::root()));
        own.expect_err(name).to_string()
    }

    #[test]
    fn bad_names_are_refused_with_the_reason() {
        let longest = "a".repeat(NAME_BYTES);
        assert!(ServerName::new(&longest).is_ok());
        let long = "a".repeat(NAME_BYTES + 1);
        assert_eq!(
            refusal(&long),
            format!("no server can be called `{long}`: it has 25 bytes, 24 are allowed")
        );
        for name in [
            "",
            "Tally",
            "tally_two",
            "2tally",
            "-tally",
            "tälly",
            "../x",
            "a b",
            "a.b",
        ] {
            assert_eq!(
                refusal(name),
                format!(
                    "no server can be called `{name}`: a name is a small letter, then small \
                     letters, digits and hyphens"
                )
            );
        }
        for name in ["tally-", "tally--two"] {
            let reason = "a hyphen stands between letters and digits";
            assert_eq!(
                refusal(name),
                format!("no server can be called `{name}`: {reason}")
            );
        }
        for name in ["match", "self", "gen", "try"] {
            let reason = "it is a keyword of Rust";
            assert_eq!(
                refusal(name),
                format!("no server can be called `{name}`: {reason}")
            );
        }
        for name in ["core", "std", "alloc", "proc-macro", "test"] {
            let reason = "a crate of Rust itself has this name";
            assert_eq!(
                refusal(name),
                format!("no server can be called `{name}`: {reason}")
            );
        }
        assert_eq!(
            refusal("result"),
            "no server can be called `result`: its trait would be `Result`, which means \
             something already"
        );
    }

    #[test]
    fn taken_names_are_refused_with_who_has_them() {
        for (name, holder) in [
            (
                "shell",
                "boards/qemu-virt/system.toml has a process of this name",
            ),
            (
                "bench-partner",
                "boards/qemu-virt/system.toml has a process of this name",
            ),
            ("ps", "it is a command of the shell"),
            ("help", "it is a command of the shell"),
            ("kill", "it is a command of the shell"),
            ("serde", "Cargo.lock has a crate of this name"),
            ("proc-macro2", "Cargo.lock has a crate of this name"),
            ("userlib", "Cargo.lock has a crate of this name"),
            ("hostile", "Cargo.lock has a crate of this name"),
            ("boot", "there is tests/cases/boot.rs"),
        ] {
            assert_eq!(
                refusal(name),
                format!("the name `{name}` is taken: {holder}")
            );
        }
    }

    #[test]
    fn name_has_three_spellings() {
        let name = ServerName::new("word-count2").expect("it is good");
        assert_eq!(name.to_string(), "word-count2");
        assert_eq!(name.ident(), "word_count2");
        assert_eq!(name.camel(), "WordCount2");
    }
}
