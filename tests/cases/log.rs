//! Lines that processes say come to the console whole, in order, with name and level, or their loss does.

use crate::{Case, case};
use anyhow::{Result, ensure};
use system_tests::{BootOptions, Workshop};

/// The last line of `talker`.
const LAST: &str = "talker: info: that is all";

pub(crate) fn cases() -> Vec<Case> {
    vec![case("log", "lines_are_said_or_counted", lines_are_said)]
}

fn lines_are_said(workshop: &Workshop) -> Result<()> {
    let mut system = workshop.boot(&BootOptions {
        system: Some("talker".to_owned()),
        ..BootOptions::default()
    })?;
    system.wait_for(LAST)?;
    let transcript = system.session().transcript();
    let said: Vec<&str> = transcript
        .lines()
        .map(str::trim_end)
        .filter(|line| line.starts_with("talker"))
        .collect();
    let (long, rest) = ("l".repeat(360), "l".repeat(40));
    // The log waits for a line and takes the first; the talker, who is more important, says the others before
    // the log takes the next.
    let first: Vec<String> = (0..9).map(|it| format!("talker: debug: {it}")).collect();
    let mut wanted: Vec<String> = [
        "talker: info: begun",
        "talker: warn: one",
        "talker: warn: two  [2J",
        &format!("talker: error: {long}"),
        &format!("talker: error: {rest}"),
    ]
    .map(str::to_owned)
    .into();
    wanted.extend(first);
    wanted.extend(["talker: 91 lines were lost", LAST].map(str::to_owned));
    ensure!(said == wanted, "{said:#?}\nis not\n{wanted:#?}");
    Ok(())
}
