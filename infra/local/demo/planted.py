"""What no log line may hold: the demo company's people, their credentials, and the platform's own secrets."""

import json
from collections.abc import Iterator
from pathlib import Path

from infra.local.demo.company import PASSWORD, company
from infra.local.demo.day.shop import DELIVERY, SHOPPER_PHONE

DOMAINS = ("@newdiner.example.com", "@tillerby.example.com")
"""Of the customer who registers in the day, and of the staff."""


def values(data_dir: Path) -> frozenset[str]:
    """All of them, for one platform: its secrets are its own. Cities and states stand for nobody and are left out."""
    made = company()
    secrets: dict[str, str] = json.loads((data_dir / "secrets.json").read_text(encoding="utf-8"))
    people = [
        text
        for customer in made.customers
        for text in (
            customer.email,
            customer.phone,
            customer.street,
            customer.company,
            f"{customer.first_name} {customer.last_name}",
        )
    ]
    staff = [text for member in made.staff for text in (member.username, member.full_name)]
    day = [DELIVERY["delivery_name"], DELIVERY["delivery_address"], SHOPPER_PHONE, *DOMAINS]
    keys = [PASSWORD, *(key.value for key in made.api_keys), *secrets.values()]
    return frozenset([*people, *staff, *day, *keys, "Bearer ", "qm_session=", "qm_staff=", "_secret_"])


def leaks(data_dir: Path) -> Iterator[str]:
    """Every line of the platform's logs that holds one, with its file and the value."""
    planted = values(data_dir)
    for file in sorted((data_dir / "logs").glob("*.log")):
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            found = next((value for value in planted if value in line), None)
            if found is not None:
                yield f"{file.name}:{number} holds {found!r}: {line[:500]}"
