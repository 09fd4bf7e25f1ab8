"""`make run`: all parts in order, with a line of progress each; then watching until somebody says stop."""

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType

from infra.local import database, environment, keys, place, ports, processes
from infra.local.database import Database
from infra.local.errors import StageError
from infra.local.gate import Gate
from infra.local.options import ROOT, Options
from infra.local.parts import Parts
from infra.local.supervisor import Supervisor, last_words

WATCH_S = 0.2


class Stop(BaseException):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


def run(options: Options) -> None:
    """Runs one platform in the foreground until Ctrl-C or SIGTERM. Raises StageError when it cannot."""
    _listen_to_signals()
    place.prepare(options.data_dir)
    with place.taken(options.data_dir):
        supervisor = Supervisor(options.data_dir, _say, crashes_max=options.crashes_max)
        try:
            supervisor.end_leftovers()
            ports.check_free(options.port)
            stage = Stage(options, supervisor)
            stage.start()
            stage.watch()
        except Stop:
            pass
        finally:
            _ignore_signals()
            supervisor.stop()
    after_ctrl_c = "\n" if sys.stdout.isatty() else ""
    print(f"{after_ctrl_c}Quartermaster has stopped.", flush=True)


@dataclass
class Stage:
    """One platform on its way up, and then running."""

    options: Options
    supervisor: Supervisor
    environment: dict[str, str] = field(default_factory=dict)
    database: Database = field(init=False)

    def start(self) -> None:
        """Everything up to the line that says ready."""
        print(f"Quartermaster, local stage, data in {self.options.data_dir}", flush=True)
        chosen = ports.choose(self.options.data_dir)
        shutil.rmtree(environment.meter_folder(self.options.data_dir), ignore_errors=True)
        parts = Parts(self.options, chosen)
        self._find_database(parts)
        secrets = keys.load_or_make(self.options.data_dir)
        made = self.database
        self.environment = environment.for_children(
            self.options, chosen, secrets, app_url=made.app_url, owner_url=made.owner_url
        )
        self._start_services(parts)
        is_first = self._prepare_data()
        self._start_api(parts)
        if is_first and self.options.is_demo:
            self._play_day()
        place.say_ready(self.options.data_dir)
        print(f"Quartermaster is ready: {self.options.base_url}", flush=True)

    def watch(self) -> None:
        """Watches the parts for ever. Raises StageError when one keeps dying, Stop when it is time to."""
        gate, seen_reset_at = Gate(self.options.data_dir), -1
        while True:
            with gate.work() as reset_at:  # what a reset has ended is started again when the reset is over
                self.supervisor.check()
            if reset_at != seen_reset_at:
                seen_reset_at = reset_at
                self.database.make_spare()
                self.database.drop_past()
            time.sleep(WATCH_S)

    def _find_database(self, parts: Parts) -> None:
        """Where the database is, or will be when our own server runs."""
        if self.options.database_url:
            with _step("PostgreSQL of DATABASE_URL"):
                self.database = database.on_given_server(self.options.database_url)
        else:
            self.database = database.on_own_server(self.options.data_dir, parts.ports["postgres"])

    def _start_services(self, parts: Parts) -> None:
        """What the API stands on. The others come up while PostgreSQL makes its files."""
        aws = parts.aws(self.environment)
        aws.heal = lambda: self._task("resources")
        services = [aws, parts.mqtt(self.environment), parts.doubles(self.environment), parts.iot(self.environment)]
        for part in services:
            self.supervisor.launch(part)
        if self.database.is_ours:
            with _step("PostgreSQL"):
                self.supervisor.launch(parts.postgres())
        with _step("AWS emulator, MQTT broker, provider doubles"):
            self.supervisor.wait_ready(*services)

    def _prepare_data(self) -> bool:
        """Migrates; fills an empty database and keeps its first state. Whether this was the first start."""
        made = self.database
        made.drop_spare()
        has_first_state = made.has_first_state()
        is_first = not has_first_state and (made.is_ours or not made.has_data())
        if is_first and made.is_ours:
            made.make_empty()
        with _step("Migrations") as notes:
            urls = {"QM_TEMPLATE_URL": made.template_url} if has_first_state else {}
            notes.append(self._task("prepare", urls))
        if is_first:
            self._fill()
            made.keep_first_state()
        return is_first

    def _fill(self) -> None:
        if self.options.is_demo:
            with _step("Demo company"):
                self._task("demo")
            return
        with _step("Empty organization with one administrator"):
            names = {"ADMIN_USERNAME": self.options.admin_username, "ADMIN_PASSWORD": self.options.admin_password}
            self._task("empty", names)
        if not self.options.is_password_given:
            file = self.options.data_dir / "administrator.txt"
            keys.write_private(file, f"{self.options.admin_username}\n{self.options.admin_password}\n")
            _say(
                f"Administrator: {self.options.admin_username}, password: {self.options.admin_password} (kept in {file})"
            )

    def _start_api(self, parts: Parts) -> None:
        started = [parts.gateway(self.environment), parts.pumps(self.environment), parts.robots(self.environment)]
        with _step("API, pumps, robots"):
            for part in started:
                self.supervisor.launch(part)
            self.supervisor.wait_ready(*started)

    def _play_day(self) -> None:
        """The day, printed as it goes. A day that fails leaves a platform that runs; it says what went wrong itself."""
        with subprocess.Popen(
            [sys.executable, "-m", "infra.local", "day"], cwd=ROOT, env=self._own_environment(), process_group=0
        ) as day:
            try:
                while day.poll() is None:
                    self.supervisor.check()
                    time.sleep(WATCH_S)
            except BaseException:
                processes.end(day)
                raise
        if day.returncode:
            _say("The day was not played to its end; the platform runs all the same. Play it again with `make day`.")

    def _own_environment(self) -> dict[str, str]:
        chosen = {"PORT": str(self.options.port), "DATA_DIR": str(self.options.data_dir)}
        return {**self.environment, **chosen}

    def _task(self, name: str, extra: Mapping[str, str] | None = None) -> str:
        """Runs a task of bootstrap.py to its end; its last line. Raises StageError with it when it fails."""
        log_file = self.options.data_dir / "logs" / f"{name}.log"
        with log_file.open("wb") as log:
            process = processes.start(
                [sys.executable, "-m", "infra.local.bootstrap", name],
                log=log,
                environment={**self.environment, "QM_LOG_LEVEL": "WARNING", **(extra or {})},
                directory=ROOT,
            )
        try:
            process.wait()
        finally:
            processes.end(process)
        if process.returncode:
            raise StageError(f"The step failed: {last_words(log_file)} (see {log_file}).")
        return last_words(log_file)


def _listen_to_signals() -> None:
    """From now on SIGINT, SIGTERM and SIGHUP raise Stop in the main thread; orphans come to us, we go with `make`."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise Stop

    assert threading.current_thread() is threading.main_thread()
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup asks to be left alone
        signal.signal(signal.SIGHUP, stop)
    processes.adopt_orphans()
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # a Stop in the middle of a statement is no news
    if "MAKELEVEL" in os.environ:
        processes.die_with_parent()


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _say(text: str) -> None:
    with suppress(BrokenPipeError):
        print(f"  {text}", flush=True)


@contextmanager
def _step(name: str) -> Iterator[list[str]]:
    """One line of progress: what, how long, and the notes that the block leaves."""
    started = time.monotonic()
    notes: list[str] = []
    print(f"  {name} ...", end="", flush=True)
    try:
        yield notes
    except BaseException:
        print(flush=True)
        raise
    print(f" {'; '.join([*notes, f'{time.monotonic() - started:.1f} s'])}", flush=True)
