"""A list with every kind of field, over a table that exists only inside its test."""

from chalicelib.kernel.listing import Listing, boolean, enumeration, integer, number, text, timestamp

STATES = ("CREATED", "ACCEPTED", "In Work")

SHELF = Listing(
    "Shelf",
    columns="shelf.id, shelf.name, shelf.depth, shelf.load, shelf.state, shelf.is_open, shelf.created_at",
    source="FROM shelf",
    condition="shelf.depth IS NULL OR shelf.depth < %(depth_max)s",
    fields=(
        text("id", "shelf.id::text", "eq in ilike", sort="shelf.id"),
        text("name", "shelf.name", "eq in ilike", null_word="none", is_searchable=True),
        integer("depth", "shelf.depth", "eq in ilike gte lte", null_word="none", is_searchable=True),
        number("load", "shelf.load", "eq in ilike gte lte", is_searchable=True),
        enumeration("state", "shelf.state", "eq in", values=STATES, is_searchable=True),
        boolean("is_open", "shelf.is_open", "eq"),
        timestamp("created_at", "shelf.created_at", "gte lte"),
    ),
    default_sort="-created_at",
    tiebreaker="shelf.id",
)

BARE = Listing("Bare", columns="1 AS one", source="FROM shelf", fields=(), tiebreaker="shelf.id")

CREATE_SHELF = """
    CREATE TEMPORARY TABLE shelf (
        id bigint PRIMARY KEY, name text, depth integer, load numeric(12, 2), state text NOT NULL,
        is_open boolean NOT NULL, created_at timestamptz NOT NULL
    )
"""
FILL_SHELF = """
    INSERT INTO shelf (id, name, depth, load, state, is_open, created_at)
    VALUES (%(id)s, %(name)s, %(depth)s, %(load)s, %(state)s, %(is_open)s, %(created_at)s)
"""
