//! Which crate may depend on which, and how dependencies are written.

use super::Finding;
use super::source::File;
use toml::{Table, Value};

/// For each folder, the crates of ours that it may depend on. A folder ending in `/*` stands for
/// every folder in it.
const ALLOWED: &[(&str, &[&str])] = &[
    ("ipc-abi", &["ipc-abi-macros"]),
    ("ipc-abi/macros", &[]),
    ("microkernel/core", &["ipc-abi"]),
    ("microkernel/aarch64", &["ipc-abi", "pecan-core"]),
    (
        "microkernel/kernel",
        &["ipc-abi", "pecan-core", "pecan-aarch64", "pecan-ghost"],
    ),
    ("userlib", &["ipc-abi"]),
    ("servers/*", &["ipc-abi", "userlib"]),
    ("tests/programs/*", &["ipc-abi", "test-kit", "userlib"]),
    ("xtask", &["ipc-abi"]),
    ("tests", &["ipc-abi", "xtask"]),
    (
        "verification/fuzz",
        &["ipc-abi", "pecan-aarch64", "pecan-core"],
    ),
    (
        "verification/fast_path/differential",
        &["ipc-abi", "pecan-core"],
    ),
    (
        "verification/ghost",
        &[
            "ipc-abi",
            "pecan-aarch64",
            "pecan-core",
            "pecan-refinement",
            "pecan-specification",
        ],
    ),
    ("verification/order/protocol", &["ipc-abi", "userlib"]),
    (
        "verification/*",
        &["ipc-abi", "pecan-core", "pecan-specification"],
    ),
];
/// The sections whose dependencies reach the finished program.
const SECTIONS: [&str; 2] = ["dependencies", "build-dependencies"];

/// Dependencies that [`ALLOWED`] does not have.
pub(super) fn find_wrong_way(files: &[File]) -> Vec<Finding> {
    let members = members(files);
    let mut names: Vec<&str> = members.iter().filter_map(|it| it.name()).collect();
    let root = files.iter().find(|file| file.path == "Cargo.toml");
    // What the root has from elsewhere is nobody's of ours, even if one of ours has the same name.
    for (name, value) in root.map(declared).unwrap_or_default() {
        if value.get("path").is_none() {
            names.retain(|it| *it != name);
        }
    }
    let mut findings = Vec::new();
    for member in &members {
        let Some(allowed) = allowed(member.folder) else {
            findings.push(member.finding("say in tidy what this folder may depend on"));
            continue;
        };
        for (name, _) in member.dependencies(&SECTIONS) {
            if names.contains(&name.as_str()) && !allowed.contains(&name.as_str()) {
                findings.push(member.finding(&format!("must not depend on {name}")));
            }
        }
    }
    findings
}

/// Dependencies with a version of their own, or with default features.
pub(super) fn find_undeclared(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let sections = ["dependencies", "build-dependencies", "dev-dependencies"];
    for member in members(files) {
        for (name, value) in member.dependencies(&sections) {
            if value.get("workspace").and_then(Value::as_bool) != Some(true) {
                findings.push(member.finding(&format!(
                    "{name}: declare it in the root and say workspace = true"
                )));
            }
        }
    }
    let root = files.iter().find(|file| file.path == "Cargo.toml");
    for (name, value) in root.map(declared).unwrap_or_default() {
        let has_no_defaults = value.get("default-features").and_then(Value::as_bool) == Some(false);
        if !has_no_defaults && value.get("path").is_none() {
            findings.push(Finding {
                path: "Cargo.toml".to_owned(),
                line: 0,
                message: format!("{name}: say default-features = false and name what is used"),
            });
        }
    }
    findings
}

/// Members that do not take the lints of the workspace.
pub(super) fn find_own_lints(files: &[File]) -> Vec<Finding> {
    let members = members(files);
    let own = members.iter().filter(|member| {
        let lints = member.manifest.get("lints");
        lints.and_then(|lints| lints.get("workspace")) != Some(&Value::Boolean(true))
    });
    own.map(|member| member.finding("say [lints] workspace = true"))
        .collect()
}

struct Member<'a> {
    folder: &'a str,
    path: &'a str,
    manifest: Table,
}

impl Member<'_> {
    fn name(&self) -> Option<&str> {
        self.manifest.get("package")?.get("name")?.as_str()
    }

    fn dependencies(&self, sections: &[&str]) -> Vec<(String, Value)> {
        let tables = sections
            .iter()
            .filter_map(|it| self.manifest.get(*it)?.as_table());
        let pairs = tables.flatten();
        pairs
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    fn finding(&self, message: &str) -> Finding {
        Finding {
            path: self.path.to_owned(),
            line: 0,
            message: message.to_owned(),
        }
    }
}

/// The manifests of the tree's packages.
fn members(files: &[File]) -> Vec<Member<'_>> {
    let manifests = files.iter().filter_map(|file| {
        let folder = file.path.strip_suffix("/Cargo.toml")?;
        let manifest: Table = file.text.parse().ok()?;
        manifest.get("package")?;
        Some(Member {
            folder,
            path: &file.path,
            manifest,
        })
    });
    manifests.collect()
}

fn allowed(folder: &str) -> Option<&'static [&'static str]> {
    let matches = |pattern: &str| match pattern.strip_suffix("/*") {
        Some(parent) => folder.rsplit_once('/').is_some_and(|(it, _)| it == parent),
        None => pattern == folder,
    };
    let mut rows = ALLOWED.iter().filter(|(pattern, _)| matches(pattern));
    rows.next().map(|(_, names)| *names)
}

fn declared(root: &File) -> Vec<(String, Value)> {
    let manifest: Table = root.text.parse().unwrap_or_default();
    let table = manifest
        .get("workspace")
        .and_then(|it| it.get("dependencies"));
    let table = table.and_then(Value::as_table).cloned();
    table.unwrap_or_default().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(path: &str, name: &str, rest: &str) -> File {
        File::new(path, &format!("[package]\nname = \"{name}\"\n{rest}"))
    }

    fn messages(findings: &[Finding]) -> Vec<String> {
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn server_must_not_depend_on_server() {
        let one = manifest(
            "servers/one/Cargo.toml",
            "one",
            "[dependencies]\ntwo = { workspace = true }\nserde = { workspace = true }",
        );
        let two = manifest("servers/two/Cargo.toml", "two", "");
        assert_eq!(
            messages(&find_wrong_way(&[one, two])),
            ["servers/one/Cargo.toml: must not depend on two"]
        );
    }

    #[test]
    fn library_may_have_the_name_of_a_server() {
        let one = manifest(
            "userlib/Cargo.toml",
            "userlib",
            "[dependencies]\nlog = { workspace = true }",
        );
        let two = manifest("servers/log/Cargo.toml", "log", "");
        let root = |from: &str| {
            let text = format!("[workspace.dependencies]\nlog = {{ {from} }}");
            File::new("Cargo.toml", &text)
        };
        let ours = [root("path = \"servers/log\""), one, two];
        assert_eq!(
            messages(&find_wrong_way(&ours)),
            ["userlib/Cargo.toml: must not depend on log"]
        );
        let [_, one, two] = ours;
        assert!(find_wrong_way(&[root("version = \"1\""), one, two]).is_empty());
    }

    #[test]
    fn unknown_folder_is_named() {
        let member = manifest("new/thing/Cargo.toml", "thing", "");
        assert_eq!(
            messages(&find_wrong_way(&[member])),
            ["new/thing/Cargo.toml: say in tidy what this folder may depend on"]
        );
    }

    #[test]
    fn versions_stand_in_the_root() {
        let member = manifest("xtask/Cargo.toml", "xtask", "[dependencies]\nserde = \"1\"");
        assert_eq!(
            messages(&find_undeclared(&[member])),
            ["xtask/Cargo.toml: serde: declare it in the root and say workspace = true"]
        );
        let root = File::new("Cargo.toml", "[workspace.dependencies]\nserde = \"1\"");
        assert_eq!(
            messages(&find_undeclared(&[root])),
            ["Cargo.toml: serde: say default-features = false and name what is used"]
        );
    }

    #[test]
    fn lints_come_from_the_workspace() {
        let good = manifest("xtask/Cargo.toml", "xtask", "[lints]\nworkspace = true");
        let bad = manifest("tests/Cargo.toml", "tests", "");
        assert_eq!(
            messages(&find_own_lints(&[good, bad])),
            ["tests/Cargo.toml: say [lints] workspace = true"]
        );
    }
}
