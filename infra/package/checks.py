"""What judges the template: cfn-lint (is it CloudFormation?) and checkov (is it safe?). Each in an environment of its own.

Findings are suppressed where they arise, in the metadata of the resource, with a reason; never here.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.package import pip
from infra.package.errors import PackageError

FOUND_SOMETHING = 1
"""Exit code of checkov for findings; anything above, and nothing on its output, means that it broke."""


@dataclass(frozen=True)
class Verdict:
    """What one checker said about a template."""

    checker: str
    passed: int | None
    """Checks that passed, where the checker counts them."""
    suppressed: int
    findings: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"{self.passed} passed"] if self.passed is not None else []
        parts += [f"{len(self.findings)} findings"]
        parts += [f"{self.suppressed} suppressed with a reason"] if self.suppressed else []
        return f"{self.checker}: {', '.join(parts)}"


def check(template: Path) -> list[Verdict]:
    """Both verdicts. Raises PackageError when a checker does not run at all."""
    return [cfn_lint(template), checkov(template)]


def cfn_lint(template: Path) -> Verdict:
    """cfn-lint's verdict; warnings and informational notes count as findings too."""
    program = pip.environment_of("cfn-lint") / "cfn-lint"
    regions = os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    done = _run([program, "--format", "json", "--include-checks", "I", "--regions", regions, "--", template])
    found = _parsed("cfn-lint", done)
    return Verdict("cfn-lint", None, 0, tuple(_lint_line(each) for each in found))


def checkov(template: Path) -> Verdict:
    """checkov's verdict. It never asks its maker's servers, whatever the environment says."""
    program = pip.environment_of("checkov") / "checkov"
    flags = ("--framework", "cloudformation", "--skip-download", "--compact", "--quiet", "--output", "json")
    done = _run([program, *flags, "--file", template])
    report = _parsed("checkov", done)
    if not isinstance(report, dict) or "summary" not in report:
        raise PackageError(f"checkov read no resource in {template}.")
    if report["summary"]["parsing_errors"]:
        raise PackageError(f"checkov cannot read {template}.")
    failed = report["results"]["failed_checks"]
    lines = tuple(f"{each['check_id']} {each['resource']}: {each['check_name']}" for each in failed)
    return Verdict("checkov", report["summary"]["passed"], report["summary"]["skipped"], lines)


def _lint_line(found: dict[str, Any]) -> str:
    where = "/".join(map(str, found["Location"]["Path"] or []))
    return f"{found['Rule']['Id']} {where}: {found['Message']}"


def _run(command: list[str | Path]) -> "subprocess.CompletedProcess[str]":
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    environment = {**kept, "LOG_LEVEL": "ERROR", "NO_COLOR": "1"}
    parts = [str(part) for part in command]
    return subprocess.run(parts, capture_output=True, text=True, env=environment, check=False)


def _parsed(checker: str, done: "subprocess.CompletedProcess[str]") -> Any:
    try:
        return json.loads(done.stdout or "[]" if done.returncode == 0 else done.stdout)
    except ValueError:
        raise PackageError(f"{checker} broke: {(done.stderr or done.stdout).strip()[-600:]}") from None
