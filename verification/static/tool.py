"""The tools: where they are, what installs them, and how they are run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from .report import CannotCheckError

if TYPE_CHECKING:
    from tree_sitter import Parser

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
HOST = "x86_64-unknown-linux-gnu"


def target() -> Path:
    """Where everything that is built for this part goes."""
    base = os.environ.get("CARGO_TARGET_DIR")
    return (Path(base) if base else ROOT / "target") / "verification"


def run(
    command: list[str], more: Mapping[str, str] | None = None, *, may_fail: bool = False
) -> str:
    """Runs a command at the root; returns what it prints, and on failure raises with it."""
    environment = {**os.environ, **(more or {})}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode and not may_fail:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        raise CannotCheckError(f"{' '.join(command[:4])} … failed ({done.returncode}):\n{tail}")
    return done.stdout


def cargo() -> str:
    """The cargo that `./x` chose."""
    return os.environ.get("CARGO", "cargo")


def rustc() -> str:
    """The compiler of that cargo."""
    return os.environ.get("RUSTC", "rustc")


def llvm_major() -> int:
    """The version of LLVM in the compiler, whose tools read what it writes."""
    found = re.search(r"^LLVM version: (\d+)", run([rustc(), "-vV"]), re.MULTILINE)
    if not found:
        raise CannotCheckError("the compiler does not say which LLVM it has")
    return int(found.group(1))


def need_package(package: str, proof: Path, *, may_install: bool) -> None:
    """Has Debian's `package` there, which brings the file `proof`."""
    if proof.exists():
        return
    if not may_install:
        raise CannotCheckError(f"{package} is missing, and --no-install was given")
    root = [] if os.geteuid() == 0 else ["sudo"]
    if not shutil.which("apt-get") or (root and not shutil.which("sudo")):
        raise CannotCheckError(f"{package} is missing: install it as root")
    print(f"static: installing {package}", flush=True)
    install = [*root, "apt-get", "install", "-qq", "-y", "--no-install-recommends", package]
    run([*root, "apt-get", "update", "-qq"])
    run(install, {"DEBIAN_FRONTEND": "noninteractive"})
    if not proof.exists():
        raise CannotCheckError(f"{package} was installed and brings no {proof}")


def runtime(name: str, *, may_install: bool) -> Path:
    """A library of compiler-rt: Debian's Rust comes without."""
    major = llvm_major()
    folder = Path(f"/usr/lib/llvm-{major}/lib/clang/{major}/lib/linux")
    library = folder / f"libclang_rt.{name}-x86_64.a"
    need_package(f"libclang-rt-{major}-dev", library, may_install=may_install)
    return library


def llvm_tool(name: str, *, may_install: bool) -> str:
    """A tool of the compiler's LLVM."""
    major = llvm_major()
    path = Path(f"/usr/bin/{name}-{major}")
    need_package(f"llvm-{major}", path, may_install=may_install)
    return str(path)


def workers() -> int:
    """How many programs run at once."""
    return int(os.environ.get("PECAN_WORKERS", 0)) or len(os.sched_getaffinity(0))


@cache
def rust_parser() -> Parser:
    """Reads Rust. The packages come from `requirements.txt`, into an environment of their own."""
    for folder in (target() / "static/environment/lib").glob("python3*/site-packages"):
        sys.path.insert(0, str(folder))
    import tree_sitter  # noqa: PLC0415
    import tree_sitter_rust  # noqa: PLC0415

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_rust.language()))


def need_packages(*, may_install: bool) -> None:
    """Has the packages of `requirements.txt` there."""
    folder, wanted = target() / "static/environment", HERE / "requirements.txt"
    installed = folder / "installed"
    if installed.exists() and installed.read_text() == wanted.read_text():
        return
    if not may_install:
        raise CannotCheckError("packages of requirements.txt are missing, and --no-install was given")
    print("static: installing the pinned parser", flush=True)
    pip = Path(sysconfig.get_path("stdlib")) / "ensurepip/__init__.py"
    need_package("python3-venv", pip, may_install=may_install)
    run([sys.executable, "-m", "venv", "--clear", str(folder)])
    install = ["install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    run([str(folder / "bin/pip"), *install, "--only-binary", ":all:", "--requirement", str(wanted)])
    installed.write_text(wanted.read_text())


def cargo_tool(package: str, version: str, *, may_install: bool) -> str:
    """A program from crates.io, of an exact version, built once."""
    folder = target() / "tools" / f"{package}-{version}"
    program = folder / "bin" / package
    if program.exists():
        return str(program)
    if not may_install:
        raise CannotCheckError(f"{package} {version} is missing, and --no-install was given")
    print(f"static: building {package} {version}, once", flush=True)
    wanted = ["--version", f"={version}", "--locked", "--root", str(folder)]
    run([cargo(), "install", package, *wanted], {"CARGO_TARGET_DIR": str(target() / "tools/build")})
    shutil.rmtree(target() / "tools/build", ignore_errors=True)
    return str(program)
