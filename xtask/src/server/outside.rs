//! A new server outside of the tree: a package of its own, with the client that the shell lacks.

use super::name::{self, ServerName};
use super::plan::Plan;
use super::{Format, read, template};
use crate::toolchain::Toolchain;
use crate::workspace;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

/// Writes a new server into a folder outside of the tree; tells what it wrote and what to type next.
pub(super) fn new_server(
    name: &ServerName,
    folder: &Path,
    prepare: impl Fn() -> Result<Toolchain>,
) -> Result<()> {
    let root = workspace::root();
    check(name, folder, &root)?;
    let toolchain = prepare()?;
    let plan = plan_server(name, &root, &|source| toolchain.format(source))?;
    plan.carry_out(folder)?;
    let shown = folder.display();
    println!("made the server `{name}` in {shown}:");
    print!("{plan}");
    println!("next:");
    println!("  ./x run --with {} --exec 'ask-{name} 3'", quoted(folder));
    Ok(())
}

/// A path as it is typed in a shell: one word, whatever is in it.
fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%".contains(&byte);
    if !text.is_empty() && text.bytes().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Refuses a name that is taken and a folder that is no place for a server.
fn check(name: &ServerName, folder: &Path, root: &Path) -> Result<()> {
    name::check_unknown(name, root)?;
    let command = ServerName::new(&format!("ask-{name}")).context("its command gets `ask-`")?;
    name::check_unknown(&command, root)?;
    ensure!(
        !find_place(folder)?.starts_with(root.canonicalize()?),
        "{} is in the tree: leave out `--outside`",
        folder.display()
    );
    let mut entries = folder.read_dir().into_iter().flatten();
    ensure!(
        !folder.is_file() && entries.next().is_none(),
        "{} is there already, and not empty",
        folder.display()
    );
    Ok(())
}

/// The folder that is there and that a path goes through last: the path itself may not be there.
fn find_place(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).context("there is no current folder")?;
    let found = absolute.ancestors().find_map(|it| it.canonicalize().ok());
    found.with_context(|| format!("{} leads nowhere", path.display()))
}

/// Plans a new server; nothing is written.
fn plan_server(name: &ServerName, root: &Path, format: Format<'_>) -> Result<Plan> {
    let mut plan = Plan::default();
    for (path, text) in template::outside_files(name, &root.to_string_lossy()) {
        let is_rust = path.ends_with(".rs");
        let text = if is_rust { format(&text) } else { Ok(text) };
        let text = text.with_context(|| format!("cannot format {path}"))?;
        plan.create(&path, text);
    }
    // The versions with which the tree is tested; cargo removes what is not used.
    plan.create("Cargo.lock", read(root, "Cargo.lock")?);
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn refusal(name: &str, folder: &Path) -> String {
        let name = ServerName::new(name).expect("it is a name");
        let error = check(&name, folder, &workspace::root()).expect_err("it is refused");
        format!("{error:#}")
    }

    #[test]
    fn places_and_names_that_are_taken_are_refused() {
        let root = workspace::root();
        let folder = std::env::temp_dir().join(format!("pecan-outside-{}", std::process::id()));
        let inside = root.join("servers/outside-by-test");
        assert_eq!(
            refusal("outside-by-test", &inside),
            format!("{} is in the tree: leave out `--outside`", inside.display())
        );
        let roundabout = root.join("servers/../docs/outside-by-test");
        assert!(refusal("outside-by-test", &roundabout).contains("is in the tree"));
        let beside = root.join("../outside-by-test");
        let name = ServerName::new("outside-by-test").expect("it is a name");
        check(&name, &beside, &root).expect("it is not in the tree");
        assert_eq!(
            refusal("serde", &folder),
            "the name `serde` is taken: Cargo.lock has a crate of this name"
        );
        let long = "a".repeat(21);
        assert_eq!(
            refusal(&long, &folder),
            format!(
                "its command gets `ask-`: no server can be called `ask-{long}`: it has 25 bytes, \
                 24 are allowed"
            )
        );
        fs::create_dir_all(folder.join("something")).expect("there is room");
        let shown = folder.display();
        let full = format!("{shown} is there already, and not empty");
        assert_eq!(refusal("outside-by-test", &folder), full);
        fs::remove_dir_all(&folder).expect("nobody else uses it");
        check(&name, &folder, &root).expect("there is nothing now");
    }

    #[test]
    fn path_is_one_word_of_a_shell() {
        for (path, word) in [
            ("../visitor", "../visitor"),
            ("../a b/it's", r"'../a b/it'\''s'"),
            ("a;b", "'a;b'"),
            ("~/é", "'~/é'"),
        ] {
            assert_eq!(quoted(Path::new(path)), word);
        }
    }

    #[test]
    fn package_knows_where_the_tree_is() {
        let name = ServerName::new("my-tally").expect("it is a name");
        let root = workspace::root();
        let plan = plan_server(&name, &root, &|source| Ok(source.to_owned()));
        let folder = std::env::temp_dir().join(format!("pecan-package-{}", std::process::id()));
        let plan = plan.expect("it can be planned");
        plan.carry_out(&folder).expect("nothing is in the way");
        let manifest = read(&folder, "Cargo.toml").expect("it is there");
        let line = format!("userlib = {{ path = \"{}/userlib\" }}", root.display());
        assert!(manifest.contains(&line), "{manifest}");
        let client = read(&folder, "src/bin/ask-my-tally.rs").expect("it is there");
        assert!(
            client.contains("use my_tally::interface::MyTallyClient;"),
            "{client}"
        );
        fs::remove_dir_all(&folder).expect("nobody else uses it");
    }
}
