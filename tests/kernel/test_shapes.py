"""Field types that contexts share."""

import pytest
from pydantic import TypeAdapter, ValidationError

from chalicelib.kernel.shapes import Barcode, Sku


@pytest.mark.parametrize("kind", [Sku, Barcode])
@pytest.mark.parametrize("value", ["", " ", "   ", "A\nB", "A\0", "x" * 129])
def test_codes_say_something(kind: type, value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(kind).validate_python(value)


@pytest.mark.parametrize("kind", [Sku, Barcode])
def test_blanks_around_codes_are_taken_off(kind: type) -> None:
    assert TypeAdapter(kind).validate_python("  A 1 ") == "A 1"
