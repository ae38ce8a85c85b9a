"""The outcomes of handing memory from one library to another: one list for every command and page."""

from __future__ import annotations

from enum import Enum
from typing import Literal

Tone = Literal["", "good", "note", "bad", "quiet"]
"""How a word is coloured: a CSS class of the pages. Empty for the colour of ordinary text."""

STYLES: dict[Tone, str] = {"": "", "good": "green", "note": "yellow", "bad": "bold red", "quiet": "dim"}
"""The style of each tone on a terminal, as rich spells it."""


class Outcome(str, Enum):
    """What happens to memory that is handed over, best first."""

    SHARES = "shares"
    READONLY = "read-only"
    COPIES = "copies"
    REFUSES = "refuses"
    WRONG = "wrong"
    UNSAFE = "unsafe"
    CRASHES = "crashes"
    HANGS = "hangs"
    UNKNOWN = "unknown"
    UNTRIED = "untried"

    def __str__(self) -> str:
        return str(self.value)

    @property
    def meaning(self) -> str:
        """One line for a legend."""
        return _MEANINGS[self]

    @property
    def tone(self) -> Tone:
        """How the outcome is coloured."""
        return _TONES[self]

    @property
    def past(self) -> str:
        """The word for a call that has returned: "shared" for "shares"."""
        return _PAST.get(self, self.value)

    @property
    def shared(self) -> bool:
        """True if both sides use the same memory, writable or not."""
        return self in (Outcome.SHARES, Outcome.READONLY)

    @property
    def harmful(self) -> bool:
        """True if the caller is harmed without an exception."""
        return self.tone == "bad"


MARKS = {
    Outcome.SHARES: "●=",
    Outcome.READONLY: "◐-",
    Outcome.COPIES: "○2",
    Outcome.REFUSES: "·.",
    Outcome.WRONG: "✗!",
    Outcome.UNSAFE: "✗!",
    Outcome.CRASHES: "✗!",
    Outcome.HANGS: "✗!",
    Outcome.UNKNOWN: "??",
    Outcome.UNTRIED: "??",
}
"""A mark before each word, and the one for terminals that have ASCII only."""

_MEANINGS = {
    Outcome.SHARES: "each side reads what the other writes",
    Outcome.READONLY: "the result reads what the source writes, and cannot write it",
    Outcome.COPIES: "neither side reads what the other writes",
    Outcome.REFUSES: "an exception",
    Outcome.WRONG: "other values, objects for numbers, or read-only memory changed",
    Outcome.UNSAFE: "the process may end, so the call was not made",
    Outcome.CRASHES: "the process ends",
    Outcome.HANGS: "no answer within the time limit",
    Outcome.UNKNOWN: "a result, but not where its memory is or what it holds",
    Outcome.UNTRIED: "the call was not made, or proves nothing",
}

_TONES: dict[Outcome, Tone] = {
    Outcome.SHARES: "good",
    Outcome.READONLY: "good",
    Outcome.COPIES: "note",
    Outcome.REFUSES: "",
    Outcome.WRONG: "bad",
    Outcome.UNSAFE: "bad",
    Outcome.CRASHES: "bad",
    Outcome.HANGS: "bad",
    Outcome.UNKNOWN: "note",
    Outcome.UNTRIED: "quiet",
}

_PAST = {
    Outcome.SHARES: "shared",
    Outcome.READONLY: "shared read-only",
    Outcome.COPIES: "copied",
    Outcome.REFUSES: "refused",
    Outcome.CRASHES: "crashed",
    Outcome.HANGS: "hung",
}
