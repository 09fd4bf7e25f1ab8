"""The circuits to the providers, as tests need them: closed at the beginning."""

from typing import get_args

from chalicelib.kernel import circuit
from tests import expiring


def close_all() -> None:
    """Closes all circuits, as the first success after an outage does, and forgets failures that opened none."""
    for name in _elsewhere():
        circuit._store().save_closed(name)
    for provider in get_args(circuit.Provider):
        circuit.close_circuit(provider)
        circuit.ask(provider, lambda: None, takes_s=0)


def _elsewhere() -> list[str]:
    """Circuits of systems that users chose."""
    found = expiring.items()
    names = [item["sk"]["S"] for item in found if item["pk"]["S"] == circuit._PK]
    return [name for name in names if name.startswith(circuit._ELSEWHERE)]
