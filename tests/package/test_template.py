"""The template that Chalice and the merge make: few paths, the right function behind each, nothing of Chalice's defaults."""

import json
import re
from typing import Any

import pytest

import app
from chalicelib.routes import ROUTES
from infra.package import Built, PackageError, build, gateway
from infra.package.gateway import ANY

FUNCTIONS = {
    "APIHandler": "app.app",
    "VoiceApi": "app.voice_api",
    "WebhooksApi": "app.webhooks_api",
    "WorkQueue": "app.work_queue",
    "MessagesQueue": "app.messages_queue",
    "RobotsQueue": "app.robots_queue",
    "WebhooksQueue": "app.webhooks_queue",
    "DeliveriesQueue": "app.deliveries_queue",
    "TelemetryQueue": "app.telemetry_queue",
    "RelayOutbox": "app.relay_outbox",
    "SealAudit": "app.seal_audit",
    "ExpireHolds": "app.expire_holds",
    "SyncConnectors": "app.sync_connectors",
    "SettlePayments": "app.settle_payments",
    "CountKeyUses": "app.count_key_uses",
    "ScoreCustomers": "app.score_customers",
    "ReconcilePayments": "app.reconcile_payments",
    "PurgeExpired": "app.purge_expired",
    "Migrate": "app.migrate",
    "Operate": "app.operate",
}
GATEWAY_SECONDS = 29
MEMORY_MB_MIN = 512
"""A function holds about 110 MB; less than this buys so little of a core that a cold start takes seconds."""
LEASE_SECONDS = 45
"""After it another worker may take over (chalicelib/kernel/jobs.py)."""


def resources(built: Built, kind: str) -> dict[str, Any]:
    found = built.template["Resources"].items()
    return {name: resource["Properties"] for name, resource in found if resource["Type"] == kind}


def paths(built: Built) -> dict[str, Any]:
    found: dict[str, Any] = resources(built, "AWS::Serverless::Api")["RestAPI"]["DefinitionBody"]["paths"]
    return found


def resolved(built: Built, value: Any) -> Any:
    """A value, of a parameter its default: what a stage deploys when nobody says otherwise."""
    if isinstance(value, dict) and set(value) == {"Ref"}:
        return built.template["Parameters"][value["Ref"]]["Default"]
    return value


def called(integration: Any) -> list[str]:
    """The functions that an integration names, be it the function itself or an alias of it."""
    return sorted(set(re.findall(r"APIHandler|VoiceApi|WebhooksApi", json.dumps(integration["uri"]))))


def test_every_function_of_app_py_is_there_under_its_name(built: Built) -> None:
    found = resources(built, "AWS::Serverless::Function")
    assert {name: found[name]["Handler"] for name in FUNCTIONS} == FUNCTIONS
    assert all(callable(getattr(app, handler.removeprefix("app."))) for handler in FUNCTIONS.values())
    declared = {f"app.{function.name}" for function in app.app.pure_lambda_functions}
    assert declared == set(FUNCTIONS.values()) - {"app.app"}


def test_functions_run_on_the_python_they_are_made_for(built: Built) -> None:
    found = resources(built, "AWS::Serverless::Function")
    assert {found[name]["Runtime"] for name in FUNCTIONS} == {built.package.target.name}
    assert {found[name]["CodeUri"] for name in FUNCTIONS} == {"./deployment.zip"}
    variables = [found[name]["Environment"]["Variables"] for name in FUNCTIONS]
    assert {resolved(built, each["QM_STAGE"]) for each in variables} == {"dev"}


def test_timeouts_fit_what_waits_for_the_functions(built: Built) -> None:
    found = resources(built, "AWS::Serverless::Function")
    seconds = {name: found[name]["Timeout"] for name in FUNCTIONS}
    assert {seconds[name] for name in ("APIHandler", "VoiceApi", "WebhooksApi")} == {GATEWAY_SECONDS}
    assert max(seconds[name] for name in FUNCTIONS if name.endswith("Queue")) < LEASE_SECONDS
    assert min(int(resolved(built, found[name]["MemorySize"])) for name in FUNCTIONS) >= MEMORY_MB_MIN


def test_the_gateway_knows_few_paths_and_every_method_of_each(built: Built) -> None:
    found = paths(built)
    assert set(found) == {
        "/",
        "/{proxy+}",
        *(f"{node}{child}" for node in ("/api", *gateway.SURFACES) for child in ("", "/{proxy+}")),
    }
    assert {tuple(methods) for methods in found.values()} == {(ANY,)}


def test_no_path_depends_on_going_back_up_the_tree(built: Built) -> None:
    """Every node above a path of ours is a path itself, with a greedy child."""
    found = paths(built)
    for path in found:
        node = path.removesuffix("/{proxy+}").rstrip("/")
        while node:
            assert {node, f"{node}/{{proxy+}}"} <= set(found)
            node = node.rpartition("/")[0]


@pytest.mark.parametrize(("method", "path", "allow"), [(row[0], row[1], row[4]) for row in ROUTES])
def test_every_route_reaches_the_function_of_its_kind(built: Built, method: str, path: str, allow: str) -> None:
    del method
    expected = "api_handler"
    if allow.startswith("signed by"):
        expected = "webhooks_api"
    elif path.startswith("/api/voice/"):
        expected = "voice_api"
    assert gateway.function_of(path) == expected
    integration = chosen(paths(built), path)[ANY]["x-amazon-apigateway-integration"]
    assert called(integration) == [gateway.RESOURCES[expected]]
    assert integration["type"] == "aws_proxy"


def chosen(found: dict[str, Any], path: str) -> Any:
    """The path itself, else the greedy one with the longest prefix."""
    greedy = [
        known for known in found if known.endswith("{proxy+}") and path.startswith(known.removesuffix("{proxy+}"))
    ]
    return found.get(path) or found[max(greedy, key=len)]


def test_the_greedy_variable_has_the_name_that_the_gateway_gives_it(built: Built) -> None:
    greedy = {path: methods[ANY] for path, methods in paths(built).items() if path.endswith("/{proxy+}")}
    assert {len(method["parameters"]) for method in greedy.values()} == {1}
    assert {method["parameters"][0]["name"] for method in greedy.values()} == {"proxy"}


def test_the_gateway_may_call_each_function_it_names(built: Built) -> None:
    found = resources(built, "AWS::Lambda::Permission")
    allowed = {
        found[f"{name}InvokePermission"]["FunctionName"]["Ref"].removesuffix(".Alias")
        for name in gateway.RESOURCES.values()
    }
    assert allowed == {"APIHandler", "VoiceApi", "WebhooksApi"}


def test_bodies_of_any_type_arrive_whole(built: Built) -> None:
    body = resources(built, "AWS::Serverless::Api")["RestAPI"]["DefinitionBody"]
    assert body["x-amazon-apigateway-binary-media-types"] == ["*/*"]


def test_the_api_is_regional_and_named_after_its_stage(built: Built) -> None:
    api = resources(built, "AWS::Serverless::Api")["RestAPI"]
    assert api["StageName"] == "dev"
    assert "REGIONAL" in str(api["EndpointConfiguration"])


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("/", "api_handler"),
        ("/api/voice", "voice_api"),
        ("/api/voices/x", "api_handler"),
        ("/api/voice/webhook", "webhooks_api"),
        ("/api/voice/webhooks", "voice_api"),
        ("/api/sms-optin", "api_handler"),
        ("/api/webhooks/stripe", "webhooks_api"),
    ],
)
def test_prefixes_are_whole_segments(path: str, function: str) -> None:
    assert gateway.function_of(path) == function


def test_only_stages_that_are_deployed_are_built() -> None:
    with pytest.raises(PackageError, match="STAGE is dev or prod, not 'local'"):
        build("local")
