"""Every named point of the kernel is one at which some test lets a process die."""

import ast

from tests.faults import points
from tests.house.source import product


def test_every_fault_point_is_died_at() -> None:
    named = {
        str(call.args[0].value)
        for source in product()
        for name, call in source.calls()
        if name == "faults.point" and isinstance(call.args[0], ast.Constant)
    }
    assert named == {fault.point for fault in points.ALL}
    assert {fault.action for fault in points.ALL} == {"kill"}


def test_points_are_named_in_full() -> None:
    """A name that is put together when the program runs could not be compared."""
    wrong = [
        f"{source.name}:{call.lineno}"
        for source in product()
        for name, call in source.calls()
        if name == "faults.point" and not isinstance(call.args[0], ast.Constant)
    ]
    assert wrong == []
