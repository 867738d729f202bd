//! Gives the linker the kernel's script.

fn main() {
    println!("cargo::rerun-if-changed=linker.ld");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=--script={folder}/linker.ld");
        println!("cargo::rustc-link-arg-bins=-zmax-page-size=4096");
    }
}
