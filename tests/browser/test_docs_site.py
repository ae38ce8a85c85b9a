"""The web site that `nox -s docs` builds: it can be read, wide and narrow, light and dark."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

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


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder with two versions of the site, and the address that serves it."""
    for version in ("1.0", "2.0"):
        (tmp_path / version).symlink_to(SITE)
    handler = partial(QuietHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_ignored: object) -> None:
        """Say nothing of requests."""


def test_other_versions_can_be_chosen(chromium, served):
    folder, address = served
    versions = [{"version": name, "url": f"../{name}/"} for name in ("1.0", "2.0")]
    (folder / "versions.json").write_text(json.dumps(versions))
    chromium.get(f"{address}/2.0/gallery/look-at-memory.html")
    wait = WebDriverWait(chromium, 10)
    select = Select(
        wait.until(lambda page: page.find_element(By.CSS_SELECTOR, ".versions:not([hidden]) select"))
    )
    assert [option.text for option in select.options] == ["1.0", "2.0"]
    assert select.first_selected_option.text == "2.0"
    select.select_by_visible_text("1.0")
    wait.until(lambda page: page.current_url == f"{address}/1.0/gallery/look-at-memory.html")


def test_without_other_versions_there_is_nothing_to_choose(chromium, served, open_file):
    assert not open_file(SITE / "index.html").find_element(By.CLASS_NAME, "versions").is_displayed()
    _folder, address = served
    chromium.get(f"{address}/2.0/")
    chromium.execute_async_script("fetch('../versions.json').then(arguments[0], arguments[0])")
    assert not chromium.find_element(By.CLASS_NAME, "versions").is_displayed()
    chromium.get_log("browser")  # Chromium notes there that the file is missing


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


def test_comments_of_cpp_link_to_classes():
    text = (SITE / "cpp-reference.html").read_text(encoding="utf-8")
    assert text.count('href="#classsharing__error"') > 3


@pytest.mark.parametrize("file", ["llms.txt", "sitemap.xml", "objects.inv"])
def test_has_what_machines_read(file):
    assert (SITE / file).stat().st_size > 500
