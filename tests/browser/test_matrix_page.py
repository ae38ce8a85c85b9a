"""The page of `numpy-bridge matrix --html`."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By

from legibility import faint_texts, scrolls_sideways
from numpy_bridge import matrix
from numpy_bridge.matrix.page import page


@pytest.fixture(scope="module")
def html() -> str:
    """A small matrix that is real."""
    cells = matrix.run(*matrix.select(only=["python", "numpy", "torch"], targets=["python", "numpy"]))
    return page(matrix.Matrix.of(cells))


def test_every_pair_is_a_square_that_tells_its_reason(open_page, html, width):
    browser = open_page(html, width=width)
    heat = browser.find_element(By.CSS_SELECTOR, ".heat")
    assert [head.text for head in heat.find_elements(By.CSS_SELECTOR, "th[scope=colgroup]")] == [
        "numpy",
        "python",
    ]
    assert "dlpack" in [head.text for head in heat.find_elements(By.CSS_SELECTOR, "th[scope=col]")]
    (row,) = heat.find_elements(By.XPATH, ".//tr[th='bytearray']")
    squares = row.find_elements(By.TAG_NAME, "button")
    labels = [square.get_attribute("aria-label") for square in squares]
    refused = labels.index("bytearray: np.from_dlpack(x) refuses")
    assert squares[refused].get_attribute("class") == "plain"
    assert squares[labels.index("bytearray: np.asarray(x) shares")].get_attribute("class") == "good"
    browser.execute_script("arguments[0].click()", squares[refused])
    told = browser.find_element(By.CSS_SELECTOR, ".chosen").text
    assert told.startswith("bytearray: np.from_dlpack(x) refuses: ")
    assert "__dlpack__" in told
    assert len(heat.find_elements(By.CSS_SELECTOR, "[aria-pressed=true]")) == 1


def test_pairs_are_found_by_their_result(open_page, html):
    browser = open_page(html)
    section = browser.find_element(By.XPATH, "//section[h2='Every pair']")
    section.find_element(By.TAG_NAME, "input").send_keys("wrong np.asarray")
    rows = [row for row in section.find_elements(By.CSS_SELECTOR, "tbody tr") if row.is_displayed()]
    assert [row.find_element(By.TAG_NAME, "td").text for row in rows] == ["bytes"]
    assert "objects of type bytes for numbers" in rows[0].text


def test_harm_stands_out(open_page, html):
    browser = open_page(html)
    colours = {
        word: browser.find_element(By.XPATH, f"//td[.='{word}']").value_of_css_property("color")
        for word in ("shares", "copies", "wrong")
    }
    assert len(set(colours.values())) == 3


def test_is_legible(open_page, html, scheme, width):
    browser = open_page(html, scheme=scheme, width=width)
    assert faint_texts(browser) == []
    assert not scrolls_sideways(browser)
