"""Everything that checks this project: `nox` runs lint, tests and cpp; `nox -s NAME` one of them.

tests_without_torch, asan, fuzz, coverage, headers, downstream, browser and cuda_build complete what CI runs;
tsan, valgrind and soak (conversions by the million) take longer. producers and tensorflow meet real array
libraries, matrix tries each with each, bench, bench_cpp and bench_kernels measure against others, stubs
regenerates `_core.pyi`, dist builds wheel and sdist. gpu and compute_sanitizer need a CUDA device.
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
    for folder in (
        "csrc",
        "tests/cpp",
        "tests/fuzz",
        "tests/extension",
        "tests/simulated_cuda",
        "tests/downstream",
        "examples",
        "benchmarks",
    )
    for suffix in ("*.[ch]pp", "*.cu", "*.h")
    for p in Path(folder).rglob(suffix)
]
# What sanitizers and coverage would spoil, and what needs the kernels, which they are built without.
NOT_INSTRUMENTED = "not resident and not distribution and not gpu"
# Kernels for all architectures take their time to compile: nobody here runs them, and few load their module.
WITHOUT_CUDA = {"CMAKE_ARGS": "-DNUMPY_BRIDGE_CUDA=OFF"}
ONE_ARCHITECTURE = {"CUDAARCHS": "90-real"}
LARGEST_WHEEL = 2_000_000  # bytes, with all of them
GPU_LIBRARIES = ("cupy-cuda13x", "numba-cuda[cu13]", "jax[cuda13]")
SMALL_PRODUCERS = (
    *("jax", "pandas", "polars", "pyarrow", "pillow", "xarray", "awkward", "onnxruntime", "mlx[cpu]"),
    *("apache-tvm-ffi", "array-api-strict", "numba"),
)
MORE_PRODUCERS = ("tensorflow-cpu", "tinygrad", "opencv-python-headless")


@nox.session
def lint(session: nox.Session) -> None:
    """Formatting, static analysis and types, Python and C++."""
    session.install(
        "ruff>=0.9", "clang-format>=20", "clang-tidy>=20", "cmake>=3.24", "ninja", "pybind11>=3.1"
    )
    session.install(*CONSTRAINTS, "mypy>=1.15", "nox", "typer>=0.12.5", "rich>=13", "jinja2>=3.1")
    session.install(*CONSTRAINTS, "numpy", "torch", "ml_dtypes", "pytest>=8")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("clang-format", "--dry-run", "--Werror", *CPP_SOURCES)
    where = f"-Dpybind11_DIR={_pybind11(session)}"
    session.run("cmake", "--preset", "release", where, "-DNUMPY_BRIDGE_CUDA=OFF", silent=True)
    # The CUDA module is seen with the headers that its tests play: real ones are on few machines.
    simulated = ("-S", "tests/simulated_cuda", "-B", "build/simulated-cuda")
    session.run("cmake", "-G", "Ninja", *simulated, where, silent=True)
    for build, folders in (("release", ("csrc/core", "csrc/kernels")), ("simulated-cuda", ("csrc/cuda",))):
        sources = [s for s in CPP_SOURCES if s.startswith(folders) and s.endswith(".cpp")]
        session.run("clang-tidy", "-p", f"build/{build}", "--quiet", *sources)


@nox.session
def tests(session: nox.Session) -> None:
    """Build the wheel, install it, and run the Python tests against it."""
    session.install(*CONSTRAINTS, ".[test]", env=ONE_ARCHITECTURE)
    session.run("pytest", *session.posargs)


@nox.session(python=["3.10", "3.12", "3.13", "3.13t"])
def tests_without_torch(session: nox.Session) -> None:
    """The package is whole without torch: the Python tests that do without it, on other Pythons."""
    prefer = "--prefer-binary"  # new ones leave 3.13t out
    session.install(prefer, ".[ml-dtypes,test-without-torch]", env=WITHOUT_CUDA)
    session.run("pytest", "-rfE", "-m", "not extension", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """A million conversions of every kind, and a minute of each test of threads: hours of use in an hour."""
    session.install(*CONSTRAINTS, ".[test]", env=WITHOUT_CUDA)
    files = ("tests/python/lifetime/test_soak.py", "tests/python/lifetime/test_threads.py")
    session.run("pytest", *files, "--times=1000000", "--seconds=60", *session.posargs)


@nox.session
def producers(session: nox.Session) -> None:
    """What real array libraries hand out, those that install in little time and space."""
    session.install(*CONSTRAINTS, ".[test]", *SMALL_PRODUCERS, env=WITHOUT_CUDA)
    names = ("conversions/test_real_producers", "audit/test_audit_libraries", "explain/test_explain_jax")
    files = (f"tests/python/{name}.py" for name in names)
    session.run("pytest", *files, *session.posargs)


@nox.session
def tensorflow(session: nox.Session) -> None:
    """TensorFlow, which is too large for `producers`."""
    session.install(*CONSTRAINTS, ".[test]", "tensorflow-cpu", env=WITHOUT_CUDA)
    files = ("tests/python/conversions/test_tensorflow.py", "tests/python/audit/test_audit_tensorflow.py")
    session.run("pytest", *files, *session.posargs)


@nox.session
def matrix(session: nox.Session) -> None:
    """Who shares memory with whom among the libraries of PyPI, into docs/matrix-result.md."""
    session.install(*CONSTRAINTS, ".[tour]", *SMALL_PRODUCERS, *MORE_PRODUCERS, env=WITHOUT_CUDA)
    session.run("numpy-bridge", "matrix", "--markdown", "docs/matrix-result.md", *session.posargs)


@nox.session
def cpp(session: nox.Session) -> None:
    """The C++ tests, plain and under sanitizers."""
    _install_cpp_tools(session)
    for preset in ("dev", "asan-ubsan"):
        _build(session, preset)
        session.run("ctest", "--preset", preset, *session.posargs)


@nox.session
def headers(session: nox.Session) -> None:
    """Every header alone and without a warning, as C++17, 20 and 23, by GCC and by Clang."""
    _provide(session, "clang++", "clang")
    _install_cpp_tools(session)
    python = Path(session.virtualenv.location, "bin", "python")
    for compiler in session.posargs or ("g++", "clang++"):
        build = f"build/headers-{compiler}"
        defined = (f"-DCMAKE_CXX_COMPILER={compiler}", f"-DPython_EXECUTABLE={python}")
        session.run("cmake", "--preset", "dev", "-B", build, *defined, silent=True)
        session.run("cmake", "--build", build, "--target", "headers")


@nox.session
def downstream(session: nox.Session) -> None:
    """Other people's projects, built against the installed wheel: build systems, the example, the guide."""
    session.install(
        *CONSTRAINTS, ".[torch]", "pytest>=8", "pytest-timeout>=2.3", "pybind11>=3.1", env=WITHOUT_CUDA
    )
    session.install("scikit-build-core>=0.11", "meson-python", "setuptools", "cmake>=3.24", "ninja")
    session.install(*CONSTRAINTS, "jax", "nanobind")
    session.run("pytest", "tests/downstream", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """The HTML pages in Chromium: they work and can be read, wide and narrow, light and dark."""
    _provide(session, "chromium", "chromium")
    _provide(session, "chromedriver", "chromium-driver")
    session.install(
        *CONSTRAINTS, ".[tour]", "pytest>=8", "pytest-timeout>=2.3", "selenium>=4.20", env=WITHOUT_CUDA
    )
    session.run("pytest", "tests/browser", *session.posargs)


@nox.session
def asan(session: nox.Session) -> None:
    """The Python tests under AddressSanitizer and UndefinedBehaviorSanitizer.

    Not those of the matrix: what it runs in its many processes are other libraries.
    """
    _install_wheel(session, "[test]", "SANITIZE=address,undefined")
    # A report goes to the standard error of a process that ends there: pytest must not keep it.
    options = ("-m", NOT_INSTRUMENTED, "--capture=sys", "--ignore=tests/python/matrix", *session.posargs)
    flags = dict.fromkeys(("CXXFLAGS", "LDFLAGS"), "-fsanitize=address,undefined")
    own_blocks = {"PYTHONMALLOC": "malloc"}  # for each object, so that its end is seen
    session.run("pytest", *options, env={**_preloaded(session, "libasan.so"), **flags, **own_blocks})


@nox.session
def tsan(session: nox.Session) -> None:
    """The C++ tests, and a minute of each Python test of threads, under ThreadSanitizer.

    CPython itself stays unseen, unless `-P PYTHON` names one that is free-threaded and built with
    `--disable-gil --with-thread-sanitizer`: then nothing but the code itself keeps threads apart, and
    the Python tests run alone, since few of the others' tools are made for it.
    """
    asked = "import sysconfig; print(sysconfig.get_config_var('Py_GIL_DISABLED') or 0)"
    free_threaded = _printed(session, "python", "-c", asked) == "1"
    if not free_threaded:
        _install_cpp_tools(session)
        _build(session, "tsan")
        session.run("ctest", "--preset", "tsan")
    extras = "[test-without-torch]" if free_threaded else "[tour,test-without-torch]"
    _install_wheel(session, extras, "SANITIZE=thread")
    options = ("-k", "thread", "--capture=sys", *(session.posargs or ["--seconds=60"]))
    session.run("pytest", *options, env=_preloaded(session, "libtsan.so"))


@nox.session
def valgrind(session: nox.Session) -> None:
    """The C++ tests under Valgrind, which sees what compilers do not instrument."""
    _install_cpp_tools(session)
    _build(session, "dev")
    for test in sorted(Path("build/dev/tests/cpp").glob("*_test")):
        command = (
            "valgrind",
            "--quiet",
            "--error-exitcode=1",
            "--leak-check=full",
            str(test),
            "--gtest_brief=1",
        )
        session.run(*command, external=True)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz for 30 seconds in all, or as many as `nox -s fuzz -- SECONDS` says; needs Clang."""
    seconds = int(session.posargs[0]) if session.posargs else 30
    _provide(session, "clang++", "clang")
    session.install("cmake>=3.24", "ninja", "pybind11>=3.1")
    _build(session, "fuzz")
    targets = sorted(Path("build/fuzz/tests/fuzz").glob("*_fuzz"))
    for target in targets:
        found = Path(
            session.create_tmp(), target.name
        )  # what is new stays here, for a look and for `-merge=1`
        found.mkdir(exist_ok=True)
        options = [f"-max_total_time={seconds // len(targets)}", "-max_len=1024", "-print_final_stats=1"]
        options += ["-artifact_prefix=build/fuzz/"]
        options += ["-dict=tests/fuzz/names.dict"] if target.name == "names_fuzz" else []
        session.run(
            *(str(target.resolve()), *options, str(found), f"tests/fuzz/corpus/{target.name}"), external=True
        )


@nox.session
def coverage(session: nox.Session) -> None:
    """Lines that the C++ and the Python tests run; fails below 95 % of csrc/ or of python/."""
    _install_cpp_tools(session)
    _install_wheel(session, "[test]", "COVERAGE=ON", build_type="Debug")
    session.install("gcovr>=8", "pytest-cov>=7.1")
    for counted in Path("build").glob("coverage*/**/*.gcda"):
        counted.unlink()
    _build(session, "coverage")
    session.run("ctest", "--preset", "coverage")
    session.run(
        *("pytest", "-m", NOT_INSTRUMENTED, "--cov", "--cov-report=term-missing:skip-covered"),
        *("--cov-fail-under=95", "--extension-build=build/coverage-extension", *session.posargs),
        env=dict.fromkeys(("CXXFLAGS", "LDFLAGS"), "--coverage"),
    )
    session.run(
        *("gcovr", "--filter=csrc/", "--fail-under-line=95", "--print-summary", "--txt=-"),
        *("--exclude-unreachable-branches", "--merge-mode-functions=merge-use-line-0"),
        *("--gcov-executable=gcov", "build/coverage", "build/coverage-wheel", "build/coverage-extension"),
    )


@nox.session
def bench(session: nox.Session) -> None:
    """Conversions beside those of other libraries, as ratios."""
    session.install(*CONSTRAINTS, ".[tour]", env=WITHOUT_CUDA)
    session.run("python", "benchmarks/conversions.py", *session.posargs)


@nox.session
def bench_kernels(session: nox.Session) -> None:
    """add_ and copy_ on the CPU beside NumPy and torch, as ratios."""
    session.install(*CONSTRAINTS, ".[tour]", env=WITHOUT_CUDA)
    session.run("python", "benchmarks/cpu_kernels.py", *session.posargs)


@nox.session
def bench_cpp(session: nox.Session) -> None:
    """Calls of C++ functions beside those of other binding libraries, as ratios."""
    session.install("cmake>=3.24", "ninja", "pybind11>=3.1", "nanobind>=3.1", "apache-tvm-ffi>=0.1.15", "jax")
    session.install(*CONSTRAINTS, ".[tour]", env=WITHOUT_CUDA)
    session.run("python", "benchmarks/cpp_call.py", *session.posargs)


@nox.session
def cuda_build(session: nox.Session) -> None:
    """The wheel with kernels for all architectures: its size and their machine code. Needs no GPU."""
    session.install("nvidia-cuda-cuobjdump", "nvidia-cuda-nvdisasm")
    folder = Path(session.create_tmp(), "wheel")
    shutil.rmtree(folder, ignore_errors=True)
    env = {**_cuda_compiler(session), "CMAKE_ARGS": "-DNUMPY_BRIDGE_CUDA=ON"}
    session.run("pip", "wheel", "--no-deps", f"--wheel-dir={folder}", ".", env=env)
    (wheel,) = folder.glob("*.whl")
    session.log(f"the wheel has {wheel.stat().st_size:,} bytes")
    if wheel.stat().st_size >= LARGEST_WHEEL:
        session.error(f"that is {LARGEST_WHEEL:,} or more")
    shutil.unpack_archive(wheel, folder, "zip")
    (module,) = folder.glob("numpy_bridge/_cuda*.so")
    (cuobjdump,) = Path(session.virtualenv.location).glob("lib/python*/site-packages/nvidia/*/bin/cuobjdump")
    session.run("python", "tests/cuda_binary.py", str(cuobjdump), str(module))


@nox.session
def gpu(session: nox.Session) -> None:
    """On a machine with a CUDA device: the wheel with its kernels, their tests there, and their speed."""
    _install_for_gpu(session, *GPU_LIBRARIES)
    session.run("pytest", "-m", "gpu", "tests/python/cuda")
    session.run("python", "benchmarks/cuda_kernels.py", *session.posargs)


@nox.session
def compute_sanitizer(session: nox.Session) -> None:
    """On a machine with a CUDA device: the kernels under memcheck and racecheck."""
    _install_for_gpu(session, "nvidia-cuda-sanitizer-api")
    (sanitizer,) = Path(session.virtualenv.location).glob(
        "lib/python*/site-packages/nvidia/*/bin/compute-sanitizer"
    )
    pytest = (
        "python",
        "-m",
        "pytest",
        "-m",
        "gpu",
        "-k",
        "torch",
        "tests/python/cuda/test_gpu_operations.py",
    )
    options = ("--error-exitcode=1", "--report-api-errors=no", "--kernel-name=kernel_substring=numpy_bridge")
    for tool in ("memcheck", "racecheck"):
        # torch's allocator hands out parts of large blocks, whose ends the sanitizer does not know.
        env = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
        session.run(str(sanitizer), f"--tool={tool}", *options, *pytest, *session.posargs, env=env)


@nox.session
def stubs(session: nox.Session) -> None:
    """Regenerate the type stubs of the extension module."""
    session.install(*CONSTRAINTS, ".[test]", env=WITHOUT_CUDA)
    session.run("pybind11-stubgen", "numpy_bridge._core", "-o", session.create_tmp())
    shutil.copy(Path(session.create_tmp(), "numpy_bridge/_core.pyi"), "python/numpy_bridge/_core.pyi")


@nox.session
def dist(session: nox.Session) -> None:
    """Build the sdist, and from it the wheel, into dist/."""
    session.install("build")
    session.run("python", "-m", "build", "--outdir", "dist")


def _printed(session: nox.Session, *command: str) -> str:
    return str(session.run(*command, silent=True, external=True)).strip()


def _pybind11(session: nox.Session) -> str:
    return _printed(session, "python", "-m", "pybind11", "--cmakedir")


def _install_cpp_tools(session: nox.Session) -> None:
    """What `_build` needs for the C++ tests."""
    _provide(session, "/usr/include/gtest/gtest.h", "libgtest-dev")
    session.install("cmake>=3.24", "ninja", *CPP_HEADERS)


def _build(session: nox.Session, preset: str) -> None:
    python = Path(session.virtualenv.location, "bin", "python")
    where = (f"-DPython_EXECUTABLE={python}", f"-Dpybind11_DIR={_pybind11(session)}")
    session.run("cmake", "--preset", preset, *where, silent=True)
    session.run("cmake", "--build", "--preset", preset)


def _cuda_compiler(session: nox.Session) -> dict[str, str]:
    """The environment in which CMake finds a CUDA compiler: the machine's, or else one from wheels."""
    if shutil.which("nvcc"):
        return {}
    session.install(
        *(f"nvidia-{part}==13.0.*" for part in ("cuda-nvcc", "cuda-crt", "cuda-runtime", "cuda-cccl", "nvvm"))
    )
    (toolkit,) = Path(session.virtualenv.location).glob("lib/python*/site-packages/nvidia/cu13")
    for link, there in (("lib64", "lib"), ("lib/libcudart.so", "libcudart.so.13")):  # where CMake looks
        if not (toolkit / link).exists():
            (toolkit / link).symlink_to(there)
    return {"PATH": os.pathsep.join((str(toolkit / "bin"), session.bin, os.environ["PATH"]))}


def _install_for_gpu(session: nox.Session, *packages: str) -> None:
    """Install the wheel with kernels and what its tests need, and say what it finds on this machine."""
    session.install(*CONSTRAINTS, ".[test]", *packages, env={"CMAKE_ARGS": "-DNUMPY_BRIDGE_CUDA=ON"})
    session.run("numpy-bridge", "info")


def _install_wheel(
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
    session.install(
        *CONSTRAINTS,
        "--prefer-binary",
        f".{extras}",
        *(f"--config-settings={key}={value}" for key, value in settings.items()),
        env=WITHOUT_CUDA,
    )


def _preloaded(session: nox.Session, *libraries: str) -> dict[str, str]:
    """The environment for an interpreter that a sanitizer was not built into.

    Its library has to come first. libstdc++ comes along, or the sanitizer would not find the function
    that throws exceptions: the interpreter itself has none. CPython frees nothing at its end, so leaks
    are looked for in the C++ tests only.
    """
    found = [_printed(session, "g++", f"-print-file-name={name}") for name in (*libraries, "libstdc++.so.6")]
    return {
        "LD_PRELOAD": " ".join(found),
        "ASAN_OPTIONS": "detect_leaks=0:halt_on_error=1:strict_string_checks=1:allocator_may_return_null=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": "halt_on_error=1:ignore_noninstrumented_modules=1:suppressions=tests/tsan.supp",
    }


def _provide(session: nox.Session, needed: str, package: str) -> None:
    """Install a package of the system's, where that is known how, unless the file or program is there."""
    if shutil.which(needed) or Path(needed).exists() or shutil.which("apt-get") is None:
        return
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    session.run(*as_root, "apt-get", "update", "-qq", external=True)
    session.run(*as_root, "apt-get", "install", "-y", "-qq", package, external=True)
