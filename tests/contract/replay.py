"""Calls of a contract, replayed: the documented status, the documented keys."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.client import Client, Reply
from tests.tenant import Tenant


def documented(name: str) -> dict[str, list[str]]:
    """Calls with the fields that a contract names in their answers; ``[]`` is a list, a leading one the answer itself."""
    calls = json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
    return {each["call"]: each["keys"] for each in calls}


@dataclass
class Replay:
    """A client of the contract that remembers what it called."""

    documented: Mapping[str, Sequence[str]]
    tenant: Tenant
    client: Client
    outside: str = ""
    """Where somebody else answers, who is no Quartermaster."""
    called: set[str] = field(default_factory=set)

    def reply(
        self,
        call: str,
        body: Any = None,
        *,
        query: str = "",
        status: int = 200,
        keys: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        **variables: object,
    ) -> Reply:
        """One call as the contract writes it; its answer, which has the documented status and keys."""
        method, template = call.split(" ")
        path = template
        for name, value in variables.items():
            path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
        assert "{" not in path, f"{call}: no value for a variable"
        reply = self.client.call(method, path + query, body, dict(headers or {}))
        assert reply.status == status, f"{call}: {reply.status} {reply.body!r}"
        for key in self.documented[call] if keys is None else keys:
            assert has(reply.json, key), f"{call}: no {key} in {reply.json}"
        self.called.add(call)
        return reply

    def ask(self, call: str, body: Any = None, **options: Any) -> Any:
        """The data of a reply."""
        return self.reply(call, body, **options).json


def has(data: Any, key: str) -> bool:
    """Whether a dotted key of the contract is there, in every member of its lists; lists have members here."""
    first, _, rest = key.partition(".")
    if first == "[]":
        members = data if isinstance(data, list) else next(v for v in data.values() if isinstance(v, list))
        return bool(members) and all(has(member, rest) for member in members)
    name = first.removesuffix("[]")
    if not isinstance(data, dict) or name not in data:
        return False
    if not first.endswith("[]"):
        return not rest or has(data[name], rest)
    return bool(data[name]) and all(not rest or has(member, rest) for member in data[name])
