//! The files of a new server: those of `templates/server` with its name instead of `new-name`; outside
//! of the tree also those of `templates/outside`.

use super::edit;
use super::name::ServerName;
use super::namespace::words_of;

/// The files, where the server of this name would have them, and their text.
const SERVER: &[(&str, &str)] = &[
    (
        "ipc-abi/src/service/new_name.rs",
        include_str!("../../templates/server/interface.rs"),
    ),
    (
        "servers/new-name/Cargo.toml",
        include_str!("../../templates/server/manifest.toml"),
    ),
    (
        "servers/new-name/README.md",
        include_str!("../../templates/server/readme.md"),
    ),
    (
        "servers/new-name/src/lib.rs",
        include_str!("../../templates/server/library.rs"),
    ),
    (
        "servers/new-name/src/main.rs",
        include_str!("../../templates/server/main.rs"),
    ),
    (
        "servers/shell/src/service/new_name.rs",
        include_str!("../../templates/server/command.rs"),
    ),
    (
        "tests/cases/new_name.rs",
        include_str!("../../templates/server/case.rs"),
    ),
];
/// The same for one outside of the tree; paths from its folder.
const OUTSIDE: &[(&str, &str)] = &[
    (
        "Cargo.toml",
        include_str!("../../templates/outside/manifest.toml"),
    ),
    (
        "README.md",
        include_str!("../../templates/outside/readme.md"),
    ),
    (
        "system.toml",
        include_str!("../../templates/outside/system.toml"),
    ),
    (
        "src/interface.rs",
        include_str!("../../templates/server/interface.rs"),
    ),
    (
        "src/lib.rs",
        include_str!("../../templates/server/library.rs"),
    ),
    (
        "src/main.rs",
        include_str!("../../templates/server/main.rs"),
    ),
    (
        "src/bin/ask-new-name.rs",
        include_str!("../../templates/outside/ask.rs"),
    ),
    (".gitignore", include_str!("../../templates/outside/ignore")),
];
/// What is added to `system.toml`.
const PROCESS: &str = include_str!("../../templates/server/process.toml");

/// The files of a server in the tree: path and text.
pub(super) fn server_files(name: &ServerName) -> Vec<(String, String)> {
    let fill = |(path, text): &(&str, &str)| (fill(path, name), fill(text, name));
    SERVER.iter().map(fill).collect()
}

/// The files of a server in a folder outside of the tree, which is at `tree`: path and text.
pub(super) fn outside_files(name: &ServerName, tree: &str) -> Vec<(String, String)> {
    let tree = tree.replace('\\', "\\\\").replace('"', "\\\"");
    let fill = |(path, text): &(&str, &str)| {
        let text = fill(&bring_interface(path, text), name);
        let text = text.replace("PECAN/", &format!("{tree}/"));
        (fill(path, name), text)
    };
    OUTSIDE.iter().map(fill).collect()
}

/// The text of a file whose interface is not in `ipc-abi` but in the server's own library.
fn bring_interface(path: &str, text: &str) -> String {
    const OF_TREE: &str = "ipc_abi::service::new_name::";
    match path {
        "src/interface.rs" => text.replace("use crate::{", "use ipc_abi::{"),
        "src/lib.rs" => {
            let text = edit::add_module(text, "pub mod interface;");
            text.replace(OF_TREE, "crate::interface::")
        }
        "src/main.rs" => text.replace(OF_TREE, "new_name::interface::"),
        _ => text.to_owned(),
    }
}

/// Its process in `system.toml`.
pub(super) fn process(name: &ServerName) -> String {
    fill(PROCESS, name)
}

/// A name that a server of this name would bring into a source where it means something else already.
pub(super) fn find_clash(name: &ServerName) -> Option<String> {
    let mut sources = [SERVER, OUTSIDE].into_iter().flatten();
    sources.find_map(|(_, text)| {
        let words = words_of(text);
        let brought = words.iter().filter(|word| word.contains("NewName"));
        let mut brought = brought.map(|word| fill(word, name));
        brought.find(|word| words.contains(word.as_str()))
    })
}

/// Puts the name in the place of `new-name`, in each of its spellings.
fn fill(template: &str, name: &ServerName) -> String {
    template
        .replace("new-name", name.as_str())
        .replace("new_name", &name.ident())
        .replace("NewName", &name.camel())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The most lines of a new server, its test included, without comments and blank lines.
    const SERVER_LINES_MAX: usize = 49;

    fn lines_of_code(text: &str) -> usize {
        let lines = text.lines().map(str::trim);
        let code = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
        code.count()
    }

    #[test]
    fn server_has_fewer_than_fifty_lines() {
        let name = ServerName::new("tally").expect("it is good");
        let files = server_files(&name);
        let sources = files
            .iter()
            .filter(|(path, _)| path.starts_with("servers/tally/src/"));
        let counts: Vec<usize> = sources.map(|(_, text)| lines_of_code(text)).collect();
        assert_eq!(counts.len(), 2, "a library and a main");
        let sum: usize = counts.iter().sum();
        assert!(sum <= SERVER_LINES_MAX, "{counts:?}");
    }

    #[test]
    fn lines_without_comments_are_counted() {
        assert_eq!(lines_of_code("//! a\n\n/// b\nfn c() {\n    // d\n}\n"), 2);
    }

    #[test]
    fn no_place_is_left_open() {
        let name = ServerName::new("my-tally").expect("it is good");
        for (path, text) in server_files(&name) {
            for spelling in ["new-name", "new_name", "NewName"] {
                assert!(
                    !path.contains(spelling) && !text.contains(spelling),
                    "{path}"
                );
            }
        }
        for (path, text) in outside_files(&name, "/a \"tree\"") {
            for spelling in ["new-name", "new_name", "NewName", "PECAN"] {
                assert!(
                    !path.contains(spelling) && !text.contains(spelling),
                    "{path}"
                );
            }
            assert!(!text.contains("ipc_abi::service::my_tally"), "{path}");
        }
        let process = process(&name);
        assert!(process.contains("name = \"my-tally\""), "{process}");
    }
}
