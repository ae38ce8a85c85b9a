"""The shapes of memory maps, in light and dark colours."""

from __future__ import annotations

from xml.etree import ElementTree as xml

from numpy_bridge.page.themes import themed

WIDTH, LEFT, PLOT = 480, 76, 392
"""Pixels: width of the picture, of its left margin, and of the part to scale. Narrow enough for phones."""

_LONGEST_LABEL = 62

_LIGHT = {
    ".nb-map .paper": "fill:#fff",
    ".nb-map text": "fill:#333",
    ".nb-map .lane": "fill:#eef0f3",
    ".nb-map .a": "fill:#2f6fde",
    ".nb-map .b": "fill:#e08a00",
    ".nb-map .both": "fill:#8b1a8b",
    ".nb-map .dot": "fill:#fff;stroke:#222",
    ".nb-map .cell": "stroke:#fff",
}
_DARK = {
    ".nb-map .paper": "fill:#17191e",
    ".nb-map text": "fill:#d7dae0",
    ".nb-map .lane": "fill:#262a31",
    ".nb-map .a": "fill:#6aa0ff",
    ".nb-map .b": "fill:#f2ac3c",
    ".nb-map .both": "fill:#e07be0",
    ".nb-map .dot": "fill:#111;stroke:#eee",
    ".nb-map .cell": "stroke:#17191e",
}
_STYLE = f"""
.nb-map{{font:12px ui-monospace,Menlo,Consolas,monospace}}
.nb-map .cell{{stroke-width:.6}}.nb-map .dense{{fill-opacity:.55}}
{themed(_LIGHT, _DARK)}
"""


def new_picture(title: str) -> xml.Element:
    """Return an empty picture; `finished` sets its height."""
    picture = xml.Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "class": "nb-map", "role": "img"})
    xml.SubElement(picture, "title").text = f"Memory map of {title}"
    xml.SubElement(picture, "style").text = _STYLE
    xml.SubElement(picture, "rect", {"class": "paper", "width": "100%", "height": "100%", "rx": "6"})
    return picture


def finished(picture: xml.Element, height: float) -> str:
    """Return the picture as a document."""
    picture.set("viewBox", f"0 0 {WIDTH} {height:.0f}")
    picture.set("width", str(WIDTH))
    picture.set("height", f"{height:.0f}")
    return xml.tostring(picture, encoding="unicode")


def text(picture: xml.Element, x: float, y: float, content: str, anchor: str = "start") -> None:
    """Add one line of text."""
    shape = xml.SubElement(picture, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor})
    shape.text = content if len(content) <= _LONGEST_LABEL else f"{content[: _LONGEST_LABEL - 1]}…"


def key(picture: xml.Element, y: float, colour: str, content: str) -> None:
    """Add a line of the legend."""
    xml.SubElement(picture, "rect", _box(12, y - 10, 12, 12) | {"class": colour, "rx": "2"})
    text(picture, 30, y, content)


def lane(picture: xml.Element, y: float, height: float) -> None:
    """Add the background of a row."""
    xml.SubElement(picture, "rect", _box(LEFT, y, PLOT, height) | {"class": "lane"})


def block(
    picture: xml.Element, x: float, y: float, end: float, height: float, colour: str, dense: bool = False
) -> None:
    """Add memory from `x` to `end`, always wide enough to see. `dense` memory has gaps too narrow to draw."""
    wide = max(end - x, 1.5)
    classes = f"{colour} dense" if dense else f"{colour} cell" if wide > 3 else colour
    xml.SubElement(picture, "rect", _box(x, y, wide, height) | {"class": classes})


def dot(picture: xml.Element, x: float, y: float) -> None:
    """Mark the first element."""
    xml.SubElement(picture, "circle", {"class": "dot", "cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "2.5"})


def _box(x: float, y: float, width: float, height: float) -> dict[str, str]:
    return {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
