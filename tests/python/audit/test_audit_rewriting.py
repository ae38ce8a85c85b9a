"""Rewritten source does what it did: compared with plain runs of many forms of Python."""

from __future__ import annotations

import ast
import inspect
import io
import linecache
import pickle
import re
import sys
import textwrap
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.judging.call_site import code_of
from numpy_bridge.auditing.program.rewriting import rewritten


def forms(file: str) -> dict[str, str]:
    """The programs of a file of this folder, by the name in the line above each."""
    found = re.split(r"^### (.*)\n", (Path(__file__).parent / file).read_text(), flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


FORMS = forms("forms.txt")
if sys.version_info < (3, 11):
    del FORMS["starred indices"]
FAILING = forms("failing_forms.txt")


def source_of(text: str) -> str:
    first = "'A docstring.'\nfrom __future__ import annotations\n"
    return (
        text.replace(first, first + "import numpy as np\n")
        if first in text
        else f"import numpy as np\n{text}\n"
    )


def codes(text: str, name: str) -> tuple[CodeType, CodeType]:
    """The plain code of a program, and the rewritten one, of a file with this name."""
    file = f"/program/{re.sub(r'[^a-z]', '_', name)}.py"
    source = source_of(text)
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    changed = rewritten(source.encode(), file)
    assert changed is not None
    return compile(source, file, "exec", dont_inherit=True), changed


def run(code: CodeType) -> tuple[str, list[tuple[str, int]], dict[str, Any]]:
    """What a program prints, the lines of it that run, and its names."""
    lines: list[tuple[str, int]] = []

    def trace(frame: Any, event: str, _: object) -> Any:
        if frame.f_code.co_filename != code.co_filename:
            return None
        if event == "line":
            lines.append((frame.f_code.co_name, frame.f_lineno))
        return trace

    names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    before = sys.gettrace()
    with redirect_stdout(io.StringIO()) as printed:
        sys.settrace(trace)
        try:
            exec(code, names)
        finally:
            sys.settrace(before)
    return re.sub(r" at 0x\w+", "", printed.getvalue()), lines, names


@pytest.mark.parametrize("name", FORMS)
def test_a_program_prints_the_same_and_runs_the_same_lines(name: str) -> None:
    plain, changed = codes(FORMS[name], name)
    printed, lines, names = run(plain)
    with bridge.audit():
        assert run(changed)[:2] == (printed, lines)
    again, _, other = run(changed)  # no audit
    assert again == printed
    assert list(names) == [each for each in other if each != "__@numpy_bridge__"]


def test_the_forms_are_rewritten() -> None:
    plain = {name for name in FORMS if "__@numpy_bridge__" not in codes(FORMS[name], name)[1].co_names}
    assert plain == {"annotations", "deletes", "exec"}


def raised(code: CodeType) -> str:
    with pytest.raises((LookupError, ArithmeticError, AttributeError, NameError, ValueError)) as caught:
        exec(code, {"__name__": "__main__"})
    trace = caught.value.__traceback__
    assert trace is not None
    return "".join(traceback.format_exception(caught.type, caught.value, trace.tb_next))


@pytest.mark.parametrize("name", FAILING)
def test_tracebacks_are_the_same(name: str) -> None:
    """With the carets below each line, which show positions in it."""
    plain, changed = codes(FAILING[name], name)
    expected = raised(plain)
    assert "/program/" in expected
    with bridge.audit():
        assert raised(changed) == expected
    assert raised(changed) == expected


def test_only_receivers_change() -> None:
    """Without the calls that were put in, the tree is the one of before, with all positions."""

    class Undo(ast.NodeTransformer):
        def visit_Call(self, node: ast.Call) -> ast.AST:
            self.generic_visit(node)
            inserted = isinstance(node.func, ast.Name) and node.func.id == "__@numpy_bridge__"
            return node.args[0] if inserted else node

    from numpy_bridge.auditing.program import rewriting

    for text in [*FORMS.values(), *FAILING.values()]:
        source = source_of(text)
        tree = ast.parse(source)
        rewriting._rewrite(tree)
        tree.body = [
            each
            for each in tree.body
            if not (isinstance(each, ast.ImportFrom) and each.names[0].asname == "__@numpy_bridge__")
        ]
        back = ast.dump(Undo().visit(tree), include_attributes=True)
        assert back == ast.dump(ast.parse(source), include_attributes=True)


def test_functions_pickle_and_have_their_source(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from numpy_bridge.auditing.run import run as run_program

    (tmp_path / "helper_of_program.py").write_text(
        "import numpy as np\ndef first(x):\n    return x[[0]].copy()\n"
    )
    (tmp_path / "program.py").write_text(
        textwrap.dedent("""
        import inspect, pickle, sys
        import numpy as np
        from helper_of_program import first
        import helper_of_program

        def second(x):
            return x[[1]].copy()

        assert pickle.loads(pickle.dumps(first)) is first
        assert pickle.loads(pickle.dumps(second)) is second
        assert inspect.getsource(second).splitlines()[1].strip() == "return x[[1]].copy()"
        assert "get_code" not in vars(helper_of_program.__loader__)
        assert helper_of_program.__spec__.has_location
        first(np.ones(2)), second(np.ones(2))
        """)
    )
    monkeypatch.chdir(tmp_path)
    done = run_program(["program.py"])
    assert done.status == 0
    assert sorted((c.place.function, c.call) for c in done.log) == [
        *(("first", "ndarray.copy"), ("first", "ndarray[]")),
        *(("second", "ndarray.copy"), ("second", "ndarray[]")),
    ]
    assert pickle.loads(pickle.dumps(inspect.getsource)) is inspect.getsource
    sys.modules.pop("helper_of_program")


@pytest.mark.parametrize(
    "text", ["x = (", "return 1", "x = 1\n  y = 2", "x = '\\0'\0", "(" * 300 + ")" * 300, "f() = 1"]
)
def test_what_python_cannot_compile_is_left_to_it(text: str) -> None:
    with pytest.raises((SyntaxError, ValueError, RecursionError, MemoryError)):
        compile(text, "program.py", "exec")
    assert rewritten(text, "program.py") is None


def test_a_deep_expression_is_compiled_as_far_as_python_can() -> None:
    text = "x = " + "+".join(["1"] * 1000)
    changed = rewritten(text, "deep.py")
    scope: dict[str, Any] = {}
    exec(changed or compile(text, "deep.py", "exec"), scope)
    assert scope["x"] == 1000


def test_what_numba_compiles_is_left_alone() -> None:
    text = "@numba.njit(cache=True)\ndef f(x, i):\n    return x[i].copy()\n"
    text += "def g(x, i):\n    return x[i]\nh = njit(g)\n"
    changed = rewritten(text, "compiled.py")
    assert changed is not None
    assert "__@numpy_bridge__" not in changed.co_names


def test_torch_compiles_rewritten_functions() -> None:
    torch = pytest.importorskip("torch", reason="compiles with torch")
    text = "import torch\ndef f(x):\n    y = x.float().reshape(2, -1)\n"
    text += "    return torch.stack([y, y])[[0]].flatten()\n"
    changed = rewritten(text, "/program/model.py")
    assert changed is not None
    scope: dict[str, Any] = {"__name__": "model"}
    exec(changed, scope)
    with bridge.audit():
        compiled = torch.compile(scope["f"], backend="eager", fullgraph=True)
        assert compiled(torch.arange(4)).tolist() == [0, 1, 2, 3]
        traced = torch.jit.trace(scope["f"], torch.arange(4.0))
    assert traced(torch.arange(4.0) + 1).tolist() == [1, 2, 3, 4]
    assert "numpy_bridge" not in str(traced.graph)


def test_the_program_is_told_from_libraries() -> None:
    assert code_of("/program/model.py").value == "user"
    assert code_of("/somewhere/site-packages/model.py").value == "library"
