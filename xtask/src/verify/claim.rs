//! What a part claims: `verification/PART/claims.toml`.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;

/// How much is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What the tests have time for.
    Bounded,
    /// Everything.
    All,
}

/// One row of the claims table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    /// `PART/short-name`.
    pub id: String,
    /// What holds.
    pub property: String,
    /// How that is checked.
    pub how: String,
    /// On what.
    pub artefact: String,
    /// Within which bound, or under which assumption.
    pub bound: String,
    /// The least count of the bounded extent; 0 if it is not checked there.
    pub bounded: u64,
    /// The least count when everything is checked.
    pub all: u64,
}

impl Claim {
    /// The least count, if the claim is checked in that extent.
    pub(crate) fn floor(&self, extent: Extent) -> Option<u64> {
        let floor = match extent {
            Extent::Bounded => self.bounded,
            Extent::All => self.all,
        };
        (floor > 0).then_some(floor)
    }

    fn check(&self, part: &str) -> Result<()> {
        let id = &self.id;
        let name = id
            .strip_prefix(part)
            .and_then(|rest| rest.strip_prefix('/'));
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        ensure!(
            name.is_some_and(|name| !name.is_empty() && name.bytes().all(is_plain)),
            "{id:?} is no id: it is {part}/ and a name of a-z, 0-9 and -"
        );
        for (field, text) in self.texts() {
            ensure!(!text.trim().is_empty(), "{id}: {field} is empty");
            ensure!(!text.contains('\n'), "{id}: {field} has more than one line");
        }
        ensure!(
            self.all >= self.bounded.max(1),
            "{id}: all is {}, less than what the tests check, or nothing",
            self.all
        );
        Ok(())
    }

    fn texts(&self) -> [(&'static str, &str); 4] {
        [
            ("property", &self.property),
            ("how", &self.how),
            ("artefact", &self.artefact),
            ("bound", &self.bound),
        ]
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    claim: Vec<Claim>,
}

/// Reads the claims of a part.
pub(crate) fn parse(part: &str, text: &str) -> Result<Vec<Claim>> {
    let claims: Claims =
        toml::from_str(text).with_context(|| format!("claims.toml of {part} is not understood"))?;
    let mut ids = BTreeSet::new();
    for claim in &claims.claim {
        claim.check(part)?;
        ensure!(ids.insert(&claim.id), "{} is claimed twice", claim.id);
    }
    ensure!(!claims.claim.is_empty(), "{part} claims nothing");
    Ok(claims.claim)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::verify) fn example(id: &str, bounded: u64, all: u64) -> Claim {
        let text = |text: &str| text.to_owned();
        Claim {
            id: text(id),
            property: text("a property"),
            how: text("a method"),
            artefact: text("a thing"),
            bound: text("a bound"),
            bounded,
            all,
        }
    }

    fn written(id: &str, how: &str, counts: &str) -> String {
        format!(
            "[[claim]]\nid = {id:?}\nproperty = \"p\"\nhow = {how:?}\nartefact = \"a\"\n\
             bound = \"b\"\n{counts}\n"
        )
    }

    fn refusal(text: &str) -> String {
        format!("{:#}", parse("part", text).expect_err("it is refused"))
    }

    #[test]
    fn good_claim_is_read() {
        let claims = parse("part", &written("part/one-2", "h", "bounded = 0\nall = 3"));
        let claims = claims.expect("it is good");
        let floors: Vec<_> = claims
            .iter()
            .map(|it| (it.floor(Extent::Bounded), it.floor(Extent::All)))
            .collect();
        assert_eq!(floors, [(None, Some(3))]);
    }

    #[test]
    fn each_mistake_has_its_message() {
        let counts = "bounded = 1\nall = 1";
        for (text, expected) in [
            (written("other/one", "h", counts), "is no id"),
            (written("part/", "h", counts), "is no id"),
            (written("part/One", "h", counts), "is no id"),
            (written("part/one", " ", counts), "part/one: how is empty"),
            (written("part/one", "a\nb", counts), "more than one line"),
            (written("part/one", "h", "bounded = 2\nall = 1"), "all is 1"),
            (written("part/one", "h", "bounded = 0\nall = 0"), "all is 0"),
            (
                written("part/one", "h", "bounded = 1"),
                "missing field `all`",
            ),
            (
                written("part/one", "h", "bounded = 1\nall = 1\nwhy = 1"),
                "unknown field `why`",
            ),
            (
                written("part/one", "h", counts).repeat(2),
                "part/one is claimed twice",
            ),
            ("claim = []".to_owned(), "part claims nothing"),
        ] {
            let found = refusal(&text);
            assert!(found.contains(expected), "{found:?} for {text}");
        }
    }
}
