"""The page of `numpy-bridge audit --html`."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from legibility import faint_texts, scrolls_sideways
from numpy_bridge.auditing import page as audit_page
from numpy_bridge.auditing.pictures import Pictures
from numpy_bridge.auditing.run import run

PROGRAM = """
import numpy as np
block = bytearray(3_000_000)
np.asarray(block)
np.array(block)
np.array([1, 2])
np.array("<script>alert(1)</script>")
"""


@pytest.fixture
def html(tmp_path: Path) -> str:
    script = tmp_path / ("a_folder_with_a_long_name_" * 5) / "script.py"
    script.parent.mkdir()
    script.write_text(PROGRAM)
    pictures = Pictures()
    done = run([str(script)], listener=pictures)
    return audit_page.html(done, ["script.py", "--epochs", "3"], pictures)


def test_rows_sort_and_filter(open_page, html):
    browser = open_page(html)

    def lines() -> list[str]:
        cells = browser.find_elements(By.CSS_SELECTOR, "tbody td:last-child code:first-of-type")
        return [cell.text for cell in cells if cell.is_displayed()]

    by_line = PROGRAM.splitlines()[3:]
    assert lines()[0] == "np.array(block)"
    assert "script.py --epochs 3: 4 conversions: 2.861 MiB copied, 2.861 MiB shared" in browser.page_source
    outcomes = browser.find_elements(By.CSS_SELECTOR, "tbody td:nth-last-child(2)")
    assert sorted(cell.text for cell in outcomes) == ["copied", "copied", "hidden copy", "shared"]
    browser.find_element(By.CSS_SELECTOR, "thead th:last-child button").click()
    assert lines() in (by_line, by_line[::-1])
    browser.find_element(By.CSS_SELECTOR, "input").send_keys("hidden")
    assert lines() == ["np.array(block)"]


def test_memory_maps(open_page, html):
    browser = open_page(html)
    section = browser.find_elements(By.TAG_NAME, "section")[-1]
    titles = [each.text.partition("script.py")[2] for each in section.find_elements(By.TAG_NAME, "h3")]
    assert titles == [":5 np.array: hidden copy", ":4 np.asarray: shared"]
    first, second = (picture.text for picture in browser.find_elements(By.TAG_NAME, "svg"))
    assert "in both" not in first
    assert "in both: 3,000,000 bytes" in second or "in both: 3000000 bytes" in second


def test_the_source_has_marked_lines(open_page, html):
    browser = open_page(html)
    marked = browser.find_elements(By.CSS_SELECTOR, ".listing .marked")
    assert [line.text.split()[0] for line in marked] == ["4", "5", "6", "7"]
    assert [line.get_attribute("class").split()[1] for line in marked] == [
        *("good-line", "bad-line", "note-line", "note-line"),
    ]
    assert marked[1].text.strip() == "5  np.array(block) 2.861 MiB hidden"


def test_bars_are_as_long_as_the_bytes(open_page, html):
    bars = open_page(html).find_elements(By.CSS_SELECTOR, "tbody .bar")
    widths = [bar.size["width"] for bar in bars]
    assert widths[0] == max(widths) > 10 * min(widths)


def test_rows_are_cards_on_a_phone(open_page, html):
    browser = open_page(html, width="phone")
    assert not browser.find_element(By.TAG_NAME, "thead").is_displayed()
    rows = browser.find_elements(By.CSS_SELECTOR, "tbody tr")
    screen = browser.execute_script("return document.documentElement.clientWidth")
    assert all(0.8 * screen < row.size["width"] <= screen for row in rows)
    cells = rows[0].find_elements(By.TAG_NAME, "td")
    assert cells[-1].location["y"] > cells[0].location["y"]
    assert cells[2].location["y"] == cells[0].location["y"]


def test_is_legible(open_page, html, scheme, width):
    browser = open_page(html, scheme=scheme, width=width)
    assert faint_texts(browser) == []
    assert not scrolls_sideways(browser)
