"""Light and dark: the theme of the page if it names one, else that of the system.

Notebooks have a theme of their own, whatever the system prefers: JupyterLab, Notebook and nbconvert
(``data-jp-theme-light``), VS Code (``vscode-dark``), Colab (``theme``), Sphinx themes (``data-theme``).
"""

from __future__ import annotations

from collections.abc import Mapping

_LIGHT = ':is([data-jp-theme-light="true"],[data-theme="light"],html[theme="light"],.vscode-light)'
_DARK = ':is([data-jp-theme-light="false"],[data-theme="dark"],html[theme="dark"],.vscode-dark)'


def themed(light: Mapping[str, str], dark: Mapping[str, str]) -> str:
    """Return CSS rules of declarations by selector, for both themes.

    >>> print(themed({".a": "color:#000"}, {".a": "color:#fff"}).splitlines()[1])
    @media(prefers-color-scheme:dark){.a{color:#fff}}
    """
    return "\n".join(
        (
            _rules(light),
            f"@media(prefers-color-scheme:dark){{{_rules(dark)}}}",
            _rules(light, f"{_LIGHT} "),
            _rules(dark, f"{_DARK} "),
        )
    )


def _rules(declarations: Mapping[str, str], ancestor: str = "") -> str:
    return "".join(f"{ancestor}{selector}{{{each}}}" for selector, each in declarations.items())
