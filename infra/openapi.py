"""Writes the OpenAPI document: ``openapi.json`` to read and compare, and the copy that the platform serves."""

import json
from pathlib import Path

from infra.tools import ROOT, declarations, write

GOLDEN = ROOT / "openapi.json"
SERVED = ROOT / "chalicelib" / "platform" / "openapi.json"


def texts() -> dict[Path, str]:
    """What the two files should hold."""
    from chalicelib.kernel.openapi import document

    made = document(declarations())
    return {
        GOLDEN: json.dumps(made, indent=1, ensure_ascii=False) + "\n",
        SERVED: json.dumps(made, separators=(",", ":"), ensure_ascii=False) + "\n",
    }


def write_openapi(*, check: bool) -> int:
    """Writes both files, or says which is stale."""
    return max(write(path, text, check=check) for path, text in texts().items())
