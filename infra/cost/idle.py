"""A month in which nobody calls: what each resource of the template costs by being there.

Every type of resource is either priced here or on the list of those that cost nothing by themselves, with the reason. One
that is on neither stops the sheet, so it cannot go stale without anybody noticing.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from chalicelib.kernel.schedules import INTERVALS_S, RELAY_RUNS_S
from infra.cost.functions import DeployedFunctions, functions_of, resource_name
from infra.cost.prices import CostError, assumptions
from infra.cost.samples import Sample
from infra.cost.template import Resource, Template
from infra.cost.usage import MEASURED, RELAY, Quantities, invoked, read_secrets

AWAKE_ACU = Decimal("0.5")
"""The least that an Aurora Serverless v2 instance has which does not pause."""
PROXY_ACU = Decimal(8)
"""What RDS Proxy is charged for at least (Amazon RDS Proxy pricing)."""
MINUTES = {"minute": 1, "hour": 60, "day": 1440}

FREE: Mapping[str, str] = {
    "AWS::ApiGateway::Account": "a setting",
    "AWS::ApiGateway::BasePathMapping": "a setting",
    "AWS::ApiGateway::DomainName": "regional names are free",
    "AWS::DynamoDB::Table": "by request; its items expire, so storage and recovery are cents",
    "AWS::EC2::InternetGateway": "by traffic",
    "AWS::EC2::Route": "a setting",
    "AWS::EC2::RouteTable": "a setting",
    "AWS::EC2::SecurityGroup": "a setting",
    "AWS::EC2::SecurityGroupEgress": "a setting",
    "AWS::EC2::SecurityGroupIngress": "a setting",
    "AWS::EC2::Subnet": "a setting",
    "AWS::EC2::SubnetRouteTableAssociation": "a setting",
    "AWS::EC2::VPC": "a setting",
    "AWS::EC2::VPCGatewayAttachment": "a setting",
    "AWS::Events::Archive": "by event",
    "AWS::Events::EventBus": "by event",
    "AWS::IAM::ManagedPolicy": "free",
    "AWS::IAM::Role": "free",
    "AWS::IAM::RolePolicy": "free",
    "AWS::IoT::Policy": "free",
    "AWS::IoT::TopicRule": "by message",
    "AWS::KMS::Alias": "free",
    "AWS::Lambda::Permission": "free",
    "AWS::Logs::LogGroup": "by byte",
    "AWS::RDS::DBClusterParameterGroup": "a setting",
    "AWS::RDS::DBProxyTargetGroup": "a setting",
    "AWS::RDS::DBSubnetGroup": "a setting",
    "AWS::Route53::RecordSet": "an alias is free, its zone is not ours",
    "AWS::S3::Bucket": "by object",
    "AWS::S3::BucketPolicy": "a setting",
    "AWS::SNS::Subscription": "by message",
    "AWS::SNS::Topic": "by message; mails of alarms are cents",
    "AWS::SNS::TopicPolicy": "a setting",
    "AWS::SQS::Queue": "by request; the pollers are priced with the mapping",
    "AWS::SQS::QueuePolicy": "a setting",
    "AWS::Scheduler::ScheduleGroup": "free",
    "AWS::Serverless::Api": "by request",
    "AWS::WAFv2::WebACLAssociation": "a setting",
    "Custom::Migration": "by invocation, at a deployment",
}


@dataclass(frozen=True)
class Standing:
    """What one thing costs a month: what it is, how much of which price."""

    what: str
    quantities: Quantities


@dataclass(frozen=True)
class Stage:
    """What pricing a resource may need to know: the rest of the template, and how the schedules ran."""

    template: Template
    functions: DeployedFunctions
    idle: Sample

    @property
    def hours(self) -> Decimal:
        """Hours of a month."""
        return assumptions()["hours_per_month"]

    def is_awake(self) -> bool:
        """Whether anything asks the database so often that it never pauses."""
        schedules = self.template.resources("AWS::Scheduler::Schedule")
        return any(s.properties.get("State", "ENABLED") == "ENABLED" for s in schedules)

    def acu(self) -> Decimal:
        """What an idle instance of the database has; nothing when it pauses."""
        (cluster,) = self.template.resources("AWS::RDS::DBCluster")
        least = Decimal(str(cluster.properties["ServerlessV2ScalingConfiguration"]["MinCapacity"]))
        return max(least, AWAKE_ACU) if self.is_awake() else least


def month_of(template: Template, idle: Sample) -> list[Standing]:
    """What a stage costs by being there. Raises CostError for a resource that nobody has priced."""
    stage = Stage(template, functions_of(template), idle)
    unknown = {resource.type for resource in template.resources()} - set(FREE) - set(PRICED)
    if unknown:
        raise CostError(f"{', '.join(sorted(unknown))}: price it, or list it as free, in infra/cost/idle.py")
    standing = [PRICED[r.type](r, stage) for r in template.resources() if r.type in PRICED]
    return [one for one in standing if any(one.quantities.values())] + _metrics(idle)


def _hourly(what: str, price: str) -> Callable[[Resource, Stage], Standing]:
    return lambda _resource, stage: Standing(what, {price: stage.hours})


def _monthly(what: str, price: str) -> Callable[[Resource, Stage], Standing]:
    return lambda _resource, _stage: Standing(what, {price: Decimal(1)})


def _cluster(resource: Resource, _stage: Stage) -> Standing:
    """Its storage grows with the business; the secret of the master user is the cluster's own."""
    if resource.properties.get("StorageType", "aurora") != "aurora":
        raise CostError("the sheet knows Aurora Standard storage only")
    secrets = Decimal(bool(resource.properties.get("ManageMasterUserPassword")))
    return Standing("secret of the database's master", {"secrets": secrets})


def _instance(resource: Resource, stage: Stage) -> Standing:
    if resource.properties.get("DBInstanceClass") != "db.serverless":
        raise CostError(f"{resource.name} is no serverless instance: price its class")
    for paid in ("EnablePerformanceInsights", "MonitoringInterval"):
        if resource.properties.get(paid):
            raise CostError(f"{resource.name} has {paid}, which costs and is not priced")
    return Standing("Aurora instances at rest", {"aurora_acu_h": stage.acu() * stage.hours})


def _proxy(_resource: Resource, stage: Stage) -> Standing:
    instances = len(stage.template.resources("AWS::RDS::DBInstance"))
    acu = max(PROXY_ACU, stage.acu() * instances)
    return Standing("RDS Proxy", {"rds_proxy_acu_h": acu * stage.hours})


def _endpoint(resource: Resource, stage: Stage) -> Standing:
    """Interface endpoints cost by zone and hour, gateway endpoints (the default) nothing."""
    is_interface = resource.properties.get("VpcEndpointType") == "Interface"
    zones = len(resource.properties.get("SubnetIds", ())) if is_interface else 0
    return Standing("interface endpoints", {"endpoint_h": stage.hours * zones})


def _web_acl(resource: Resource, _stage: Stage) -> Standing:
    rules = Decimal(len(resource.properties.get("Rules", ())))
    return Standing("WAF", {"waf_acls": Decimal(1), "waf_rules": rules})


def _alarm(resource: Resource, _stage: Stage) -> Standing:
    """An alarm on an expression pays for each metric in it (Amazon CloudWatch pricing)."""
    metrics = [m for m in resource.properties.get("Metrics", ()) if "MetricStat" in m]
    return Standing("alarms", {"alarms": Decimal(max(1, len(metrics)))})


def _function(resource: Resource, stage: Stage) -> Standing:
    """Nothing at rest, unless environments are kept warm."""
    kept = resource.properties.get("ProvisionedConcurrencyConfig", {}).get("ProvisionedConcurrentExecutions", 0)
    gb = Decimal(str(resource.properties.get("MemorySize", 128))) / 1024
    return Standing("environments kept warm", {"lambda_provisioned_gb_s": kept * gb * stage.hours * 3600})


def _mapping(resource: Resource, stage: Stage) -> Standing:
    """The empty receives of Lambda's pollers."""
    if resource.properties.get("Enabled", True) is False:
        return Standing("empty receives", {})
    said = assumptions()
    receives = said["sqs_pollers"] * stage.hours * 3600 / said["sqs_poll_s"]
    return Standing("empty receives of the queues' pollers", {"sqs_requests": receives})


def _schedule(resource: Resource, stage: Stage) -> Standing:
    """A schedule's runs: as often as the template says, each as long as here; the relay as long as it says itself."""
    name = _schedule_name(resource)
    if resource.properties.get("State", "ENABLED") != "ENABLED":
        return Standing(name, {})
    runs = stage.hours * 60 / _every_minutes(resource)
    memory_mb = stage.functions.memory_mb(name, "")
    quantities = _relay(memory_mb) if name == RELAY else _run(name, stage.idle, memory_mb)
    each = {price: quantity * runs for price, quantity in quantities.items()}
    looks = stage.hours * 3600 / max(assumptions()["secret_age_s"], _every_minutes(resource) * 60)
    return Standing(f"schedule {name}", {**each, "scheduler_invocations": runs, **read_secrets(looks)})


def _schedule_name(resource: Resource) -> str:
    target = str(resource.properties["Target"]["Arn"])
    named = [name for name in INTERVALS_S if re.search(rf"\b{resource_name(name)}\b", target)]
    if len(named) != 1:
        raise CostError(f"{resource.name} calls {target}, which is no schedule of chalicelib/kernel/schedules.py")
    return named[0]


def _every_minutes(resource: Resource) -> Decimal:
    said = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", str(resource.properties["ScheduleExpression"]))
    if said is None:
        raise CostError(f"{resource.name}: the sheet understands rate(...) only")
    return Decimal(int(said[1]) * MINUTES[said[2]])


def _run(name: str, idle: Sample, memory_mb: Decimal) -> Quantities:
    """One run of a schedule, by the average of those without callers."""
    counts = idle.parts.get((name, ""))
    if not counts:
        raise CostError(f"{name} did not run while the stage was idle: watch it for longer")
    billed = invoked(counts, memory_mb)
    return {price: quantity / counts["invocations"] for price, quantity in billed.items()}


def _relay(memory_mb: Decimal) -> Quantities:
    """The relay looks for nearly the whole minute, and mostly waits."""
    said = assumptions()
    return {
        "lambda_requests": Decimal(1),
        MEASURED: Decimal(str(RELAY_RUNS_S)) * memory_mb / 1024,
        "log_gb": said["platform_log_bytes"] / 10**9,
    }


def _metrics(idle: Sample) -> list[Standing]:
    """Custom metrics that are told although nobody calls."""
    named = {m for counts in idle.parts.values() for m in counts if m.startswith("metric ")}
    return [Standing("custom metrics", {"metrics": Decimal(1)}) for _ in named]


PRICED: Mapping[str, Callable[[Resource, Stage], Standing]] = {
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::Dashboard": _monthly("dashboards", "dashboards"),
    "AWS::EC2::EIP": _hourly("public addresses", "public_ip_h"),
    "AWS::EC2::NatGateway": _hourly("NAT gateways", "nat_h"),
    "AWS::EC2::VPCEndpoint": _endpoint,
    "AWS::KMS::Key": _monthly("KMS keys", "kms_keys"),
    "AWS::Lambda::EventSourceMapping": _mapping,
    "AWS::Logs::MetricFilter": _monthly("metrics from logs", "metrics"),
    "AWS::RDS::DBCluster": _cluster,
    "AWS::RDS::DBInstance": _instance,
    "AWS::RDS::DBProxy": _proxy,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::SecretsManager::Secret": _monthly("secrets", "secrets"),
    "AWS::Serverless::Function": _function,
    "AWS::WAFv2::WebACL": _web_acl,
}
