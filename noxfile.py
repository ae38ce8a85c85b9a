"""Everything that checks this project: `nox` runs lint, tests and cpp; `nox -s NAME` one of them.

headers and downstream check what other people's extensions are built with, producers meets real array
libraries. bench measures against others, stubs regenerates `_core.pyi`, dist builds wheel and sdist.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.options.sessions = ["lint", "tests", "cpp"]
nox.options.error_on_missing_interpreters = True

CONSTRAINTS = ("-c", "constraints.txt")
CPP_HEADERS = ("apache-tvm-ffi>=0.1.15", "cmeel-eigen>=3.4", "numpy>=2", "pybind11>=3.1")
CPP_SOURCES = [
    str(p)
    for folder in ("csrc", "tests/cpp", "tests/downstream", "examples")
    for p in Path(folder).rglob("*.[ch]pp")
]
SMALL_PRODUCERS = (
    *("jax", "pandas", "polars", "pyarrow", "pillow", "xarray", "awkward", "onnxruntime", "mlx[cpu]"),
    *("apache-tvm-ffi", "array-api-strict"),
)


@nox.session
def lint(session: nox.Session) -> None:
    """Formatting, static analysis and types, Python and C++."""
    session.install(
        "ruff>=0.9", "clang-format>=20", "clang-tidy>=20", "cmake>=3.24", "ninja", "pybind11>=3.1"
    )
    session.install(
        *CONSTRAINTS, "mypy>=1.15", "nox", "typer>=0.12.5", "rich>=13", "numpy", "torch", "ml_dtypes"
    )
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("clang-format", "--dry-run", "--Werror", *CPP_SOURCES)
    session.run("cmake", "--preset", "release", f"-Dpybind11_DIR={_pybind11(session)}", silent=True)
    core = [source for source in CPP_SOURCES if source.startswith("csrc/core") and source.endswith(".cpp")]
    session.run("clang-tidy", "-p", "build/release", "--quiet", *core)


@nox.session
def tests(session: nox.Session) -> None:
    """Build the wheel, install it, and run the Python tests against it."""
    session.install(*CONSTRAINTS, ".[test]")
    session.run("pytest", *session.posargs)


@nox.session
def producers(session: nox.Session) -> None:
    """What real array libraries hand out, those that install in little time and space."""
    session.install(*CONSTRAINTS, ".[test]", *SMALL_PRODUCERS)
    session.run("pytest", "tests/python/test_real_producers.py", *session.posargs)


@nox.session
def cpp(session: nox.Session) -> None:
    """The C++ tests, plain and under sanitizers."""
    _provide_googletest(session)
    session.install("cmake>=3.24", "ninja", *CPP_HEADERS)
    python = Path(session.virtualenv.location, "bin", "python")
    for preset in ("dev", "asan-ubsan"):
        session.run("cmake", "--preset", preset, f"-DPython_EXECUTABLE={python}", silent=True)
        session.run("cmake", "--build", "--preset", preset)
        session.run("ctest", "--preset", preset, *session.posargs)


@nox.session
def headers(session: nox.Session) -> None:
    """Every header alone and without a warning, as C++17, 20 and 23, by GCC and by Clang."""
    _provide_googletest(session)
    session.install("cmake>=3.24", "ninja", *CPP_HEADERS)
    python = Path(session.virtualenv.location, "bin", "python")
    for compiler in session.posargs or ("g++", "clang++"):
        build = f"build/headers-{compiler}"
        defined = (f"-DCMAKE_CXX_COMPILER={compiler}", f"-DPython_EXECUTABLE={python}")
        session.run("cmake", "--preset", "dev", "-B", build, *defined, silent=True)
        session.run("cmake", "--build", build, "--target", "headers")


@nox.session
def downstream(session: nox.Session) -> None:
    """Other people's projects, built against the installed wheel: build systems, the example, the guide."""
    session.install(*CONSTRAINTS, ".[torch]", "pytest>=8", "pytest-timeout>=2.3", "pybind11>=3.1")
    session.install("scikit-build-core>=0.11", "meson-python", "setuptools", "cmake>=3.24", "ninja")
    session.install(*CONSTRAINTS, "jax", "nanobind")
    session.run("pytest", "tests/downstream", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Conversions beside those of other libraries, as ratios."""
    session.install(*CONSTRAINTS, ".[tour]")
    session.run("python", "benchmarks/conversions.py", *session.posargs)


@nox.session
def stubs(session: nox.Session) -> None:
    """Regenerate the type stubs of the extension module."""
    session.install(*CONSTRAINTS, ".[test]")
    session.run("pybind11-stubgen", "numpy_bridge._core", "-o", session.create_tmp())
    shutil.copy(Path(session.create_tmp(), "numpy_bridge/_core.pyi"), "python/numpy_bridge/_core.pyi")


@nox.session
def dist(session: nox.Session) -> None:
    """Build the sdist, and from it the wheel, into dist/."""
    session.install("build")
    session.run("python", "-m", "build", "--outdir", "dist")


def _pybind11(session: nox.Session) -> str:
    printed = session.run("python", "-m", "pybind11", "--cmakedir", silent=True)
    return str(printed).strip()


def _provide_googletest(session: nox.Session) -> None:
    """Install GoogleTest with the system's package manager where that is known; CMake checks the rest."""
    if Path("/usr/include/gtest/gtest.h").exists() or shutil.which("apt-get") is None:
        return
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    session.run(*as_root, "apt-get", "update", "-qq", external=True)
    session.run(*as_root, "apt-get", "install", "-y", "-qq", "libgtest-dev", external=True)
