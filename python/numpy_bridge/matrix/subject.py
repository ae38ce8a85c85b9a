"""The words in which reports tell about a matrix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """What a matrix is about.

    Parameters
    ----------
    title : str
        Of documents.
    heading : str
        One sentence above the tables of a terminal.
    lead : str
        What was done, in a sentence or two.
    into : str
        The word before the name of a group of calls.
    command : str
        The command that makes such a matrix.
    schema : str
        Name and version of the JSON form. The version rises when a field changes its meaning or goes.
    values : str
        The values of the objects.
    """

    title: str
    heading: str
    lead: str
    into: str
    command: str
    schema: str
    values: str


LIBRARIES_SUBJECT = Subject(
    title="Who shares memory with whom",
    heading="Each row's object handed to each column's call, and what writing proved.",
    lead="Each row's object x was handed to each column's call. "
    "Writing through each side and reading through the other proved what came of it.",
    into="Into",
    command="numpy-bridge matrix",
    schema="numpy-bridge/matrix/1",
    values="values are 1 to 8",
)
