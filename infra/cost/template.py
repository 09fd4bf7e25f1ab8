"""The CloudFormation template of a stage, as CloudFormation would see it: parameters filled in, conditions decided.

What a resource is is known only when AWS made it (``Fn::GetAtt``, pseudo parameters); such values stay as they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.cost.prices import CostError

Json = Any


@dataclass(frozen=True)
class Resource:
    """One resource that a stage has."""

    name: str
    type: str
    properties: Mapping[str, Json]


class Template:
    """A template with values for its parameters: those given, else their defaults."""

    def __init__(self, template: Mapping[str, Json], **parameters: Json) -> None:
        self._template = template
        declared = template.get("Parameters", {})
        unknown = set(parameters) - set(declared)
        if unknown:
            raise CostError(f"the template has no parameter {', '.join(sorted(unknown))}")
        self._values = {name: parameters.get(name, said.get("Default", "")) for name, said in declared.items()}

    def resources(self, *types: str) -> list[Resource]:
        """The resources whose condition holds, of some types or of all."""
        return [
            Resource(name, said["Type"], self._resolved(said.get("Properties", {})))
            for name, said in self._template["Resources"].items()
            if self._is_there(said) and (not types or said["Type"] in types)
        ]

    def _is_there(self, said: Mapping[str, Json]) -> bool:
        return "Condition" not in said or self._holds({"Condition": said["Condition"]})

    def _holds(self, condition: Json) -> bool:
        ((operator, operand),) = condition.items()
        if operator == "Condition":
            return self._holds(self._template["Conditions"][operand])
        decide: Mapping[str, Callable[[], bool]] = {
            "Fn::Equals": lambda: str(self._resolved(operand[0])) == str(self._resolved(operand[1])),
            "Fn::Not": lambda: not self._holds(operand[0]),
            "Fn::And": lambda: all(map(self._holds, operand)),
            "Fn::Or": lambda: any(map(self._holds, operand)),
        }
        if operator not in decide:
            raise CostError(f"a condition uses {operator}, which infra/cost/template.py does not know")
        return decide[operator]()

    def _resolved(self, value: Json) -> Json:
        if isinstance(value, list):
            entries = [self._resolved(entry) for entry in value]
            return [entry for entry in entries if entry is not _NOTHING]
        if not isinstance(value, Mapping):
            return value
        if set(value) == {"Ref"}:
            return _NOTHING if value["Ref"] == "AWS::NoValue" else self._values.get(value["Ref"], value)
        if set(value) == {"Fn::If"}:
            name, then, otherwise = value["Fn::If"]
            return self._resolved(then if self._holds({"Condition": name}) else otherwise)
        found = {name: self._resolved(entry) for name, entry in value.items()}
        return {name: entry for name, entry in found.items() if entry is not _NOTHING}


_NOTHING = object()
"""What AWS::NoValue stands for."""
