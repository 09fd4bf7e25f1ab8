"""Settings of the floor, as panels and people write them."""

import pytest

from chalicelib.places import FloorSettings, floor_settings


@pytest.mark.parametrize(
    ("value", "required"),
    [(True, True), (False, False), ("true", True), ("false", False), ("False", False), ("0", False), (None, True)],
)
def test_the_setting_in_all_its_forms(value: object, required: bool) -> None:
    settings = {} if value is None else {"require_packing_before_shipping": value}
    assert floor_settings(settings).require_packing_before_shipping is required


def test_what_nobody_set_is_as_the_contract_says() -> None:
    assert floor_settings({}) == FloorSettings()


@pytest.mark.parametrize(("value", "bin_id"), [("12", 12), (12, 12), ("", None), ("A-1", None), (None, None)])
def test_the_receiving_bin_is_an_id_or_none(value: object, bin_id: int | None) -> None:
    assert floor_settings({"default_receiving_bin": value}).default_receiving_bin == bin_id
