//! `./x new-server`: writes a server that works, from `templates/server`, or from `templates/outside`
//! one outside of the tree.
//!
//! [`name`] says what it can be called, which [`namespace`] helps with, [`template`] what its files are, [`edit`] what becomes of
//! files that are there, [`plan`] writes all of it or nothing.

mod edit;
mod name;
mod namespace;
mod outside;
mod plan;
mod template;

use crate::arguments::NewServerArguments;
use crate::system::{self, declaration, graph};
use crate::toolchain::Toolchain;
use crate::workspace;
use anyhow::{Context, Result, ensure};
use name::ServerName;
use plan::Plan;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The process that gets the right to call a new server.
const SHELL: &str = system::command::SHELL;
const SYSTEM: &str = "boards/qemu-virt/system.toml";
const BOARD: &str = "boards/qemu-virt/board.toml";
const SYSTEM_PAGE: &str = "docs/book/system.md";
/// Where the services' pages are.
const PAGES: &str = "docs/book/services";
/// The page that lists them.
const CONTENTS: &str = "docs/book/services/README.md";
/// The sources that get a module of the server's name, each in a list.
const MODULE_LISTS: [&str; 3] = [
    "ipc-abi/src/service/mod.rs",
    "servers/shell/src/service/mod.rs",
    "tests/cases/main.rs",
];

/// What formats a Rust source.
type Format<'a> = &'a dyn Fn(&str) -> Result<String>;

/// Writes a new server; tells what it wrote and what to type next.
pub(crate) fn new_server(
    arguments: &NewServerArguments,
    prepare: impl Fn() -> Result<Toolchain>,
) -> Result<()> {
    let root = workspace::root();
    let name = ServerName::new(&arguments.name)?;
    if let Some(path) = &arguments.outside {
        return outside::new_server(&name, path, prepare);
    }
    name::check_free(&name, &root)?;
    let toolchain = prepare()?;
    let mut plan = plan_server(&name, &root, &|source| toolchain.format(source))?;
    let page = format!("{PAGES}/{}.md", name.ident());
    for path in [page.as_str(), CONTENTS, "Cargo.lock"] {
        plan.leave(&root, path);
    }
    plan.carry_out_and(&root, || write_pages(&root))?;
    println!("made the server `{name}`:");
    print!("{plan}");
    println!("next:");
    println!("  ./x run --exec '{name} 3'");
    println!("  ./x test --server {name}");
    Ok(())
}

/// Writes the services' pages, which only a host tool can that was built with the new interface.
fn write_pages(root: &Path) -> Result<()> {
    let mut command = Command::new(root.join("x"));
    let status = command.arg("services").current_dir(root).status();
    let status = status.context("cannot run ./x services")?;
    ensure!(
        status.success(),
        "its page cannot be written: `./x services` failed"
    );
    Ok(())
}

/// Plans a new server; nothing is written.
fn plan_server(name: &ServerName, root: &Path, format: Format<'_>) -> Result<Plan> {
    let mut plan = Plan::default();
    let rust = |path: &str, text: String| {
        let is_rust = path.ends_with(".rs");
        if is_rust { format(&text) } else { Ok(text) }
    };
    for (path, text) in template::server_files(name) {
        let text = rust(&path, text).with_context(|| format!("cannot format {path}"))?;
        plan.create(&path, text);
    }
    let ident = name.ident();
    let additions = [
        (
            format!("pub mod {ident};"),
            format!(
                "Service::of::<{ident}::{}Interface>(\"{ident}\"),",
                name.camel()
            ),
        ),
        (format!("mod {ident};"), format!("{ident}::COMMAND,")),
        (format!("mod {ident};"), format!("{ident}::cases,")),
    ];
    for (path, (module, item)) in MODULE_LISTS.into_iter().zip(additions) {
        let before = read(root, path)?;
        let after = edit::add_module(&before, &module);
        let after = edit::add_item(&after, &item).with_context(|| path.to_owned())?;
        plan.edit(path, before, rust(path, after)?);
    }
    plan_system(name, root, &mut plan)?;
    Ok(plan)
}

/// Plans the new process, and the page that draws the system.
fn plan_system(name: &ServerName, root: &Path, plan: &mut Plan) -> Result<()> {
    let before = read(root, SYSTEM)?;
    let process = template::process(name);
    let after = edit::add_call(&before, SHELL, name.as_str()).context(SYSTEM)? + &process;
    let board = read(root, BOARD)?;
    let draw = |system: &str| -> Result<String> {
        let declared = system::check_texts(system, &board)?;
        Ok(graph::draw(&declared))
    };
    let old_graph = draw(&before).with_context(|| format!("{SYSTEM} does not make sense"))?;
    let new_graph = draw(&after)
        .with_context(|| format!("{SYSTEM} would not make sense with `{name}` in it"))?;
    let calls = |process: &declaration::Process| {
        let mut calls = process.calls.iter();
        process.name == SHELL && calls.any(|call| call.service() == name.as_str())
    };
    let declared = system::check_texts(&after, &board)?;
    ensure!(
        declared.system.process.iter().any(calls),
        "{SYSTEM}: `{SHELL}` would not call `{name}`: write its `calls` as one list"
    );
    plan.edit(SYSTEM, before, after);
    let page = read(root, SYSTEM_PAGE)?;
    ensure!(
        page.contains(&old_graph),
        "{SYSTEM_PAGE} does not show the system as it is: `./x image --graph` does"
    );
    let new_page = page.replace(&old_graph, &new_graph);
    plan.edit(SYSTEM_PAGE, page, new_page);
    Ok(())
}

fn read(root: &Path, path: &str) -> Result<String> {
    fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

#[cfg(test)]
mod tests;
