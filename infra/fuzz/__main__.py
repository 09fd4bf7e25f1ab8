"""``python -m infra.fuzz``: Schemathesis against a local stage of its own, then the books and the logs.

EXAMPLES= cases per operation, SEED= of a run to be repeated, T= a regular expression of the paths that are wanted.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra.bench.platform import ROOT, stage
from infra.fuzz import probes
from infra.fuzz.credentials import Credentials
from infra.fuzz.ground import Caller, Values, prepare
from infra.local.demo import planted
from infra.local.postgres import free_port

FOLDER = ROOT / "build" / "fuzz"
"""The platform's data and the fuzzer's files; made anew each time, left there to be read."""
EXAMPLES_DEFAULT = 25
PHASES = "examples,coverage,fuzzing,stateful"
SETTLED_PATIENCE_S = 120.0
TROUBLE = ('"message":"surprise"', "Traceback (most recent call last)", '"level":"ERROR"', '"level":"CRITICAL"')
"""What no line of the API's and the workers' logs may hold when callers only send nonsense."""


def main() -> int:
    """Prints what Schemathesis found, the books and the logs; 1 when any of the three is not as it should be."""
    started = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    port = int(os.environ.get("PORT") or free_port())
    print(f"starting a platform in {FOLDER.relative_to(ROOT)} ...", flush=True)
    with stage(FOLDER, port):
        credentials = Credentials(f"http://127.0.0.1:{port}")
        caller = Caller(port, credentials)
        values = prepare(caller)
        wrong = probes.run(port)
        print(f"{len(probes.PROBES)} requests as bytes on a socket: {wrong or 'answered as expected'}", flush=True)
        found = _fuzz(port, values)
        credentials.forget("wmsBearer")  # the fuzzer changes passwords, if it finds out how
        books = _settled(caller)
    outbox = books["outbox"]
    if not books["is_whole"] or outbox["open"] or outbox["dead"]:
        wrong.append(f"the books are not whole: {books}")
    wrong += [*planted.leaks(FOLDER), *_errors()]
    print(
        f"\nbooks after {outbox['rows']} effects, logs: {'whole, silent' if not wrong else ''}", *wrong[:50], sep="\n"
    )
    print(f"{time.monotonic() - started:.0f} seconds in all")
    return 1 if found or wrong else 0


def _fuzz(port: int, values: Values) -> int:
    """Runs Schemathesis in a process of its own, for it is a program; its exit code."""
    config = FOLDER / "schemathesis.toml"
    written = (Path(__file__).parent / "schemathesis.toml").read_text(encoding="utf-8")
    tables = "".join(f"\n[dictionaries.{name}]\nvalues = {json.dumps(list(v))}\n" for name, v in values.items() if v)
    config.write_text(written + tables, encoding="utf-8")
    url = f"http://127.0.0.1:{port}"
    program = Path(sys.executable).with_name("schemathesis")
    command = [str(program), "--config-file", str(config), "run", "openapi.json"]
    command += ["--url", url, "--phases", PHASES, "-n", os.environ.get("EXAMPLES") or str(EXAMPLES_DEFAULT)]
    command += ["--seed", os.environ["SEED"]] if os.environ.get("SEED") else []
    command += ["--include-path-regex", os.environ["T"]] if os.environ.get("T") else []
    secrets = json.loads((FOLDER / "secrets.json").read_text(encoding="utf-8"))
    environment = {**os.environ, **secrets, "QM_PUBLIC_URL": url, "QM_CLOCK_FILE": str(FOLDER / "clock")}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _settled(caller: Caller) -> Any:
    """The books once no effect is on its way any more, or the patience has ended."""
    deadline = time.monotonic() + SETTLED_PATIENCE_S
    while True:
        books = caller.ask("wmsBearer", "GET", "/api/books")
        if books["outbox"]["open"] == 0 or time.monotonic() > deadline:
            return books
        time.sleep(2)


def _errors() -> list[str]:
    return [f"{file.name}: {line[:2000]}" for file, line in _lines() if any(sign in line for sign in TROUBLE)]


def _lines() -> Iterator[tuple[Path, str]]:
    for file in sorted((FOLDER / "logs").glob("*.log")):
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            yield file, line


if __name__ == "__main__":
    sys.exit(main())
