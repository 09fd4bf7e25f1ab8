"""CloudFormation as far as `infra/deploy` talks to it: stacks, change sets, events, in memory, behind the real client.

The emulators know neither outputs nor parameters of a stack that was made by a change set, nor failures. Requests are checked
by botocore as always, answers are checked here against the same description of the API.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.validate import validate_parameters

EVENTS_PER_PAGE = 2
NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."
START = datetime(2026, 1, 1, tzinfo=UTC)


class Refused(Exception):
    """A ValidationError of the API."""


@dataclass
class Made:
    """One stack."""

    id: str
    name: str
    status: str = "REVIEW_IN_PROGRESS"
    template: dict[str, Any] = field(default_factory=lambda: {"Resources": {}})
    parameters: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    coming: list[Callable[[], None]] = field(default_factory=list)
    """What happens, one at every look at the stack's status."""


@dataclass
class CloudFormation:
    """The double. `failures`: logical id -> reason; the next change of that resource fails."""

    load: Callable[[str], dict[str, Any]]
    failures: dict[str, str] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)
    stacks: list[Made] = field(default_factory=list)
    change_sets: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def client(self) -> Any:
        """A client of boto3 that talks to this double."""
        client = boto3.client("cloudformation")

        def remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
            context["given"] = params

        def answer(model: Any, context: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
            given = context["given"]
            self.calls.append((model.name, given))
            try:
                found = getattr(self, f"_{model.name}")(**given) or {}
            except Refused as error:
                return AWSResponse("", 400, {}, None), {"Error": {"Code": "ValidationError", "Message": str(error)}}
            if model.output_shape is not None:
                validate_parameters(found, model.output_shape)
            return AWSResponse("", 200, {}, None), {**found, "ResponseMetadata": {}}

        client.meta.events.register("before-parameter-build.cloudformation", remember)
        client.meta.events.register("before-call.cloudformation", answer)
        return client

    def names_of_calls(self) -> list[str]:
        """Operations that change something, in order."""
        return [name for name, _ in self.calls if not name.startswith(("Describe", "List", "Get"))]

    def _find(self, name: str) -> Made:
        for stack in reversed(self.stacks):
            if name == stack.id or (name == stack.name and stack.status != "DELETE_COMPLETE"):
                return stack
        raise Refused(f"Stack with id {name} does not exist")

    # Operations, by their names.

    def _DescribeStacks(self, StackName: str) -> dict[str, Any]:  # noqa: N802, N803  # the API's names
        stack = self._find(StackName)
        described = {
            "StackId": stack.id,
            "StackName": stack.name,
            "CreationTime": START,
            "StackStatus": stack.status,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in stack.parameters.items()],
            "Outputs": [
                {"OutputKey": name, "OutputValue": self._value(stack, output["Value"])}
                for name, output in stack.template.get("Outputs", {}).items()
            ],
        }
        if stack.coming:
            stack.coming.pop(0)()
        return {"Stacks": [described]}

    def _value(self, stack: Made, value: Any) -> str:
        return stack.parameters[value["Ref"]] if isinstance(value, dict) else str(value)

    def _CreateChangeSet(self, **given: Any) -> dict[str, Any]:  # noqa: N802  # the API's name
        is_there = any(s.name == given["StackName"] and s.status == "REVIEW_IN_PROGRESS" for s in self.stacks)
        if given["ChangeSetType"] == "CREATE" and not is_there:
            number = next(self._numbers)
            self.stacks.append(
                Made(f"arn:aws:cloudformation:x:1:stack/{given['StackName']}/{number}", given["StackName"])
            )
        stack = self._find(given["StackName"])
        template = self.load(given["TemplateURL"])
        parameters = {
            name: stack.parameters.get(name, str(declared.get("Default", "")))
            for name, declared in template.get("Parameters", {}).items()
        }
        for parameter in given["Parameters"]:
            if not parameter.get("UsePreviousValue"):
                parameters[parameter["ParameterKey"]] = parameter["ParameterValue"]
        name = f"arn:aws:cloudformation:x:1:changeSet/{given['ChangeSetName']}"
        is_same = (template, parameters) == (stack.template, stack.parameters)
        self.change_sets[name] = {"template": template, "parameters": parameters, "is_same": is_same, "looks": 0}
        return {"Id": name, "StackId": stack.id}

    def _DescribeChangeSet(self, ChangeSetName: str, StackName: str) -> dict[str, Any]:  # noqa: N802, N803  # the API's names
        change_set = self.change_sets[ChangeSetName]
        change_set["looks"] += 1
        if change_set["looks"] == 1:
            return {"Status": "CREATE_IN_PROGRESS"}
        if change_set["is_same"]:
            return {"Status": "FAILED", "StatusReason": NO_CHANGES}
        if "Broken" in change_set["template"]["Resources"]:
            return {"Status": "FAILED", "StatusReason": "Template error: Broken is broken"}
        before = self._find(StackName).template["Resources"]
        return {
            "Status": "CREATE_COMPLETE",
            "Changes": [
                {"Type": "Resource", "ResourceChange": change}
                for change in self._changes(before, change_set["template"]["Resources"])
            ],
        }

    def _changes(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for name, resource in after.items():
            if name not in before:
                yield {"Action": "Add", "LogicalResourceId": name, "ResourceType": resource["Type"]}
            elif resource != before[name]:
                replacement = "True" if name in self.replaced else "False"
                entry = {"Action": "Modify", "LogicalResourceId": name, "ResourceType": resource["Type"]}
                yield {**entry, "Replacement": replacement}
        for name in before.keys() - after.keys():
            yield {"Action": "Remove", "LogicalResourceId": name, "ResourceType": before[name]["Type"]}

    def _DeleteChangeSet(self, ChangeSetName: str, **_: str) -> None:  # noqa: N802, N803  # the API's names
        del self.change_sets[ChangeSetName]

    def _ExecuteChangeSet(self, ChangeSetName: str, StackName: str) -> None:  # noqa: N802, N803  # the API's names
        stack, change_set = self._find(StackName), self.change_sets.pop(ChangeSetName)
        verb = "CREATE" if stack.status == "REVIEW_IN_PROGRESS" else "UPDATE"
        names = [
            c["LogicalResourceId"]
            for c in self._changes(stack.template["Resources"], change_set["template"]["Resources"])
        ]
        failing = [name for name in names if name in self.failures]
        stack.status = f"{verb}_IN_PROGRESS"
        self._note(stack, stack.name, stack.status, "User Initiated")

        def work() -> None:
            for name in names:
                reason = self.failures.get(name)
                self._note(stack, name, f"{verb}_FAILED" if reason else f"{verb}_COMPLETE", reason)
            if failing:
                self._note(stack, "Other", f"{verb}_FAILED", "Resource creation cancelled")

        def end() -> None:
            if failing:
                stack.status = "ROLLBACK_COMPLETE" if verb == "CREATE" else "UPDATE_ROLLBACK_COMPLETE"
            else:
                stack.template, stack.parameters = change_set["template"], change_set["parameters"]
                stack.status = f"{verb}_COMPLETE"
            self._note(stack, stack.name, stack.status)

        stack.coming = [work, end]

    def _DeleteStack(self, StackName: str) -> None:  # noqa: N802, N803  # the API's names
        stack = self._find(StackName)
        failing = {name: reason for name, reason in self.failures.items() if name in stack.template["Resources"]}
        stack.status = "DELETE_IN_PROGRESS"

        def end() -> None:
            for name, reason in failing.items():
                self._note(stack, name, "DELETE_FAILED", reason)
            stack.status = "DELETE_FAILED" if failing else "DELETE_COMPLETE"
            self._note(stack, stack.name, stack.status)

        stack.coming = [end]

    def _DescribeStackEvents(self, StackName: str, NextToken: str = "0") -> dict[str, Any]:  # noqa: N802, N803  # the API's names
        newest_first = list(reversed(self._find(StackName).events))
        start = int(NextToken)
        page: dict[str, Any] = {"StackEvents": newest_first[start : start + EVENTS_PER_PAGE]}
        if start + EVENTS_PER_PAGE < len(newest_first):
            page["NextToken"] = str(start + EVENTS_PER_PAGE)
        return page

    def _GetTemplate(self, StackName: str, **_: str) -> dict[str, Any]:  # noqa: N802, N803  # the API's names
        return {"TemplateBody": json.dumps(self._find(StackName).template)}

    def _ListStackResources(self, StackName: str) -> dict[str, Any]:  # noqa: N802, N803  # the API's names
        resources = self._find(StackName).template["Resources"]
        return {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": name,
                    "PhysicalResourceId": f"{name}-physical",
                    "ResourceType": resource["Type"],
                    "LastUpdatedTimestamp": START,
                    "ResourceStatus": "CREATE_COMPLETE",
                }
                for name, resource in resources.items()
            ]
        }

    def _DescribeStackResource(self, StackName: str, LogicalResourceId: str) -> dict[str, Any]:  # noqa: N802, N803  # the API's names
        stack = self._find(StackName)
        if LogicalResourceId not in stack.template["Resources"]:
            raise Refused(f"Resource {LogicalResourceId} does not exist for stack {StackName}")
        return {
            "StackResourceDetail": {
                "LogicalResourceId": LogicalResourceId,
                "PhysicalResourceId": f"{LogicalResourceId}-physical",
                "ResourceType": stack.template["Resources"][LogicalResourceId]["Type"],
                "LastUpdatedTimestamp": START,
                "ResourceStatus": "CREATE_COMPLETE",
            }
        }

    def _note(self, stack: Made, name: str, status: str, reason: str | None = None) -> None:
        number = next(self._numbers)
        event: dict[str, Any] = {
            "StackId": stack.id,
            "EventId": f"event-{number}",
            "StackName": stack.name,
            "LogicalResourceId": name,
            "Timestamp": START + timedelta(seconds=number),
            "ResourceStatus": status,
        }
        stack.events.append({**event, "ResourceStatusReason": reason} if reason else event)
