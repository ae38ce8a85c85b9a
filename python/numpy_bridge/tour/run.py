"""Runs steps: executes the code that is shown, captures its output, proves and checks."""

from __future__ import annotations

import contextlib
import importlib
import io
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

from numpy_bridge.info import describe_cuda
from numpy_bridge.libraries import BY_NAME

from .model import Check, Claim, Finding, Result, Step, Verdict, same_print
from .proof import prove

ARTICLE = (
    '"Numpy Bridge: Converting between PyTorch Tensors and NumPy Arrays" (Alex Abades Grimes, 2 January 2023)'
)
"""Title, author and date."""

PRELUDE = "import numpy as np\nimport torch\nimport numpy_bridge as bridge\n"
"""The first lines of every listing."""

_FILENAME = "<tour>"


class TorchMissingError(ImportError):
    """The tour needs PyTorch, and it can't be imported."""


def require_torch() -> Any:
    """Import and return torch, or raise `TorchMissingError` with the way to get it."""
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise TorchMissingError(
            f"the tour runs on PyTorch, which can't be imported ({error}): pip install 'numpy-bridge[tour]'"
        ) from error


def cuda_unavailable() -> str:
    """Return why CUDA can't be used here, in one line, or `""` if it can."""
    torch = require_torch()
    if torch.cuda.is_available():
        return ""
    if not torch.backends.cuda.is_built():
        return f"this PyTorch ({torch.__version__}) is built without CUDA"
    try:
        torch.cuda.init()
    except (AssertionError, RuntimeError) as error:
        return f"PyTorch has CUDA, but no device to use: {str(error).strip().splitlines()[0]}"
    return "PyTorch has CUDA, but reports no device"


def run_step(step: Step) -> Result:
    """Run one step. Its errors are part of the result, never raised."""
    with _undisturbed():
        reason = _missing(step)
        if reason:
            return Result(step, skipped=reason)
        namespace = _namespace()
        output, failure = _execute(step.code, namespace)
        if failure:
            return Result(step, output=output, error=_line(failure) + _describe(failure))
        try:
            proofs = tuple(prove(pair, namespace) for pair in step.pairs)
        except Exception as stop:
            return Result(step, output=output, error=f"the proof stopped: {_describe(stop)}")
        namespace.update(
            output=output, article_output=step.article_output, same=same_print, error_of=error_of
        )
        findings = tuple(_find(claim, namespace) for claim in step.claims)
    return Result(step, output=output, proofs=proofs, findings=findings)


def _missing(step: Step) -> str:
    """Return why a step can't run here, or `""` if it can."""
    if step.needs_library and not BY_NAME[step.needs_library].installed:
        return f"{step.needs_library} is not installed: pip install {step.needs_library}"
    reason = cuda_unavailable() if step.needs_cuda else ""
    return reason or (str(describe_cuda()["unavailable"] or "") if step.needs_kernels else "")


def _find(claim: Claim, namespace: dict[str, Any]) -> Finding:
    right = claim.verdict in (Verdict.AGREES, Verdict.INCOMPLETE)
    facts = tuple(_check(fact, True, namespace) for fact in claim.facts)
    return Finding(claim, _check(claim.article, right, namespace), facts)


def _check(expression: str, expected: bool, namespace: dict[str, Any]) -> Check:
    try:
        got: bool | str = bool(eval(expression, namespace))
    except Exception as failure:
        got = _describe(failure)
    return Check(expression, expected, got)


def _namespace() -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "numpy_bridge_tour"}
    exec(PRELUDE, namespace)
    return namespace


def _execute(code: str, namespace: dict[str, Any]) -> tuple[str, Exception | None]:
    """Run `code` and return its output, and the exception that ended it, if any."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(code, _FILENAME, "exec"), namespace)
    except Exception as failure:
        return printed.getvalue(), failure
    return printed.getvalue(), None


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Isolate a step from the caller's random numbers, warnings and autograd mode, and the caller from it."""
    torch = require_torch()
    # torch warns once per process: only the first run of a step would show a warning.
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(0)
        yield


def _describe(failure: Exception) -> str:
    return "".join(traceback.format_exception_only(type(failure), failure)).strip()


def _line(failure: Exception) -> str:
    frames = traceback.extract_tb(failure.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == _FILENAME]
    return f"line {lines[-1]}: " if lines else ""


def error_of(code: str) -> str:
    """Run `code` as it stands, with nothing imported, and return the error it ends with, or `""`.

    Checks may use it, beside the listing's names, `output`, `article_output` and `same` (`same_print`).
    """
    failure = _execute(code, {})[1]
    return _describe(failure) if failure else ""
