"""What a function of the code can come to call: a graph of who names whom, read from the syntax trees.

A function reaches what it names and what that names in turn; a class is reached whole, and so is a table at the top of a
module. Names in texts (``"module:function"``) count too. Who is named might not be called: the graph says at least all.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

import boto3

from chalicelib.kernel.settings import Settings
from tests.house.source import ROOT, Source, product

Node = tuple[str, str]
"""(module, name of a function, class or table at its top)."""

SETTINGS_NAMES = {"settings()", "settings", "configured", "of"}
"""What the code calls its settings."""
SERVICE_PREFIX = {"iot-data": "iot", "bedrock-runtime": "bedrock", "sesv2": "ses"}
"""Services whose actions have another prefix than boto3's name (Service authorization reference)."""
SAME_RIGHT = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "bedrock:Converse": "bedrock:InvokeModel",
}
"""Operations that are granted under another's name."""
BESIDES = {"s3:GetObject": {"s3:ListBucket"}}
"""Rights without which an answer is another one: an object that is not there is a 404 for who may list, else a 403 (S3,
GetObject, Permissions)."""
BY_POWERTOOLS = {
    "SecretsProvider(": {"secretsmanager:GetSecretValue"},
    "CircuitBreakerDynamoDBPersistence)": {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
}
"""Classes of Powertools that we make or derive from -> what they call."""


@dataclass
class Module:
    """A module's top-level definitions, and what its names stand for."""

    name: str
    source: Source
    defined: dict[str, ast.AST] = field(default_factory=dict)
    imported: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Local name -> (module, name in it or None for the module itself). Late imports count as if they were at the top."""

    def __post_init__(self) -> None:
        for statement in self.source.tree.body:
            for name in _defined_by(statement):
                self.defined[name] = statement
        for node in ast.walk(self.source.tree):
            self.imported.update(_imported_by(node))

    @property
    def service(self) -> str | None:
        """The AWS service that the module makes a client of."""
        made = [ast.literal_eval(call.args[0]) for name, call in self.source.calls() if name == "boto3.client"]
        assert len(made) < 2, f"{self.name} makes two clients: say which call goes to which"
        return made[0] if made else None


def _defined_by(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _imported_by(node: ast.AST) -> Iterator[tuple[str, tuple[str, str | None]]]:
    if isinstance(node, ast.ImportFrom) and node.module:
        yield from ((alias.asname or alias.name, (node.module, alias.name)) for alias in node.names)
    elif isinstance(node, ast.Import):
        yield from ((alias.asname or alias.name, (alias.name, None)) for alias in node.names)
    elif isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("import_module('"):
        assert isinstance(node.value, ast.Call)
        module = ast.literal_eval(node.value.args[0])
        yield from ((target.id, (module, None)) for target in node.targets if isinstance(target, ast.Name))


def _module_name(source: Source) -> str:
    parts = source.path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Module]:
    """The product's modules by name."""
    return {name: Module(name, source) for source in product() for name in [_module_name(source)]}


def _resolve(module: str, name: str) -> Node | str | None:
    """What a name of a module is: a node, the name of one of our modules, or None for what is not ours."""
    if f"{module}.{name}" in modules() and name not in (modules()[module].defined if module in modules() else {}):
        return f"{module}.{name}"
    if module not in modules():
        return None
    found = modules()[module]
    if name in found.defined:
        return (module, name)
    where = found.imported.get(name)
    if where is None:
        return None
    if where[1] is None:
        return where[0] if where[0] in modules() else None
    return _resolve(where[0], where[1])


def _named(module: str, node: ast.AST) -> Iterator[Node]:
    """The nodes that a piece of a module names."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            found = _resolve(module, part.id)
        elif isinstance(part, ast.Attribute):
            found = _resolve_path(module, part)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.startswith("chalicelib."):
            found = _resolve(*part.value.split(":")) if part.value.count(":") == 1 else None
        else:
            continue
        if isinstance(found, tuple):
            yield found


def _resolve_path(module: str, path: ast.Attribute) -> Node | str | None:
    """``jobs.relay``: a name within a module of ours."""
    owner = path.value
    inside = _resolve(module, owner.id) if isinstance(owner, ast.Name) else None
    if isinstance(owner, ast.Attribute):
        inside = _resolve_path(module, owner)
    return _resolve(inside, path.attr) if isinstance(inside, str) else None


def resolve(module: str, name: ast.expr) -> Node:
    """The node that an expression of a module names."""
    (found,) = set(_named(module, name))
    return found


@cache
def _next(node: Node) -> frozenset[Node]:
    module, name = node
    return frozenset(_named(module, modules()[module].defined[name])) - {node}


def reached(entries: Iterable[Node]) -> set[Node]:
    """Everything that the entries come to name."""
    found: set[Node] = set()
    waiting = list(entries)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(_next(node))
    return found


def actions(nodes: Iterable[Node]) -> set[str]:
    """IAM actions of the AWS calls that these make."""
    return {action for module, name in nodes for action in _actions_of(module, name)}


@cache
def _actions_of(module: str, name: str) -> frozenset[str]:
    found = modules()[module]
    tree = found.defined[name]
    text = ast.unparse(tree)
    by_powertools = set().union(*(called for name, called in BY_POWERTOOLS.items() if name in text))
    if found.service is None:
        return frozenset(by_powertools)
    operations = boto3.client(found.service).meta.method_to_api_mapping
    prefix = SERVICE_PREFIX.get(found.service, found.service)
    called = {method for call in ast.walk(tree) if isinstance(call, ast.Call) for method in _methods(call)}
    asked = {f"{prefix}:{operations[method]}" for method in called if method in operations}
    besides = set().union(*(BESIDES.get(action, set()) for action in asked))
    return frozenset({SAME_RIGHT.get(action, action) for action in asked} | besides | by_powertools)


def _methods(call: ast.Call) -> Iterator[str]:
    """Methods of a client that a call asks for; of a signed link the one that whoever has it may call."""
    if isinstance(call.func, ast.Attribute) and ast.unparse(call.func.value).endswith(("client()", "_client")):
        assert call.func.attr != "get_paginator", "say here what a paginator calls"
        yield call.func.attr
        if call.func.attr == "generate_presigned_url":
            yield ast.literal_eval(call.args[0])


def settings_read(nodes: Iterable[Node]) -> set[str]:
    """Fields of `Settings` that these read."""
    return {
        part.attr
        for module, name in nodes
        if (module, name) != (Settings.__module__, "Settings")
        for part in ast.walk(modules()[module].defined[name])
        if isinstance(part, ast.Attribute)
        and part.attr in Settings.model_fields
        and ast.unparse(part.value) in SETTINGS_NAMES
    }


def database_roles(nodes: Iterable[Node]) -> set[str]:
    """The roles of the database that these connect as, or whose secrets they read: "application", "owner", "master"."""
    return {
        ast.literal_eval(part.args[0])
        for module, name in nodes
        for part in ast.walk(modules()[module].defined[name])
        if isinstance(part, ast.Call) and ast.unparse(part.func) in ("credentials.of", "credentials.login")
    }
