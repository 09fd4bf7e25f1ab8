"""A template as CloudFormation sees it: parameters filled in, conditions decided."""

from typing import Any

import pytest

from infra.cost.prices import CostError
from infra.cost.template import Template

TEMPLATE: dict[str, Any] = {
    "Parameters": {"Size": {"Default": 2}, "Mode": {"Default": "off"}, "Name": {"Type": "String"}},
    "Conditions": {
        "IsOn": {"Fn::Equals": [{"Ref": "Mode"}, "on"]},
        "IsOff": {"Fn::Not": [{"Condition": "IsOn"}]},
        "IsLarge": {"Fn::And": [{"Condition": "IsOn"}, {"Fn::Equals": [{"Ref": "Size"}, 9]}]},
        "IsAny": {"Fn::Or": [{"Condition": "IsOn"}, {"Condition": "IsOff"}]},
    },
    "Resources": {
        "Always": {
            "Type": "A::B::C",
            "Properties": {
                "Size": {"Ref": "Size"},
                "Other": {"Ref": "OnlyOn"},
                "Arn": {"Fn::GetAtt": ["OnlyOn", "Arn"]},
                "Mode": {"Fn::If": ["IsOn", {"Fn::If": ["IsLarge", "large", "small"]}, {"Ref": "AWS::NoValue"}]},
                "List": [1, {"Fn::If": ["IsOff", {"Ref": "AWS::NoValue"}, 2]}],
            },
        },
        "OnlyOn": {"Type": "A::B::D", "Condition": "IsOn"},
        "OnlyOff": {"Type": "A::B::D", "Condition": "IsOff"},
        "OneOfBoth": {"Type": "A::B::D", "Condition": "IsAny"},
    },
}


def found(**parameters: Any) -> dict[str, Any]:
    return {resource.name: dict(resource.properties) for resource in Template(TEMPLATE, **parameters).resources()}


def test_defaults_decide() -> None:
    arn, other = {"Fn::GetAtt": ["OnlyOn", "Arn"]}, {"Ref": "OnlyOn"}
    assert found() == {
        "Always": {"Size": 2, "Other": other, "Arn": arn, "List": [1]},
        "OnlyOff": {},
        "OneOfBoth": {},
    }


def test_given_values_decide() -> None:
    assert sorted(found(Mode="on")) == ["Always", "OneOfBoth", "OnlyOn"]
    assert found(Mode="on")["Always"]["Mode"] == "small"
    assert found(Mode="on", Size=9)["Always"]["Mode"] == "large"
    assert found(Mode="on", Size=9)["Always"]["List"] == [1, 2]


def test_types_select() -> None:
    assert [resource.name for resource in Template(TEMPLATE).resources("A::B::D")] == ["OnlyOff", "OneOfBoth"]


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(CostError, match="no parameter Colour"):
        Template(TEMPLATE, Colour="red")


def test_a_condition_that_is_not_understood_is_refused() -> None:
    odd = {"Conditions": {"C": {"Fn::Sometimes": []}}, "Resources": {"R": {"Type": "A::B::C", "Condition": "C"}}}
    with pytest.raises(CostError, match="Fn::Sometimes"):
        Template(odd).resources()
