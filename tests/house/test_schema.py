"""The migrated schema: tenants apart, ledgers append-only, every statement of every store understood by PostgreSQL."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

import chalicelib
from chalicelib.kernel import audit
from chalicelib.kernel.listing import Listing
from infra.local.postgres import Cluster
from tests.factories.stock import make_shelf
from tests.house.test_sql import STATEMENT
from tests.tenant import Tenant

NOT_OF_A_TENANT = {
    "organization": "the tenants themselves; its policy compares its own id",
    "schema_migration": "the history of the schema, which only the owner reads",
}
APPEND_ONLY = {
    "audit_entry",
    "audit_seal",
    "message_report",
    "payment_entry",
    "provider_transaction",
    "sms_consent",
    "stock_move",
    "store_credit_entry",
    "webhook_delivery",
}
OWNERS_STATEMENTS = {
    "chalicelib.kernel.store.LOCK_MIGRATIONS",
    "chalicelib.kernel.store.UNLOCK_MIGRATIONS",
    "chalicelib.kernel.store.CREATE_MIGRATIONS",
    "chalicelib.kernel.store.LIST_MIGRATIONS",
    "chalicelib.kernel.store.RECORD_MIGRATION",
    "chalicelib.identity.store.CREATE_ORGANIZATION",
}
"""Only the migration step and the making of an organization run them, as the schema's owner."""
SETTINGS = {"chalicelib.kernel.store.SET_LOCK_TIMEOUT"}
"""PREPARE takes no utility statements."""

TABLES = """
    SELECT c.relname AS name, c.relrowsecurity AS is_secured, c.relkind AS kind,
           EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id' AND a.attnotnull
                      AND NOT a.attisdropped) AS has_organization,
           (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid
              AND a.attnum = d.adnum WHERE d.adrelid = c.oid AND a.attname = 'organization_id') AS organization_default,
           ARRAY(SELECT concat_ws(' ', p.polname, p.polcmd::text, p.polpermissive, pg_get_expr(p.polqual, p.polrelid),
                                  pg_get_expr(p.polwithcheck, p.polrelid))
                   FROM pg_policy p WHERE p.polrelid = c.oid) AS policies
      FROM pg_class c
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND c.relname NOT LIKE 'kernel_note%'
     ORDER BY c.relname
"""
TENANT_POLICY = "tenant * t (organization_id = current_organization())"


@pytest.fixture
def owner(database: Cluster) -> Iterator[psycopg.Connection]:
    """The schema's owner; whatever a test did is undone."""
    with psycopg.connect(database.owner_url()) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def application(database: Cluster, tenant: Tenant) -> Iterator[psycopg.Connection]:
    """The application's role within an organization; whatever a test did is undone."""
    with psycopg.connect(database.app_url()) as connection:
        connection.execute("SELECT enter_machine(%s, 'house')", [tenant.id])
        yield connection
        connection.rollback()


# Tenants.


def test_every_table_belongs_to_a_tenant_and_is_secured(owner: psycopg.Connection) -> None:
    tables = {row[0]: row[1:] for row in owner.execute(TABLES)}
    assert len(tables) > 30
    wrong = {
        name: row
        for name, row in tables.items()
        if name not in NOT_OF_A_TENANT and row != (True, "r", True, "current_organization()", [TENANT_POLICY])
    }
    assert wrong == {}
    without = {name for name, row in tables.items() if not row[2]}
    assert without == set(NOT_OF_A_TENANT)


def test_tenants_see_only_themselves(owner: psycopg.Connection) -> None:
    policies = {row[0]: row[5] for row in owner.execute(TABLES)}
    assert policies["organization"] == ["tenant * t (id = current_organization())"]
    assert policies["schema_migration"] == []


def test_the_application_owns_nothing(owner: psycopg.Connection) -> None:
    owned = owner.execute("SELECT relname FROM pg_class WHERE relowner = 'quartermaster_app'::regrole").fetchall()
    assert owned == []


def test_functions_that_run_with_the_owners_rights_have_a_fixed_search_path(owner: psycopg.Connection) -> None:
    rows = owner.execute(
        "SELECT proname, coalesce(proconfig, '{}') FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prosecdef ORDER BY proname"
    ).fetchall()
    assert len(rows) >= 8
    assert [name for name, settings in rows if "search_path=public, pg_temp" not in settings] == []


REFERENCES = """
    SELECT c.conrelid::regclass || '.' || c.conname AS name,
           EXISTS (SELECT FROM unnest(c.conkey, c.confkey) AS pair (here, there)
                     JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = pair.here
                     JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = pair.there
                    WHERE a.attname = 'organization_id' AND b.attname = 'organization_id') AS stays_inside
      FROM pg_constraint c
     WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace AND c.confrelid <> 'organization'::regclass
       AND c.conparentid = 0 AND c.conrelid::regclass::text NOT LIKE 'kernel_note%'
"""


def test_references_between_tenants_tables_name_the_organization(owner: psycopg.Connection) -> None:
    """PostgreSQL checks references past row-level security: a plain one would accept another tenant's id."""
    found: dict[str, bool] = dict(owner.execute(REFERENCES).fetchall())
    assert len(found) > 60
    assert [name for name, stays_inside in found.items() if not stays_inside] == []


def test_a_row_cannot_refer_to_another_tenants(tenant: Tenant, other_tenant: Tenant) -> None:
    theirs, ours = make_shelf(other_tenant), make_shelf(tenant)
    sql = """
        INSERT INTO lot (variant_id, number, received_at) VALUES (%(variant_id)s, %(number)s, now())
        RETURNING organization_id
    """
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        tenant.rows(sql, variant_id=theirs.variant_id, number="L1")
    assert tenant.rows(sql, variant_id=ours.variant_id, number="L1") == [{"organization_id": tenant.id}]


# Ledgers.


def test_the_ledgers_refuse_every_change(owner: psycopg.Connection) -> None:
    """UPDATE and DELETE per row, TRUNCATE per statement, enabled, for the owner too."""
    guarded = owner.execute(
        """
        SELECT tgrelid::regclass::text, bit_or(tgtype::int) FROM pg_trigger
         WHERE tgfoid = 'refuse_change'::regproc AND tgenabled = 'O' GROUP BY 1
        """
    ).fetchall()
    before, delete, update, truncate = 2, 8, 16, 32
    assert {name for name, kinds in guarded if kinds & (before | delete | update | truncate) == 58} == APPEND_ONLY


@pytest.mark.parametrize("role", ["owner", "application"])
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET organization_id = organization_id", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
)
@pytest.mark.parametrize("table", ["stock_move", "audit_entry", "audit_seal"])
def test_no_row_of_a_ledger_can_be_changed_by_hand(
    request: pytest.FixtureRequest, tenant: Tenant, role: str, statement: str, table: str
) -> None:
    make_shelf(tenant, free=3)
    with tenant.uow() as uow:
        audit.seal(uow)
    assert tenant.value(f"SELECT count(*) FROM {table}") > 0
    connection: psycopg.Connection = request.getfixturevalue(role)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(sql.SQL(statement).format(sql.Identifier(table)))


def test_the_application_may_not_change_what_is_append_only(owner: psycopg.Connection) -> None:
    granted = owner.execute(
        """
        SELECT table_name, privilege_type FROM information_schema.role_table_grants
         WHERE grantee = 'quartermaster_app' AND table_name = ANY(%s) AND privilege_type NOT IN ('SELECT', 'INSERT')
        """,
        [sorted(APPEND_ONLY)],
    ).fetchall()
    assert granted == []


# Statements.


def _modules() -> Iterator[object]:
    for found in pkgutil.walk_packages(chalicelib.__path__, "chalicelib."):
        yield importlib.import_module(found.name)


def _statements() -> dict[str, str]:
    """Every whole statement that is a constant of a store, by module and name; private ones are parts of others."""
    found = {}
    for module in _modules():
        name = getattr(module, "__name__", "")
        if not name.endswith(".store"):
            continue
        for constant, value in vars(module).items():
            text = value.as_string(None) if isinstance(value, sql.SQL | sql.Composed) else value
            is_part = constant.startswith("_") or not isinstance(text, str)
            if not is_part and STATEMENT.search(text) and "{" not in re.sub(r"'[^']*'", "", text):
                found[f"{name}.{constant}"] = text
    return found


def _listings() -> dict[str, str]:
    """The statements of every list, together using every filter, search and sort."""
    lists = {id(value): value for module in _modules() for value in vars(module).values() if isinstance(value, Listing)}
    return {
        f"{listing.name} {number}": listing.statement(query)[0].as_string(None)
        for listing in lists.values()
        for number, query in enumerate(listing.samples())
    }


def _numbered(text: str) -> bytes:
    """``%(name)s`` as ``$1``, as PostgreSQL's own parameters are written; psycopg does the same at run time."""
    numbers: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return "%" if found.group() == "%%" else f"${numbers.setdefault(found.group(1), len(numbers) + 1)}"

    return re.sub(r"%\((\w+)\)s|%%", number, text).encode()


STATEMENTS = {**_statements(), **_listings()}


def test_there_is_something_to_check() -> None:
    assert len(STATEMENTS) > 100
    assert "chalicelib.kernel.store.CLAIM_KEY" in STATEMENTS
    assert "chalicelib.kernel.store.FLUSH_AND_KEEP" in STATEMENTS


@pytest.mark.parametrize("name", sorted(set(STATEMENTS) - OWNERS_STATEMENTS - SETTINGS))
def test_every_statement_prepares(application: psycopg.Connection, name: str) -> None:
    """Parsed with types inferred, and planned with the rights of the application's role (PostgreSQL 16 and later)."""
    application.execute(b"PREPARE house AS " + _numbered(STATEMENTS[name]))
    if application.info.server_version >= 160000:
        application.execute(b"EXPLAIN (GENERIC_PLAN) " + _numbered(STATEMENTS[name]))
    application.execute("DEALLOCATE house")


@pytest.mark.parametrize("name", sorted(n for n in OWNERS_STATEMENTS if "CREATE_M" not in n))
def test_the_owners_statements_prepare(owner: psycopg.Connection, name: str) -> None:
    owner.execute(b"PREPARE house AS " + _numbered(STATEMENTS[name]))
