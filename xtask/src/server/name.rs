//! What a server can be called: a name that the system, cargo and Rust all take, and nobody has.

use crate::system::{command, rule};
use anyhow::{Context, Result, bail, ensure};
use ipc_abi::manifest::NAME_BYTES;
use std::fmt;
use std::fs;
use std::path::Path;
use toml::{Table, Value};

use super::{namespace, template};

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
/// The primitive types of Rust ("Types"), with those that are to come: a module of such a name hides the type.
const PRIMITIVES: &[&str] = &[
    "bool", "char", "f16", "f32", "f64", "f128", "i8", "i16", "i32", "i64", "i128", "isize", "str",
    "u8", "u16", "u32", "u64", "u128", "usize",
];
/// What cargo calls folders among its programs: no program has their name.
const CARGO_FOLDERS: &[&str] = &["build", "deps", "examples", "incremental"];

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
        let (name, ident) = (self.as_str(), self.ident());
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
        if PRIMITIVES.contains(&name) {
            return Some("it is a primitive type of Rust".to_owned());
        }
        if CARGO_FOLDERS.contains(&name) {
            return Some("cargo keeps this name for a folder of its own".to_owned());
        }
        let clash = template::find_clash(self)?;
        Some(format!(
            "it would bring `{clash}`, which means something else in its source"
        ))
    }
}

/// Refuses a name that something in the tree has.
pub(super) fn check_free(name: &ServerName, root: &Path) -> Result<()> {
    check_unknown(name, root)?;
    let paths = template::server_files(name);
    let folder = format!("servers/{name}");
    let paths = paths.into_iter().map(|(path, _)| path).chain([folder]);
    let mut taken = paths.filter(|path| root.join(path).exists());
    if let Some(path) = taken.next() {
        bail!("the name `{name}` is taken: there is {path}");
    }
    for path in super::MODULE_LISTS {
        let source = super::read(root, path)?;
        ensure!(
            !namespace::scope_of(&source).contains(name.ident().as_str()),
            "the name `{name}` is taken: {path} means something else by it"
        );
    }
    Ok(())
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
    if command::names(root)?.contains(name.as_str()) {
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
            "no server can be called `result`: it would bring `Result`, which means something else \
             in its source"
        );
    }

    #[test]
    fn names_that_hide_something_are_refused_and_no_others() {
        for name in [
            "server", "clone", "copy", "debug", "default", "err", "ok", "failure",
        ] {
            let end = "which means something else in its source";
            assert!(refusal(name).ends_with(end), "{}", refusal(name));
        }
        for name in ["u32", "str", "bool", "usize", "f64"] {
            let reason = "it is a primitive type of Rust";
            assert_eq!(
                refusal(name),
                format!("no server can be called `{name}`: {reason}")
            );
        }
        for name in ["build", "deps"] {
            let reason = "cargo keeps this name for a folder of its own";
            assert_eq!(
                refusal(name),
                format!("no server can be called `{name}`: {reason}")
            );
        }
        for name in [
            "b", "r", "s", "t", "option", "vec", "some", "main-2", "payload", "word",
        ] {
            let name = ServerName::new(name).expect(name);
            check_free(&name, &workspace::root()).expect("nothing else has it");
        }
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
            ("main", "there is tests/cases/main.rs"),
            (
                "tests",
                "ipc-abi/src/service/mod.rs means something else by it",
            ),
            (
                "manifest",
                "ipc-abi/src/service/mod.rs means something else by it",
            ),
            (
                "fmt",
                "servers/shell/src/service/mod.rs means something else by it",
            ),
            (
                "string",
                "servers/shell/src/service/mod.rs means something else by it",
            ),
            ("ghost", "tests/cases/main.rs means something else by it"),
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
