//! `./x verify`: runs the parts of `verification/` and compares what they count with what they claim.
//!
//! A `part` is a folder with its `claim`s and a program; its `report` is judged here, and the claims
//! are the `table` of the folder's page.

mod claim;
mod part;
mod report;
mod table;

pub(crate) use claim::Extent;
pub(crate) use part::Request;

use crate::arguments::VerifyArguments;
use crate::check::{self, Check};
use crate::install::Permission;
use crate::step;
use crate::toolchain::Toolchain;
use crate::{count::Count, image};
use anyhow::{Context, Result, bail, ensure};
use part::Part;
use std::fs;
use std::path::PathBuf;

/// What `./x verify` does.
pub(crate) fn verify(
    arguments: &VerifyArguments,
    permission: Permission,
    prepare: impl FnOnce() -> Result<Toolchain>,
) -> Result<()> {
    let parts = wanted(part::load()?, &arguments.parts)?;
    let toolchain = prepare()?;
    let elf = image::build_kernel(&toolchain)?;
    let request = Request {
        toolchain: &toolchain,
        elf: &elf,
        extent: arguments.extent(),
        permission,
    };
    let mut count = Count::default();
    for part in &parts {
        for check in run_part(part, request)? {
            count += Count::one(check.problem.is_none());
        }
    }
    println!("verification: {count}");
    ensure!(count.failed == 0, "verification failed");
    Ok(())
}

/// Runs every part; prints and returns each outcome.
pub(crate) fn run(request: Request<'_>) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for part in part::load()? {
        checks.extend(run_part(&part, request)?);
    }
    Ok(checks)
}

fn run_part(part: &Part, request: Request<'_>) -> Result<Vec<Check>> {
    let (outcome, end) = part::run(part, request)?;
    let checks = report::judge(part.name, &part.claims, request.extent, &end);
    if checks.iter().any(|check| check.problem.is_some()) {
        println!("{}", step::without_progress(&outcome.lines));
    }
    for check in &checks {
        check::print(check);
    }
    println!("{}: {:.1} s", part.name, outcome.elapsed.as_secs_f64());
    Ok(checks)
}

fn wanted(parts: Vec<Part>, names: &[String]) -> Result<Vec<Part>> {
    for name in names {
        let there: Vec<&str> = parts.iter().map(|part| part.name).collect();
        if !there.contains(&name.as_str()) {
            bail!("no part {name}: there are {}", there.join(", "));
        }
    }
    let is_wanted = |part: &Part| names.is_empty() || names.iter().any(|name| name == part.name);
    Ok(parts.into_iter().filter(is_wanted).collect())
}

fn page() -> PathBuf {
    part::folder().join("README.md")
}

/// The page as it is, and as it should be.
fn pages() -> Result<(String, String)> {
    let path = page();
    let old =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let parts = part::load()?;
    let claims: Vec<_> = parts.into_iter().map(|it| (it.name, it.claims)).collect();
    let new = table::insert(&old, &table::generate(&claims))?;
    Ok((old, new))
}

/// Writes the claims table into the page.
pub(crate) fn write_table() -> Result<()> {
    let (_, new) = pages()?;
    fs::write(page(), new).context("cannot write the claims table")
}

/// Checks that the page has the claims table.
pub(crate) fn check_table() -> Option<String> {
    match pages() {
        Err(error) => Some(format!("{error:#}")),
        Ok((old, new)) if old == new => None,
        Ok(_) => Some("it is not what the parts claim: run `./x verify --write-table`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::claim::tests::example;
    use super::*;

    fn parts() -> Vec<Part> {
        let part = |name| Part {
            name,
            claims: vec![example("p/a", 1, 1)],
        };
        ["order", "static"].map(part).to_vec()
    }

    fn names(wanted: &[Part]) -> Vec<&str> {
        wanted.iter().map(|part| part.name).collect()
    }

    #[test]
    fn parts_are_chosen_by_name() {
        let all = wanted(parts(), &[]).expect("there are some");
        assert_eq!(names(&all), ["order", "static"]);
        let one = wanted(parts(), &["static".to_owned()]).expect("there is one");
        assert_eq!(names(&one), ["static"]);
        let error = wanted(parts(), &["stat".to_owned()]).expect_err("there is none");
        assert_eq!(error.to_string(), "no part stat: there are order, static");
    }
}
