"""One CloudFormation stack: its state, change sets, events and outputs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.errors import DeployError

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
POLL_S = 3.0
NOTHING_TO_CHANGE = ("didn't contain changes", "No updates are to be performed")
REASONS_SHOWN = 3
DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE")
DATA_STORES = (
    "AWS::RDS::DBCluster",
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::SecretsManager::Secret",
    "AWS::KMS::Key",
)


@dataclass(frozen=True)
class Change:
    """What a change set would do to one resource."""

    action: str
    name: str
    type: str
    replacement: str

    @property
    def loses_data(self) -> bool:
        """Whether what a data store holds would not be there afterwards."""
        return self.type in DATA_STORES and (self.action == "Remove" or self.replacement == "True")

    def __str__(self) -> str:
        anew = {"True": ", made anew", "Conditional": ", perhaps made anew"}.get(self.replacement, "")
        return f"{self.action:<7} {self.name} ({self.type}){anew}"


@dataclass
class Stack:
    """A stack by its name. `say` prints a line; `pause` waits between two looks."""

    cloudformation: Any
    name: str
    say: Callable[[str], None] = print
    pause: Callable[[], None] = lambda: time.sleep(POLL_S)
    changed: set[str] = field(default_factory=set)
    """Logical ids of what this run of ours has changed."""
    _seen: set[str] = field(default_factory=set)

    def describe(self) -> dict[str, Any] | None:
        """The stack as CloudFormation describes it, or None when there is none."""
        try:
            found: dict[str, Any] = self.cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        return None if found["StackStatus"] == "DELETE_COMPLETE" else found

    def outputs(self) -> dict[str, str]:
        """Outputs by name."""
        found = self.describe() or {}
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def resource(self, logical_id: str) -> str:
        """The physical id of a resource. Raises DeployError when the stack has none of this name."""
        try:
            found = self.cloudformation.describe_stack_resource(StackName=self.name, LogicalResourceId=logical_id)
        except ClientError as error:
            raise DeployError(f"The stack {self.name} has no {logical_id}: {error}.") from None
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    # Changing it.

    def check_ready(self) -> bool:
        """Whether there is a stack that can be updated. Raises DeployError for one that cannot be changed now."""
        found = self.describe()
        status = "" if found is None else found["StackStatus"]
        if status.endswith("_IN_PROGRESS") and status != "REVIEW_IN_PROGRESS":
            raise DeployError(f"{self.name} is being changed ({status}): wait until that is over.")
        if status in ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"):
            raise DeployError(f"{self.name} was never complete ({status}): make destroy, then deploy again.")
        if status == "UPDATE_ROLLBACK_FAILED":
            raise DeployError(
                f"{self.name} could not roll back: see its events, then aws cloudformation continue-update-rollback."
            )
        return status not in ("", "REVIEW_IN_PROGRESS")

    def propose(self, template_url: str, parameters: list[dict[str, Any]], *, exists: bool) -> str | None:
        """Makes a change set; its id, or None when it would change nothing. Raises DeployError."""
        name = f"deploy-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"
        made = self.cloudformation.create_change_set(
            StackName=self.name,
            ChangeSetName=name,
            ChangeSetType="UPDATE" if exists else "CREATE",
            TemplateURL=template_url,
            Parameters=parameters,
            Capabilities=CAPABILITIES,
            Tags=[{"Key": "application", "Value": "quartermaster"}, {"Key": "stack", "Value": self.name}],
        )
        change_set = str(made["Id"])
        while True:
            found = self.cloudformation.describe_change_set(ChangeSetName=change_set, StackName=self.name)
            if found["Status"] == "FAILED":
                self.cloudformation.delete_change_set(ChangeSetName=change_set, StackName=self.name)
                reason = found.get("StatusReason", "")
                if any(sign in reason for sign in NOTHING_TO_CHANGE):
                    return None
                raise DeployError(f"CloudFormation refuses the template: {reason}")
            if found["Status"] == "CREATE_COMPLETE":
                return change_set
            self.pause()

    def changes(self, change_set: str) -> list[Change]:
        """What a change set would do."""
        pages = self.cloudformation.get_paginator("describe_change_set").paginate(
            ChangeSetName=change_set, StackName=self.name
        )
        return [
            Change(
                change["ResourceChange"]["Action"],
                change["ResourceChange"]["LogicalResourceId"],
                change["ResourceChange"]["ResourceType"],
                change["ResourceChange"].get("Replacement", "False"),
            )
            for page in pages
            for change in page.get("Changes", [])
        ]

    def execute(self, change_set: str) -> None:
        """Carries a change set out and shows its events. Raises DeployError, with the first reasons, when it fails."""
        self._skip_events(self.name)
        self.cloudformation.execute_change_set(ChangeSetName=change_set, StackName=self.name)
        self._follow(self.name)

    def discard(self, change_set: str, *, exists: bool) -> None:
        """Gives a change set up, and the empty stack that it was to fill."""
        self.cloudformation.delete_change_set(ChangeSetName=change_set, StackName=self.name)
        if not exists:
            self.cloudformation.delete_stack(StackName=self.name)

    def delete(self) -> None:
        """Deletes the stack and shows its events. Raises DeployError when something stays that should not."""
        found = self.describe()
        if found is None:
            return
        stack_id = str(found["StackId"])  # once it is gone, its name finds nothing
        self._skip_events(stack_id)
        self.cloudformation.delete_stack(StackName=stack_id)
        self._follow(stack_id)

    # Following it.

    def _skip_events(self, which: str) -> None:
        self._seen.update(event["EventId"] for event in self._events(which))

    def _follow(self, which: str) -> None:
        """Shows events until nothing is in progress; the status is asked first, so that no event is missed."""
        failed: list[str] = []
        while True:
            status = str(self.cloudformation.describe_stacks(StackName=which)["Stacks"][0]["StackStatus"])
            for event in reversed([event for event in self._events(which) if event["EventId"] not in self._seen]):
                self._show(event, failed)
            if not status.endswith("_IN_PROGRESS"):
                break
            self.pause()
        if status not in DONE:
            raise DeployError(f"{self.name} ended as {status}. {' '.join(failed[:REASONS_SHOWN])}".strip())

    def _show(self, event: Mapping[str, Any], failed: list[str]) -> None:
        self._seen.add(event["EventId"])
        self.changed.add(event["LogicalResourceId"])
        self.say(_line(event))
        reason = event.get("ResourceStatusReason", "no reason given")
        # What was under way when something else failed is cancelled: no reason, a consequence.
        if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in reason:
            failed.append(f"{event['LogicalResourceId']}: {reason}")

    def _events(self, which: str) -> list[dict[str, Any]]:
        """Newest first; none of a stack that is not there yet."""
        pages = self.cloudformation.get_paginator("describe_stack_events").paginate(StackName=which)
        try:
            return [event for page in pages for event in page["StackEvents"]]
        except ClientError as error:
            if "does not exist" not in error.response["Error"]["Message"]:
                raise
            return []


def _line(event: Mapping[str, Any]) -> str:
    reason = event.get("ResourceStatusReason", "")
    return (
        f"{event['Timestamp']:%H:%M:%S} {event['ResourceStatus']:<28} {event['LogicalResourceId']}"
        f"{f': {reason}' if reason else ''}"
    )
