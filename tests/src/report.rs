//! What a test program prints: `pass NAME` or `fail NAME: why` for each of its facts, and at last
//! `end PASSED FAILED`.

use anyhow::{Result, ensure};

/// A fact that a test program looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name.
    pub name: String,
    /// Why it does not hold, if it does not.
    pub problem: Option<String>,
}

/// Reads all facts.
///
/// # Errors
/// If the last line is missing or counts other than what was printed: then the program did not
/// come to its end.
pub fn read_facts(transcript: &str) -> Result<Vec<Fact>> {
    let facts: Vec<Fact> = transcript.lines().filter_map(read_fact).collect();
    let failed = facts.iter().filter(|fact| fact.problem.is_some()).count();
    let end = format!("end {} {failed}", facts.len() - failed);
    ensure!(
        transcript.lines().any(|line| line == end),
        "no line {end:?}: the program did not come to its end:\n{transcript}"
    );
    ensure!(!facts.is_empty(), "the program looked at nothing");
    Ok(facts)
}

fn read_fact(line: &str) -> Option<Fact> {
    let (name, problem) = match line.strip_prefix("fail ") {
        Some(rest) => rest
            .split_once(": ")
            .map_or((rest, Some("for no given reason")), |(name, why)| {
                (name, Some(why))
            }),
        None => (line.strip_prefix("pass ")?, None),
    };
    Some(Fact {
        name: name.to_owned(),
        problem: problem.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(name: &str, problem: Option<&str>) -> Fact {
        Fact {
            name: name.to_owned(),
            problem: problem.map(str::to_owned),
        }
    }

    #[test]
    fn facts_are_read() {
        let facts = read_facts("hello\npass a/b\nfail c: d: e\nfail f\nend 1 2\n");
        assert_eq!(
            facts.expect("it is whole"),
            [
                fact("a/b", None),
                fact("c", Some("d: e")),
                fact("f", Some("for no given reason")),
            ]
        );
    }

    #[test]
    fn program_that_did_not_end_is_no_success() {
        for text in ["", "pass a\n", "pass a\nend 2 0\n", "pass a\nend 0 1\n"] {
            let error = read_facts(text).expect_err("it did not end");
            let message = error.to_string();
            assert!(message.contains("did not come to its end"), "{message}");
        }
        let error = read_facts("end 0 0\n").expect_err("it is empty");
        assert_eq!(error.to_string(), "the program looked at nothing");
    }
}
