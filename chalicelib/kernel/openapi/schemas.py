"""JSON Schemas of all models of the API at once, under names that stay the same when others come and go."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter
from pydantic.json_schema import CoreModeRef, DefsRef, GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema

Json = dict[str, Any]
Mode = Literal["validation", "serialization"]
REF = "#/components/schemas/"
_DOTTED = re.compile(r"[A-Za-z_][\w.<>]*")


class Wanted(NamedTuple):
    """A type whose schema is wanted, as it is parsed (validation) or rendered (serialization)."""

    key: str
    mode: Mode
    adapter: TypeAdapter[Any]


def component_name(module: str, name: str) -> str:
    """``orders.OrderView``: the context, subfolders included, and the class; the module's own name says nothing."""
    folders = module.removeprefix("chalicelib.").split(".")
    return ".".join([*(folders[:-1] or folders), name])


class _Generator(GenerateJsonSchema):
    """pydantic's generator with our names, without a title for every field, and without closing replies."""

    def get_defs_ref(self, core_mode_ref: CoreModeRef) -> DefsRef:
        ref, mode = core_mode_ref
        return super().get_defs_ref((type(ref)(_DOTTED.sub(_renamed, ref)), mode))

    def normalize_name(self, name: str) -> str:
        return re.sub(r"[^a-zA-Z0-9.\-_]", "_", name.replace(".", "__").replace("~", "."))

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # the parent's signature
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:
        return self.mode == "serialization" or super().field_is_required(field, total)

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        if self.mode == "serialization":
            made.pop("additionalProperties", None)  # a later version may say more
        return made

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:  # noqa: ARG002  # the parent's signature
        return value  # fields in the order in which they are declared


def _renamed(found: re.Match[str]) -> str:
    module, _, name = found.group().rpartition(".")
    return f"{module}.{component_name(module, name).replace('.', '~')}" if module else name


def schemas(wanted: Iterable[Wanted]) -> tuple[Mapping[tuple[str, Mode], Json], Json]:
    """The schema of each type by (key, mode), and the components that they refer to."""
    made, rest = TypeAdapter.json_schemas(
        [(each.key, each.mode, each.adapter) for each in wanted],
        ref_template=REF + "{model}",
        schema_generator=_Generator,
    )
    return made, rest.get("$defs", {})


def resolved(schema: Json, components: Json) -> Json:
    """The schema, or the component that it only refers to."""
    while set(schema) == {"$ref"}:
        schema = components[schema["$ref"].removeprefix(REF)]
    return schema


def reachable(roots: Any, components: Json) -> Json:
    """The components that are referred to, directly or through others, sorted by name."""
    found: set[str] = set()
    pending = set(_references(roots))
    while pending:
        name = pending.pop()
        found.add(name)
        pending |= set(_references(components[name])) - found
    return {name: components[name] for name in sorted(found)}


def _references(node: Any) -> Iterable[str]:
    if isinstance(node, dict):
        ref = node.get("$ref")
        if isinstance(ref, str) and ref.startswith(REF):
            yield ref.removeprefix(REF)
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
