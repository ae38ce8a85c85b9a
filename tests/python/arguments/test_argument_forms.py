"""An array in every form that C++ has, in every place: the same price and the same reasons."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

FORMS = (
    *("value", "reference", "const_reference", "rvalue", "pointer", "const_pointer"),
    *("optional", "const_optional", "shared", "const_shared", "optional_shared"),
)
BORROWS = FORMS[:8]


def taker(forms: ModuleType, form: str) -> Any:
    return getattr(forms, f"{form}_taker")(np.zeros(2, np.float32))


# How each place is called with one array.
PLACES: dict[str, Callable[[ModuleType, str], Callable[[Any], Any]]] = {
    "alone": lambda forms, form: getattr(forms, form),
    "last": lambda forms, form: lambda x: getattr(forms, f"{form}_last")(1, 2, "three", x),
    "by name": lambda forms, form: lambda x: getattr(forms, f"{form}_last")(1, 2, c="three", x=x),
    "constructor": lambda forms, form: lambda x: getattr(forms, f"{form}_taker")(x).pins,
    "method": lambda forms, form: taker(forms, form).method,
    "under a guard": lambda forms, form: getattr(forms, f"{form}_guarded"),
}
REASON = (
    "x: expected float32, 1-D, writable, CPU; got float64 (2,), a numpy.ndarray; assign it first, "
    "or the writes are lost: x = x.astype(np.float32)"
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", FORMS)
def test_forms_write_to_the_caller_and_pin_only_what_they_keep(
    extension: ModuleType, form: str, place: str
) -> None:
    x = np.zeros(2, np.float32)
    pins = PLACES[place](extension.forms, form)(x)
    assert x.tolist() == [7, 0]
    assert pins == int(form not in BORROWS or place == "under a guard")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", FORMS)
def test_forms_refuse_with_the_reason(extension: ModuleType, form: str, place: str) -> None:
    call = PLACES[place](extension.forms, form)
    with pytest.raises(TypeError) as refused:
        call(np.zeros(2))
    title, _, reason = str(refused.value).partition("(): ")
    assert title.startswith((form, "method"))
    assert reason == REASON
