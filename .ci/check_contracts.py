"""What is promised by now against the contracts, field by field: whole surfaces, whole groups, and the
business day's endpoints of the rest.

python .ci/check_contracts.py ../shared/contract/check_contract.py openapi.json
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

DAY = """
POST /api/register
GET  /api/auth/verify-email/{token}
POST /api/login
GET  /api/products
GET  /api/products/sku/{sku}
POST /api/orders
POST /api/payments/create-intent
POST /api/payments/confirm
POST /api/auth/login
POST /api/picking/wave-create
POST /api/v2/requests
GET  /api/v2/jobs
POST /api/v2/trigger/{job_id}
GET  /api/v2/inventory_view
GET  /api/picking/batch/{batch_id}/next
POST /api/picking/confirm
POST /api/picking/short
POST /api/picking/complete-batch
POST /api/packing/verify
POST /api/packing/complete
POST /api/shipping/fulfill
POST /api/sms/status-callback
GET  /api/v1/inventory_levels
GET  /api/v1/inventory_ledger
POST /api/v1/inventory_adjustments
POST /api/v1/orders/{id}/reserve
POST /api/voice/check_order_status
POST /api/voice/webhook/call-complete
"""


WHOLE = ("wms",)
"""Contracts that are served whole."""
GROUPS = {"commerce": frozenset({"Auth & Users", "Orders", "Products & Inventory", "Utilities"})}
"""Groups of other contracts that are served whole."""


def normal(method: str, path: str) -> tuple[str, str]:
    """Names of path variables do not matter."""
    return method, re.sub(r"\{[^}]*\}", "{}", path)


def named() -> set[tuple[str, str]]:
    """The day's operations."""
    return {normal(*line.split()) for line in DAY.strip().splitlines()}


def promised(contracts: Path) -> set[tuple[str, str]]:
    """The day's operations, and those of the groups."""
    found = named()
    for system, groups in GROUPS.items():
        endpoints = json.loads((contracts / f"{system}.json").read_text(encoding="utf-8"))["endpoints"]
        found |= {normal(e["method"], e["path"].rstrip("/")) for e in endpoints if e["group"] in groups}
    return found


def unknown(contracts: Path) -> set[tuple[str, str]]:
    """Operations of the day that no contract has: a slip in the list above."""
    known = set()
    for system in ("wms", "inventory", "storage", "commerce"):
        endpoints = json.loads((contracts / f"{system}.json").read_text(encoding="utf-8"))["endpoints"]
        known |= {normal(e["method"], e["path"].rstrip("/")) for e in endpoints}
    return named() - known


def lacking(checker: Path, document: Path) -> Iterable[str]:
    """What the checker misses of what is promised, a sentence each."""
    done = subprocess.run(
        [sys.executable, str(checker), str(document), "--json"], capture_output=True, text=True, check=False
    )
    if done.returncode == 2:
        raise SystemExit(done.stderr)
    wanted = promised(checker.parent)
    for entry in json.loads(done.stdout)["lacking"]:
        if entry["system"] in WHOLE or normal(entry["method"], entry["path"]) in wanted:
            fields = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in entry["missing"].items() if names)
            yield f"{entry['system']} {entry['method']} {entry['path']}: {fields or 'endpoint missing'}"


def main() -> int:
    """0 when every promised endpoint is there with every field of its contract."""
    checker, document = map(Path, sys.argv[1:3])
    slips = [f"no contract has {method} {path}" for method, path in sorted(unknown(checker.parent))]
    found = [*slips, *lacking(checker, document)]
    complete = (
        f"{', '.join(WHOLE)} and {len(promised(checker.parent))} operations beside it are complete, field by field."
    )
    sys.stdout.write("\n".join(found or [complete]) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
