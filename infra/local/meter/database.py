"""How much the database had to do: the processor time of its processes, the log it wrote, the room it takes."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import boto3

from infra.local.meter import store
from infra.local.meter.units import item_bytes

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def database_work(data_dir: Path) -> dict[str, int]:
    """Running totals: bytes, wal_bytes, blocks_read and cpu_ms. No cpu_ms for a server that is not ours, or beside Linux."""
    from chalicelib.kernel import database
    from chalicelib.kernel.settings import settings

    with database.connect(settings().database_url.get_secret_value()) as connection:
        row = connection.execute(store.DATABASE_WORK).fetchone() or {}
    known = {name: int(value) for name, value in row.items()}
    server = _server_pid(data_dir)
    if server is not None and Path("/proc/self/stat").exists():
        known["cpu_ms"] = sum(_ticks(server)) * 1000 // TICKS_PER_S
    return known


def largest_item_bytes() -> int:
    """The largest item of the DynamoDB table: an update does not show how large its item is, so this bounds them all."""
    from chalicelib.kernel.settings import settings

    # A session of its own: what the meter asks is not part of what it counts.
    pages = boto3.Session().client("dynamodb").get_paginator("scan").paginate(TableName=settings().table_name)
    return max((item_bytes(item) for page in pages for item in page["Items"]), default=0)


def _server_pid(data_dir: Path) -> int | None:
    """The postmaster, as the supervisor has noted it."""
    with suppress(OSError, ValueError):
        parts = json.loads((data_dir / "processes.json").read_text(encoding="utf-8"))
        return next((int(part["pid"]) for part in parts if part["name"] == "postgres"), None)
    return None


def _ticks(server: int) -> Iterator[int]:
    """Processor ticks of the server, of its children that live, and of those it has outlived (proc(5), stat)."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError):  # it has ended since
            text = (folder / "stat").read_text(encoding="utf-8", errors="replace")
            _state, parent, *rest = text[text.rindex(")") + 2 :].split()
            used = [int(ticks) for ticks in rest[9:13]]
            if int(folder.name) == server:
                yield sum(used)
            elif int(parent) == server:
                yield used[0] + used[1]
