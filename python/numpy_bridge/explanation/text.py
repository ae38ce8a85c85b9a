"""Explanations as text: headlines, facts and tables, the same for every way of showing them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from numpy_bridge.memory import Memory
from numpy_bridge.memory.overlap import MEANING, Overlap
from numpy_bridge.outcome import Outcome, Tone
from numpy_bridge.units import size

from .model import Description, Protocol, Target

Cells = tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """A table with a title; without column names each row is a fact: name and text."""

    title: str
    rows: tuple[Cells, ...]
    columns: Cells = ()


@dataclass(frozen=True)
class Outline:
    """A headline, its tone, and the sections below."""

    headline: str
    tone: Tone
    sections: tuple[Section, ...]


def tone(cell: str) -> Tone:
    """Return how a cell is coloured: outcomes have tones, other text has none."""
    return cell.tone if isinstance(cell, Outcome) else ""


def short(section: Section) -> int:
    """Return how many of the columns are short; the others hold sentences."""
    return section.columns.index("why") if section.columns else 2


def sentences(section: Section, row: Cells) -> list[str]:
    """Return the sentences of a row, each with its column's name except for the reason."""
    named = list(zip(section.columns, row, strict=False))[short(section) :]
    return [cell if name == "why" else f"{name}: {cell}" for name, cell in named if cell]


def of_object(what: Description, protocols: Sequence[Protocol], targets: Sequence[Target]) -> Outline:
    """Return the text about one object."""
    spoken = tuple((each.name, each.outcome, each.because) for each in protocols)
    calls = tuple((each.library, each.outcome, each.call, _why(each, what), each.instead) for each in targets)
    sections = [Section("Memory", _facts(what))]
    if spoken:
        sections.append(Section("Protocols", spoken, ("protocol", "outcome", "why")))
    sections.append(Section("Who shares it", calls, ("for", "outcome", "call", "why", "instead")))
    if what.refusal:
        return Outline(f"{_name(what)} cannot be shared: {_refusal(what)}", "bad", tuple(sections))
    answers, instead = _verdict(targets)
    return Outline(f"{_name(what)}: {answers}{instead}", "note" if instead else "good", tuple(sections))


def of_pair(a: Description, b: Description, found: Overlap, origin: str, advice: str) -> Outline:
    """Return the text about two objects."""
    facts = [("relation", f"{found.kind}: {MEANING[found.kind]}")]
    if found.shares is not False:
        facts += [
            ("in both", f"{found.bytes} bytes"),
            ("elements of a", f"{found.of_a} of {found.size_a}"),
            ("elements of b", f"{found.of_b} of {found.size_b}"),
        ]
    if a.memory and b.memory and found.shares is False and a.memory.device == b.memory.device:
        facts += [("distance", _distance(a.memory, b.memory))]
    facts += [("origin", origin)] if origin else []
    facts += [("to change it", advice)] if advice else []
    return Outline(
        f"a, {_name(a)}, and b, {_name(b)}: {found.kind}",
        "good" if found.shares else "",
        (Section("Both", tuple(facts)), Section("a", _facts(a)), Section("b", _facts(b))),
    )


def _verdict(targets: Sequence[Target]) -> tuple[str, str]:
    """Return whether NumPy and torch can share it, and what to use if one cannot."""
    answers, instead = [], ""
    for library in ("NumPy", "torch"):
        calls = [target for target in targets if target.library == library]
        outcomes = {target.outcome for target in calls}
        word = "yes" if Outcome.SHARES in outcomes else "read-only" if Outcome.READONLY in outcomes else "no"
        answers += [f"{library} {word}"] if calls else []
        if calls and word == "no":
            instead = instead or next((f"; use {target.instead}" for target in calls if target.instead), "")
    return ", ".join(answers), instead


def _why(target: Target, what: Description) -> str:
    return "for the reason above" if what.refusal and target.because == what.refusal else target.because


def _name(what: Description) -> str:
    memory = what.memory
    if memory:
        return f"{what.type} {memory.dtype} {memory.shape}"
    return f"{'an' if what.type[0] in 'aeiou' else 'a'} {what.type}"


def _refusal(what: Description) -> str:
    """Return the reason, without the beginning that repeats the headline."""
    return what.refusal.removeprefix(f"{what.type} has no memory to share: ")


def _facts(what: Description) -> tuple[Cells, ...]:
    memory = what.memory
    if memory is None:
        return (("type", f"{what.type}, of {what.library}"), ("memory", f"none: {_refusal(what)}"))
    facts = [
        ("type", f"{what.type}, of {what.library}"),
        ("elements", f"{memory.dtype}, {size(memory.itemsize)} each"),
        ("shape", f"{memory.shape}, {size(memory.nbytes)}"),
        ("strides", f"{memory.strides} bytes, {_order(memory)}"),
        ("device", memory.device),
        ("addresses", _range(memory)),
        ("alignment", size(memory.alignment) if memory.ptr else "none: NULL"),
        ("writing", "read-only" if memory.readonly else "writable"),
    ]
    facts += [("mapped from", what.mapped)] if what.mapped else []
    facts += [("flags", ", ".join(what.flags))] if what.flags else []
    facts += [("view of", " -> ".join(map(str, what.owners)))] if what.owners else []
    owner = what.owners[-1].type if what.owners else f"this {what.type} itself"
    facts += [("kept alive by", owner), ("can move", f"{what.movable}: {what.movable_because}")]
    return tuple(facts)


def _order(memory: Memory) -> str:
    if memory.c_contiguous:
        return "contiguous" if memory.f_contiguous else "C order"
    if memory.f_contiguous:
        return "Fortran order"
    return "with gaps" if memory.bytes_touched.repeats else "no gaps, in an order of its own"


def _range(memory: Memory) -> str:
    if not memory.size:
        return "none, since there are no elements"
    return f"[{memory.low:#x}, {memory.high:#x}), {size(memory.high - memory.low)}"


def _distance(a: Memory, b: Memory) -> str:
    if not a.size or not b.size:
        return "none, since one of them has no elements"
    gap = max(a.low - b.high, b.low - a.high)
    return (
        f"{size(gap)} between them"
        if gap > 0
        else "next to each other"
        if gap == 0
        else "none: they interleave"
    )
