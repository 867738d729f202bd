#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod call;
mod input;
mod interface;
mod page;
mod ring;
mod stub;
mod tree;

/// What untrusted bytes reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// System calls of a small system, on a host machine.
    Calls,
    /// The dispatchers and the clients of every interface.
    Interfaces,
    /// Start-up blocks, manifests, and the headers of boot packages.
    Pages,
    /// Either side of a ring, by what its peer writes.
    Rings,
    /// Device trees, and what the kernel reads from them.
    Trees,
}

/// Whether there is a bug to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// None that we know of.
    None,
    /// One that was put there, to see whether it is found.
    Planted,
}

impl Target {
    /// All of them.
    pub const ALL: [Target; 5] = [
        Target::Calls,
        Target::Interfaces,
        Target::Pages,
        Target::Rings,
        Target::Trees,
    ];

    /// Its name: that of its folder of seeds.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Target::Calls => "calls",
            Target::Interfaces => "interfaces",
            Target::Pages => "pages",
            Target::Rings => "rings",
            Target::Trees => "trees",
        }
    }

    /// The target of a name.
    #[must_use]
    pub fn find(name: &str) -> Option<Target> {
        Target::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Lets `bytes` reach it.
    ///
    /// # Panics
    ///
    /// Panics if something is wrong with it.
    pub fn run(self, bytes: &[u8], bug: Bug) {
        match self {
            Target::Calls => call::run(bytes, bug),
            Target::Interfaces => interface::run(bytes, bug),
            Target::Pages => page::run(bytes, bug),
            Target::Rings => ring::run(bytes, bug),
            Target::Trees => tree::run(bytes, bug),
        }
    }
}

/// The bug that was planted.
///
/// # Panics
///
/// Panics if it is reached.
fn plant(bug: Bug, is_reached: bool) {
    assert!(bug == Bug::None || !is_reached, "the planted bug");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn seeds_pass_with_and_without_the_bug() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
        for target in Target::ALL {
            let folder = seeds.join(target.name());
            let files = fs::read_dir(&folder).expect("each target has seeds");
            let mut count = 0;
            for file in files {
                let bytes = fs::read(file.expect("a file").path()).expect("it can be read");
                target.run(&bytes, Bug::None);
                target.run(&bytes, Bug::Planted);
                count += 1;
            }
            assert!(count > 0, "{}", target.name());
        }
    }

    #[test]
    fn names_find_their_targets() {
        for target in Target::ALL {
            assert_eq!(Target::find(target.name()), Some(target));
        }
        assert_eq!(Target::find("call"), None);
    }
}
