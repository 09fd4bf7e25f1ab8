"""The cloud around the functions: YAML files of CloudFormation, one per concern, joined into one template.

`merged` is deep-merged onto what Chalice packages (functions and API). The files are plain CloudFormation with one addition:
a `ForEach` list, whose entries repeat `Resources` for every row of `Over`, each `<name>` replaced by the row's value. It is
resolved here and not by AWS::LanguageExtensions, so that every tool that reads the template sees what will be made.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args

import yaml

from chalicelib.kernel import migrations

FOLDER = Path(__file__).parent
Stage = Literal["dev", "prod"]
SECTIONS: Final = ("Parameters", "Rules", "Conditions", "Resources", "Outputs")
_TOKEN = re.compile(r"<(\w+)>")
_WITHOUT_FN = {"Ref": "Ref", "Condition": "Condition"}
"""Short forms whose long form has no ``Fn::`` before it."""


class TemplateError(Exception):
    """The files do not make one template: something is named twice, or a token has no value."""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, and no key twice: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise TemplateError(f"{', '.join(sorted(twice))} given twice{node.start_mark}")
        return super().construct_mapping(node, deep)


def _short_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    """``!GetAtt A.B`` as ``{"Fn::GetAtt": ["A", "B"]}`` (CloudFormation guide, Intrinsic function reference)."""
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        value = value.split(".", 1) if name == "GetAtt" else value
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {_WITHOUT_FN.get(name, f"Fn::{name}"): value}


_Loader.add_multi_constructor("!", _short_form)


def load(path: Path) -> dict[str, Any]:
    """One file, short forms written out. Raises TemplateError for a key given twice."""
    loaded: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    return loaded


def merged(stage: str) -> dict[str, Any]:
    """Everything around the functions of a stage, to be deep-merged onto Chalice's template.

    The stages differ in the defaults of the parameters only (`stages.yaml`). Raises TemplateError, ValueError for a stage
    that is not deployed.
    """
    if stage not in get_args(Stage):
        raise ValueError(f"{stage} is not deployed; the stages are {', '.join(get_args(Stage))}")
    template: dict[str, Any] = {section: {} for section in SECTIONS}
    for path in sorted(FOLDER.glob("*.yaml")):
        if path.name != "stages.yaml":
            for section, name, entry in _entries(load(path)):
                if name in template[section]:
                    raise TemplateError(f"{path.name}: {section} {name} is there already")
                template[section][name] = entry
    for name, defaults in load(FOLDER / "stages.yaml").items():
        template["Parameters"][name]["Default"] = defaults[stage]
    template["Resources"]["Migration"]["Properties"]["Migrations"] = _fingerprint()
    return template


def _fingerprint() -> str:
    """Changes with the migrations, so that CloudFormation runs the migration step when there is something to apply."""
    return hashlib.sha256("".join(migration.checksum for migration in migrations.load()).encode()).hexdigest()


def _entries(file: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(section, name, entry) of a file. Sections that begin with a dot only hold what anchors refer to."""
    for section, content in file.items():
        if section == "ForEach":
            yield from (("Resources", name, entry) for loop in content for name, entry in _repeated(loop))
        elif section in SECTIONS:
            yield from ((section, name, _written_out(entry)) for name, entry in content.items())
        elif not section.startswith("."):
            raise TemplateError(f"{section} is no section of a template")


def _repeated(loop: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for row in loop["Over"]:
        for name, entry in loop["Resources"].items():
            yield _filled(name, row), _written_out(_filled(entry, row))


def _filled(value: Any, row: Mapping[str, Any]) -> Any:
    """`value` with every ``<name>`` replaced; a text that is nothing but a token becomes the row's value, whatever it is."""
    if isinstance(value, dict):
        return {_filled(key, row): _filled(entry, row) for key, entry in value.items()}
    if isinstance(value, list):
        return [_filled(entry, row) for entry in value]
    if not isinstance(value, str):
        return value
    whole = _TOKEN.fullmatch(value)
    if whole is not None:
        found = _value_of(whole.group(1), row)
        return _filled(found, {k: v for k, v in row.items() if k != whole.group(1)}) if found != value else found
    return _TOKEN.sub(lambda token: str(_value_of(token.group(1), row)), value)


def _value_of(name: str, row: Mapping[str, Any]) -> Any:
    if name not in row:
        raise TemplateError(f"<{name}> has no value in {row}")
    return row[name]


def _written_out(entry: Any) -> Any:
    """A dashboard's body is a text for CloudFormation, and a structure for those who read it here."""
    body = entry.get("Properties", {}).get("DashboardBody") if isinstance(entry, dict) else None
    if not isinstance(body, dict):
        return entry
    text = json.dumps(body, sort_keys=True)
    return {**entry, "Properties": {**entry["Properties"], "DashboardBody": {"Fn::Sub": text}}}
