"""Functions of the package, each a process that is started as Lambda starts it: target interpreter, awslambdaric, task root."""

import json
import re
import shutil
import signal
import subprocess
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.local import processes
from infra.local.options import ROOT
from infra.package import archive, pip
from infra.package.build import Package
from infra.package.errors import PackageError
from infra.package.runtime_api import FunctionFailed, RuntimeApi
from infra.package.target import Target

START_PATIENCE_S = 30.0
"""Lambda gives 10 s; this machine may be busy with a whole platform beside it."""
CONFIG = ROOT / ".chalice" / "config.json"
LAST_WORDS = 1500
HANDLERS = {"api_handler": "app.app"}
"""Where the handler is not called like the function (chalice/deploy/appgraph.py)."""


@dataclass
class LambdaFunction:
    """One running function. Times are seconds, of this machine."""

    name: str
    process: "subprocess.Popen[bytes]"
    api: RuntimeApi
    log_file: Path
    timeout_s: float
    init_s: float = 0.0
    """From the start of the process until it asked for its first event."""
    times_s: list[float] = field(default_factory=list)

    def call(self, event: Any) -> Any:
        """What the function answers. Raises FunctionFailed with its last words."""
        started = time.perf_counter()
        try:
            answer = self.api.invoke(event, self.timeout_s)
        except FunctionFailed as failed:
            raise FunctionFailed(failed.kind, {**failed.error, "log": self.last_words()}) from None
        self.times_s.append(time.perf_counter() - started)
        return answer

    def memory_max_bytes(self) -> int:
        """The most that the process ever held (proc(5), VmHWM); 0 when it has ended."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return 0
        found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
        return int(found[1]) * 1024 if found else 0

    def last_words(self) -> str:
        """The end of what it logged."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")[-LAST_WORDS:]


@dataclass
class Lambdas:
    """Starts functions of one unpacked package with one environment, at their first call, and keeps them warm."""

    task_root: Path
    target: Target
    environment: Mapping[str, str]
    log_folder: Path
    _running: dict[str, LambdaFunction] = field(default_factory=dict)

    def call(self, name: str, event: Any) -> Any:
        """Calls the function that app.py binds to `name`."""
        if name not in self._running:
            self._running[name] = self.start(name)
        return self._running[name].call(event)

    def has(self, name: str) -> bool:
        """Whether app.py binds this name; an older revision may lack a function."""
        text = (self.task_root / "app.py").read_text(encoding="utf-8")
        return re.search(rf"^(def )?{name}\b", text, re.MULTILINE) is not None

    def get(self, name: str) -> LambdaFunction:
        """A function that runs already."""
        return self._running[name]

    def start(self, name: str, handler: str | None = None) -> LambdaFunction:
        """A process of its own for a function; whoever calls this ends it. Raises FunctionFailed when it does not start."""
        api = RuntimeApi(name)
        log_file = self.log_folder / f"{name}.log"
        own = environment_of(
            self.target, self.task_root, name, handler or HANDLERS.get(name, f"app.{name}"), self.environment
        )
        started = time.perf_counter()
        with log_file.open("ab") as log:
            command = [str(self.target.python), "-S", "-s", "-m", "awslambdaric", own["_HANDLER"]]
            process = processes.start(
                command,
                log=log,
                environment={**own, "AWS_LAMBDA_RUNTIME_API": api.address},
                directory=self.task_root,
            )
        threading.Thread(target=_watch, args=(process, api), daemon=True).start()
        function = LambdaFunction(name, process, api, log_file, configured(name, "lambda_timeout"))
        if not api.is_ready.wait(START_PATIENCE_S):
            api.give_up("Sandbox.Timedout", {"errorMessage": "the function did not start in time"})
        function.init_s = time.perf_counter() - started
        return function

    def stop(self) -> None:
        """Ends all functions that `call` started. May be repeated."""
        for function in self._running.values():
            end(function)
        self._running.clear()


def end(function: LambdaFunction) -> None:
    """Ends one function, at once: Lambda does not ask an environment that it freezes for good either."""
    processes.end(function.process, polite=signal.SIGKILL)
    function.api.close()


def _watch(process: "subprocess.Popen[bytes]", api: RuntimeApi) -> None:
    code = process.wait()
    api.give_up("Runtime.ExitError", {"errorMessage": f"the function's process ended with {code}"})


def configured(name: str, what: str) -> int:
    """What `.chalice/config.json` gives a function in every stage: its own value, else everybody's."""
    config: dict[str, Any] = json.loads(CONFIG.read_text(encoding="utf-8"))
    return int(config["lambda_functions"].get(name, {}).get(what, config[what]))


def environment_of(
    target: Target, task_root: Path, name: str, handler: str, settings: Mapping[str, str]
) -> dict[str, str]:
    """What Lambda sets (Lambda guide, "Defined runtime environment variables") and the function's own settings.

    PYTHONPATH holds what Lambda's image has: the runtime client and boto3. Neither the checkout nor a virtual
    environment is on it, so that what the package lacks is missed here too.
    """
    own = {key: value for key, value in settings.items() if key.startswith(("QM_", "AWS_", "POWERTOOLS_"))}
    return {
        **own,
        "_HANDLER": handler,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{target.name}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configured(name, "lambda_memory_size")),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_REGION": own.get("AWS_DEFAULT_REGION", "us-east-1"),
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LAMBDA_TASK_ROOT": str(task_root),
        "LANG": "en_US.UTF-8",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(pip.folder_of("awslambdaric+boto3", target)),
        "TZ": ":UTC",
    }


@contextmanager
def unpacked(package: Package, folder: Path) -> Iterator[Path]:
    """The task root: the zip as Lambda unpacks it. Raises PackageError when something was written there meanwhile."""
    task_root = folder / "task"
    with zipfile.ZipFile(package.zip_file) as files:
        files.extractall(task_root)
        names = set(files.namelist())
    try:
        yield task_root
        written = {name for name, _ in archive.files_of(task_root)} - names
        if written:
            raise PackageError(f"Lambda's task root is read-only, but this was written: {sorted(written)[:5]}")
    finally:
        shutil.rmtree(task_root, ignore_errors=True)
