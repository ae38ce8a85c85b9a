"""Sessions that measure speed, by hand: each prints ratios of calls timed side by side in one run."""

from __future__ import annotations

import nox
import nox_steps as steps


@nox.session(allow_parallel=False)
def bench(session: nox.Session) -> None:
    """Conversions beside those of other libraries, as ratios."""
    steps.install_wheel(session, "[tour]")
    session.run("python", "benchmarks/conversions.py", *session.posargs)


@nox.session(allow_parallel=False)
def bench_kernels(session: nox.Session) -> None:
    """add_ and copy_ on the CPU beside NumPy and torch, as ratios."""
    steps.install_wheel(session, "[tour]")
    session.run("python", "benchmarks/cpu_kernels.py", *session.posargs)


@nox.session(allow_parallel=False)
def bench_processes(session: nox.Session) -> None:
    """Sending to other processes beside the libraries' own ways."""
    steps.install_wheel(session, "[tour]")
    session.run("python", "benchmarks/processes.py", *session.posargs)


@nox.session(allow_parallel=False)
def bench_files(session: nox.Session) -> None:
    """Opening a GiB of weights beside the libraries' own ways."""
    steps.install_wheel(session, "[tour]", "safetensors")
    session.run("python", "benchmarks/files.py", *session.posargs)


@nox.session(allow_parallel=False)
def bench_numpy_op(session: nox.Session) -> None:
    """numpy_op beside autograd.Function and torch.library, as ratios."""
    steps.install_wheel(session, "[tour]")
    session.run("python", "benchmarks/numpy_op.py", *session.posargs)


@nox.session(allow_parallel=False)
def bench_cpp(session: nox.Session) -> None:
    """Calls of C++ functions beside those of other binding libraries, as ratios."""
    session.install("cmake>=3.24", "ninja", "pybind11>=3.1", "nanobind>=3.1", "apache-tvm-ffi>=0.1.15", "jax")
    steps.install_wheel(session, "[tour]")
    session.run("python", "benchmarks/cpp_call.py", *session.posargs)
