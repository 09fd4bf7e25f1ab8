"""What needs no running platform: cold import, memory, the size of what would be deployed."""

import statistics
import subprocess
import sys

from infra.bench.platform import ROOT
from infra.package import pack

BASE = "import chalice, boto3, psycopg, pydantic"
WHOLE = "import app"
TIMED = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
RUNS = 7
MEMORY = """
import os, resource, sys
sys.path.insert(0, {root!r})
os.environ.setdefault("QM_STAGE", "test")
import app
from tests.client import Client
Client("localhost").get("/api/openapi.json")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def cold_import() -> tuple[float, float, int]:
    """(the API's import in seconds, that of its libraries alone, number of routes): medians of alternating runs."""
    base, whole = [], []
    for _ in range(RUNS):
        base.append(_timed(BASE))
        whole.append(_timed(WHOLE))
    from chalicelib.routes import ROUTES

    return statistics.median(whole), statistics.median(base), len(ROUTES)


def _timed(statement: str) -> float:
    return float(_python(TIMED.format(statement)))


def _python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def memory_mb() -> float:
    """Resident memory of a process after its first request, in megabytes of 10^6 bytes."""
    return int(_python(MEMORY.format(root=str(ROOT)))) * 1024 / 1e6


def package_mb() -> float:
    """Unzipped size of what `make package` makes, in megabytes."""
    return pack().size / 1e6
