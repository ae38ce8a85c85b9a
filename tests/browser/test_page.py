"""The shell of all pages: `numpy_bridge.page`."""

from __future__ import annotations

import re

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from legibility import contrast, faint_texts, scrolls_sideways
from numpy_bridge import page

ROWS = [
    ["ten.py", page.Cell("10 B", 10, "good")],
    ["two.py", page.Cell("2 KiB", 2048, "note")],
    ["<b>one.py</b>", page.Cell("1 B", 1, "bad")],
]


def sample() -> str:
    table = page.table(["file", page.Column("bytes", numeric=True)], ROWS, caption="Copies")
    wide = page.table([f"column {i}" for i in range(20)], [["a value"] * 20])
    return page.document("A page", page.section("Files", table), page.section("Wide", wide), lead="Read it.")


def shown(browser: WebDriver) -> list[str]:
    cells = browser.find_element(By.TAG_NAME, "table").find_elements(By.CSS_SELECTOR, "tbody td:first-child")
    return [cell.text for cell in cells if cell.is_displayed()]


def test_text_is_escaped(open_page):
    browser = open_page(sample())
    assert browser.title == "A page"
    assert shown(browser) == ["ten.py", "two.py", "<b>one.py</b>"]


def test_heads_sort(open_page):
    browser = open_page(sample())
    head = browser.find_elements(By.CSS_SELECTOR, "thead th")[1]
    button = head.find_element(By.TAG_NAME, "button")
    button.click()
    assert shown(browser) == ["two.py", "ten.py", "<b>one.py</b>"]
    assert head.get_attribute("aria-sort") == "descending"
    button.send_keys(Keys.ENTER)
    assert shown(browser) == ["<b>one.py</b>", "ten.py", "two.py"]
    assert head.get_attribute("aria-sort") == "ascending"


def test_filter_hides_rows_and_counts_those_left(open_page):
    browser = open_page(sample())
    field = browser.find_element(By.CSS_SELECTOR, "input")
    field.send_keys("py KIB")
    assert shown(browser) == ["two.py"]
    assert browser.find_element(By.TAG_NAME, "output").text == "1 of 3 rows"
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(Keys.BACKSPACE)
    assert len(shown(browser)) == 3


def test_is_legible(open_page, scheme, width):
    browser = open_page(sample(), scheme=scheme, width=width)
    assert faint_texts(browser) == []
    assert not scrolls_sideways(browser)


def test_schemes_differ(open_page):
    ask = "return getComputedStyle(document.body).backgroundColor"
    papers = [open_page(sample(), scheme=scheme).execute_script(ask) for scheme in ("light", "dark")]
    assert papers[0] != papers[1]


def test_faint_text_would_be_found(open_page):
    browser = open_page(sample().replace("--quiet: #5a6375", "--quiet: #cccccc"))
    found = dict(faint_texts(browser))
    assert found["Read it."] == pytest.approx(contrast("rgb(204, 204, 204)", "rgb(255, 255, 255)"))


def test_nothing_is_loaded_from_elsewhere():
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)|url\(|@import""", sample())
