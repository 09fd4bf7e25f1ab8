"""An embedded PostgreSQL: on loopback, with passwords, started and ended by us, as root or not."""

import hashlib
import json
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from chalicelib.kernel import roles
from infra.local import binaries, processes
from infra.local.errors import StageError
from infra.local.privileges import Account, account_for_servers, shared_home

SUPERUSER = "postgres"
START_PATIENCE_S = 30.0
"""Recovery after kill -9 replays the log since the last checkpoint: seconds on a small machine."""

PASSING = ("still in use", "already exists", "already running")
"""What a server says while an earlier one of the same files is on its way out."""

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # paths of sockets may have 107 bytes only, ours may be longer
    "max_connections": "300",
    "shared_buffers": "128MB",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "max_wal_size": "512MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",  # DETAIL and CONTEXT quote values: Key (email)=(...) already exists
    "max_locks_per_transaction": "128",
    "deadlock_timeout": "200ms",
}
NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "10min",
}


@dataclass
class Cluster:
    """A running server. Its URLs are libpq's."""

    port: int
    passwords: dict[str, str]
    process: "subprocess.Popen[bytes] | None"
    log_file: Path
    folder: Path
    is_temporary: bool = False
    _stopped: bool = field(default=False, repr=False)

    @classmethod
    def running(cls, data_dir: Path, port: int) -> "Cluster":
        """A server that somebody else starts on `data_dir`: good for its URLs, not for stopping it."""
        data_dir.mkdir(parents=True, exist_ok=True)
        return cls(port, _passwords(data_dir), None, data_dir / "postgres.log", data_dir)

    def superuser_url(self, database: str = "postgres") -> str:
        """URL of the server's superuser."""
        return self._url(SUPERUSER, database)

    def owner_url(self, database: str = roles.DATABASE) -> str:
        """URL of the schema's owner: no superuser, may create databases and end our sessions."""
        return self._url(roles.OWNER, database)

    def app_url(self, database: str = roles.DATABASE) -> str:
        """URL of the application's role, which row-level security binds."""
        return self._url(roles.APPLICATION, database)

    def _url(self, role: str, database: str) -> str:
        password = quote(self.passwords[role], safe="")
        return f"postgresql://{role}:{password}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def stop(self) -> None:
        """Fast shutdown: open transactions roll back, what was committed is on disk. May be repeated."""
        if self._stopped or self.process is None:
            return
        self._stopped = True
        processes.end(self.process, polite=signal.SIGINT)
        if self.is_temporary:
            shutil.rmtree(self.folder, ignore_errors=True)


def start_postgres(data_dir: Path, *, durable: bool, port: int | None = None, log_file: Path | None = None) -> Cluster:
    """Starts PostgreSQL with its data under `data_dir`, made at the first time; ready when this returns.

    The roles `quartermaster_owner` and `quartermaster_app` exist then; the database `quartermaster` too. As
    root, data that an unprivileged user could not reach there live elsewhere and `data_dir` notes where.
    `durable=False` is for tests: a crash of the machine may lose everything. `port`: None takes a free one.
    Raises StageError with the server's last words when it does not start.
    """
    account = account_for_servers()
    programs = binaries.folder_for(account)
    data_dir.mkdir(parents=True, exist_ok=True)
    folder = _place(data_dir, account, durable=durable)
    passwords = _passwords(data_dir)
    if not (folder / "pgdata").exists():
        _create(programs, folder, passwords[SUPERUSER], account, durable=durable)
    cluster = _launch(
        programs, folder, log_file or data_dir / "postgres.log", passwords, account, durable=durable, port=port
    )
    cluster.is_temporary = not durable and folder != data_dir
    try:
        roles.prepare(cluster.superuser_url(), passwords, may_reset=True)
    except BaseException:
        cluster.stop()
        raise
    return cluster


def free_port() -> int:
    """A loopback port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _place(data_dir: Path, account: Account | None, *, durable: bool) -> Path:
    """Where the server's files go: `data_dir`, or for a user who cannot enter it a folder of his own."""
    note = data_dir / "postgres.location"
    if account is None:
        if note.exists():
            raise StageError(f"{data_dir} was made by root: run as root again, or choose another DATA_DIR.")
        return data_dir
    if account.can_enter(data_dir):
        return data_dir
    if not durable:
        folder = Path(tempfile.mkdtemp(prefix="quartermaster-postgres-"))
    else:
        name = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:16]
        folder = shared_home(account) / f"data-{name}"
        if not note.exists():
            shutil.rmtree(folder, ignore_errors=True)  # its data directory was removed, so it belongs to nobody
        folder.mkdir(exist_ok=True)
        note.write_text(f"{folder}\n", encoding="utf-8")
    folder.chmod(0o711)
    return folder


def _passwords(data_dir: Path) -> dict[str, str]:
    """The passwords of the three roles, made up at the first start, mode 0600."""
    file = data_dir / "postgres.passwords.json"
    if file.exists():
        loaded: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
        return loaded
    made = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, roles.OWNER, roles.APPLICATION)}
    file.touch(mode=0o600)
    file.write_text(json.dumps(made), encoding="utf-8")
    return made


def _create(programs: Path, folder: Path, password: str, account: Account | None, *, durable: bool) -> None:
    """initdb, into a draft that takes its name only when it is complete."""
    draft = folder / "pgdata.draft"
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    password_file = folder / "pgdata.password"
    password_file.touch(mode=0o600)
    password_file.write_text(password, encoding="utf-8")
    if account is not None:
        account.take(draft)
        account.take_file(password_file)
    try:
        _run(
            [
                *(programs / "initdb", "-D", draft, "-U", SUPERUSER, "-A", "scram-sha-256"),
                *(f"--pwfile={password_file}", "--encoding=UTF8", *_locale(programs)),
                *([] if durable else ["--no-sync"]),
            ],
            account,
        )
    finally:
        password_file.unlink()
    draft.rename(folder / "pgdata")


def _locale(programs: Path) -> list[str]:
    """Byte order for sorting and Unicode for upper and lower case, the same on every machine."""
    version = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=True)
    if binaries.major_version(version.stdout) >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C.UTF-8"]


def _run(command: list[str | Path], account: Account | None) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        **(account.popen_arguments() if account else {}),
    )
    if done.returncode:
        raise StageError(f"PostgreSQL could not create its files: {_last_line(done.stderr)}")


def _launch(
    programs: Path,
    folder: Path,
    log_file: Path,
    passwords: dict[str, str],
    account: Account | None,
    *,
    durable: bool,
    port: int | None,
) -> Cluster:
    """Starts the server and waits for it. An earlier one that a crash left behind gets time to end."""
    deadline = time.monotonic() + START_PATIENCE_S
    while True:
        chosen = port or free_port()
        process = _spawn(programs, folder, log_file, account, durable=durable, port=chosen)
        cluster = Cluster(chosen, passwords, process, log_file, folder)
        if _wait_until_ready(cluster, deadline):
            return cluster
        cluster.stop()
        words = _last_words(log_file)
        passing = any(sign in words for sign in PASSING) or (port is None and "bind" in words)
        if not passing or time.monotonic() > deadline:
            raise StageError(f"PostgreSQL does not start: {words} (see {log_file}).")
        time.sleep(0.2)


def _spawn(
    programs: Path, folder: Path, log_file: Path, account: Account | None, *, durable: bool, port: int
) -> "subprocess.Popen[bytes]":
    settings = {**SETTINGS, **({} if durable else NOT_DURABLE), "port": str(port)}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with log_file.open("ab") as log:
        return processes.start(
            [programs / "postgres", "-D", folder / "pgdata", *options],
            log=log,
            directory=Path("/"),
            account=account,
            death_signal=signal.SIGINT,
        )


def _wait_until_ready(cluster: Cluster, deadline: float) -> bool:
    """Whether the server answered before it ended or the time was over."""
    assert cluster.process is not None
    while cluster.process.poll() is None and time.monotonic() < deadline:
        with suppress(psycopg.OperationalError), psycopg.connect(cluster.superuser_url(), connect_timeout=2):
            return True
        time.sleep(0.02)
    return False


def _last_words(log_file: Path) -> str:
    """Why the server ended: its last FATAL line, else its last line."""
    lines = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    fatal = [line for line in lines if "FATAL" in line or "could not" in line]
    return _last_line("\n".join(fatal or lines))


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"
