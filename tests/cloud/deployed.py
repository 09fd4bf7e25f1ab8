"""The template as it would be deployed, and the functions in it with the code that each runs."""

import ast
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from chalice.package import TemplateDeepMerger
from chalice.utils import to_cfn_resource_name

from chalicelib import routes
from chalicelib.kernel import jobs
from infra.cloud import template
from infra.local.options import ROOT
from infra.local.pumps import SOURCES
from infra.package import gateway
from tests.cloud.reach import Node, modules, resolve

STAGES = ("dev", "prod")
API = "api_handler"
"""What Chalice calls the function behind its routes."""


@cache
def deployed(stage: str) -> dict[str, Any]:
    """What `make package` writes, without the libraries: Chalice's template with ours merged in."""
    folder = Path(mkdtemp(prefix="quartermaster-template-"))
    try:
        staging = folder / "staging"
        staging.mkdir()
        shutil.copyfile(ROOT / "app.py", staging / "app.py")
        shutil.copytree(ROOT / "chalicelib", staging / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
        (staging / ".chalice").mkdir()
        shutil.copyfile(ROOT / ".chalice" / "config.json", staging / ".chalice" / "config.json")
        (staging / "requirements.txt").touch()
        code = folder / "code.zip"
        with zipfile.ZipFile(code, "w") as empty:
            empty.writestr("nothing", "")
        merge = folder / "merge.json"
        merge.write_text(json.dumps(_merged(stage)), encoding="utf-8")
        script = ROOT / "infra" / "package" / "describe.py"
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(staging), "AWS_DEFAULT_REGION": "us-east-1"}
        command = [sys.executable, "-s", "-P", str(script), str(staging), stage, str(code), str(folder), str(merge)]
        subprocess.run(command, cwd=staging, env=environment, capture_output=True, check=True)
        found: dict[str, Any] = json.loads((folder / "sam.json").read_text(encoding="utf-8"))
    finally:
        shutil.rmtree(folder)
    return found


def _merged(stage: str) -> dict[str, Any]:
    merged: dict[str, Any] = TemplateDeepMerger().merge(template.merged(stage), gateway.description())
    return merged


def resources(kind: str, stage: str = "prod") -> dict[str, dict[str, Any]]:
    """Properties of all resources of a type, by logical name."""
    found = deployed(stage)["Resources"].items()
    return {name: resource.get("Properties", {}) for name, resource in found if resource["Type"] == kind}


def resource_of(function: str) -> str:
    """The logical name of a function of app.py."""
    return "APIHandler" if function == API else str(to_cfn_resource_name(function))


@cache
def functions() -> Mapping[str, frozenset[Node]]:
    """Functions of app.py -> where their code begins: their handler, and the endpoints or consumers that it looks up."""
    app = modules()["app"]
    found = {API: {("app", "app")}}
    for name, statement in app.defined.items():
        if isinstance(statement, ast.Assign) and "app.lambda_function(" in ast.unparse(statement):
            assert isinstance(statement.value, ast.Call)
            found[name] = {resolve("app", statement.value.args[0])}
    for method, path, module, handler, _ in routes.ROUTES:
        assert method
        found[gateway.function_of(path)].add((module, handler))
    handlers = {source.queue: source.handler for source in SOURCES}
    for topic, (queue, module) in routes.CONSUMERS.items():
        import_module(module)
        function = jobs.CONSUMERS[topic][1]
        found[handlers[queue]].add((function.__module__, function.__qualname__))
    return {name: frozenset(entries) for name, entries in found.items()}
