//! Every row of the choice between rustup's and Debian's Rust.

use super::facts::parse_version;
use super::*;
use std::path::PathBuf;

const OLD: Version = Version {
    major: 1,
    minor: 95,
};

fn nothing() -> Facts {
    Facts::default()
}

fn with_debian(facts: Facts) -> Facts {
    Facts {
        debian_rust: Some(RUST_NEEDED),
        has_debian_cargo: true,
        has_debian_source: true,
        linker: Some(PathBuf::from("ld.lld")),
        ..facts
    }
}

fn with_rustup(version: Version) -> Facts {
    Facts {
        path_rust: Some(version),
        has_rustup: true,
        ..nothing()
    }
}

fn with_target(facts: Facts) -> Facts {
    Facts {
        has_path_target: true,
        ..facts
    }
}

#[test]
fn complete_rustup_is_used_first() {
    let facts = with_debian(with_target(with_rustup(RUST_NEEDED)));
    assert_eq!(decide(None, &facts), Decision::Use(Kind::Rustup));
}

#[test]
fn complete_debian_is_used_before_anything_is_installed() {
    let facts = with_debian(with_rustup(RUST_NEEDED));
    assert_eq!(decide(None, &facts), Decision::Use(Kind::Debian));
}

#[test]
fn target_is_added_before_debian_is_installed() {
    let facts = with_rustup(RUST_NEEDED);
    assert_eq!(decide(None, &facts), Decision::AddTarget(Otherwise::Debian));
}

#[test]
fn old_rustup_is_no_help_even_with_the_target() {
    let facts = with_target(with_rustup(OLD));
    assert_eq!(decide(None, &facts), Decision::InstallDebian);
}

#[test]
fn without_any_rust_debian_is_installed() {
    assert_eq!(decide(None, &nothing()), Decision::InstallDebian);
}

#[test]
fn forced_debian_ignores_rustup() {
    let request = Some(ToolchainArgument::Debian);
    let facts = with_target(with_rustup(RUST_NEEDED));
    assert_eq!(decide(request, &facts), Decision::InstallDebian);
    assert_eq!(
        decide(request, &with_debian(facts)),
        Decision::Use(Kind::Debian)
    );
}

#[test]
fn forced_rustup_never_falls_back() {
    let request = Some(ToolchainArgument::Rustup);
    let facts = with_debian(with_rustup(RUST_NEEDED));
    assert_eq!(
        decide(request, &facts),
        Decision::AddTarget(Otherwise::Refuse)
    );
}

#[test]
fn forced_rustup_says_what_is_wrong() {
    let refusal = |facts: &Facts| decide(Some(ToolchainArgument::Rustup), facts);
    assert_eq!(
        refusal(&nothing()),
        Decision::Refuse("there is no rustc on the path".to_owned())
    );
    assert_eq!(
        refusal(&with_rustup(OLD)),
        Decision::Refuse(
            "the Rust on the path is 1.95 and 1.96 is needed: run `rustup update`".to_owned()
        )
    );
    let no_rustup = Facts {
        has_rustup: false,
        ..with_rustup(RUST_NEEDED)
    };
    assert_eq!(
        refusal(&no_rustup),
        Decision::Refuse(format!(
            "the Rust on the path has no target {TARGET}, and there is no rustup to add it"
        ))
    );
}

#[test]
fn missing_packages_are_named_one_by_one() {
    let names = |facts: &Facts| -> Vec<&str> {
        let missing = facts.missing_for_debian();
        missing.iter().map(|need| need.package).collect()
    };
    assert_eq!(
        names(&nothing()),
        ["rustc-web", "cargo-web", "rust-web-src", "lld"]
    );
    let without_source = Facts {
        has_debian_source: false,
        ..with_debian(nothing())
    };
    assert_eq!(names(&without_source), ["rust-web-src"]);
    let old = Facts {
        debian_rust: Some(OLD),
        ..with_debian(nothing())
    };
    assert_eq!(names(&old), ["rustc-web", "rust-web-src"]);
}

#[test]
fn versions_are_read() {
    assert_eq!(
        parse_version("rustc 1.96.0 (ac68faa20 2026-05-25)"),
        Some(RUST_NEEDED)
    );
    assert_eq!(
        parse_version("rustc 1.97.0-nightly (e50aa6fba 2026-05-19)"),
        Some(Version {
            major: 1,
            minor: 97
        })
    );
    for text in ["", "cargo 1.96.0", "rustc", "rustc one.two"] {
        assert_eq!(parse_version(text), None, "{text}");
    }
}

#[test]
fn purposes_add_what_they_need() {
    let names = |kind, purpose| -> Vec<&str> {
        let missing = with_debian(nothing()).missing(kind, purpose);
        missing.iter().map(|need| need.package).collect()
    };
    assert!(names(Kind::Debian, Purpose::Build).is_empty());
    assert_eq!(names(Kind::Debian, Purpose::Run), ["qemu-system-arm"]);
    assert_eq!(
        names(Kind::Debian, Purpose::Check),
        ["rust-web-clippy", "rustfmt-web"]
    );
    assert_eq!(
        names(Kind::Debian, Purpose::Prove),
        ["qemu-system-arm", "python3-venv"]
    );
    assert_eq!(
        names(Kind::Debian, Purpose::Test),
        [
            "qemu-system-arm",
            "rust-web-clippy",
            "rustfmt-web",
            "python3-venv"
        ]
    );
    assert_eq!(
        names(Kind::Rustup, Purpose::Test),
        ["qemu-system-arm", "python3-venv"]
    );
}
