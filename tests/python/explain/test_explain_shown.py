"""Explanations as plain text, for rich, as HTML, and as memory maps, whose geometry is to scale."""

from __future__ import annotations

import io
import re
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree as xml

import numpy as np
import pytest

import numpy_bridge as bridge
from explained import EVERYTHING
from numpy_bridge.memory.drawing import LEFT, PLOT, WIDTH
from numpy_bridge.units import size
from support import run_python, strided

SVG = "{http://www.w3.org/2000/svg}"

pytestmark = pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")

# Text


@pytest.mark.parametrize(
    ("make", "verdict"),
    [
        (
            lambda torch: np.ones(3)[::-1],
            "numpy.ndarray float64 (3,): NumPy yes, torch no; use bridge.to_torch(x[::-1])",
        ),
        (lambda torch: torch.ones(3), "torch.Tensor float32 (3,): NumPy yes, torch yes"),
        (
            lambda torch: b"ab",
            "bytes uint8 (2,): NumPy read-only, torch no; use bridge.to_torch(x, allow_readonly=True)",
        ),
        (
            lambda torch: torch.ones(3, requires_grad=True),
            "torch.Tensor float32 (3,) cannot be shared: torch cannot",
        ),
    ],
)
def test_the_first_line_is_a_verdict(make: Any, verdict: str) -> None:
    torch = pytest.importorskip("torch", reason="is asked about")
    first = str(bridge.explain(make(torch))).splitlines()[0]
    assert first == verdict if "cannot" not in verdict else first.startswith(verdict)


def test_text_needs_no_other_package_and_fits_a_terminal() -> None:
    text = run_python(
        """
import sys
sys.modules["rich"] = sys.modules["jinja2"] = None
import numpy as np, numpy_bridge as bridge
print(bridge.explain(np.ones((5, 2), "f4")))
assert repr(bridge.explain(b"ab")) == str(bridge.explain(b"ab"))
"""
    )
    assert text.startswith("numpy.ndarray float32 (5, 2): NumPy yes")
    assert re.search(r"^  strides +\(8, 4\) bytes, C order$", text, re.MULTILINE)
    assert re.search(r"^  NumPy +shares +bridge\.to_numpy\(x\)$", text, re.MULTILINE)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 110


def test_a_reason_is_told_once() -> None:
    text = str(bridge.explain([1, 2]))
    assert text.count("it holds Python objects") == 2  # in the headline, and under memory
    assert "for the reason above" in text


@pytest.mark.parametrize("name", EVERYTHING)
def test_everything_can_be_shown(name: str) -> None:
    x = EVERYTHING[name]()
    for shown in (bridge.explain(x), bridge.explain(x, x), bridge.explain(x, b"other")):
        page = xml.fromstring(f"<body>{shown._repr_html_().replace('<br>', '')}</body>")
        assert page.find("div") is not None
        if shown.svg:
            assert shown.svg in shown._repr_html_()
            assert_inside(xml.fromstring(shown.svg))


def test_html_is_escaped() -> None:
    class Rude:
        def __array__(self, *_: Any, **__: Any) -> Any:
            raise ValueError("<script>alert(1)</script>")

    html = bridge.explain(Rude())._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_rich_shows_tables() -> None:
    rich = pytest.importorskip(
        "rich.console", reason="rich is not installed: pip install 'numpy-bridge[cli]'"
    )
    console = rich.Console(width=120, record=True, file=io.StringIO())
    console.print(bridge.explain(np.ones(3)))
    console.print(bridge.explain(np.ones(3), np.ones(3)))
    text = console.export_text()
    assert "Who shares it" in text
    assert "bridge.to_numpy(x)" in text
    assert "disjoint" in text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (10 << 30, "10 GiB"),
        (1 << 63, "8 EiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


# Memory maps

Box = tuple[float, float, float, float]


def boxes(svg: str, colour: str) -> list[Box]:
    """x, y, width and height of all blocks of a colour, the legend left out."""
    found = []
    for shape in xml.fromstring(svg).iter(f"{SVG}rect"):
        if colour in shape.get("class", "").split() and float(shape.get("x", 0)) >= LEFT:
            found.append(tuple(float(shape.get(name, 0)) for name in ("x", "y", "width", "height")))
    return found  # type: ignore[return-value]


def texts(svg: str) -> list[str]:
    return [shape.text or "" for shape in xml.fromstring(svg).iter(f"{SVG}text")]


def assert_inside(svg: Any) -> None:
    width, height = (float(number) for number in svg.get("viewBox").split()[2:])
    assert width == WIDTH
    for shape in svg.iter(f"{SVG}rect"):
        if shape.get("x"):
            x, y, w, h = (float(shape.get(name)) for name in ("x", "y", "width", "height"))
            assert w > 0
            assert h > 0
            assert x >= 0
            assert x + w <= LEFT + PLOT + 1.6  # the thinnest block may stand out
            assert y + h <= height


def test_addresses_are_to_scale() -> None:
    block = np.zeros(1000, "u1")
    relation = bridge.explain(block[:600], block[300:])
    bar_a, bar_b = boxes(relation.svg, "a")[0], boxes(relation.svg, "b")[0]
    assert bar_a[0] == pytest.approx(LEFT, abs=0.1)
    assert bar_a[2] == pytest.approx(PLOT * 0.6, abs=0.1)
    assert bar_b[0] == pytest.approx(LEFT + PLOT * 0.3, abs=0.1)
    assert bar_b[2] == pytest.approx(PLOT * 0.7, abs=0.1)
    both = boxes(relation.svg, "both")[0]
    assert both[0] == pytest.approx(LEFT + PLOT * 0.3, abs=0.1)
    assert both[2] == pytest.approx(PLOT * 0.3, abs=0.1)
    assert "in both: 300 bytes" in texts(relation.svg)


def test_rows_and_columns_stand_where_they_are() -> None:
    matrix = np.zeros((4, 10), "f4")
    cells = boxes(bridge.explain(matrix[:, 2:5], matrix).svg, "a")[1:]  # behind the bar of addresses
    assert len(cells) == 12
    assert sorted({round((x - LEFT) / (PLOT / 10)) for x, *_ in cells}) == [2, 3, 4]
    heights = sorted({y for _, y, *_ in cells})
    assert len(heights) == 4
    assert len({round(b - a, 3) for a, b in pairwise(heights)}) == 1


def test_what_is_shared_is_marked_over_the_height_of_both() -> None:
    matrix = np.zeros((4, 10), "f4")
    svg = bridge.explain(matrix[1:3, 2:5], matrix[2:, 3:]).svg
    marks = [box for box in boxes(svg, "both") if box[3] > 15]
    assert len(marks) == 2
    assert {round((x - LEFT) / (PLOT / 10)) for x, *_ in marks} == {1, 2}  # lines begin at a
    assert not boxes(bridge.explain(matrix[:, ::2], matrix[:, 1::2]).svg, "both")


def test_the_first_element_is_marked() -> None:
    for x, place in ((np.zeros(10), 0.05), (np.zeros(10)[::-1], 0.95)):
        (dot,) = xml.fromstring(bridge.explain(x).svg).iter(f"{SVG}circle")
        assert (float(dot.get("cx")) - LEFT) / PLOT == pytest.approx(place, abs=0.04)


def virtual(start: int, count: int) -> bridge.View:
    return bridge.from_pointer(start, (count,), "u1")


MAPS: dict[str, Any] = {
    "ten bytes": lambda: bridge.explain(np.zeros(10, "u1")),
    "10 GiB": lambda: bridge.explain(virtual(1 << 40, 10 << 30)),
    "two of 10 GiB": lambda: bridge.explain(
        virtual(1 << 40, 10 << 30), virtual((1 << 40) + (6 << 30), 10 << 30)
    ),
    "far apart": lambda: bridge.explain(virtual(4096, 10), virtual(1 << 46, 10)),
    "an image": lambda: bridge.explain(np.zeros((480, 640, 3), "u1")[..., 1]),
    "a million rows": lambda: bridge.explain(
        bridge.from_pointer(1 << 40, (1 << 20, 1 << 10), "f8", strides=(1 << 14, 8))
    ),
    "broadcast": lambda: bridge.explain(np.broadcast_to(np.float32(1), (1 << 40,))),
    "windows": lambda: bridge.explain(strided(np.zeros(64), (32, 32), (8, 8))),
    "many axes": lambda: bridge.explain(np.zeros((2,) * 14)),
    "no order": lambda: bridge.explain(
        bridge.from_pointer(1 << 40, (3, 5, 7, 9), "u1", strides=(13, 17, 19, 23))
    ),
}


@pytest.mark.parametrize("name", MAPS)
def test_a_map_is_small_whatever_the_memory(name: str) -> None:
    svg = MAPS[name]().svg
    root = xml.fromstring(svg)
    assert_inside(root)
    assert len(svg) < 150_000
    assert float(root.get("height")) < 480
    assert "prefers-color-scheme:dark" in svg
    assert root.find(f"{SVG}title") is not None
    assert max(map(len, texts(svg))) <= 62


def test_maps_say_what_they_leave_out() -> None:
    assert f"and {(10 << 30) // 32 - 12:,} more such lines" in texts(MAPS["10 GiB"]().svg)
    assert any(text.endswith("between them") for text in texts(MAPS["far apart"]().svg))
    assert "the first 96 bytes, closer" in texts(MAPS["an image"]().svg)


def test_addresses_of_different_devices_are_not_drawn_together() -> None:
    def on(device: str) -> bridge.View:
        return bridge.from_pointer(1 << 40, (10,), "u1", device=device)

    svg = bridge.explain(on("cuda:0"), on("cuda:1")).svg
    assert "on different devices, whose addresses can't be compared" in texts(svg)
    assert boxes(svg, "a") == boxes(svg, "both") == []
    assert boxes(bridge.explain(on("cpu"), on("cuda_managed:0")).svg, "both")
    assert "a  uint8 (10,), strides (1,), cuda:0" in texts(svg)


def test_no_memory_has_no_map() -> None:
    assert bridge.explain(5).svg == ""
    assert bridge.explain(np.zeros(3), 5).svg == ""
    assert "<svg" not in bridge.explain(5)._repr_html_()
    assert boxes(bridge.explain(np.zeros((0, 3))).svg, "a") == []
