"""The functions of a template, found by the names under which the meter counts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from infra.cost.prices import CostError
from infra.cost.template import Resource, Template
from infra.package import gateway

TYPE = "AWS::Serverless::Function"
X86, ARM = "x86_64", "arm64"


@dataclass(frozen=True)
class DeployedFunctions:
    """What the template says of functions: memory and processor of each, and what the gateway does with a request."""

    by_name: Mapping[str, Resource]
    has_firewall: bool
    access_log_bytes: int
    """What the gateway logs of a request: as long as its format, whose variables are about as long as their values."""

    def memory_mb(self, function: str, part: str) -> Decimal:
        """Memory of the function that does a piece of work. Raises CostError for one that the template does not have."""
        return Decimal(str(self._of(function, part).properties.get("MemorySize", 128)))

    def time_price(self) -> str:
        """The price of a GB-second. Raises CostError when functions run on different processors."""
        kinds = {tuple(f.properties.get("Architectures", [X86])) for f in self.by_name.values()}
        if len(kinds) != 1 or not kinds <= {(X86,), (ARM,)}:
            raise CostError(f"functions run on {sorted(kinds)}: the sheet knows one price of time")
        return "lambda_arm_gb_s" if kinds == {(ARM,)} else "lambda_x86_gb_s"

    def _of(self, function: str, part: str) -> Resource:
        serves = gateway.function_of(part.partition(" ")[2])
        name = gateway.RESOURCES[serves] if function == "api" else resource_name(function)
        if name not in self.by_name:
            raise CostError(f"the template has no function {name}, which did work: {function} {part}")
        return self.by_name[name]


def functions_of(template: Template) -> DeployedFunctions:
    """The functions of a template and what stands before them."""
    found = {resource.name: resource for resource in template.resources(TYPE)}
    (api,) = template.resources("AWS::Serverless::Api")
    access_log = str(api.properties.get("AccessLogSetting", {}).get("Format", ""))
    has_firewall = bool(template.resources("AWS::WAFv2::WebACL"))
    return DeployedFunctions(found, has_firewall, len(access_log))


def resource_name(function: str) -> str:
    """``work_queue`` -> ``WorkQueue`` (chalice/utils.py, to_cfn_resource_name)."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^a-zA-Z0-9]", function))
