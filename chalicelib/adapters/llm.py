"""Language models behind a Protocol: whatever speaks OpenAI's chat completions, and Amazon Bedrock (bedrock.py).

The OpenAI side is one POST, written here over `outbound`: the SDK takes 600 ms to import and brings an HTTP stack of its own,
whose time-outs bound each read and not the whole answer; `outbound` bounds both time and size and follows no redirect, so
that the key goes nowhere else. Sources: OpenAI, Chat Completions; Function calling.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from urllib.parse import urlsplit

from pydantic import SecretStr

from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable
from chalicelib.adapters.outbound import BlockedDestination, OutboundReply, outbound
from chalicelib.kernel import circuit
from chalicelib.kernel.bodies import parse_json
from chalicelib.kernel.providers import Cause, seconds_of
from chalicelib.kernel.settings import settings
from chalicelib.kernel.vault import secrets

__all__ = [
    "Completion",
    "LanguageModel",
    "OpenAiModel",
    "ProviderRefused",
    "ProviderUnavailable",
    "Question",
    "Tool",
    "ToolCall",
    "Turn",
    "model",
]

TIMEOUT_S = 8.0
"""For a whole answer; a request has time for two that are slow."""
ANSWER_BYTES_MAX = 300_000
_CAUSES: Mapping[int, Cause] = {401: "ours", 403: "ours", 404: "ours", 429: "busy"}
_NAMES_TOKENS_ANEW = (".openai.com", ".openai.azure.com")
"""Who takes `max_completion_tokens`: OpenAI's newer models refuse `max_tokens`, other servers know nothing else."""


@dataclass(frozen=True, slots=True)
class Tool:
    """What a model may ask us to do. `parameters` is a JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model asks for. Nothing about it is to be believed; `arguments` is None where it was no JSON object."""

    id: str
    name: str
    arguments: Mapping[str, Any] | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Turn:
    """One part of a conversation. A ``tool`` turn answers the call `call_id`; `calls` are the assistant's."""

    role: Literal["user", "assistant", "tool"]
    text: str = field(repr=False)
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A conversation to be continued. With `forced_tool` the model can only call that one."""

    system: str
    turns: Sequence[Turn]
    tokens_max: int
    tools: Sequence[Tool] = ()
    forced_tool: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model said. `tokens`, read and written, as the provider counts them; None where it does not say."""

    text: str = field(repr=False)
    calls: tuple[ToolCall, ...]
    tokens: int | None


class LanguageModel(Protocol):
    """Raises ProviderUnavailable (somebody else must answer; `maybe_done`: it may cost us) or ProviderRefused."""

    def complete(self, question: Question) -> Completion:
        """The model's next turn, within `TIMEOUT_S` seconds."""
        ...


class OpenAiModel:
    """A server with OpenAI's chat completions."""

    def __init__(self, *, base_url: str, name: str, api_key: SecretStr) -> None:
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._name = name
        self._api_key = api_key

    def complete(self, question: Question) -> Completion:
        """See `LanguageModel.complete`."""
        body = json.dumps(self._asked(question)).encode()
        headers = {
            "Authorization": f"Bearer {self._api_key.get_secret_value()}",
            "Content-Type": "application/json",
            "Accept": "application/json",
        }
        return circuit.ask("llm", lambda: _completion(self._post(headers, body)), takes_s=TIMEOUT_S)

    def _post(self, headers: Mapping[str, str], body: bytes) -> OutboundReply:
        try:
            reply = outbound().request(
                "POST", self._url, headers=headers, body=body, timeout_s=TIMEOUT_S, bytes_max=ANSWER_BYTES_MAX
            )
        except BlockedDestination as error:
            raise ProviderUnavailable("llm", "blocked destination", maybe_done=False, cause="ours") from error
        except ProviderUnavailable as error:
            raise ProviderUnavailable("llm", str(error), maybe_done=error.maybe_done) from error
        except ProviderRefused as error:
            raise ProviderRefused("llm", error.code, error.message) from error
        _check_status(reply)
        return reply

    def _asked(self, question: Question) -> dict[str, Any]:
        host = urlsplit(self._url).hostname or ""
        limit = "max_completion_tokens" if f".{host}".endswith(_NAMES_TOKENS_ANEW) else "max_tokens"
        asked: dict[str, Any] = {
            "model": self._name,
            "messages": [{"role": "system", "content": question.system}, *map(_message, question.turns)],
            limit: question.tokens_max,
        }
        if question.tools:
            asked["tools"] = [
                {
                    "type": "function",
                    "function": {"name": t.name, "description": t.description, "parameters": t.parameters},
                }
                for t in question.tools
            ]
        if question.forced_tool:
            asked["tool_choice"] = {"type": "function", "function": {"name": question.forced_tool}}
        return asked


def model() -> LanguageModel | None:
    """The model that the settings describe now; None where there is none, or no key for it."""
    of = settings()
    if of.llm_provider == "openai" and of.llm_model and secrets().llm_api_key.get_secret_value():
        return OpenAiModel(base_url=of.llm_base_url, name=of.llm_model, api_key=secrets().llm_api_key)
    if of.llm_provider == "bedrock" and of.llm_model:
        from chalicelib.adapters.bedrock import BedrockModel

        return BedrockModel(name=of.llm_model)
    return None


def _check_status(reply: OutboundReply) -> None:
    """Raises ProviderUnavailable, ProviderRefused. What the body says of an error may quote the question: it is not kept."""
    if reply.status == 200:
        return
    if 400 <= reply.status < 500 and reply.status not in _CAUSES:
        raise ProviderRefused("llm", str(reply.status), "The model refused the question")
    raise ProviderUnavailable(
        "llm",
        f"HTTP {reply.status}",
        maybe_done=reply.status >= 500,
        cause=_CAUSES.get(reply.status, "outage"),
        retry_after_s=seconds_of(reply.headers.get("retry-after")),
    )


def _message(turn: Turn) -> dict[str, Any]:
    if turn.role == "tool":
        return {"role": "tool", "tool_call_id": turn.call_id, "content": turn.text}
    message: dict[str, Any] = {"role": turn.role, "content": turn.text}
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments or {}, default=str)},
            }
            for call in turn.calls
        ]
    return message


def _completion(reply: OutboundReply) -> Completion:
    """Raises ProviderUnavailable for an answer that is none."""
    try:
        answer = parse_json(reply.body)
        message = answer["choices"][0]["message"]
        text = message.get("content")
        calls = tuple(_call(each) for each in message.get("tool_calls") or ())
        tokens = (answer.get("usage") or {}).get("total_tokens")
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise ProviderUnavailable("llm", "unreadable answer", maybe_done=True) from error
    return Completion(text if isinstance(text, str) else "", calls, tokens if isinstance(tokens, int) else None)


def _call(said: Any) -> ToolCall:
    function = said["function"]
    try:
        arguments = parse_json(str(function["arguments"]).encode(errors="surrogatepass"))
    except (ValueError, RecursionError):
        arguments = None
    return ToolCall(str(said["id"]), str(function["name"]), arguments if isinstance(arguments, dict) else None)
