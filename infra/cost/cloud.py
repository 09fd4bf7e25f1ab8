"""The template of a stage without packaging anything: Chalice's functions, and what infra/cloud puts around them."""

from functools import cache
from typing import Any

from infra.cloud.template import merged
from infra.cost.template import Template
from infra.local.options import ROOT
from infra.package import gateway

CHALICE_API = "RestAPI"


def templates() -> dict[str, Template]:
    """What the sheet prices: both stages, and dev while nobody needs it and nothing keeps its database awake."""
    return {
        "dev": template("dev"),
        "dev, schedules disabled": template("dev", Schedules="DISABLED"),
        "prod": template("prod"),
    }


def template(stage: str, **parameters: Any) -> Template:
    """What a stage is made of, with other values for some of its parameters if wished."""
    return Template(_described(stage), **parameters)


@cache
def _described(stage: str) -> dict[str, Any]:
    from chalice.package import TemplateDeepMerger

    merge = TemplateDeepMerger().merge
    whole: dict[str, Any] = merge(merge(merged(stage), gateway.description()), _functions(stage))
    return whole


def _functions(stage: str) -> dict[str, Any]:
    """What `chalice package` makes of app.py, as far as it costs: functions with their memory, and the API."""
    from chalice.cli.factory import CLIFactory

    from infra.cost.functions import resource_name

    config = CLIFactory(str(ROOT)).create_config_obj(stage)
    api = gateway.RESOURCES[gateway.EVERYTHING_ELSE]
    names = {api: gateway.EVERYTHING_ELSE}
    names |= {resource_name(function.name): function.name for function in config.chalice_app.pure_lambda_functions}
    resources: dict[str, Any] = {
        CHALICE_API: {"Type": "AWS::Serverless::Api", "Properties": {}},
        f"{api}InvokePermission": {"Type": "AWS::Lambda::Permission", "Properties": {}},
    }
    for resource, name in names.items():
        scoped = config.scope(stage, name)
        properties = {"MemorySize": scoped.lambda_memory_size, "Architectures": [scoped.lambda_architecture]}
        resources[resource] = {"Type": "AWS::Serverless::Function", "Properties": properties}
    return {"Resources": resources}
