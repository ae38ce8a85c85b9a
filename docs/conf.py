"""The documentation as a web site: `nox -s docs`, or `sphinx-build -W docs build/docs`.

The pages stay readable as plain Markdown in the repository. What only the site needs is added here.
`sphinx-build -t online` links to the references of Python, NumPy and torch; that needs a network.
"""

from __future__ import annotations

import os
import re
import subprocess
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

import numpy_bridge

project = "numpy-bridge"
author = "the numpy-bridge developers"
version = release = numpy_bridge.__version__
html_title = f"{project} {release}"
# Addresses are in one place, [project.urls] of pyproject.toml. Without them, links to the repository are
# plain text, and there is no sitemap.
URLS = dict(line.split(", ", 1) for line in metadata(project).get_all("Project-URL") or ())
REPOSITORY = URLS.get("Repository", "")
html_baseurl = os.environ.get("DOCS_URL", URLS.get("Documentation", ""))

extensions = [
    "breathe",
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
    "sphinx_llms_txt",
    "sphinxext.opengraph",
]
if html_baseurl:
    extensions.append("sphinx_sitemap")
html_theme = "furo"
pygments_dark_style = "a11y-dark"  # the usual one underlines modules like links
templates_path = ["templates"]
html_sidebars = {
    "**": [
        *("sidebar/brand.html", "versions.html", "sidebar/search.html", "sidebar/scroll-start.html"),
        *("sidebar/navigation.html", "sidebar/scroll-end.html"),
    ]
}
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

nitpicky = True
nitpick_ignore_regex = [
    # Other libraries.
    ("cpp:identifier", r"(py|pybind11|Eigen)(::.*)?|Py\w+|visitproc|cuda\w+_t"),
    ("py:.*", r"(numpy|torch|multiprocessing)\..*|SynchronizedBase.*"),
    # What may change, as cpp-reference.md says, and private aliases in public signatures.
    ("cpp:identifier", r"(detail|engine)(::.*)?|parts(::\w+)?|hold"),
    # What Sphinx does not look up: others' template parameters, scopes with an alias or a member so named.
    ("cpp:identifier", r"N|Order|fresh<.*>::shape_type|device_type::cpu|dlpack::data_type"),
]

CPP_PAGE = "cpp-reference"
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
        file.write_text(public.replace("numpy_bridge::", ""))  # the page leaves the namespace out


def remember_cpp_targets(app: Sphinx, document: nodes.document) -> None:
    """Note what comments of C++ can link to; all of it is on one page."""
    if app.env.docname == CPP_PAGE:
        app.env.cpp_targets = {name for each in document.findall(Element) for name in each["ids"]}


def cpp_link(app: Sphinx, env: BuildEnvironment, link: pending_xref, text: Element) -> Element | None:
    """Link comments of C++ to classes, whose labels Sphinx leaves out. Links to files become plain text."""
    target = link["reftarget"]
    if link.get("refdoc") != CPP_PAGE or link["reftype"] != "ref":
        return None
    return make_refnode(app.builder, CPP_PAGE, CPP_PAGE, target, text) if target in env.cpp_targets else text


def setup(app: Sphinx) -> None:
    run_doxygen()
    app.connect("doctree-read", remember_cpp_targets)
    app.connect("missing-reference", cpp_link)
    app.connect("source-read", outside_links)
    app.connect("autodoc-process-docstring", compiled_docstring, priority=100)
