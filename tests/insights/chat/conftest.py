"""A model that says what a test tells it to, and a shop with something to look up."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chalicelib.adapters import llm
from chalicelib.kernel import dynamo
from chalicelib.kernel.settings import settings
from tests.client import Client, Reply
from tests.factories.catalogue import make_category, make_product
from tests.providers import Providers
from tests.tenant import Tenant


@dataclass(frozen=True)
class Assistant:
    """The double of the model."""

    providers: Providers

    def will(self, *replies: dict[str, Any]) -> None:
        """The next answers, oldest first."""
        self.providers.ask("POST", "/control/llm/script", list(replies))

    def say(self, text: str) -> None:
        """The next answer is a text."""
        self.will({"content": text})

    def call(self, *calls: tuple[str, Any], then: str | None = None, **more: Any) -> None:
        """The next answer calls tools; arguments as JSON, or as the text that stands for them."""
        made = [
            {"name": name, "text": arguments} if isinstance(arguments, str) else {"name": name, "arguments": arguments}
            for name, arguments in calls
        ]
        self.will({"tool_calls": made, **more}, *([] if then is None else [{"content": then}]))

    @property
    def questions(self) -> list[dict[str, Any]]:
        """What it was asked, oldest first."""
        return [each["asked"] for each in self.providers.records("llm.completion")]

    @property
    def told(self) -> list[Any]:
        """The results of tools that it was given with its last question."""
        return [json.loads(m["content"]) for m in self.questions[-1]["messages"] if m["role"] == "tool"]


@pytest.fixture
def assistant(providers: Providers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Assistant]:
    """The model is there."""
    for name, value in {"PROVIDER": "openai", "MODEL": "double", "API_KEY": "sk-test"}.items():
        monkeypatch.setenv(f"QM_LLM_{name}", value)
    monkeypatch.setattr(llm, "TIMEOUT_S", 1.5)
    settings.cache_clear()
    dynamo.see_again()
    yield Assistant(providers)
    monkeypatch.undo()
    settings.cache_clear()
    dynamo.see_again()


@pytest.fixture
def shop(tenant: Tenant) -> Tenant:
    """A shop with three products."""
    spices = make_category(tenant, name="Spices")
    make_product(
        tenant, sku="PEP-5", name="Black pepper, ground", unit_size="5 lb", unit_price_minor=2150, category_id=spices
    )
    make_product(tenant, sku="PEP-1", name="Black pepper, whole", unit_price_minor=650, category_id=spices)
    make_product(tenant, sku="RICE", name="Jasmine rice", unit_price_minor=1800, in_stock=False)
    return tenant


def chat(client: Client, message: str, **more: Any) -> Reply:
    """One message."""
    return client.post("/api/chat", {"message": message, **more})


def find(client: Client, query: str, **more: Any) -> Reply:
    """One search by a sentence."""
    return client.post("/api/search/ai", {"query": query, **more})
