"""`numpy-bridge tour --html`: every step, with a memory map for every proof."""

from __future__ import annotations

import re

import pytest
from selenium.webdriver.common.by import By

from legibility import faint_texts, scrolls_sideways
from numpy_bridge import tour
from numpy_bridge.tour.page import page


@pytest.fixture(scope="module")
def results():
    return tour.run()


@pytest.fixture(scope="module")
def html(results):
    return page(results, range(1, len(results) + 1))


def test_every_step_is_there_and_can_be_gone_to(open_page, html, results):
    browser = open_page(html)
    for result in results:
        article = browser.find_element(By.ID, result.step.name)
        assert result.step.title in article.text
        assert len(article.find_elements(By.CSS_SELECTOR, "svg")) == len(result.proofs)
        for finding in result.findings:
            assert finding.claim.says in article.text
    browser.find_element(By.LINK_TEXT, "add-in-place").click()
    top = browser.find_element(By.ID, "add-in-place").get_property("offsetTop")
    assert browser.execute_script("return window.scrollY") == pytest.approx(top, abs=50)


def test_it_is_legible(open_page, html, scheme, width):
    browser = open_page(html, scheme=scheme, width=width)
    assert faint_texts(browser) == []
    assert not scrolls_sideways(browser)


def test_the_summary_sorts_and_filters(open_page, html):
    browser = open_page(html)
    browser.find_element(By.CSS_SELECTOR, ".filter input").send_keys("impossible")
    shown = [row for row in browser.find_elements(By.CSS_SELECTOR, "tbody tr") if row.is_displayed()]
    assert 0 < len(shown) < len(tour.steps)
    assert all("impossible" in row.text for row in shown)


def test_nothing_is_loaded_from_elsewhere(html):
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:|#)|url\(|@import""", html)
