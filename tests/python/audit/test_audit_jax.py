"""jax in an audit: it shares memory at multiples of 64 bytes. The truth is written through memory."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.judging import operands
from numpy_bridge.auditing.program.rewriting import rewritten
from repository import ROOT


def library(name: str) -> Any:
    """Import jax or a part of it when a test runs: its threads disturb forks of other tests."""
    return pytest.importorskip(name, reason="jax is not installed: nox -s producers")


ALIGNED = "jax shares memory only at multiples of 64 bytes; this starts at a multiple of "


def memory(dtype: str, offset: int = 0, shape: tuple[int, ...] = (32, 4)) -> np.ndarray[Any, Any]:
    """Return an array of ones that starts `offset` bytes after a multiple of 64."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    block = np.zeros(size + 128, np.uint8)
    start = -block.ctypes.data % 64 + offset
    x = block[start : start + size].view(dtype).reshape(shape)
    x[...] = 1
    return x


def watched(text: str, **names: Any) -> tuple[dict[str, Any], bridge.auditing.AuditLog]:
    """Run the rewritten lines of a program."""
    names |= {"jax": library("jax"), "jnp": library("jax.numpy"), "np": np, "bridge": bridge}
    library("jax.dlpack")
    changed = rewritten(f"import jax\n{text}\n", "/program/of_jax.py")
    assert changed is not None
    with bridge.audit() as log:
        exec(changed, names)
    return names, log


def reads_while_it_runs(x: np.ndarray[Any, Any]) -> bool:
    """Whether a jitted function reads what is written into its argument while it runs."""
    jax = library("jax")

    def write(_: object) -> np.ndarray[Any, Any]:
        x[...] = 0
        return np.zeros((), np.int32)

    def function(z: Any, i: Any) -> Any:
        row = jax.pure_callback(write, jax.ShapeDtypeStruct((), np.int32), i)
        return z[row].sum()

    x[...] = 1
    return abs(complex(jax.jit(function)(x, 0))) == 0


LAYOUTS = {
    "whole": lambda x: x,
    "row": lambda x: x[:1],
    "transposed": lambda x: x.T,
    "column": lambda x: x[:, :1],
    "reversed": lambda x: x[::-1],
}
CASES = [
    *(("f4", offset, "whole") for offset in (0, 4, 16, 32)),
    *((dtype, 0, "whole") for dtype in ("i2", "c8", "?", "f8", "i8")),
    *(("f4", 0, layout) for layout in LAYOUTS if layout != "whole"),
]


def check_rule(dtype: str, offset: int, layout: str) -> str:
    """Compare what is reported of a jitted function and of `device_put` with what jax does."""
    x = LAYOUTS[layout](memory(dtype, offset))
    names, log = watched("f = jax.jit(lambda z: z)\nf(x)\ny = jax.device_put(x)", x=x)
    argument, put = log
    assert (argument.call, put.call) == ("jit(<lambda>)", "jax.device_put")
    shared = names["y"].unsafe_buffer_pointer() == x.ctypes.data
    assert {each.outcome for each in log} == {"shared" if shared else "copied"}
    assert argument.reason == put.reason or "contiguous" in argument.reason
    assert {each.nbytes for each in log} == {names["y"].nbytes}
    assert {each.hidden for each in log} == {not shared}
    if layout != "row":  # of one row the compiler knows the index
        assert reads_while_it_runs(x) == shared
    return argument.reason


@pytest.mark.parametrize(("dtype", "offset", "layout"), CASES)
def test_arguments_are_judged_as_jax_treats_them(dtype: str, offset: int, layout: str) -> None:
    reason = check_rule(dtype, offset, layout)
    if dtype in ("f8", "i8"):
        assert reason.endswith("32, as jax_enable_x64 is off")
    elif layout in ("whole", "row"):
        assert reason == (f"{ALIGNED}{offset}" if offset else "the same memory")
    else:
        assert reason == "it is not contiguous, and jax's arrays are"


def test_wide_numbers_are_shared_where_jax_has_them() -> None:
    jax = library("jax")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        for dtype in ("f8", "i8", "c16"):
            assert check_rule(dtype, 0, "whole") == "the same memory"
            assert check_rule(dtype, 16, "whole") == f"{ALIGNED}16"
    finally:
        jax.config.update("jax_enable_x64", before)


PARTS = """
f = jax.jit(lambda parts, *, more: parts["a"] + more[0])
class Model:
    step = jax.jit(lambda self, z: z + 1, static_argnums=0)
model = Model()
for _ in range(3):
    f({"a": x, "b": 1}, more=[x])
model.step(x)
jnp.tanh(x)
jax.jit(lambda z: z)(x)
f({"a": y}, more=(y,))
jnp.asarray(y)
jax.vmap(jnp.sin)(x)
"""


def test_every_array_of_the_arguments_counts_at_its_line() -> None:
    x = memory("f4", 16)
    _, log = watched(PARTS, x=x, y=library("jax.numpy").ones((32, 4)))
    found = [(c.place.line, c.call, c.times, c.nbytes) for c in log if c.source.startswith("numpy float32")]
    assert found == [
        (8, "jit(<lambda>)", 6, 6 * x.nbytes),
        (9, "jit(<lambda>)", 1, x.nbytes),
        (10, "jit(tanh)", 1, x.nbytes),
        (11, "jit(<lambda>)", 1, x.nbytes),
    ]
    assert {c.seconds for c in log if c.call.startswith("jit")} == {
        0
    }  # that of the whole function is no copy's


def test_what_is_traced_is_no_conversion() -> None:
    text = """
inner = jax.jit(lambda z, c: z + c)
def outer(z):
    return inner(z, x) + jnp.asarray(x) + jax.device_put(x) + jnp.asarray(z)
jax.make_jaxpr(outer)(1.0)
"""
    assert list(watched(text, x=memory("f4"))[1]) == []


def test_a_jitted_function_raises_and_returns_as_ever() -> None:
    text = """
@jax.jit
def f(z, n=2):
    return [z * n, {"n": n}]
plain = f
result = f(x, n=3)
try:
    f(object())
except TypeError as error:
    message = str(error)
super_of = type("A", (), {"f": f})().f.__name__
"""
    names, _ = watched(text, x=np.ones(3, np.float32))
    assert names["result"][0].tolist() == [3, 3, 3]
    assert int(names["result"][1]["n"]) == 3
    assert "object" in names["message"]
    assert names["plain"] is names["f"]
    assert names["super_of"] == "f"


def test_nested_containers_are_put_array_by_array() -> None:
    x, y = memory("f4"), memory("f4", 16)
    names, log = watched("z = jax.device_put({'x': x, 'y': [y]})", x=x, y=y)
    assert [(c.call, c.outcome, c.nbytes) for c in log] == [
        ("jax.device_put(tree)", "shared", x.nbytes),
        ("jax.device_put(tree)", "copied", y.nbytes),
    ]
    x[...] = y[...] = 5
    assert (float(names["z"]["x"][0, 0]), float(names["z"]["y"][0][0, 0])) == (5, 1)


def test_a_copy_to_a_device_that_is_named_is_asked_for() -> None:
    _, log = watched("jax.device_put(x, jax.devices()[0])", x=memory("f4", 16))
    (found,) = log
    assert (found.outcome, found.hidden, found.reason) == ("copied", False, f"{ALIGNED}16")


TAKE_TENSORS = ("jnp.asarray(x)", "jnp.array(x)", "jax.dlpack.from_dlpack(x)")
IN_EMPTY = "create x in bridge.empty(x.shape, 'float32')"
ADVICE = [
    # dtype, offset, call, first, then
    ("f4", 0, "jnp.asarray(x)", "", "bridge.to_jax(x, allow_mutable=True)"),
    ("f4", 0, "jnp.array(x)", "", "bridge.to_jax(x, allow_mutable=True)"),
    *(
        (dtype, offset, call, IN_EMPTY, "bridge.to_jax(x, allow_mutable=True)")
        for dtype, offset in (("f4", 16), ("f8", 0))
        for call in (*TAKE_TENSORS, "jax.device_put(x)", "f(x)")
    ),
]


@pytest.mark.parametrize(("dtype", "offset", "call", "first", "then"), ADVICE)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_the_advice_shares(dtype: str, offset: int, call: str, first: str, then: str, library: str) -> None:
    x: Any = memory(dtype, offset)
    if library == "torch":
        x = pytest.importorskip("torch", reason="tensors").from_numpy(x)
        call = call if call in TAKE_TENSORS else TAKE_TENSORS[0]
    names, log = watched(f"f = jax.jit(lambda z: z)\nresult = {call}", x=x)
    (found,) = log.hidden
    assert found.advice is not None
    assert (found.advice.first, found.advice.code) == (first, then)
    if first:
        block = eval(first.removeprefix("create x in "), names)
        names["x"] = bridge.to_numpy(block)
        names["x"][...] = x
    shared = eval(then, names)
    result = names["result"]
    assert (type(shared), shared.dtype, shared.shape) == (type(result), result.dtype, result.shape)
    assert np.array_equal(shared, result)
    names["x"][...] = 7
    assert float(shared[0, 0]) == 7


def test_memory_that_cannot_be_written_is_shared_as_it_is() -> None:
    x = memory("f4")
    x.flags.writeable = False
    names, log = watched("jnp.array(x)", x=x)
    (found,) = log
    assert found.alternative == "bridge.to_jax(x)"
    assert eval(found.alternative, names).unsafe_buffer_pointer() == x.ctypes.data


@pytest.mark.parametrize("call", ["jnp.asarray(x)", "jnp.array(x, dtype=np.int32)", "jnp.asarray(x[:, 0])"])
def test_no_advice_where_nothing_shares(call: str) -> None:
    dtype = "f4" if "x[" in call or "int32" in call else "M8[s]"
    try:
        _, log = watched(call, x=memory(dtype))
    except TypeError:
        return
    (found,) = log
    assert found.advice is None


def test_modules_without_jax_are_left_alone() -> None:
    source = "def f(x): return x\nf(1)\n"
    plain, other = (compile(text, "f.py", "exec") for text in (source, f"import jax\n{source}"))
    assert rewritten(source, "f.py").co_code == plain.co_code  # type: ignore[union-attr]
    assert rewritten(f"import jax\n{source}", "f.py").co_code != other.co_code  # type: ignore[union-attr]


GUIDE = (ROOT / "docs/audit.md").read_text().partition("### JAX\n")[2].partition("\n## ")[0]


def test_the_guide_prints_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    library("jax")
    code, shown = (re.findall(rf"```{kind}\n(.*?)```", GUIDE, re.DOTALL)[0] for kind in ("python", "text"))
    exec(code, {})
    assert capsys.readouterr().out == shown


@pytest.mark.parametrize("code", re.findall(r"^\| `(.*?)` \|", GUIDE, re.MULTILINE))
def test_what_cannot_be_seen_of_jax(code: str) -> None:
    assert list(watched(code, a=memory("f4", 16, (2,)))[1]) == []


@pytest.mark.parametrize("call", ["jax.jit(lambda z: z)(x)", "jax.device_put(x)"])
def test_what_moves_to_another_device_is_asked_for(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operands, "_place", lambda _: "cuda:0")
    (found,) = watched(call, x=memory("f4"))[1]
    assert (found.outcome, found.hidden, found.reason) == ("copied", False, "it moves from cpu to cuda:0")


def test_devices_are_named_as_torch_names_them() -> None:
    devices = [SimpleNamespace(platform=platform, id=1) for platform in ("cpu", "gpu", "tpu")]
    assert [operands._place(each) for each in devices] == ["cpu", "cuda:1", "tpu:1"]


def test_arguments_at_one_line_are_judged_by_their_own_addresses() -> None:
    aligned, other = memory("f4"), memory("f4", 4)
    text = "f = jax.jit(lambda x: [None, x + 1])\nfor x in arrays:\n    f(x)"
    _, log = watched(text, arrays=[aligned, other, aligned, other])
    assert [(c.outcome, c.times, c.nbytes) for c in log] == [("shared", 2, 1024), ("copied", 2, 1024)]
