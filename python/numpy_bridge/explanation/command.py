"""`numpy-bridge explain`: an object in a file or a module, on the command line."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from numpy_bridge import page
from numpy_bridge.cli_errors import misused, require_place_for_file
from numpy_bridge.page.markup import Markup

from . import explain


def command(
    what: Annotated[
        list[str], typer.Argument(metavar="FILE.npy|MODULE:OBJECT", help="One object, or two to compare.")
    ],
    as_html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with a memory map.")
    ] = None,
) -> None:
    """Explain the memory of an object, or how two objects overlap.

    For one object, the calls of each library that share it follow.

    A file of NumPy is mapped, not read. MODULE:OBJECT is imported, for example data.loaders:train.images.

    Exit status: 0, or 2 if there is no such object.
    """
    if len(what) > 2:
        raise misused("explain", f"expected one object, or two to compare; got {len(what)}")
    require_place_for_file("explain", as_html)
    found = explain(*map(_object, what))
    if as_html:
        shown = page.document(" and ".join(what), Markup(found._repr_html_()))
        as_html.write_text(shown, encoding="utf-8")
        print(f"{found.outline.headline}\nWritten to {as_html}.")
    else:
        Console(highlight=False).print(found)


def _object(name: str) -> Any:
    """Return the array in a file, or the object in a module. A name such as C:\\a.npy is a file's, too."""
    module, colon, path = name.partition(":")
    is_file = Path(name).is_file()
    if not colon and not is_file:
        raise misused("explain", f"there is no file {name}; write FILE.npy or MODULE:OBJECT")
    try:
        if is_file:
            return np.lib.format.open_memmap(name, mode="r")
        sys.path.insert(0, str(Path.cwd()))
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
        return found
    except (OSError, ValueError, ImportError, AttributeError) as error:
        raise misused("explain", f"{name}: {error}") from None
