"""One local stage of the rig's own, with real processes: started, hurt, started again, looked at from the outside.

Long work says what it does. Everything is on loopback and below one data directory; `remove` takes it away again.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import urllib3
from psycopg.rows import dict_row

from chalicelib.kernel.faults import Fault
from infra.local import place, ports, processes
from infra.local.demo.company import PASSWORD
from infra.local.demo.day.cast import ADMIN
from infra.local.options import ROOT, from_environment
from infra.local.parts import Parts
from infra.local.postgres import Cluster
from infra.local.supervisor import REGISTER, last_words
from tests.faults import trees

START_PATIENCE_S = 120.0
PART_PATIENCE_S = 60.0
SIGN_IN_PATIENCE_S = 20.0
"""An emulator that was killed is up again, and its table made anew, long before."""
DAY_S = 5.0
"""A day on an idle machine, until one was measured."""
_DAY_TOOK = re.compile(r"The day took ([0-9.]+) seconds")
PARTS = ("gateway", "pumps", "postgres", "aws", "mqtt", "doubles", "iot", "robots")
Row = dict[str, Any]


class RigFailure(AssertionError):
    """The stage did not do what it must; the sentence says what."""


class Rig:
    """A stage with the demo company. Use it from one thread of the main program, which must outlive it."""

    def __init__(self, data_dir: Path, port: int, settings: Mapping[str, str] | None = None) -> None:
        chosen = {"PORT": str(port), "DATA_DIR": str(data_dir), "DEMO": "1", "LIMITS": "off"}
        # Parts are killed far more often here than a person would put up with. MAKELEVEL: the stage goes with us.
        self._environment = {**os.environ, **chosen, "CRASHES_MAX": "100000", "MAKELEVEL": "1", **(settings or {})}
        self._environment.pop("DATABASE_URL", None)
        self.options = from_environment(self._environment)
        self.data_dir, self.url = data_dir, self.options.base_url
        self._http = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=2, read=40))
        self._day_s = DAY_S
        self._stage: subprocess.Popen[bytes] | None = None

    # Starting and ending.

    def start(self) -> float:
        """Starts the stage and waits until it is ready; how many seconds that took. Raises RigFailure with its words."""
        started = time.monotonic()
        self.begin()
        wait_until("the stage is ready", self._is_ready, patience_s=START_PATIENCE_S)
        return time.monotonic() - started

    def begin(self) -> None:
        """Starts the stage without waiting, for those who will kill it on its way up."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / "ready").unlink(missing_ok=True)
        with self._log().open("ab") as log:
            command = [sys.executable, "-m", "infra.local", "run"]
            self._stage = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )

    def kill(self) -> int:
        """SIGKILL for the supervisor and all it has started, at one moment; how many processes that were."""
        assert self._stage is not None
        killed = trees.kill(self._stage.pid)
        self._stage.wait()
        return killed

    def stop(self) -> None:
        """Ends the stage politely."""
        if self._stage is not None and self._stage.poll() is None:
            self._stage.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._stage.wait(40)
            if self._stage.poll() is None:
                self.kill()

    def remove(self) -> None:
        """Ends the stage and removes what it kept, files that lie elsewhere for PostgreSQL's user included."""
        self.stop()
        note = self.data_dir / "postgres" / "postgres.location"
        if note.exists():
            shutil.rmtree(note.read_text(encoding="utf-8").strip(), ignore_errors=True)
        shutil.rmtree(self.data_dir, ignore_errors=True)

    @contextmanager
    def day(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A day in a process of its own, by callers who do not give up (tests/faults/day.py); cut off with the block."""
        command = [sys.executable, "-m", "tests.faults.day", self.url]
        with self.day_log.open("wb") as log:
            playing = processes.start(command, log=log, directory=ROOT)
        try:
            yield playing
        finally:
            processes.end(playing, polite=signal.SIGKILL)

    @property
    def day_s(self) -> float:
        """How long the last day took that was played to its end, in seconds."""
        for log in (self.day_log, self._log()):
            found = _DAY_TOOK.findall(log.read_text(encoding="utf-8")) if log.exists() else []
            if found:
                self._day_s = float(found[-1])
                break
        return self._day_s

    @property
    def day_log(self) -> Path:
        """What the last day said."""
        return self.data_dir / "day.log"

    def reset(self) -> None:
        """`make reset`: the first state again."""
        command = [sys.executable, "-m", "infra.local", "reset"]
        subprocess.run(command, cwd=ROOT, env=self._environment, check=True, stdout=subprocess.DEVNULL)
        self.wait_up()

    def _is_ready(self) -> bool:
        assert self._stage is not None
        if self._stage.poll() is not None:
            raise RigFailure(f"the stage does not start: {last_words(self._log())} (see {self._log()})")
        with suppress(OSError):
            return (self.data_dir / "ready").read_text(encoding="ascii") == str(self._stage.pid)
        return False

    def _log(self) -> Path:
        return self.data_dir / "stage.log"

    # One part.

    def kill_part(self, name: str, number: int = signal.SIGKILL) -> int:
        """SIGKILL for one part with its children, or another signal to the part alone; how many processes got it."""
        pid = self._entry(name)["pid"]
        if number == signal.SIGKILL:
            return trees.kill(pid)
        os.kill(pid, number)
        return 1

    def pid_of(self, name: str) -> int:
        """The process of a part."""
        return int(self._entry(name)["pid"])

    def kill_workers(self, name: str) -> int:
        """SIGKILL for the children of a part: the API's workers, PostgreSQL's backends."""
        victims = trees.descendants(self._entry(name)["pid"])
        for pid in victims:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(victims)

    def order(self, fault: Fault) -> Path:
        """Orders a fault (kernel/faults.py), heard of within 50 ms; the file that exists once it has happened."""
        folder = self.data_dir / "faults"
        folder.mkdir(exist_ok=True)
        name = f"{fault.process}-{fault.point}-{uuid4().hex[:8]}"
        draft = folder / f"{name}.draft"
        draft.write_text(fault.model_dump_json(), encoding="utf-8")
        draft.rename(draft.with_suffix(".json"))
        return draft.with_suffix(".fired")

    def wait_up(self, *names: str) -> None:
        """Waits until parts (all of them) run and answer. Raises RigFailure after a minute."""
        for name in names or PARTS:
            wait_until(f"{name} is up", partial(self.is_up, name), patience_s=PART_PATIENCE_S)

    def is_up(self, name: str) -> bool:
        """Whether a part runs and answers. Raises RigFailure when the whole stage has ended."""
        assert self._stage is not None
        if self._stage.poll() is not None:
            raise RigFailure(f"the stage has ended: {last_words(self._log())} (see {self._log()})")
        entry = self._entry(name)
        if processes.started_at(entry["pid"]) != entry["mark"]:
            return False
        if name == "postgres":
            with suppress(psycopg.OperationalError):
                return self.rows("SELECT 1 AS up") == [{"up": 1}]
            return False
        part = getattr(Parts(self.options, self.ports()), name)(defaultdict(str))
        return bool(part.is_ready())

    def _entry(self, name: str) -> Row:
        entries = json.loads((self.data_dir / REGISTER).read_text(encoding="utf-8"))
        return next(entry for entry in entries if entry["name"] == name)

    # Looking at it, and moving its clock.

    def ports(self) -> dict[str, int]:
        """The ports of the parts."""
        return ports.load(self.data_dir)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """One request to the API or the sandbox: status and data."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = (
            self._http.request(method, self.url + path, json=body, headers=sent)
            if body is not None
            else (self._http.request(method, self.url + path, headers=sent))
        )
        is_json = "json" in answer.headers.get("Content-Type", "")
        return answer.status, json.loads(answer.data) if is_json and answer.data else answer.data

    def sandbox(self, method: str, path: str, body: Any = None) -> Any:
        """A call below /sandbox/ that must succeed; its data."""
        status, data = self.ask(method, f"/sandbox/{path}", body)
        if status >= 300:
            raise RigFailure(f"{method} /sandbox/{path} answered {status}: {data!r:.300}")
        return data

    def bearer(self, username: str = ADMIN) -> dict[str, str]:
        """The header of somebody of the warehouse, signed in anew: the clock may have outrun an older session."""
        data = self.sign_in("/api/auth/login", {"username": username, "password": PASSWORD})
        return {"authorization": f"Bearer {data['token']}"}

    def sign_in(self, path: str, body: Any) -> Any:
        """The answer to a sign-in. One that is told to come back (the table of lock-outs is away) comes back."""

        def answer() -> tuple[int, Any] | None:
            status, data = self.ask("POST", path, body)
            return None if status == 503 else (status, data)

        status, data = wait_until(f"an answer of {path}", answer, patience_s=SIGN_IN_PATIENCE_S, pause_s=0.5)
        if status != 200:
            raise RigFailure(f"{path} answered {status}: {data!r:.300}")
        return data

    def doubles(self, kind: str) -> list[Row]:
        """Everything of a kind that the providers' doubles know."""
        found: list[Row] = self.sandbox("GET", f"doubles/control/state?kind={kind}")["records"].get(kind, [])
        return found

    def rows(self, query: str, params: Mapping[str, Any] | None = None) -> list[Row]:
        """Rows of the database as its owner sees them, whom row-level security does not bind."""
        with self.database() as connection:
            return connection.execute(query.encode(), params).fetchall()

    @contextmanager
    def database(self) -> Iterator[psycopg.Connection[Row]]:
        """A connection of the schema's owner."""
        url = Cluster.running(self.data_dir / "postgres", self.ports()["postgres"]).owner_url()
        with psycopg.connect(url, autocommit=True, row_factory=dict_row, connect_timeout=5) as connection:
            yield connection

    def now(self) -> datetime:
        """The business's time."""
        return datetime.fromtimestamp(time.time() + self._offset_s(), UTC)

    def advance(self, seconds: float) -> None:
        """Moves the business's clock, through the file, so that it works while the API is away."""
        self.set_clock(self._offset_s() + seconds)

    def _offset_s(self) -> float:
        file = self.data_dir / "clock"
        return float(file.read_text(encoding="ascii") or 0) if file.exists() else 0.0

    def set_clock(self, offset_s: float) -> None:
        """Lets the business's clock run ahead of the machine's by this much."""
        draft = self.data_dir / "clock.rig"
        draft.write_text(repr(offset_s), encoding="ascii")
        draft.replace(self.data_dir / "clock")

    @property
    def is_running(self) -> bool:
        """Whether a stage holds the data directory."""
        return place.running_pid(self.data_dir) is not None


def wait_until(what: str, look: Callable[[], Any], *, patience_s: float, pause_s: float = 0.05) -> Any:
    """Looks again until there is something true. Raises RigFailure when the patience ends."""
    deadline = time.monotonic() + patience_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise RigFailure(f"{what}: not within {patience_s:.0f} seconds")
        time.sleep(pause_s)
