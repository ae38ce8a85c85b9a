"""Text that is HTML already. Everything else is escaped when it is put into HTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Markup(str):
    """HTML. What is formatted into it, joined with it or added to it is escaped unless it is HTML itself."""

    __slots__ = ()

    def __html__(self) -> str:
        return self

    def __add__(self, other: str) -> Markup:
        return Markup(str(self) + escaped(other))

    def format(self, *content: object, **named: object) -> Markup:
        """Return the HTML with content in the place of its braces."""
        return Markup(
            super().format(*map(escaped, content), **{name: escaped(each) for name, each in named.items()})
        )

    def join(self, parts: Iterable[object]) -> Markup:
        """Return parts with this HTML between them."""
        return Markup(super().join(map(escaped, parts)))


def escaped(content: object) -> Markup:
    """Return content as HTML."""
    return content if isinstance(content, Markup) else Markup(escape(str(content)))


def lines(parts: Iterable[object]) -> Markup:
    """Return parts one below the other."""
    return Markup("\n").join(parts)
