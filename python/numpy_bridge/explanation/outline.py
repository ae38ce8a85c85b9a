"""The one shape in which an explanation is written, whatever it is then written on."""

from __future__ import annotations

from dataclasses import dataclass

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A table with a title; without column names each row is a fact: its name and its text."""

    title: str
    rows: tuple[Cells, ...]
    columns: Cells = ()


@dataclass(frozen=True)
class Outline:
    """A headline, whether it is good news, and the sections below."""

    headline: str
    shares: bool
    sections: tuple[Section, ...]
