"""Two extensions in one process, built against different versions of the headers.

The dynamic linker makes one object of inline variables, and of inline functions' statics, that have the same
name and default visibility in both, even where modules are loaded with RTLD_LOCAL. And exceptions are caught
by the name of their type. So symbols are hidden, and the namespace has the version in its name.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import numpy_bridge
from support import HERE, INSTALLED, compile_engine, compile_module, python, run

OTHER_VERSION = "9.8.7"

# What another version may well change: every object that one module would mistake for its own.
LAYOUT_CHANGES = {
    "error.hpp": (r"class sharing_error : public std::runtime_error \{", "std::string added_;"),
    "libraries/numpy.hpp": (r"class numpy_library \{", "std::uint64_t added_[8] = {};"),
    "libraries/torch.hpp": (r"class torch_library \{", "std::uint64_t added_[8] = {};"),
}

USE = """
import numpy as np, torch, {first}, {second}
for _ in range(2):
    for module in ({first}, {second}):
        for make in (np.zeros, torch.zeros):
            x = make(3, dtype=torch.float32 if make is torch.zeros else np.float32)
            module.fill(x, 7)
            assert x.tolist() == [7, 7, 7]
            assert module.keep(x) == 7
        for refused in (torch.zeros(3, requires_grad=True), torch.zeros(3)._neg_view(), np.zeros(3)):
            try:
                module.fill(refused, 7)
            except TypeError:
                pass
            else:
                raise AssertionError(f"{{module.__name__}} wrote into {{refused!r}}")
        try:
            module.fail()
        except BufferError as error:
            assert str(error) == f"{{module.version}} caught version {{module.version}}", error
        else:
            raise AssertionError(f"{{module.__name__}} did not fail")
assert {first}.version != {second}.version
"""


def other_version(folder: Path) -> Path:
    """A copy of the library with another version number and other layouts."""
    for part in ("include", "engine"):
        shutil.copytree(INSTALLED / part, folder / part)
    headers = folder / "include/numpy_bridge"
    version = headers / "version.hpp"
    numbers = numpy_bridge.__version__
    text = version.read_text().replace(numbers, OTHER_VERSION)
    version.write_text(text.replace(numbers.replace(".", "_"), OTHER_VERSION.replace(".", "_")))
    for name, (opening, added) in LAYOUT_CHANGES.items():
        text, changes = re.subn(opening, rf"\g<0> {added}", headers.joinpath(name).read_text())
        assert changes == 1, name
        headers.joinpath(name).write_text(text)
    return folder


@pytest.fixture(
    scope="module",
    params=["", "-fvisibility=hidden", "compiled"],
    ids=["default", "hidden", "compiled"],
)
def modules(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the modules `this` and `other`, compiled with this flag."""
    folder = tmp_path_factory.mktemp("modules")
    for name, package in {"this": INSTALLED, "other": other_version(folder / "library")}.items():
        source = Path(shutil.copy(HERE / "coexist.cpp", folder / f"{name}.cpp"))
        compiled = request.param == "compiled"
        flags = compile_engine(folder, package) if compiled else request.param.split()
        compile_module(source, f"-DMODULE_NAME={name}", *flags, package=package)
    return folder


@pytest.mark.parametrize("order", [("this", "other"), ("other", "this")], ids="-".join)
def test_both_work_in_one_process(modules: Path, order: tuple[str, str]) -> None:
    python(USE.format(first=order[0], second=order[1]), modules)


@pytest.mark.parametrize("name", ["this", "other"])
def test_nothing_of_ours_is_exported(modules: Path, name: str) -> None:
    (binary,) = modules.glob(f"{name}.*.so")
    symbols = run("nm", "--dynamic", "--defined-only", "--demangle", binary)
    assert f"PyInit_{name}" in symbols
    ours = [line for line in symbols.splitlines() if "numpy_bridge" in line]
    assert not [line for line in ours if not re.match(r"\w+ W std::", line)]  # what std makes of our types
