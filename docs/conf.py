"""The documentation as a web site: `nox -s docs`, or `sphinx-build -W docs build/docs`.

The pages stay readable as plain Markdown in the repository. What only the site needs is added here.
`sphinx-build -t online` links to the references of Python, NumPy and torch; that needs a network.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

import numpy_bridge

project = "numpy-bridge"
author = "the numpy-bridge developers"
version = release = numpy_bridge.__version__
html_title = f"{project} {release}"
html_baseurl = os.environ.get("DOCS_URL", "https://example.org/numpy-bridge/")
REPOSITORY = os.environ.get("DOCS_REPOSITORY", "")  # where files outside of docs/ can be read, if anywhere

extensions = [
    "breathe",
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_llms_txt",
    "sphinx_sitemap",
    "sphinxext.opengraph",
]
html_theme = "furo"
html_static_path = ["pictures/overlap.svg"]
html_favicon = "pictures/overlap.svg"
html_theme_options = {"source_repository": REPOSITORY, "source_branch": "main", "source_directory": "docs/"}
sitemap_url_scheme = "{link}"
ogp_site_url = html_baseurl
ogp_social_cards = {"enable": False}
ogp_image = "_static/overlap.svg"
llms_txt_summary = numpy_bridge.__doc__.partition("\n")[0]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 60
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_typehints_format = "short"
numpydoc_show_class_members = False
add_module_names = False
maximum_signature_line_length = 88

intersphinx_mapping: dict[str, tuple[str, None]] = {}
if tags.has("online"):  # type: ignore[name-defined] # noqa: F821 Sphinx puts it here
    intersphinx_mapping = {
        "python": ("https://docs.python.org/3", None),
        "numpy": ("https://numpy.org/doc/stable", None),
        "torch": ("https://docs.pytorch.org/docs/stable", None),
    }

XML = Path(__file__).parent.parent / "build/doxygen"
breathe_projects = {project: str(XML / "xml")}
breathe_default_project = project
breathe_default_members = ("members",)
breathe_show_include = False
cpp_maximum_signature_line_length = 88


def outside_links(_app: Sphinx, _page: str, source: list[str]) -> None:
    """Links to files outside of docs/ go to the repository, or become plain text."""

    def elsewhere(found: re.Match[str]) -> str:
        return f"[{found[1]}]({REPOSITORY}/{found[2]})" if REPOSITORY else found[1]

    source[0] = re.sub(r"\[([^\]]+)\]\(\.\./([^)]+)\)", elsewhere, source[0])


def compiled_docstring(
    _app: Sphinx, what: str, name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Put the docstrings of further overloads after the summary of the first one."""
    if what != "function" or "Overloaded function." not in lines:
        return
    text = "\n".join(lines).partition("Overloaded function.")[2]
    parts = re.split(rf"^\d+\. {name.rpartition('.')[2]}\(.*$", text, flags=re.MULTILINE)
    first, *others = (part.strip() for part in parts if part.strip())
    summary, _, rest = first.partition("\n\n")
    lines[:] = "\n\n".join((summary, *(f"With ``tree``: {other}" for other in others), rest)).splitlines()


def run_doxygen() -> None:
    """Write the XML of the headers, without what is private in them."""
    XML.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "DOXYGEN_OUTPUT": str(XML)}
    subprocess.run(["doxygen", "Doxyfile"], cwd=Path(__file__).parent, env=environment, check=True)
    for file in (XML / "xml").glob("*.xml"):
        public = re.sub(r'<sectiondef kind="private.*?</sectiondef>', "", file.read_text(), flags=re.DOTALL)
        file.write_text(public)


def setup(app: Sphinx) -> None:
    run_doxygen()
    app.connect("source-read", outside_links)
    app.connect("autodoc-process-docstring", compiled_docstring, priority=100)
