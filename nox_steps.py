"""Steps that several sessions of the noxfile share: what is installed, and how C++ is built."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from pathlib import Path

import nox

CONSTRAINTS = ("-c", "constraints.txt")
CPP_HEADERS = ("apache-tvm-ffi>=0.1.15", "cmeel-eigen>=3.4", "numpy>=2", "pybind11>=3.1")
# Kernels for all architectures take minutes to compile. Most sessions never load them.
WITHOUT_CUDA = {"CMAKE_ARGS": "-DNUMPY_BRIDGE_CUDA=OFF"}
ONE_ARCHITECTURE = {"CUDAARCHS": "90-real"}
# What sanitizers and coverage would spoil, and what needs the kernels, which they are built without.
NOT_INSTRUMENTED = "not resident and not distribution and not gpu"
SOURCES = ("csrc", "python", "cmake", "CMakeLists.txt", "pyproject.toml", "README.md", "LICENSE")


def output_of(session: nox.Session, *command: str) -> str:
    return str(session.run(*command, silent=True, external=True)).strip()


def install_wheel(
    session: nox.Session, extras: str, *more: str, env: dict[str, str] = ONE_ARCHITECTURE
) -> None:
    """Install this package with extras, and more. Its wheel is built once for all sessions of a Python."""
    wheel = _wheel(session, env)
    session.install("--force-reinstall", "--no-deps", str(wheel))  # another build may have the same version
    session.install(*CONSTRAINTS, f"numpy-bridge{extras} @ {wheel.as_uri()}", *more)


def _wheel(session: nox.Session, env: dict[str, str]) -> Path:
    python = output_of(session, "python", "-c", "import sysconfig; print(sysconfig.get_config_var('SOABI'))")
    folder = Path("build/wheels", python, *env.values()).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    built_of, sources = folder / "sources", _hash_of_sources()
    with (folder / "lock").open("w") as lock:  # for `nox -j 2`
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not built_of.exists() or built_of.read_text() != sources:
            for old in (built_of, *folder.glob("*.whl")):
                old.unlink(missing_ok=True)
            session.run("pip", "wheel", "-q", "--no-deps", f"--wheel-dir={folder}", ".", env=env)
            built_of.write_text(sources)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _hash_of_sources() -> str:
    found = hashlib.blake2b()
    for source in map(Path, SOURCES):
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if path.is_file() and path.suffix != ".pyc":
                found.update(f"{path}\0".encode() + path.read_bytes())
    return found.hexdigest()


def installed(session: nox.Session, pattern: str) -> list[Path]:
    """The files of the session's packages that match."""
    return list(Path(session.virtualenv.location).glob(f"lib/python*/site-packages/{pattern}"))


def pybind11_folder(session: nox.Session) -> str:
    return output_of(session, "python", "-m", "pybind11", "--cmakedir")


def install_cpp_tools(session: nox.Session) -> None:
    """What `build` needs for the C++ tests."""
    install_system_package(session, "/usr/include/gtest/gtest.h", "libgtest-dev")
    session.install("cmake>=3.24", "ninja", *CPP_HEADERS)


def build(session: nox.Session, preset: str) -> None:
    python = Path(session.virtualenv.location, "bin", "python")
    where = (f"-DPython_EXECUTABLE={python}", f"-Dpybind11_DIR={pybind11_folder(session)}")
    session.run("cmake", "--preset", preset, *where, silent=True)
    session.run("cmake", "--build", "--preset", preset)


def compile_headers(session: nox.Session, compiler: str, flags: str = "") -> None:
    """Compile every header alone and all together, by this compiler."""
    build = f"build/headers-{compiler}{flags}"
    python = Path(session.virtualenv.location, "bin", "python")
    defined = {"CMAKE_CXX_COMPILER": compiler, "CMAKE_CXX_FLAGS": flags, "Python_EXECUTABLE": python}
    options = (f"-D{name}={value}" for name, value in defined.items())
    session.run("cmake", "--preset", "dev", "-B", build, *options, silent=True)
    session.run("cmake", "--build", build, "--target", "headers")


def cuda_compiler(session: nox.Session) -> dict[str, str]:
    """The environment in which CMake finds a CUDA compiler: the machine's, or else one from wheels."""
    if shutil.which("nvcc"):
        return {}
    parts = ("cuda-nvcc", "cuda-crt", "cuda-runtime", "cuda-cccl", "nvvm")
    session.install(*(f"nvidia-{part}==13.0.*" for part in parts))
    (toolkit,) = installed(session, "nvidia/cu13")
    for link, there in (("lib64", "lib"), ("lib/libcudart.so", "libcudart.so.13")):  # where CMake looks
        if not (toolkit / link).exists():
            (toolkit / link).symlink_to(there)
    return {"PATH": os.pathsep.join((str(toolkit / "bin"), session.bin, os.environ["PATH"]))}


def install_for_gpu(session: nox.Session, *packages: str) -> None:
    """Install the wheel with kernels and what its tests need, and say what it finds on this machine."""
    session.install(*CONSTRAINTS, ".[test]", *packages, env={"CMAKE_ARGS": "-DNUMPY_BRIDGE_CUDA=ON"})
    session.run("numpy-bridge", "info")


def install_instrumented(
    session: nox.Session, extras: str, option: str, build_type: str = "RelWithDebInfo"
) -> None:
    """Install the wheel, instrumented by GCC as NUMPY_BRIDGE_`option` says."""
    settings = {
        "build-dir": f"build/{session.name.partition('-')[0]}-wheel/{{wheel_tag}}",
        "cmake.build-type": build_type,
        "install.strip": "false",
        "cmake.define.CMAKE_CXX_COMPILER": "g++",
        "cmake.define.CMAKE_INTERPROCEDURAL_OPTIMIZATION": "OFF",
        "cmake.define.CMAKE_CXX_FLAGS_RELWITHDEBINFO": "-O1 -g",  # half the time of -O2 to compile
        f"cmake.define.NUMPY_BRIDGE_{option.partition('=')[0]}": option.partition("=")[2],
    }
    configured = (f"--config-settings={key}={value}" for key, value in settings.items())
    session.install(*CONSTRAINTS, "--prefer-binary", f".{extras}", *configured, env=WITHOUT_CUDA)


def run_under_sanitizers(session: nox.Session, *tests: str) -> None:
    install_instrumented(session, "[test]", "SANITIZE=address,undefined")
    # A report goes to the standard error of a process that ends there: pytest must not keep it.
    options = ("-m", NOT_INSTRUMENTED, "--capture=sys", *tests, *session.posargs)
    flags = dict.fromkeys(("CXXFLAGS", "LDFLAGS"), "-fsanitize=address,undefined")
    own_blocks = {"PYTHONMALLOC": "malloc"}  # for each object, so that use after its end is found
    session.run("pytest", *options, env={**preloaded(session, "libasan.so"), **flags, **own_blocks})


def preloaded(session: nox.Session, *libraries: str) -> dict[str, str]:
    """The environment in which a sanitizer works with an interpreter that was built without it.

    Its library must be loaded first. libstdc++ must be loaded with it: the sanitizer looks up the function
    that throws exceptions, which the interpreter does not have. Leaks are reported by the C++ tests only,
    since CPython does not free everything when it ends.
    """
    found = [output_of(session, "g++", f"-print-file-name={name}") for name in (*libraries, "libstdc++.so.6")]
    return {
        "LD_PRELOAD": " ".join(found),
        "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1:strict_string_checks=1:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": "halt_on_error=1:ignore_noninstrumented_modules=1:suppressions=tests/tsan.supp",
    }


def install_system_package(
    session: nox.Session, needed: str, package: str, *, optional: bool = False
) -> bool:
    """Install a package with apt-get where there is one, unless the program or file `needed` exists.

    Returns whether it exists then. An optional package may be one that apt-get does not know.
    """

    def exists() -> bool:
        return shutil.which(needed) is not None or Path(needed).exists()

    if exists() or shutil.which("apt-get") is None:
        return exists()
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    # One at a time: apt-get fails where another one is at work.
    apt_get = (*as_root, "flock", "/run/lock/numpy-bridge-apt-get", "apt-get")
    codes = [0, 100] if optional else [0]
    session.run(*apt_get, "update", "-qq", external=True)
    session.run(*apt_get, "install", "-y", "-qq", package, external=True, success_codes=codes)
    return exists()
