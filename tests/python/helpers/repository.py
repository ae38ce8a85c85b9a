"""Where the repository is, for tests of its documents, sources and scripts."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[3]
