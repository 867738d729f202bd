//! What a part found, and whether that is what it claims.

use super::claim::{Claim, Extent};
use crate::check::Check;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A part's report, as it writes it.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Report {
    part: String,
    /// What else is worth knowing, such as the hash of the kernel; for people.
    #[serde(rename = "facts")]
    _facts: BTreeMap<String, Value>,
    counts: BTreeMap<String, u64>,
    failures: Vec<String>,
}

/// How the program of a part ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// Its exit code, if it was not killed.
    pub code: Option<i32>,
    /// What it wrote, if it did.
    pub report: Option<String>,
}

/// Judges a part: one check for the part as a whole, and one for each of its claims.
pub(crate) fn judge(part: &str, claims: &[Claim], extent: Extent, end: &End) -> Vec<Check> {
    let report = read(part, end.report.as_deref());
    let mut problems = Vec::new();
    match end.code {
        Some(0) => {}
        Some(1) => problems.push("it says that a check failed".to_owned()),
        Some(2) => problems.push("its checks could not be made".to_owned()),
        Some(code) => problems.push(format!("it ended with {code}")),
        None => problems.push("it was killed".to_owned()),
    }
    let mut checks = Vec::new();
    match report {
        Err(problem) => problems.push(problem),
        Ok(report) => {
            if end.code == Some(1) && report.failures.is_empty() {
                problems.push("it ended with 1 and names no failure".to_owned());
            }
            problems.extend(report.failures);
            let is_claimed = |id: &str| claims.iter().any(|claim| claim.id == id);
            let unknown = report.counts.keys().filter(|id| !is_claimed(id));
            problems.extend(unknown.map(|id| format!("{id} is counted and not claimed")));
            let counts = &report.counts;
            checks.extend(claims.iter().filter_map(|it| count(it, extent, counts)));
        }
    }
    let problem = (!problems.is_empty()).then(|| problems.join("\n"));
    let name = part.to_owned();
    checks.push(Check { name, problem });
    checks
}

fn read(part: &str, text: Option<&str>) -> Result<Report, String> {
    let text = text.ok_or("it wrote no report")?;
    let report: Report =
        serde_json::from_str(text).map_err(|error| format!("its report is bad: {error}"))?;
    if report.part != part {
        return Err(format!("its report is of {}", report.part));
    }
    Ok(report)
}

fn count(claim: &Claim, extent: Extent, counts: &BTreeMap<String, u64>) -> Option<Check> {
    let floor = claim.floor(extent)?;
    let (count, problem) = match counts.get(&claim.id) {
        None => (0, Some("this check was not made".to_owned())),
        Some(&count) if count < floor => {
            let text = format!("counted {count}, and at least {floor} are expected");
            (count, Some(text))
        }
        Some(&count) => (count, None),
    };
    let name = match problem {
        None => format!("{}: {count}", claim.id),
        Some(_) => claim.id.clone(),
    };
    Some(Check { name, problem })
}

#[cfg(test)]
mod tests {
    use super::super::claim::tests::example;
    use super::*;

    const GOOD: &str = r#"{"part": "p", "facts": {"x": 1}, "counts": {"p/a": 5}, "failures": []}"#;

    /// The problems of part `p`, which claims five of `p/a`, and of `p/b` one that is only counted
    /// when everything is.
    fn problems(extent: Extent, code: Option<i32>, report: Option<&str>) -> Vec<String> {
        let claims = [example("p/a", 5, 6), example("p/b", 0, 1)];
        let report = report.map(str::to_owned);
        let checks = judge("p", &claims, extent, &End { code, report });
        checks.into_iter().filter_map(|it| it.problem).collect()
    }

    fn bounded(code: i32, report: &str) -> Vec<String> {
        problems(Extent::Bounded, Some(code), Some(report))
    }

    #[test]
    fn good_report_passes() {
        assert!(bounded(0, GOOD).is_empty());
    }

    #[test]
    fn report_that_is_missing_or_bad_fails() {
        let missing = problems(Extent::Bounded, Some(0), None);
        assert_eq!(missing, ["it wrote no report"]);
        assert_eq!(
            bounded(0, &GOOD.replace("\"p\"", "\"q\"")),
            ["its report is of q"]
        );
        for text in [
            "",
            "{}",
            &GOOD.replace("5", "-5"),
            &GOOD.replace("facts", "fact"),
        ] {
            let found = bounded(0, text).join("\n");
            assert!(found.starts_with("its report is bad: "), "{found}");
        }
    }

    #[test]
    fn count_below_its_floor_fails() {
        let text = "counted 4, and at least 5 are expected";
        assert_eq!(bounded(0, &GOOD.replace('5', "4")), [text]);
    }

    #[test]
    fn check_that_was_not_made_fails() {
        let empty = GOOD.replace("\"p/a\": 5", "");
        assert_eq!(bounded(0, &empty), ["this check was not made"]);
        let text = "counted 5, and at least 6 are expected";
        let all = problems(Extent::All, Some(0), Some(GOOD));
        assert_eq!(all, [text, "this check was not made"]);
    }

    #[test]
    fn count_that_nobody_claims_fails() {
        let more = GOOD.replace("\"p/a\"", "\"p/c\": 1, \"p/a\"");
        assert_eq!(bounded(0, &more), ["p/c is counted and not claimed"]);
    }

    #[test]
    fn failure_fails_whatever_the_exit_code() {
        let failed = GOOD.replace("[]", "[\"exactly this\"]");
        assert_eq!(bounded(0, &failed), ["exactly this"]);
        assert_eq!(
            bounded(1, &failed),
            ["it says that a check failed\nexactly this"]
        );
    }

    #[test]
    fn exit_code_fails_whatever_the_report() {
        assert_eq!(
            bounded(1, GOOD),
            ["it says that a check failed\nit ended with 1 and names no failure"]
        );
        assert_eq!(bounded(2, GOOD), ["its checks could not be made"]);
        assert_eq!(bounded(101, GOOD), ["it ended with 101"]);
        assert_eq!(
            problems(Extent::Bounded, None, Some(GOOD)),
            ["it was killed"]
        );
    }
}
