"""Whether people can read a page: contrast of its texts, and nothing wider than the window."""

from __future__ import annotations

from typing import Any

from selenium.webdriver.chrome.webdriver import WebDriver

ENOUGH = 4.5  # WCAG 2.2, success criterion 1.4.3: contrast of text of ordinary size

_TEXTS = """
const solid = (colour) => Number(colour.match(/[\\d.]+/g)[3] ?? 1) > 0.5; // a tint changes little
const behind = (element) => {
  for (let e = element; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor;
    if (solid(colour)) return colour;
  }
  return "rgb(255, 255, 255)";
};
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  const text = walker.currentNode.textContent.trim();
  if (!text || !element.checkVisibility() || element.closest("script, style")) continue;
  const style = getComputedStyle(element);
  const drawn = element instanceof SVGElement ? style.fill : style.color;
  found.push([text, drawn, behind(element)]);
}
return found;
"""


def faint_texts(page: WebDriver) -> list[tuple[str, float]]:
    """Return texts in a colour too near to that behind them, with their contrast."""
    contrasts = [(text, contrast(drawn, behind)) for text, drawn, behind in page.execute_script(_TEXTS)]
    assert contrasts, "the page shows no text"
    return [(text, ratio) for text, ratio in contrasts if ratio < ENOUGH]


def scrolls_sideways(page: WebDriver) -> bool:
    """Whether the page itself, not a part made to scroll, is wider than the window."""
    wide: Any = page.execute_script("return document.documentElement.scrollWidth > window.innerWidth")
    return bool(wide)


def contrast(first: str, second: str) -> float:
    """Contrast of two CSS colours `rgb(r, g, b)`, 1 to 21, as WCAG 2.2 defines it."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [float(part) / 255 for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
