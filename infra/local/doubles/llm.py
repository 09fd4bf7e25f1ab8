"""A language model with an OpenAI-compatible chat completion: it says what it was told to say.

Answers come from a script (``POST /control/llm/script``), oldest first. Without one it calls the tool that
`tool_choice` forces, with arguments made from the tool's schema; a question with tools it hands to the first of them, and
then says what that found. Else it repeats the last message.
"""

import json
import secrets
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from chalicelib.kernel import clock
from infra.local.doubles import faults
from infra.local.doubles.faults import Faults
from infra.local.doubles.store import Doc, Store

_SAMPLES: dict[str, Any] = {
    "string": "",
    "integer": 0,
    "number": 0,
    "boolean": False,
    "array": [],
    "object": {},
}


class ToolCall(BaseModel):
    """A tool and its arguments."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    arguments: dict[str, Any] = {}
    text: str | None = None
    """What it sends for arguments, where that is not to be their JSON."""


class Reply(BaseModel):
    """One scripted answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    raw: str | None = None
    """A whole body, whatever it is."""
    is_forever: bool = False
    """It says nothing else any more."""
    tokens: int | None = None
    """What it says that the answer cost."""


class LlmApi:
    """The double's model, under the prefix ``/llm``."""

    def __init__(self, store: Store, rules: Faults) -> None:
        self._store = store
        self._faults = rules
        self.script: list[Reply] = []

    def routes(self) -> list[web.RouteDef]:
        """What aiohttp needs to know."""
        return [web.post("/llm/v1/chat/completions", self._complete)]

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        try:
            asked = json.loads(await request.read())
            messages = list(asked["messages"])
        except (ValueError, KeyError, TypeError):
            return _error(400, "'messages' is a required property")

        async def work() -> web.StreamResponse:
            reply = self._next() or _unscripted(asked, messages)
            if reply.raw is not None:
                return web.Response(text=reply.raw, content_type="application/json")
            completion = _completion(asked, reply)
            self._store.put("llm.completion", completion["id"], {"asked": asked, "answered": completion})
            return web.json_response(completion)

        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return _error(401, "You didn't provide an API key.")
        fault = self._faults.take("llm", "chat.completions")
        return await faults.answer(request, fault, work, lambda status: _error(status, "Asked for"))

    def _next(self) -> Reply | None:
        if not self.script:
            return None
        return self.script[0] if self.script[0].is_forever else self.script.pop(0)


def _unscripted(asked: Doc, messages: list[Doc]) -> Reply:
    choice = asked.get("tool_choice")
    forced = choice["function"]["name"] if isinstance(choice, dict) else None
    for tool in asked.get("tools") or []:
        function = tool["function"]
        if function["name"] == forced:
            return Reply(tool_calls=(ToolCall(name=forced, arguments=_sample(function.get("parameters", {}))),))
    said = messages[-1].get("content") if messages else ""
    if asked.get("tools") and messages[-1].get("role") == "user":
        return _by_first_tool(asked["tools"][0]["function"], str(said))
    if messages and messages[-1].get("role") == "tool":
        return Reply(content=_put_in_words(str(said)))
    return Reply(content=said if isinstance(said, str) else json.dumps(said))


def _by_first_tool(function: Doc, said: str) -> Reply:
    """A call whose required texts are what the user said."""
    arguments = _sample(function.get("parameters", {}))
    return Reply(
        tool_calls=(
            ToolCall(name=function["name"], arguments={n: said[:100] if v == "" else v for n, v in arguments.items()}),
        )
    )


def _put_in_words(result: str) -> str:
    """What a tool found, as a patient clerk would say it."""
    found = json.loads(result)
    products = found.get("products") if isinstance(found, dict) else None
    if products is None:
        return result
    lines = [f"- {product.get('name')}, {product.get('unit_price')}" for product in products]
    return "\n".join(["Here is what we have:", *lines]) if lines else "I found nothing that fits."


def _sample(schema: Doc) -> Doc:
    """The least object that a simple schema allows: its required properties, empty or the first choice."""
    fields = schema.get("properties", {})
    return {
        name: (fields[name].get("enum") or [_SAMPLES.get(fields[name].get("type"))])[0]
        for name in schema.get("required", [])
        if name in fields
    }


def _completion(asked: Doc, reply: Reply) -> Doc:
    message: Doc = {"role": "assistant", "content": reply.content, "refusal": None}
    if reply.tool_calls:
        message["tool_calls"] = [
            {
                "id": f"call_{secrets.token_hex(12)}",
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": json.dumps(call.arguments) if call.text is None else call.text,
                },
            }
            for call in reply.tool_calls
        ]
    prompt, answer = len(json.dumps(asked["messages"])) // 4, len(json.dumps(message)) // 4
    total = prompt + answer if reply.tokens is None else reply.tokens
    finish = "tool_calls" if reply.tool_calls else "stop"
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(clock.timestamp()),
        "model": asked.get("model", "double"),
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": total},
    }


def _error(status: int, message: str) -> web.Response:
    kind = "server_error" if status >= 500 else "invalid_request_error"
    body = {"error": {"message": message, "type": kind, "param": None, "code": None}}
    return web.json_response(body, status=status)
