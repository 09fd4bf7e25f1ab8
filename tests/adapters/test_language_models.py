"""The two kinds of language model: what they are asked, what is made of their answers. How they fail: tests/insights/chat."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from botocore.stub import Stubber

from chalicelib.adapters import bedrock, llm
from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable
from chalicelib.adapters.llm import Completion, OpenAiModel, Question, Tool, ToolCall, Turn
from chalicelib.kernel.settings import settings
from tests.circuits import close_all

SCHEMA = {"type": "object", "properties": {"words": {"type": "string"}}}
CALL = ToolCall("t1", "find", {"words": "pepper", "at_most": Decimal("9.5")})
TURNS = (
    Turn("assistant", "Welcome!"),
    Turn("user", "Pepper?"),
    Turn("user", "The black one."),
    Turn("assistant", "", (CALL,)),
    Turn("tool", '{"products": []}', call_id="t1"),
)
QUESTION = Question("Be kind.", TURNS, 600, (Tool("find", "Finds.", SCHEMA),))


@pytest.fixture
def stubbed(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Bedrock's client, which answers what a test says and checks the request against the service's own model."""
    close_all()
    with Stubber(bedrock.client()) as stubber:
        yield stubber
    close_all()


def converse(text: str | None, *uses: dict[str, Any], tokens: int = 42) -> dict[str, Any]:
    content: list[dict[str, Any]] = [] if text is None else [{"text": text}]
    return {
        "output": {"message": {"role": "assistant", "content": [*content, *({"toolUse": use} for use in uses)]}},
        "stopReason": "tool_use" if uses else "end_turn",
        "usage": {"inputTokens": 40, "outputTokens": 2, "totalTokens": tokens},
        "metrics": {"latencyMs": 1},
    }


def test_bedrock_is_asked_in_its_own_words(stubbed: Stubber) -> None:
    expected = {
        "modelId": "a-model",
        "system": [{"text": "Be kind."}],
        "messages": [
            {"role": "user", "content": [{"text": "Pepper?"}, {"text": "The black one."}]},
            {
                "role": "assistant",
                "content": [
                    {"toolUse": {"toolUseId": "t1", "name": "find", "input": {"words": "pepper", "at_most": "9.5"}}}
                ],
            },
            {
                "role": "user",
                "content": [{"toolResult": {"toolUseId": "t1", "content": [{"text": '{"products": []}'}]}}],
            },
        ],
        "inferenceConfig": {"maxTokens": 600},
        "toolConfig": {
            "tools": [{"toolSpec": {"name": "find", "description": "Finds.", "inputSchema": {"json": SCHEMA}}}]
        },
    }
    stubbed.add_response("converse", converse("Two kinds."), expected)
    assert bedrock.BedrockModel(name="a-model").complete(QUESTION) == Completion("Two kinds.", (), 42)


def test_bedrock_can_be_made_to_call_a_tool(stubbed: Stubber) -> None:
    use = {"toolUseId": "t9", "name": "find", "input": {"words": "rice"}}
    stubbed.add_response("converse", converse(None, use))
    question = Question("Be kind.", (Turn("user", "Rice?"),), 100, QUESTION.tools, "find")
    completion = bedrock.BedrockModel(name="a-model").complete(question)
    assert completion.calls == (ToolCall("t9", "find", {"words": "rice"}),)
    assert bedrock.BedrockModel(name="m")._asked(question)["toolConfig"]["toolChoice"] == {"tool": {"name": "find"}}


@pytest.mark.parametrize(
    ("code", "status", "cause"),
    [
        ("ThrottlingException", 429, "busy"),
        ("AccessDeniedException", 403, "ours"),
        ("ModelTimeoutException", 500, "outage"),
    ],
)
def test_bedrock_may_be_away(code: str, status: int, cause: str, stubbed: Stubber) -> None:
    stubbed.add_client_error("converse", code, http_status_code=status)
    with pytest.raises(ProviderUnavailable) as raised:
        bedrock.BedrockModel(name="a-model").complete(QUESTION)
    assert (raised.value.provider, raised.value.cause) == ("llm", cause)


def test_bedrock_may_refuse(stubbed: Stubber) -> None:
    stubbed.add_client_error("converse", "ValidationException", http_status_code=400)
    with pytest.raises(ProviderRefused):
        bedrock.BedrockModel(name="a-model").complete(QUESTION)


@pytest.mark.parametrize(
    ("base_url", "limit"),
    [
        ("https://api.openai.com/v1", "max_completion_tokens"),
        ("https://our.openai.azure.com/openai/v1", "max_completion_tokens"),
        ("https://api.mistral.ai/v1", "max_tokens"),
        ("https://notopenai.com/v1", "max_tokens"),
    ],
)
def test_servers_name_the_limit_differently(base_url: str, limit: str) -> None:
    from pydantic import SecretStr

    asked = OpenAiModel(base_url=base_url, name="m", api_key=SecretStr("k"))._asked(QUESTION)
    assert {name for name in asked if name.startswith("max_")} == {limit}
    assert asked["messages"][0] == {"role": "system", "content": "Be kind."}
    assert asked["messages"][-2]["tool_calls"][0]["function"]["arguments"] == '{"words": "pepper", "at_most": "9.5"}'
    assert asked["messages"][-1] == {"role": "tool", "tool_call_id": "t1", "content": '{"products": []}'}


def test_settings_choose(database: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(**variables: str) -> str:
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(f"QM_LLM_{name}", value)
            settings.cache_clear()
            found = llm.model()
        settings.cache_clear()
        return type(found).__name__

    assert chosen() == "NoneType"
    assert chosen(PROVIDER="openai", MODEL="m") == "NoneType"
    assert chosen(PROVIDER="openai", MODEL="m", API_KEY="k") == "OpenAiModel"
    assert chosen(PROVIDER="bedrock") == "NoneType"
    assert chosen(PROVIDER="bedrock", MODEL="m") == "BedrockModel"


def test_nothing_of_a_conversation_is_in_a_repr() -> None:
    assert "pepper" not in repr((QUESTION, CALL, Completion("pepper", (CALL,), 1)))


def test_a_server_inside_our_network_is_not_asked(database: object, aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from pydantic import SecretStr

    monkeypatch.setenv("QM_OUTBOUND_ALLOWED", "")
    settings.cache_clear()
    close_all()
    model = OpenAiModel(base_url="http://169.254.169.254/v1", name="m", api_key=SecretStr("k"))
    with pytest.raises(ProviderUnavailable) as raised:
        model.complete(QUESTION)
    monkeypatch.undo()
    settings.cache_clear()
    close_all()
    assert (raised.value.cause, raised.value.maybe_done) == ("ours", False)
