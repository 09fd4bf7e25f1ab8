"""`Listing`: what a context declares, and how a query becomes clauses."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Annotated, Any, LiteralString, Protocol

from psycopg import sql
from pydantic import Field, PlainValidator, ValidationError, WithJsonSchema, create_model

from chalicelib.kernel.errors import Detail
from chalicelib.kernel.listing import store
from chalicelib.kernel.listing.fields import ListField, constant
from chalicelib.kernel.listing.page import COUNT_MAX, Found, ListQuery
from chalicelib.kernel.listing.search import ALL_FIELDS, And, Search, Term, parse_search
from chalicelib.kernel.listing.sorting import SORT_FIELDS_MAX, Sort, parse_sort
from chalicelib.kernel.listing.values import TEXT_LENGTH_MAX

NO_PARAMS: Mapping[str, Any] = {}


class ListingError(ValueError):
    """The parameters of a list are wrong; `errors` names each of them. The storage surface answers 422."""

    def __init__(self, errors: Sequence[Detail]) -> None:
        super().__init__("; ".join(error["msg"] for error in errors))
        self.errors = list(errors)


@dataclass(frozen=True, slots=True)
class Clauses:
    """A compiled query. `where` and `order_by` come without keywords; `params` holds all that they bind."""

    where: sql.Composed
    order_by: sql.Composed
    limit: int
    offset: int
    params: Mapping[str, Any]


class Reader(Protocol):
    """What a unit of work offers to a reader."""

    def rows(self, sql: sql.Composed, params: Mapping[str, Any], /) -> list[dict[str, Any]]:
        """All rows of a statement as dicts."""
        ...


class Listing:
    """A list: what it selects from where, and which fields callers may use.

    `columns`, `source` (from FROM on, without WHERE), `condition` and `tiebreaker` are SQL constants;
    `condition` and `source` may bind parameters of the context (``%(warehouse_id)s``). `tiebreaker` must be
    unique per row: it ends every order, so that pages neither repeat nor lose a row.
    """

    def __init__(
        self,
        name: str,
        *,
        columns: LiteralString,
        source: LiteralString,
        fields: Sequence[ListField],
        tiebreaker: LiteralString,
        default_sort: str = "",
        condition: LiteralString = "TRUE",
    ) -> None:
        self.name = name
        self.columns = sql.SQL(columns)
        self.source = sql.SQL(source)
        self.condition = sql.SQL(condition)
        self.tiebreaker = constant(tiebreaker)
        self.fields = {field.name: field for field in fields}
        self.sortable = list(self.fields)
        self.searchable = [field.name for field in fields if field.is_searchable]
        self.default_sort = default_sort
        self._default = parse_sort(default_sort, self.sortable) or ()
        if len(self.fields) != len(fields) or {"page", "size", "search", "sort_by"} & set(self.fields):
            raise ValueError(f"{name}: a field is declared twice or has a reserved name")

    @cached_property
    def query_model(self) -> type[ListQuery]:
        """The query parameters as a pydantic model, made at its first use; refuses unknown names."""
        parameters: dict[str, Any] = {
            parameter: (
                field.annotation(operator),
                Field(default=None, description=field.description(operator)),
            )
            for field in self.fields.values()
            for parameter, operator in field.parameters
        }
        if self.searchable:
            parameters["search"] = self._search_parameter()
        parameters["sort_by"] = self._sort_parameter()
        return create_model(f"{self.name}Query", __base__=ListQuery, **parameters)

    def parse(self, parameters: Mapping[str, object]) -> ListQuery:
        """Reads query parameters (text, or lists of text where they are repeated).

        Raises ListingError, nothing else.
        """
        try:
            return self.query_model.model_validate(dict(parameters))
        except ValidationError as error:
            raise ListingError(_details(error)) from None

    def compile(self, query: ListQuery) -> Clauses:
        """SQL clauses of a query that `parse` or `query_model` read.

        Raises TypeError for another list's query.
        """
        if not isinstance(query, self.query_model):
            raise TypeError(f"{type(query).__name__} is not a query of {self.name}")
        conditions = store.Conditions()
        parts = [*self._filters(query, conditions), *self._searched(query, conditions)]
        where = store.AND.join(parts) if parts else sql.Composed([store.ALWAYS])
        sorts: tuple[Sort, ...] = getattr(query, "sort_by", None) or self._default
        return Clauses(where, self._order_by(sorts), query.size, query.offset, conditions.params)

    def statement(
        self, query: ListQuery, params: Mapping[str, Any] = NO_PARAMS
    ) -> tuple[sql.Composed, Mapping[str, Any]]:
        """The one statement that finds a page and counts, and its parameters with those of the context."""
        clauses = self.compile(query)
        where = store.AND.join([store.GROUP.format(self.condition), store.GROUP.format(clauses.where)])
        paging = store.page_params(limit=clauses.limit, offset=clauses.offset, count_max=COUNT_MAX + 1)
        text = store.page_statement(self.columns, self.source, where, clauses.order_by)
        return text, {**params, **clauses.params, **paging}

    def read(self, uow: Reader, query: ListQuery, params: Mapping[str, Any] = NO_PARAMS) -> Found:
        """Runs the statement: the rows of the page as dicts and the total. Takes no locks."""
        return Found.of(uow.rows(*self.statement(query, params)))

    def samples(self) -> Iterator[ListQuery]:
        """Queries that together use every filter, search and sort: what a house test must PREPARE."""
        filters = {p: f.example(o) for f in self.fields.values() for p, o in f.parameters}
        yield self.parse(filters | ({"search": "*:a"} if self.searchable else {}))
        for start in range(0, len(self.sortable), SORT_FIELDS_MAX):
            yield self.parse({"sort_by": ",".join(self.sortable[start : start + SORT_FIELDS_MAX])})

    def _search_parameter(self) -> tuple[Any, Any]:
        description = (
            "Terms field:value (contains, ignoring case), joined with upper-case AND and OR, AND first; "
            'one level of parentheses; field:"value" for values with parentheses, colons or operators; '
            "*:value searches all fields. "
            "Fields: "
        ) + ", ".join(self.searchable)
        parse = partial(parse_search, fields=self.searchable)
        return _parameter(parse, description, default=None)

    def _sort_parameter(self) -> tuple[Any, Any]:
        description = "Fields with commas between: field or +field ascending, -field descending. Fields: "
        parse = partial(parse_sort, fields=self.sortable)
        return _parameter(parse, description + ", ".join(self.sortable), default=self.default_sort or None)

    def _filters(self, query: ListQuery, conditions: store.Conditions) -> Iterator[sql.Composed]:
        for field in self.fields.values():
            for parameter, operator in field.parameters:
                value = getattr(query, parameter)
                if value is not None:
                    yield store.GROUP.format(conditions.filter(field, operator, value))

    def _searched(self, query: ListQuery, conditions: store.Conditions) -> Iterator[sql.Composed]:
        tree: Search | None = getattr(query, "search", None)
        if tree is not None:
            yield self._search_sql(tree, conditions)

    def _search_sql(self, tree: Search, conditions: store.Conditions) -> sql.Composed:
        if isinstance(tree, Term):
            names = self.searchable if tree.field == ALL_FIELDS else [tree.field]
            return store.GROUP.format(
                store.OR.join([conditions.contains(self.fields[name], tree.value) for name in names])
            )
        joint = store.AND if isinstance(tree, And) else store.OR
        return store.GROUP.format(joint.join([self._search_sql(part, conditions) for part in tree.parts]))

    def _order_by(self, sorts: Sequence[Sort]) -> sql.Composed:
        """The tiebreaker runs with the last field, so that an index over both serves either direction."""
        order = [(self.fields[sort.field].sort_expression, sort.is_descending) for sort in sorts]
        if self.tiebreaker not in [expression for expression, _ in order]:
            order.append((self.tiebreaker, bool(order) and order[-1][1]))
        return store.COMMA.join(
            [(store.DESCENDING if down else store.ASCENDING).format(expression) for expression, down in order]
        )


def _parameter(parse: Callable[[object], object], description: str, *, default: str | None) -> tuple[Any, Any]:
    """A text parameter that `parse` reads; `default` is only shown, absence itself is None."""
    schema: dict[str, Any] = {"type": "string", "maxLength": TEXT_LENGTH_MAX}
    shown: dict[str, Any] | None = {"default": default} if default else None
    annotation = Annotated[Any, PlainValidator(parse), WithJsonSchema(schema)]
    return annotation, Field(default=None, description=description, json_schema_extra=shown)


def _details(error: ValidationError) -> list[Detail]:
    return [
        {"type": item["type"], "loc": list(item["loc"]), "msg": item["msg"]}
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
