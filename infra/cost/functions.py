"""The functions of a template, found by the names under which the meter counts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from infra.cost.prices import CostError
from infra.cost.template import Resource, Template

TYPES = ("AWS::Serverless::Function", "AWS::Lambda::Function")
API = "APIHandler"
X86, ARM = "x86_64", "arm64"


@dataclass(frozen=True)
class DeployedFunctions:
    """What the template says of each function: memory, processor, and which paths go to which."""

    by_name: Mapping[str, Resource]
    surfaces: Mapping[str, str]
    """Path prefix -> function; the longest that fits counts, APIHandler for all others."""
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
        name = self._of_path(part.partition(" ")[2]) if function == "api" else resource_name(function)
        if name not in self.by_name:
            raise CostError(f"the template has no function {name}, which did work: {function} {part}")
        return self.by_name[name]

    def _of_path(self, path: str) -> str:
        fitting = [p for p in self.surfaces if path == p or path.startswith(f"{p}/")]
        return self.surfaces[max(fitting, key=len)] if fitting else API


def functions_of(template: Template) -> DeployedFunctions:
    """The functions of a template and the paths of its gateway."""
    found = {resource.name: resource for resource in template.resources(*TYPES)}
    (api,) = template.resources("AWS::Serverless::Api")
    access_log = str(api.properties.get("AccessLogSetting", {}).get("Format", ""))
    has_firewall = bool(template.resources("AWS::WAFv2::WebACL"))
    return DeployedFunctions(found, _surfaces(api), has_firewall, len(access_log))


def resource_name(function: str) -> str:
    """``work_queue`` -> ``WorkQueue`` (chalice/utils.py, to_cfn_resource_name)."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^a-zA-Z0-9]", function))


def _surfaces(api: Resource) -> dict[str, str]:
    """Which function the gateway's description names for each path; variables end a prefix."""
    found = {}
    for path, methods in api.properties.get("DefinitionBody", {}).get("paths", {}).items():
        for method in methods.values():
            integration = method.get("x-amazon-apigateway-integration", {})
            found[path.split("/{")[0].rstrip("/")] = _function_in(integration.get("uri"))
    return {prefix: function for prefix, function in found.items() if prefix and function}


def _function_in(uri: object) -> str:
    named = re.search(r"\$\{(\w+)\.(Arn|Alias)\}", str(uri))
    return named[1] if named else ""
