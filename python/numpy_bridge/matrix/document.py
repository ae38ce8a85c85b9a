"""The matrix as a JSON document."""

from __future__ import annotations

from typing import Any

from .model import Cell, Matrix


def document(matrix: Matrix) -> dict[str, Any]:
    """Return everything about a matrix, ready for `json.dumps`."""
    producers = dict.fromkeys(cell.producer for cell in matrix.cells)
    prepared = {consumer.name: consumer.prepare for consumer in matrix.consumers if consumer.prepare}
    return {
        "schema": matrix.subject.schema,
        "date": matrix.date,
        "versions": dict(matrix.versions),
        "not_installed": list(matrix.missing),
        "untried": matrix.untried,
        "counts": {"ours": matrix.counts(ours=True), "others": matrix.counts(ours=False)},
        "made_by": {producer.name: producer.code for producer in producers},
        **({"prepared_by": prepared} if prepared else {}),
        "cells": [_cell(cell) for cell in matrix.cells],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    return {
        "from": cell.producer.name,
        "to": cell.consumer.name,
        "call": cell.consumer.call,
        "ours": cell.consumer.ours,
        **cell.finding.to_dict(),
    }
