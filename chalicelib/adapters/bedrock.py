"""Amazon Bedrock's models, through its Converse API (Bedrock API reference: Converse, ToolUseBlock, ToolResultBlock)."""

import threading
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config

from chalicelib.adapters import aws_errors
from chalicelib.adapters.llm import Completion, ProviderUnavailable, Question, ToolCall, Turn
from chalicelib.kernel import circuit

CONNECT_S, READ_S = 1.0, 7.0
TAKES_S = CONNECT_S + READ_S
_lock = threading.Lock()


@lru_cache(maxsize=1)
def _client() -> Any:
    """One try: a second one would not end in time, and the search answers at once."""
    config = Config(
        connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"total_max_attempts": 1, "mode": "standard"}
    )
    return boto3.client("bedrock-runtime", config=config)


def client() -> Any:
    """The process's client; boto3 clients may be shared by threads, their making may not."""
    with _lock:
        return _client()


class BedrockModel:
    """A model, or an inference profile, of the account that the function runs in."""

    def __init__(self, *, name: str) -> None:
        self._name = name

    def complete(self, question: Question) -> Completion:
        """See `LanguageModel.complete`."""

        def ask() -> Completion:
            with aws_errors.translated("llm"):
                answer = client().converse(**self._asked(question))
            return _completion(answer)

        return circuit.ask("llm", ask, takes_s=TAKES_S)

    def _asked(self, question: Question) -> dict[str, Any]:
        asked: dict[str, Any] = {
            "modelId": self._name,
            "system": [{"text": question.system}],
            "messages": _messages(question.turns),
            "inferenceConfig": {"maxTokens": question.tokens_max},
        }
        if question.tools:
            tools = [
                {
                    "toolSpec": {
                        "name": tool.name,
                        "description": tool.description,
                        "inputSchema": {"json": dict(tool.parameters)},
                    }
                }
                for tool in question.tools
            ]
            asked["toolConfig"] = {"tools": tools}
            if question.forced_tool:
                asked["toolConfig"]["toolChoice"] = {"tool": {"name": question.forced_tool}}
        return asked


def _messages(turns: Any) -> list[dict[str, Any]]:
    """The user speaks first, and sides alternate: neighbours of one side become one message."""
    messages: list[dict[str, Any]] = []
    for turn in turns:
        role = "assistant" if turn.role == "assistant" else "user"
        if not messages and role == "assistant":
            continue
        if not messages or messages[-1]["role"] != role:
            messages.append({"role": role, "content": []})
        messages[-1]["content"] += _content(turn)
    return messages


def _content(turn: Turn) -> list[dict[str, Any]]:
    if turn.role == "tool":
        return [{"toolResult": {"toolUseId": turn.call_id, "content": [{"text": turn.text}]}}]
    said: list[dict[str, Any]] = [{"text": turn.text}] if turn.text.strip() else []  # an empty text is refused
    calls = [
        {"toolUse": {"toolUseId": c.id, "name": c.name, "input": _plain(dict(c.arguments or {}))}} for c in turn.calls
    ]
    return said + calls


def _plain(value: Any) -> Any:
    """Documents of botocore take no Decimal, which is what our reader makes of numbers."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | bool | float | None) else str(value)


def _completion(answer: Any) -> Completion:
    """Raises ProviderUnavailable for an answer that is none."""
    try:
        content = answer["output"]["message"]["content"]
        text = "\n".join(part["text"] for part in content if "text" in part)
        uses = [part["toolUse"] for part in content if "toolUse" in part]
        calls = tuple(ToolCall(str(u["toolUseId"]), str(u["name"]), _arguments(u["input"])) for u in uses)
        tokens = answer.get("usage", {}).get("totalTokens")
    except (LookupError, TypeError, AttributeError) as error:
        raise ProviderUnavailable("llm", "unreadable answer", maybe_done=True) from error
    return Completion(text, calls, tokens if isinstance(tokens, int) else None)


def _arguments(said: Any) -> dict[str, Any] | None:
    return said if isinstance(said, dict) else None
