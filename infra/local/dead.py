"""`make dead`, `make replay`, `make drop`: what the running platform could not do, and what becomes of it.

Asks the same function that an operator invokes on AWS (`operate` in app.py), in this process and with the platform's
environment.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Any

from infra.local import database, environment, keys, place, ports
from infra.local.errors import StageError
from infra.local.options import Options

LIMIT = 1000
SHOWN = 100
NOTHING = "Nothing is dead, poisonous or waiting for a provider."


def show(options: Options) -> None:
    """Prints dead letters, poison messages, work that waits for a provider, and the circuits that are not closed."""
    _enter(options)
    tables = [
        ("Dead letters", _ask("list_dead", limit=SHOWN), _row_of_work),
        ("Poison messages", _ask("list_poison", limit=SHOWN), _row_of_poison),
        ("Waiting for a provider", _ask("list_postponed", limit=SHOWN), _row_of_work),
        ("Circuits", [c for c in _ask("list_circuits") if c["state"] != "CLOSED"], _row_of_circuit),
    ]
    for title, items, row_of in tables:
        if items:
            print(f"{title}:")
            print("\n".join(_aligned(map(row_of, items))))
    if not any(items for _, items, _ in tables):
        print(NOTHING)


def replay(options: Options) -> None:
    """Gives five more tries to the dead letters that IDS names, or to all; poison messages among IDS are sent again."""
    _enter(options)
    numbers, messages = _chosen(options.ids)
    if not options.ids:
        numbers = [letter["id"] for letter in _ask("list_dead", limit=LIMIT)]
    print(f"{_ask('replay_dead', ids=numbers)} dead letters are tried again.")
    if messages:
        print(f"{_ask('redrive_poison', ids=messages)} poison messages were sent again.")


def drop(options: Options) -> None:
    """Removes the poison messages that IDS names for good."""
    _enter(options)
    _, messages = _chosen(options.ids)
    if not messages:
        raise StageError("IDS names the poison messages to drop, as `make dead` lists them: make drop IDS=...")
    print(f"{_ask('drop_poison', ids=messages)} poison messages were dropped.")


def _enter(options: Options) -> None:
    """Makes the platform's environment ours. Raises StageError when no platform runs there."""
    place.check_ready(options.data_dir)
    chosen = ports.load(options.data_dir)
    made = database.of(options, chosen)
    secrets = keys.load_or_make(options.data_dir)
    os.environ.update(
        environment.for_children(options, chosen, secrets, app_url=made.app_url, owner_url=made.owner_url)
        | {"QM_LOG_LEVEL": "ERROR"}
    )


def _ask(command: str, **arguments: Any) -> Any:
    """What `operate` answers. Raises StageError with its sentence."""
    import app

    answer = app.operate({"command": command, **arguments}, None)
    if "error" in answer:
        raise StageError(answer["error"])
    return answer["result"]


def _chosen(ids: Sequence[str]) -> tuple[list[int], list[str]]:
    """Numbers are outbox rows, everything else is a message in a dead-letter queue."""
    return [int(each) for each in ids if each.isdigit()], [each for each in ids if not each.isdigit()]


def _row_of_work(item: dict[str, Any]) -> Sequence[str]:
    tries = f"{item['attempts']} attempts, {item['postponed']} of them postponed"
    organization = f"organization {item['organization_id']}"
    return str(item["id"]), item["topic"], organization, tries, f"{_age(item)} old", item["last_error"] or ""


def _row_of_poison(item: dict[str, Any]) -> Sequence[str]:
    return item["id"], item["queue"], f"{_age(item)} old", item["about"] or "", item["body"][:80]


def _row_of_circuit(item: dict[str, Any]) -> Sequence[str]:
    return item["provider"], item["state"], f"tried again in {item['retry_after_s']} s"


def _age(item: dict[str, Any]) -> str:
    for unit, seconds in (("days", 2 * 86400), ("h", 2 * 3600), ("min", 2 * 60)):
        if item["age_s"] >= seconds:
            return f"{item['age_s'] * 2 // seconds} {unit}"
    return f"{item['age_s']} s"


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [list(row) for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
