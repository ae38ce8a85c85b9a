"""Explanations as notebooks show them, and memory maps alone: readable in light and dark, wide and narrow."""

from __future__ import annotations

import numpy as np
import pytest
from selenium.webdriver.common.by import By

import numpy_bridge as bridge
from legibility import contrast, faint_texts, scrolls_sideways

HEAD = (
    '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<link rel="icon" href="data:,">'
)
MATRIX = np.zeros((8, 12), np.float32)
SHOWN = {
    "one": lambda: bridge.explain(MATRIX[::-1, 2:9]),
    "two": lambda: bridge.explain(MATRIX[1:5, 2:9], MATRIX[3:8, 6:]),
    "large": lambda: bridge.explain(np.broadcast_to(np.float32(1), (1 << 20, 1 << 12))),
    "nothing": lambda: bridge.explain([1, 2]),
}


@pytest.mark.parametrize("name", SHOWN)
def test_html_is_legible_on_paper_of_its_own(open_page, name, scheme, width):
    """Whatever the colour of the page around it: notebooks have themes that the system does not know of."""
    browser = open_page(
        HEAD + '<body style="background:#777">' + SHOWN[name]()._repr_html_(), scheme=scheme, width=width
    )
    assert faint_texts(browser) == []
    assert not scrolls_sideways(browser)


HOSTS = {
    "Jupyter": lambda theme: f'<body data-jp-theme-light="{str(theme == "light").lower()}">',
    "VS Code": lambda theme: f'<body class="vscode-{theme}">',
    "Colab": lambda theme: f'<html theme="{theme}"><body>',
    "Sphinx": lambda theme: f'<body data-theme="{theme}">',
}
RULES_OF_JUPYTER = """<style>
.jp-RenderedHTMLCommon td{text-align:right;white-space:nowrap;max-width:none}
.jp-RenderedHTMLCommon tbody tr:nth-child(odd){background:#fff}.jp-RenderedHTMLCommon{color:#ddd}
.jp-RenderedHTMLCommon tbody tr:nth-child(even){background:#f5f5f5}
</style><div class="jp-RenderedHTMLCommon">"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("host", HOSTS)
def test_html_has_the_theme_of_its_notebook(open_page, host, theme, scheme):
    html = SHOWN["two"]()._repr_html_()
    browser = open_page(HEAD + HOSTS[host](theme) + RULES_OF_JUPYTER + html, scheme=scheme)
    ask = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    white = theme == "light"
    papers = [(".numpy-bridge", "backgroundColor"), (".nb-map .paper", "fill")]
    assert [browser.execute_script(ask, *paper) == "rgb(255, 255, 255)" for paper in papers] == [white] * 2
    assert browser.execute_script(ask, ".numpy-bridge td:last-child", "textAlign") == "left"
    assert faint_texts(browser) == []


def test_labels_are_in_one_line_on_a_phone(open_page):
    browser = open_page(HEAD + SHOWN["two"]()._repr_html_(), width="phone")
    labels = browser.find_elements(By.CSS_SELECTOR, ".numpy-bridge td:first-child:not(.below)")
    assert {"elements of a", "addresses"} <= {label.text for label in labels}
    assert all(label.rect["height"] < 40 for label in labels if label.text == "elements of a")
    assert not scrolls_sideways(browser)


def test_tables_have_their_rows(open_page):
    browser = open_page(HEAD + SHOWN["one"]()._repr_html_())
    rows = browser.find_elements(By.CSS_SELECTOR, ".numpy-bridge tr")
    assert ["NumPy", "shares", "np.asarray(x)"] in [
        [cell.text for cell in row.find_elements(By.TAG_NAME, "td")][:3] for row in rows
    ]


def colours(browser, shape):
    ask = "return getComputedStyle(document.querySelector(arguments[0])).fill"
    return [browser.execute_script(ask, f".nb-map .{name}") for name in ("paper", shape)]


def test_a_memory_map_alone_has_its_colours(open_page, scheme):
    browser = open_page(HEAD + SHOWN["two"]().svg, scheme=scheme)
    for shape in ("a", "b", "both"):
        assert contrast(*colours(browser, shape)) >= 2.5, shape  # of large shapes, whose borders are white
    papers = {s: colours(open_page(HEAD + SHOWN["two"]().svg, scheme=s), "a")[0] for s in ("light", "dark")}
    assert papers["light"] != papers["dark"]


def test_a_memory_map_fits_a_phone(open_page):
    browser = open_page(HEAD + SHOWN["two"]()._repr_html_(), width="phone")
    box = browser.find_element(By.CSS_SELECTOR, "svg").rect
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 375
    text = browser.find_element(By.CSS_SELECTOR, "svg text").rect
    assert text["height"] >= 8
