//! How many tests passed and failed, read from what test programs print.

use std::fmt;
use std::ops::AddAssign;

/// Numbers of tests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// That passed.
    pub passed: u64,
    /// That failed.
    pub failed: u64,
}

impl Count {
    /// One test.
    pub(crate) fn one(has_passed: bool) -> Self {
        Self {
            passed: u64::from(has_passed),
            failed: u64::from(!has_passed),
        }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl fmt::Display for Count {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// The count in a line that sums up: `test result: ok. 3 passed; 0 failed; …` of libtest, or
/// `NAME: 3 passed, 0 failed` of ours.
pub(crate) fn parse_summary(line: &str) -> Option<Count> {
    let is_libtest = line.starts_with("test result: ");
    let words: Vec<&str> = line
        .split([' ', ';', ',', '.'])
        .filter(|word| !word.is_empty())
        .collect();
    let number = |word: &str| {
        let index = words.iter().position(|it| *it == word)?;
        words.get(index.checked_sub(1)?)?.parse().ok()
    };
    let count = Count {
        passed: number("passed")?,
        failed: number("failed")?,
    };
    let is_ours = line.ends_with(&count.to_string());
    (is_libtest || is_ours).then_some(count)
}

/// The name in a line `test NAME ... FAILED`.
pub(crate) fn parse_failure(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("test ")?;
    let (name, outcome) = rest.rsplit_once(" ... ")?;
    outcome.starts_with("FAILED").then(|| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(passed: u64, failed: u64) -> Option<Count> {
        Some(Count { passed, failed })
    }

    #[test]
    fn both_forms_are_read() {
        let libtest = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; \
                       0 filtered out; finished in 0.01s";
        assert_eq!(parse_summary(libtest), count(12, 3));
        assert_eq!(
            parse_summary("verification: 35 passed, 0 failed"),
            count(35, 0)
        );
    }

    #[test]
    fn other_lines_are_passed_over() {
        for line in [
            "",
            "passed failed",
            "3 passed, 0 failed so far",
            "test a_test_that_passed ... ok",
        ] {
            assert_eq!(parse_summary(line), None, "{line:?}");
        }
    }

    #[test]
    fn failures_are_named() {
        assert_eq!(parse_failure("test a::b ... FAILED"), Some("a::b"));
        assert_eq!(
            parse_failure("test src/lib.rs - x (line 3) ... FAILED"),
            Some("src/lib.rs - x (line 3)")
        );
        assert_eq!(parse_failure("test a::b ... ok"), None);
    }
}
