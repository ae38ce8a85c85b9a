"""The web site that `nox -s docs` builds: it can be read, wide and narrow, light and dark."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from selenium.webdriver.common.by import By

from legibility import faint_texts, scrolls_sideways

SITE = Path(__file__).parents[2] / "build/docs"
PAGES = ("index", "tutorial", "reference", "cpp-reference", "gallery/look-at-memory")
pytestmark = pytest.mark.skipif(not SITE.exists(), reason="the site is not built: nox -s docs")


@pytest.mark.parametrize("page", PAGES)
def test_is_legible(open_file, page, scheme, width):
    browser = open_file(SITE / f"{page}.html", scheme=scheme, width=width)
    assert faint_texts(browser) == []
    assert not scrolls_sideways(browser)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_explanations_follow_the_theme_of_the_page(open_file, theme, scheme):
    """Whatever the system prefers: the page has a button for it."""
    browser = open_file(SITE / "gallery/look-at-memory.html", scheme=scheme)
    browser.execute_script("document.body.dataset.theme = arguments[0]", theme)
    ask = "return getComputedStyle(document.querySelector(arguments[0])).backgroundColor"
    paper = browser.execute_script(ask, ".numpy-bridge")
    assert (paper == "rgb(255, 255, 255)") is (theme == "light")
    assert faint_texts(browser) == []


def test_finds_and_copies(open_file):
    browser = open_file(SITE / "reference.html")
    assert browser.find_elements(By.CSS_SELECTOR, "button.copybtn")
    assert browser.find_element(By.ID, "numpy_bridge.to_torch").is_displayed()
    assert "to_torch" in (SITE / "searchindex.js").read_text(encoding="utf-8")


def test_every_cpp_entry_is_in_the_reference():
    index = ElementTree.parse(SITE.parent / "doxygen/xml/index.xml").getroot()
    text = re.sub(r"<[^>]+>", "", (SITE / "cpp-reference.html").read_text(encoding="utf-8"))
    names = [
        each.findtext("name")
        for compound in index
        for each in (compound, *(compound.findall("member") if compound.get("kind") == "file" else ()))
        if each.get("kind") in ("class", "struct", "function", "typedef", "variable", "enum")
    ]
    assert len(names) > 100
    assert [name for name in names if re.split("<|::", name.partition("<")[0])[-1].strip() not in text] == []


@pytest.mark.parametrize("file", ["llms.txt", "sitemap.xml", "objects.inv"])
def test_has_what_machines_read(file):
    assert (SITE / file).stat().st_size > 500
