"""State machines as tables: one per entity, one function that applies it."""

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from chalicelib.kernel.errors import Conflict

State = TypeVar("State", bound=str)
Event = TypeVar("Event", bound=str)


class Machine(Generic[State, Event]):
    """Transitions ``{(state, event): next_state}``; what is not in the table is refused."""

    def __init__(self, name: str, transitions: Mapping[tuple[State, Event], State]) -> None:
        self.name = name
        self.transitions = dict(transitions)

    def next(self, state: State, event: Event, message: str | None = None) -> State:
        """The state after `event`. Raises Conflict with `message`, or with a sentence made of the names."""
        following = self.transitions.get((state, event))
        if following is None:
            raise Conflict(message or f"Cannot {event} a {self.name} that is {state}")
        return following

    def allows(self, state: State, event: Event) -> bool:
        """Whether `event` is possible in `state`."""
        return (state, event) in self.transitions

    def states_before(self, event: Event) -> frozenset[State]:
        """All states in which `event` is possible, for an UPDATE that says so."""
        return frozenset(state for state, candidate in self.transitions if candidate == event)

    def states(self) -> Iterable[State]:
        """Every state that the table names."""
        return dict.fromkeys([*(s for s, _ in self.transitions), *self.transitions.values()])
