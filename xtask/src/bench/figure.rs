//! A measured figure and the line that the bench program prints for it.

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

/// How the line of a figure starts.
const MARK: &str = "bench ";

/// A figure: least, middle and greatest of many rounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Measured {
    /// What was measured.
    pub name: String,
    /// In what.
    pub unit: String,
    /// The least.
    pub min: u64,
    /// The middle one.
    pub median: u64,
    /// The greatest.
    pub max: u64,
}

impl Measured {
    /// A figure that is the same in every round.
    pub(crate) fn exact(name: &str, unit: &str, value: u64) -> Self {
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            min: value,
            median: value,
            max: value,
        }
    }
}

/// All figures of a run, in the form of the JSON file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Results {
    results: Vec<Measured>,
}

impl Results {
    /// Adds a figure that is not there yet.
    pub(crate) fn add(&mut self, measured: Measured) -> Result<()> {
        if self.find(&measured.name).is_some() {
            bail!("{} was measured twice", measured.name);
        }
        self.results.push(measured);
        Ok(())
    }

    /// A figure by name.
    pub(crate) fn find(&self, name: &str) -> Option<&Measured> {
        self.results.iter().find(|measured| measured.name == name)
    }

    /// All figures.
    pub(crate) fn all(&self) -> &[Measured] {
        &self.results
    }
}

/// Reads `bench NAME UNIT MIN MEDIAN MAX`; `None` if the line is no figure.
pub(crate) fn parse_line(line: &str) -> Result<Option<Measured>> {
    let Some(rest) = line.strip_prefix(MARK) else {
        return Ok(None);
    };
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [name, unit, min, median, max] = words.as_slice() else {
        bail!("not a figure: {line:?}");
    };
    let number = |word: &str| -> Result<u64> {
        word.parse()
            .with_context(|| format!("not a figure: {line:?}"))
    };
    let measured = Measured {
        name: (*name).to_owned(),
        unit: (*unit).to_owned(),
        min: number(min)?,
        median: number(median)?,
        max: number(max)?,
    };
    ensure!(
        measured.min <= measured.median && measured.median <= measured.max,
        "not in order: {line:?}"
    );
    Ok(Some(measured))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figure_is_read() {
        let measured = parse_line("bench syscall/null instructions 24 25 30");
        let expected = Measured {
            name: "syscall/null".to_owned(),
            unit: "instructions".to_owned(),
            min: 24,
            median: 25,
            max: 30,
        };
        assert_eq!(measured.expect("it is a figure"), Some(expected));
    }

    #[test]
    fn other_lines_are_passed_over() {
        for line in ["", "benchmarking", " bench a b 1 2 3"] {
            assert_eq!(parse_line(line).expect("no figure"), None, "{line:?}");
        }
    }

    #[test]
    fn broken_figures_are_refused() {
        for line in [
            "bench syscall/null",
            "bench syscall/null instructions 1 2",
            "bench syscall/null instructions 1 2 x",
            "bench syscall/null instructions 1 2 3 4",
            "bench syscall/null instructions -1 2 3",
        ] {
            let error = parse_line(line).expect_err("it is broken");
            assert_eq!(error.to_string(), format!("not a figure: {line:?}"));
        }
        let error = parse_line("bench a b 2 1 3").expect_err("it is broken");
        assert_eq!(error.to_string(), "not in order: \"bench a b 2 1 3\"");
    }

    #[test]
    fn figure_measured_twice_is_refused() {
        let mut results = Results::default();
        assert!(results.add(Measured::exact("a", "b", 1)).is_ok());
        let error = results.add(Measured::exact("a", "b", 2));
        let error = error.expect_err("twice");
        assert_eq!(error.to_string(), "a was measured twice");
    }

    #[test]
    fn json_has_the_promised_shape() {
        let mut results = Results::default();
        assert!(results.add(Measured::exact("a", "b", 1)).is_ok());
        assert_eq!(
            serde_json::to_string(&results).expect("it is JSON"),
            r#"{"results":[{"name":"a","unit":"b","min":1,"median":1,"max":1}]}"#
        );
    }
}
