//! The figures of other systems, and the bars of ours.

use crate::workspace;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A figure that `./x bench` has to have.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figure {
    /// Its name.
    pub name: String,
    /// Its unit.
    #[serde(default = "instructions")]
    pub unit: String,
    /// The most it may be.
    pub bar: Option<u64>,
    /// What it should become.
    pub aim: Option<u64>,
    /// The name of seL4's figure beside it.
    sel4: Option<String>,
    /// The name of the figure of seL4 with mixed-criticality scheduling.
    sel4_mcs: Option<String>,
    /// The name of Linux's.
    linux: Option<String>,
}

fn instructions() -> String {
    "instructions".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figures {
    figure: Vec<Figure>,
}

#[derive(Deserialize)]
struct Measurements {
    emulator: String,
    measured: String,
    systems: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
}

/// A system that ours is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Other {
    /// seL4.
    Sel4,
    /// seL4 with mixed-criticality scheduling.
    Sel4Mcs,
    /// Linux.
    Linux,
}

impl Other {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 3] = [Self::Sel4, Self::Sel4Mcs, Self::Linux];

    /// Its name in the file and in the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sel4 => "seL4",
            Self::Sel4Mcs => "seL4 MCS",
            Self::Linux => "Linux",
        }
    }
}

/// Bars and the figures of others, read from `docs/reference`.
pub(crate) struct Reference {
    figures: Vec<Figure>,
    measurements: Measurements,
}

impl Reference {
    /// Reads the files and checks that every name in the one is in the other.
    pub(crate) fn load() -> Result<Self> {
        let folder = workspace::root().join("docs/reference");
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))
        };
        Self::parse(&read("figures.toml")?, &read("ipc.json")?)
    }

    fn parse(figures: &str, measurements: &str) -> Result<Self> {
        let figures: Figures = toml::from_str(figures).context("figures.toml")?;
        let measurements: Measurements = serde_json::from_str(measurements).context("ipc.json")?;
        let reference = Self {
            figures: figures.figure,
            measurements,
        };
        for figure in &reference.figures {
            for other in Other::ALL {
                let key = figure.key(other);
                ensure!(
                    key.is_none() || reference.value(figure, other).is_some(),
                    "{}: {} has no figure {}",
                    figure.name,
                    other.name(),
                    key.unwrap_or_default()
                );
            }
        }
        Ok(reference)
    }

    /// The figures that have to be measured.
    pub(crate) fn figures(&self) -> &[Figure] {
        &self.figures
    }

    /// The figure of another system beside one of ours.
    pub(crate) fn value(&self, figure: &Figure, other: Other) -> Option<u64> {
        let system = self.measurements.systems.get(other.name())?;
        system.get(figure.key(other)?)?.as_u64()
    }

    /// Which versions were measured, how and when; one line each.
    pub(crate) fn sources(&self) -> Vec<String> {
        let Measurements {
            emulator, measured, ..
        } = &self.measurements;
        let mut lines = vec![format!(
            "the others were measured on {measured}, {emulator}"
        )];
        for (name, system) in &self.measurements.systems {
            if let Some(version) = system.get("version").and_then(|it| it.as_str()) {
                lines.push(format!("{name}: {version}"));
            }
        }
        lines
    }
}

impl Figure {
    fn key(&self, other: Other) -> Option<&str> {
        let key = match other {
            Other::Sel4 => &self.sel4,
            Other::Sel4Mcs => &self.sel4_mcs,
            Other::Linux => &self.linux,
        };
        key.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: &str = r#"{"emulator": "QEMU", "measured": "today",
        "systems": {"seL4": {"version": "1", "null": 91}}}"#;

    #[test]
    fn files_of_the_tree_agree() {
        let reference = Reference::load().expect("the files are right");
        let first = reference.figures().first().expect("there are figures");
        assert_eq!(first.name, "ipc/call-reply/0-words");
        for other in Other::ALL {
            assert!(reference.value(first, other).is_some());
        }
        assert!(reference.sources().len() > 3);
    }

    #[test]
    fn reference_that_is_not_there_is_refused() {
        let figures = "[[figure]]\nname = \"a\"\nsel4 = \"nul\"";
        let error = Reference::parse(figures, OTHERS).err().expect("refused");
        assert_eq!(error.to_string(), "a: seL4 has no figure nul");
    }

    #[test]
    fn misspelt_key_is_refused() {
        let figures = "[[figure]]\nname = \"a\"\nbarr = 1";
        let error = Reference::parse(figures, OTHERS).err().expect("refused");
        assert!(format!("{error:#}").contains("unknown field `barr`"));
    }
}
