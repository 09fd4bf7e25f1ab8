"""SQL of the settings, which are part of the organization's row: every request has read them when it begins."""

from collections.abc import Mapping

from psycopg.types.json import Jsonb

from chalicelib.kernel.uow import Row, UnitOfWork
from chalicelib.places.rules import RECEIVING_KINDS, SETTING_TIMES

# Added to what is there under a lock, so that of two who set different ones both win.
CHANGE_SETTINGS = """
    WITH former AS MATERIALIZED (
        SELECT id, settings FROM organization WHERE id = current_organization() FOR NO KEY UPDATE
    )
    UPDATE organization o
       SET settings = former.settings || %(values)s
                      || jsonb_build_object(%(times_key)s::text,
                                            coalesce(former.settings -> %(times_key)s::text, '{}') || %(times)s)
      FROM former WHERE o.id = former.id
    RETURNING former.settings AS before, o.settings AS after
"""

# By id, else by barcode, else by code. What is found stays open and of its kind until the setting is written.
FIND_RECEIVING_BINS = """
    SELECT id, CASE WHEN id = %(bin_id)s THEN 1 WHEN barcode = %(text)s THEN 2 ELSE 3 END AS rank FROM bin
     WHERE (id = %(bin_id)s OR barcode = %(text)s OR code = %(text)s) AND is_active AND kind = ANY (%(kinds)s)
     ORDER BY rank, id LIMIT 2 FOR SHARE
"""


def change_settings(uow: UnitOfWork, values: Mapping[str, str], times: Mapping[str, str]) -> tuple[Row, Row]:
    """Sets settings; all settings before and after."""
    row = uow.row(
        CHANGE_SETTINGS, {"values": Jsonb(dict(values)), "times": Jsonb(dict(times)), "times_key": SETTING_TIMES}
    )
    assert row is not None  # the organization that this request works in
    return row["before"], row["after"]


def find_receiving_bin(uow: UnitOfWork, text: str) -> int | None:
    """The id of an open bin for what arrives, which somebody names by id, barcode or code.

    None for no such bin, or several with this code.
    """
    is_id = text.isascii() and text.isdecimal() and int(text) < 2**31
    params = {"bin_id": int(text) if is_id else None, "text": text, "kinds": list(RECEIVING_KINDS)}
    found = uow.rows(FIND_RECEIVING_BINS, params)
    if not found or (len(found) > 1 and found[0]["rank"] == found[1]["rank"]):
        return None
    bin_id: int = found[0]["id"]
    return bin_id
