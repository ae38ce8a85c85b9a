"""Everything that checks this project: `nox -s NAME` runs one session, `nox` runs lint, tests and cpp.

The tags are the only list of what runs where. `ci` is every push: `.ci/run`, two sessions at a time, and the
workflow. `nightly` takes too long for that: the workflow's schedule. Sessions without a tag are run by hand.
CONTRIBUTING.md lists all of them with their minutes. Those of CI come first here, and long ones early.
`nox_platforms` has those for other platforms, and wheels; `nox_benchmarks` those that measure speed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import nox

sys.path.append(str(Path(__file__).parent))
import nox_benchmarks  # noqa: F401 (its sessions)
import nox_platforms  # noqa: F401 (its sessions)
import nox_steps as steps
from nox_steps import CONSTRAINTS, WITHOUT_CUDA

nox.needs_version = ">=2026.8.17"
nox.options.sessions = ["lint", "tests", "cpp"]
nox.options.error_on_missing_interpreters = True
nox.options.allow_parallel = True  # `nox -j 2`: no two of them share a build folder

CPP_FOLDERS = ("csrc", "tests", "examples", "benchmarks")
CPP_SUFFIXES = (".cpp", ".hpp", ".cu", ".h")
CPP_SOURCES = [str(p) for f in CPP_FOLDERS for p in Path(f).rglob("*.*") if p.suffix in CPP_SUFFIXES]
LARGEST_WHEEL = 2_300_000  # bytes, with kernels for all architectures
GPU_LIBRARIES = ("cupy-cuda13x", "numba-cuda[cu13]", "jax[cuda13]")
SMALL_PRODUCERS = (
    *("jax", "pandas", "polars", "pyarrow", "pillow", "xarray", "awkward", "onnxruntime", "mlx[cpu]"),
    *("apache-tvm-ffi", "array-api-strict", "numba"),
)
ODD_PRODUCERS = (
    *("pandas", "polars", "pyarrow", "xarray", "awkward", "h5py", "zarr", "netCDF4", "numba", "wrapt"),
    "dask[array]",
)
OTHER_TARGETS = ("jax", "mlx[cpu]")
CLUSTERS = ("ray[data]", "distributed", "dask[array]", "pyzmq", "msgspec", "mpi4py", "mpich")
MORE_PRODUCERS = ("tensorflow-cpu", "tinygrad", "opencv-python-headless")


@nox.session(tags=["ci"])
def lint(session: nox.Session) -> None:
    """Formatting, static analysis and types, Python and C++."""
    session.install("clang-format>=20", "clang-tidy>=20", "cmake>=3.24", "ninja", "pybind11>=3.1")
    session.install(*CONSTRAINTS, "mypy>=1.15", "nox", "typer>=0.12.5", "rich>=13", "executing>=2")
    session.install(*CONSTRAINTS, "pyright[nodejs]>=1.1.400")
    session.install(*CONSTRAINTS, "ruff>=0.9", "numpy", "torch", "ml_dtypes", "optree", "pytest>=8")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("pyright")
    session.run("clang-format", "--dry-run", "--Werror", *CPP_SOURCES)
    where = f"-Dpybind11_DIR={steps.pybind11_folder(session)}"
    options = ("-DNUMPY_BRIDGE_CUDA=OFF", "-DCMAKE_UNITY_BUILD=OFF")  # each file by itself
    session.run("cmake", "--preset", "release", where, *options, silent=True)
    # The CUDA module is checked with the headers of its simulation: few machines have the real ones.
    simulated = ("-S", "tests/simulated_cuda", "-B", "build/simulated-cuda")
    session.run("cmake", "-G", "Ninja", *simulated, where, silent=True)
    checked = {"release": ("csrc/core", "csrc/engine", "csrc/kernels"), "simulated-cuda": ("csrc/cuda",)}
    for build, folders in checked.items():
        sources = [s for s in CPP_SOURCES if s.startswith(folders) and s.endswith(".cpp")]
        alone = [s for s in sources if "/units/" not in s]  # those only include the others
        session.run("clang-tidy", "-p", f"build/{build}", "--quiet", *alone)


@nox.session(tags=["ci"])
def tests(session: nox.Session) -> None:
    """Build the wheel, install it, and run the Python tests against it.

    The tests of tensors run a second time, with the fast reading of tensors turned off.
    """
    steps.install_wheel(session, "[test]")
    build = f"--extension-build=build/{session.name}-extension"
    session.run("pytest", build, "--durations=30", *session.posargs)
    if not session.posargs:
        rooms = (f"tests/python/{room}" for room in ("conversions", "arguments", "lifetime"))
        slow = {"NUMPY_BRIDGE_FAST_TENSORS": "0"}
        session.run("pytest", build, "-k", "torch or tensor", *rooms, env=slow)


@nox.session(tags=["ci"])
def cpp(session: nox.Session) -> None:
    """The C++ tests, plain and under sanitizers."""
    steps.install_cpp_tools(session)
    for preset in ("dev", "asan-ubsan"):
        steps.build(session, preset)
        session.run("ctest", "--preset", preset, *session.posargs)


@nox.session(tags=["ci"])
def asan(session: nox.Session) -> None:
    """The Python tests of other people's memory under AddressSanitizer and UndefinedBehaviorSanitizer.

    Their extension is built as C++17 alone; `asan_all` has both.
    """
    rooms = ("arguments", "conversions", "lifetime", "operations", "protocols", "view")
    steps.run_under_sanitizers(session, "--cxx17", *(f"tests/python/{room}" for room in rooms))


@nox.session(tags=["ci"])
def headers(session: nox.Session) -> None:
    """Every header alone as C++17, all together as C++20 and 23, without a warning, by GCC or those named."""
    steps.install_cpp_tools(session)
    for compiler in session.posargs or ("g++",):
        steps.compile_headers(session, compiler)


@nox.session(python=["3.13", "3.13t"], tags=["ci"])
def tests_without_torch(session: nox.Session) -> None:
    """The Python tests that need no torch, on other Pythons: the package is complete without it."""
    prefer = "--prefer-binary"  # the newest releases have no wheels for 3.13t
    steps.install_wheel(session, "[ml-dtypes,test-without-torch]", prefer, env=WITHOUT_CUDA)
    session.run("pytest", "-rfE", "-m", "not extension", *session.posargs)


@nox.session(tags=["ci"])
def downstream(session: nox.Session) -> None:
    """Other people's projects, built against the installed wheel: build systems, the example, the guide."""
    tools = ("pytest>=8", "pytest-timeout>=2.3", "pybind11>=3.1", "cmake>=3.24", "ninja")
    others = (
        "scikit-build-core>=0.11",
        "meson-python",
        "setuptools",
        "jax",
        "nanobind",
        "nanobind-backend",
        "abi3info",
        "mypy",
        "pybind11-stubgen",
        "pytest-benchmark",
    )
    steps.install_wheel(session, "[torch]", *tools, *others)
    session.run("pytest", "tests/downstream", *session.posargs)


@nox.session(tags=["ci"])
def clusters(session: nox.Session) -> None:
    """Ray, Dask and other transports, on clusters that the tests start on loopback; their pages of docs/."""
    steps.install_wheel(session, "[tour,test-without-torch]", *CLUSTERS)
    session.run("pytest", "--session-timeout=600", "tests/python/clusters", *session.posargs)


@nox.session(tags=["ci"])
def browser(session: nox.Session) -> None:
    """The HTML pages in Chromium: they work and can be read, wide and narrow, light and dark."""
    steps.install_system_package(session, "chromium", "chromium")
    steps.install_system_package(session, "chromedriver", "chromium-driver")
    tools = ("pytest>=8", "pytest-timeout>=2.3", "selenium>=4.20")
    steps.install_wheel(session, "[tour]", *tools)
    session.run("pytest", "tests/browser", *session.posargs)


@nox.session(tags=["ci"])
def docs(session: nox.Session) -> None:
    """The web site of the documentation, notebooks executed, into build/docs; it is looked at in Chromium."""
    for program, package in (
        ("doxygen", "doxygen"),
        ("chromium", "chromium"),
        ("chromedriver", "chromium-driver"),
    ):
        steps.install_system_package(session, program, package)
    sphinx = ("sphinx>=8", "furo", "myst-nb", "numpydoc", "breathe", "ipykernel")
    additions = ("sphinx-copybutton", "sphinx-llms-txt", "sphinx-sitemap", "sphinxext-opengraph")
    tools = ("pytest>=8", "pytest-timeout>=2.3", "selenium>=4.20")
    steps.install_wheel(session, "[tour]", *sphinx, *additions, *tools)
    address = {"DOCS_URL": "https://example.org/numpy-bridge/"}  # any will do for the sitemap
    session.run("sphinx-build", "-q", "-E", "-W", "--keep-going", "docs", "build/docs", env=address)
    session.run("pytest", "tests/browser/test_docs_site.py", *session.posargs)


@nox.session(tags=["ci"])
def faults(session: nox.Session) -> None:
    """Real libraries: odd and composite objects, files, targets of `to`, `numpy_op` on jax and SciPy."""
    packages = (*ODD_PRODUCERS, *OTHER_TARGETS, "safetensors", "scipy", "pillow", "av")
    steps.install_wheel(session, "[test]", *packages)
    conversions = (
        *("real_objects", "proxies", "targets", "targets_like", "targets_own", "targets_guide"),
        *("dims", "sparse", "ragged", "columns", "video", "more_memory_guide"),
    )
    own_lines = ("frames_of_pandas", "series_of_pandas_in_functions_of_numpy", "pictures")
    names = (
        *(f"conversions/test_{name}.py" for name in conversions),
        *("errors/test_errors.py", "errors/test_hints.py", "files"),
        *("numpy_op/test_jax_calls.py", "numpy_op/test_numpy_op_guide.py"),
        *("trees/test_trees.py", "trees/test_trees_refused.py"),
        "audit/test_audit_programs.py",
        *(f"audit/test_audit_own_lines.py::test_{name}" for name in own_lines),
    )
    programs = {"NUMPY_BRIDGE_PROGRAMS": "1"}  # they take a minute
    session.run("pytest", *(f"tests/python/{name}" for name in names), *session.posargs, env=programs)


@nox.session(tags=["ci"])
def fuzz(session: nox.Session) -> None:
    """Fuzz for 30 seconds in all, or as many as `nox -s fuzz -- SECONDS` says; needs Clang."""
    seconds = int(session.posargs[0]) if session.posargs else 30
    steps.install_system_package(session, "clang++", "clang")
    session.install("cmake>=3.24", "ninja", "pybind11>=3.1")
    steps.build(session, "fuzz")
    targets = sorted(Path("build/fuzz/tests/fuzz").glob("*_fuzz"))
    for target in targets:
        found = Path(session.create_tmp(), target.name)  # new inputs stay here, to read and for `-merge=1`
        found.mkdir(exist_ok=True)
        options = [f"-max_total_time={seconds // len(targets)}", "-max_len=1024", "-print_final_stats=1"]
        options += ["-artifact_prefix=build/fuzz/"]
        options += ["-dict=tests/fuzz/names.dict"] if target.name == "names_fuzz" else []
        corpora = (str(found), f"tests/fuzz/corpus/{target.name}")
        session.run(str(target.resolve()), *options, *corpora, external=True)


@nox.session(tags=["ci"])
def cuda_build(session: nox.Session) -> None:
    """The wheel with kernels for all architectures: its size and their machine code. Needs no GPU."""
    session.install("nvidia-cuda-cuobjdump", "nvidia-cuda-nvdisasm")
    folder = Path(session.create_tmp(), "wheel")
    shutil.rmtree(folder, ignore_errors=True)
    env = {**steps.cuda_compiler(session), "CMAKE_ARGS": "-DNUMPY_BRIDGE_CUDA=ON"}
    session.run("pip", "wheel", "--no-deps", f"--wheel-dir={folder}", ".", env=env)
    (wheel,) = folder.glob("*.whl")
    session.log(f"the wheel has {wheel.stat().st_size:,} bytes")
    if wheel.stat().st_size >= LARGEST_WHEEL:
        session.error(f"that is {LARGEST_WHEEL:,} or more")
    shutil.unpack_archive(wheel, folder, "zip")
    (module,) = folder.glob("numpy_bridge/_cuda*.so")
    (cuobjdump,) = steps.installed(session, "nvidia/*/bin/cuobjdump")
    session.run("python", "tests/cuda_binary.py", str(cuobjdump), str(module))


@nox.session(python=["3.10", "3.12", "3.13"], tags=["nightly"])
def tests_other_pythons(session: nox.Session) -> None:
    """The session `tests` on the oldest Python and on newer ones."""
    tests(session)


@nox.session(tags=["nightly"])
def asan_all(session: nox.Session) -> None:
    """All Python tests under the same sanitizers, but for those that run other programs and libraries."""
    rooms = ("clusters", "matrix", "numpy_op", "package", "processes", "tour")
    steps.run_under_sanitizers(session, *(f"--ignore=tests/python/{room}" for room in rooms))


@nox.session(tags=["nightly"])
def coverage(session: nox.Session) -> None:
    """Lines that the C++ and the Python tests run; fails below 95 % of csrc/ or of python/."""
    steps.install_cpp_tools(session)
    steps.install_instrumented(session, "[test]", "COVERAGE=ON", build_type="Debug")
    session.install("gcovr>=8", "pytest-cov>=7.1")
    for counted in Path("build").glob("coverage*/**/*.gcda"):
        counted.unlink()
    steps.build(session, "coverage")
    session.run("ctest", "--preset", "coverage")
    session.run(
        *("pytest", "-m", steps.NOT_INSTRUMENTED, "--cov", "--cov-report=term-missing:skip-covered"),
        *("--cov-fail-under=95", "--extension-build=build/coverage-extension", *session.posargs),
        env=dict.fromkeys(("CXXFLAGS", "LDFLAGS"), "--coverage"),
    )
    session.run(
        *("gcovr", "--filter=csrc/", "--fail-under-line=95", "--print-summary", "--txt=-"),
        *("--exclude-unreachable-branches", "--merge-mode-functions=merge-use-line-0"),
        *("--gcov-executable=gcov", "build/coverage", "build/coverage-wheel", "build/coverage-extension"),
    )


@nox.session(tags=["nightly"])
def tsan(session: nox.Session) -> None:
    """The C++ tests, and a minute of each Python test of threads, under ThreadSanitizer.

    It does not instrument CPython itself. `-P PYTHON` may name one that is free-threaded and built with
    `--disable-gil --with-thread-sanitizer`: then no lock of the interpreter hides a race. The Python tests
    run alone there, since few of the C++ tests' tools support such a Python.
    """
    asked = "import sysconfig; print(sysconfig.get_config_var('Py_GIL_DISABLED') or 0)"
    free_threaded = steps.output_of(session, "python", "-c", asked) == "1"
    if not free_threaded:
        steps.install_cpp_tools(session)
        steps.build(session, "tsan")
        session.run("ctest", "--preset", "tsan")
    extras = "[test-without-torch]" if free_threaded else "[tour,test-without-torch]"
    steps.install_instrumented(session, extras, "SANITIZE=thread")
    options = ("-k", "thread", "--capture=sys", *(session.posargs or ["--seconds=60"]))
    session.run("pytest", *options, env=steps.preloaded(session, "libtsan.so"))


@nox.session(tags=["nightly"])
def soak(session: nox.Session) -> None:
    """A million conversions of every kind, and a minute of each test of threads."""
    steps.install_wheel(session, "[test]")
    files = (f"tests/python/lifetime/test_{name}.py" for name in ("soak", "threads"))
    session.run("pytest", *files, "--times=1000000", "--seconds=60", *session.posargs)


@nox.session(tags=["nightly"])
def producers(session: nox.Session) -> None:
    """The arrays of real libraries that install in little time and space."""
    steps.install_wheel(session, "[test]", *SMALL_PRODUCERS, "cloudpickle")
    names = (
        *("conversions/test_real_producers", "audit/test_audit_libraries", "explain/test_explain_jax"),
        *("processes/test_pickled_libraries", "processes/test_other_picklers"),
    )
    session.run("pytest", *(f"tests/python/{name}.py" for name in names), *session.posargs)


@nox.session(tags=["ci"])
def tensorflow(session: nox.Session) -> None:
    """TensorFlow, which is too large for `producers`."""
    steps.install_wheel(session, "[test]", "tensorflow-cpu")
    names = ("conversions/test_tensorflow", "conversions/test_targets_guide", "audit/test_audit_tensorflow")
    example = "conversions/test_targets_like.py::test_examples_of_docstrings_of_other_libraries[tensorflow]"
    more = (f"tests/python/{name}" for name in ("tour/test_tour.py::test_step[tensorflow]", example))
    session.run("pytest", *(f"tests/python/{name}.py" for name in names), *more, *session.posargs)


@nox.session(allow_parallel=False)
def valgrind(session: nox.Session) -> None:
    """The C++ tests of `cpp` under Valgrind, which sees what compilers do not instrument."""
    steps.install_cpp_tools(session)
    steps.build(session, "dev")
    options = ("--quiet", "--error-exitcode=1", "--leak-check=full")
    for test in sorted(Path("build/dev/tests/cpp").glob("*_test")):
        session.run("valgrind", *options, str(test), "--gtest_brief=1", external=True)


@nox.session
def matrix(session: nox.Session) -> None:
    """Who shares memory with whom among the libraries of PyPI, into docs/matrix-result.md."""
    steps.install_wheel(session, "[tour]", *SMALL_PRODUCERS, *MORE_PRODUCERS)
    session.run("numpy-bridge", "matrix", "--markdown", "docs/matrix-result.md", *session.posargs)


@nox.session(allow_parallel=False)
def matrix_processes(session: nox.Session) -> None:
    """What every transport copies of every object, into docs/matrix-processes-result.md."""
    steps.install_wheel(session, "[tour]", "jax", "joblib", *CLUSTERS)
    options = ("--processes", "--clusters", "--markdown", "docs/matrix-processes-result.md")
    session.run("numpy-bridge", "matrix", *options, *session.posargs)


@nox.session(allow_parallel=False)
def gpu(session: nox.Session) -> None:
    """On a machine with a CUDA device: the wheel with its kernels, their tests there, and their speed."""
    steps.install_for_gpu(session, *GPU_LIBRARIES)
    session.run("pytest", "-m", "gpu", "tests/python/cuda")
    session.run("python", "benchmarks/cuda_kernels.py", *session.posargs)


@nox.session(allow_parallel=False)
def compute_sanitizer(session: nox.Session) -> None:
    """On a machine with a CUDA device: the kernels under memcheck and racecheck."""
    steps.install_for_gpu(session, "nvidia-cuda-sanitizer-api")
    (sanitizer,) = steps.installed(session, "nvidia/*/bin/compute-sanitizer")
    few = "(test_add or test_copy or test_operands_that_overlap) and [torch"  # it slows down everything
    tests = ("-m", "gpu", "-k", few, "tests/python/cuda/test_gpu_operations.py", *session.posargs)
    options = ("--error-exitcode=1", "--report-api-errors=no", "--kernel-name=kernel_substring=numpy_bridge")
    # torch's allocator hands out parts of large blocks, whose ends the sanitizer does not know.
    env = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
    for tool in ("memcheck", "racecheck"):
        session.run(str(sanitizer), f"--tool={tool}", *options, "python", "-m", "pytest", *tests, env=env)


@nox.session
def stubs(session: nox.Session) -> None:
    """Regenerate the type stubs of the extension module."""
    steps.install_wheel(session, "[test]")
    session.run("python", "csrc/core/stubs.py", "python/numpy_bridge/_core.pyi")


@nox.session
def dist(session: nox.Session) -> None:
    """Build the sdist, and from it the wheel, into dist/."""
    session.install("build")
    session.run("python", "-m", "build", "--outdir", "dist")
