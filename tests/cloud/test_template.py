"""The YAML files make one template that CloudFormation takes."""

import copy
import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from infra.cloud import template
from infra.package import checks, pip
from tests.cloud.deployed import STAGES, deployed

BYTES_MAX = 1_000_000
"""Of a template in S3 (CloudFormation quotas); the 51,200 of one in the request are long passed."""
RESOURCES_MAX = 500
PARAMETERS_MAX = 200
REFERENCE = re.compile(r"\$\{([A-Za-z0-9]+)[.}]")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of YAML files in place of the project's."""
    (tmp_path / "stages.yaml").write_text("{}")
    (tmp_path / "a.yaml").write_text("Resources: {Migration: {Properties: {}}}")
    monkeypatch.setattr(template, "FOLDER", tmp_path)
    return tmp_path


def resources(folder: Path, text: str) -> dict[str, Any]:
    (folder / "b.yaml").write_text(text)
    return {name: entry for name, entry in template.merged("dev")["Resources"].items() if name != "Migration"}


# What template.py adds to YAML.


def test_short_forms_are_written_out(folder: Path) -> None:
    text = "Resources: {A: {Ref: !Ref B, Get: !GetAtt C.D.E, If: !If [F, !Sub '${G}', !Ref AWS::NoValue], Is: !Condition H}}"
    assert resources(folder, text) == {
        "A": {
            "Ref": {"Ref": "B"},
            "Get": {"Fn::GetAtt": ["C", "D.E"]},
            "If": {"Fn::If": ["F", {"Fn::Sub": "${G}"}, {"Ref": "AWS::NoValue"}]},
            "Is": {"Condition": "H"},
        }
    }


def test_resources_are_repeated_for_every_row(folder: Path) -> None:
    text = """
    ForEach:
      - Over: [{Name: One, size: 1, more: [a, <Name>]}, {Name: Two, size: 2, more: {b: "<Name>!"}}]
        Resources:
          <Name>Thing: {Size: <size>, Text: "<Name> of <size>", More: <more>, Ref: !Ref "<Name>Thing"}
    """
    assert resources(folder, text) == {
        "OneThing": {"Size": 1, "Text": "One of 1", "More": ["a", "One"], "Ref": {"Ref": "OneThing"}},
        "TwoThing": {"Size": 2, "Text": "Two of 2", "More": {"b": "Two!"}, "Ref": {"Ref": "TwoThing"}},
    }


@pytest.mark.parametrize(
    ("_case", "text", "complaint"),
    [
        ("a key twice in one mapping", "Resources: {A: {x: 1, x: 2}}", "x given twice"),
        ("a resource twice in one file", "Resources: {A: {}, A: {}}", "A given twice"),
        ("a resource of another file", "Resources: {Migration: {}}", "Resources Migration is there already"),
        (
            "a resource that a loop makes too",
            "Resources: {OneThing: {}}\nForEach: [{Over: [{N: One}], Resources: {<N>Thing: {}}}]",
            "OneThing is there already",
        ),
        ("a token without a value", "ForEach: [{Over: [{N: One}], Resources: {<N>Thing: <M>}}]", "<M> has no value"),
        ("a section that CloudFormation does not know", "Resource: {A: {}}", "Resource is no section"),
    ],
)
def test_what_makes_no_template_is_refused(folder: Path, _case: str, text: str, complaint: str) -> None:
    with pytest.raises(template.TemplateError, match=complaint):
        resources(folder, text)


def test_the_local_stage_is_not_deployed() -> None:
    with pytest.raises(ValueError, match="local is not deployed; the stages are dev, prod"):
        template.merged("local")


def test_every_parameter_has_a_default_or_is_asked_for() -> None:
    for stage in STAGES:
        missing = [name for name, parameter in deployed(stage)["Parameters"].items() if "Default" not in parameter]
        assert missing == []
    differing = [
        name
        for name, parameter in deployed("dev")["Parameters"].items()
        if parameter["Default"] != deployed("prod")["Parameters"][name]["Default"]
    ]
    declared = template.load(template.FOLDER / "stages.yaml")
    assert set(differing) == {name for name, by_stage in declared.items() if by_stage["dev"] != by_stage["prod"]}


# What CloudFormation demands.


def lint(made: dict[str, Any], folder: Path) -> tuple[str, ...]:
    """What cfn-lint says of a template, warnings and remarks included."""
    path = folder / "template.json"
    path.write_text(json.dumps(made))
    return checks.cfn_lint(path).findings


def transformed(stage: str) -> dict[str, Any]:
    """The template after CloudFormation's own transform: what is really made."""
    made = copy.deepcopy(deployed(stage))
    for resource in made["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://artifacts/code.zip"
    python = pip.environment_of("aws-sam-translator") / "python"
    script = Path(__file__).parent / "transform.py"
    done = subprocess.run([python, script], input=json.dumps(made), capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_cfn_lint_finds_nothing(tmp_path: Path) -> None:
    assert lint(deployed("dev"), tmp_path) == ()


def test_cfn_lint_finds_nothing_in_what_is_made_of_it(tmp_path: Path) -> None:
    made = transformed("prod")
    kinds = Counter(resource["Type"] for resource in made["Resources"].values())
    assert (kinds["AWS::Lambda::Function"], kinds["AWS::Lambda::Alias"], kinds["AWS::Serverless::Function"]) == (
        20,
        3,
        0,
    )
    assert lint(made, tmp_path) == ()


@pytest.mark.parametrize("stage", STAGES)
def test_the_template_is_within_the_quotas(stage: str) -> None:
    made = deployed(stage)
    assert len(json.dumps(made)) < BYTES_MAX / 2
    assert len(made["Resources"]) < RESOURCES_MAX
    assert len(made["Parameters"]) < PARAMETERS_MAX


@pytest.mark.parametrize("stage", STAGES)
def test_no_resource_waits_for_itself(stage: str) -> None:
    """CloudFormation refuses circles; cfn-lint does not see those that go through a function of SAM's."""
    names = deployed(stage)["Resources"]
    waits = {name: {other for other in _named(resource) if other in names} - {name} for name, resource in names.items()}
    order = list(TopologicalSorter(waits).static_order())
    assert len(order) == len(names)
    assert order.index("Migration") < min(order.index(name) for name in ("APIHandler", "WorkQueue", "RelayOutbox"))


def _named(value: Any) -> Iterator[str]:
    """The resources that a piece of a template refers to. SAM's ``Function.Alias`` is the function."""
    if isinstance(value, list):
        for entry in value:
            yield from _named(entry)
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _named(entry)
            if key == "Ref":
                yield entry.split(".")[0]
            elif key == "Fn::GetAtt":
                yield entry[0]
            elif key == "Fn::Sub":
                yield from REFERENCE.findall(entry if isinstance(entry, str) else entry[0])
            elif key == "DependsOn":
                yield from [entry] if isinstance(entry, str) else entry


@pytest.mark.parametrize("stage", STAGES)
def test_what_holds_the_business_outlives_the_stack(stage: str) -> None:
    kept = {
        name: resource["DeletionPolicy"]
        for name, resource in deployed(stage)["Resources"].items()
        if resource.get("DeletionPolicy", "Delete") != "Delete"
    }
    assert kept == {
        "ApplicationSecret": "Retain",
        "Database": "Snapshot",
        "DatabaseApplicationSecret": "Retain",
        "DatabaseOwnerSecret": "Retain",
        "GatewayAccount": "Retain",
        "GatewayLogsRole": "Retain",
        "Key": "Retain",
        "Objects": "Retain",
        "ObjectsLogs": "Retain",
    }
