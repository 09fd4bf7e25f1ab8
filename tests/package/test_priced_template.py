"""The cost sheet prices the template that is deployed, although it builds no package to know it."""

from infra.cost import cloud
from infra.cost.functions import functions_of
from infra.cost.template import Template
from infra.package import Built


def test_what_is_priced_is_what_is_deployed(built: Built) -> None:
    deployed, priced = Template(built.template), cloud.template(built.stage)
    assert {(r.name, r.type) for r in priced.resources()} == {(r.name, r.type) for r in deployed.resources()}
    ours, theirs = functions_of(priced), functions_of(deployed)
    sizes = {name: str(function.properties["MemorySize"]) for name, function in theirs.by_name.items()}
    assert {name: str(function.properties["MemorySize"]) for name, function in ours.by_name.items()} == sizes
    assert (ours.time_price(), ours.has_firewall, ours.access_log_bytes) == (
        theirs.time_price(),
        theirs.has_firewall,
        theirs.access_log_bytes,
    )
