"""``python -m infra.package``: builds the package for STAGE (default dev), has its template judged, and boots it.

``python -m infra.package rehearse``: boots the package of an older revision (OLD) on today's schema.
"""

import os
import sys

from infra.package import Built, PackageError, boot, build, checks, rehearse
from infra.package.build import UNZIPPED_BYTES_AIM, UNZIPPED_BYTES_MAX
from infra.package.runtime_api import FunctionFailed

PACKAGES_SHOWN = 12


def main() -> int:
    """1 and one clear sentence when the package cannot be made or must not be deployed."""
    try:
        if sys.argv[1:] == ["rehearse"]:
            rehearse.rehearse(os.environ.get("OLD", ""))
            return 0
        built = build(os.environ.get("STAGE") or "dev")
        _report(built)
        findings = _judge(built)
        print("booting it and playing the order path", flush=True)
        print(boot.play(built.package), flush=True)
    except (PackageError, FunctionFailed) as error:
        print(f"Failed: {error}", file=sys.stderr)
        return 1
    return 1 if findings else 0


def _judge(built: Built) -> int:
    """Prints the verdicts on the template; how many findings there are."""
    verdicts = checks.check(built.template_path)
    for verdict in verdicts:
        print(verdict)
        for finding in verdict.findings:
            print(f"  {finding}", flush=True)
    return sum(len(verdict.findings) for verdict in verdicts)


def _report(built: Built) -> None:
    package = built.package
    if package.target.warning:
        print(package.target.warning, flush=True)
    shown = list(package.size_by_package.items())[:PACKAGES_SHOWN]
    for name, size in shown:
        print(f"  {name:<28}{size / 1e6:>7.1f} MB")
    rest = package.size - sum(size for _, size in shown)
    print(f"  {f'{len(package.size_by_package) - len(shown)} more':<28}{rest / 1e6:>7.1f} MB")
    print(
        f"{package.target.name}: {package.files} files, {package.size / 1e6:.1f} MB unzipped "
        f"(Lambda takes {UNZIPPED_BYTES_MAX / 1e6:.0f}), {package.zip_size / 1e6:.1f} MB zipped: {built.zip_path}"
    )
    if package.size > UNZIPPED_BYTES_AIM:
        print(f"WARNING: more than {UNZIPPED_BYTES_AIM / 1e6:.0f} MB slows cold starts.", flush=True)
    print(
        f"template for {built.stage}: {built.template_path.stat().st_size / 1e3:.0f} kB: {built.template_path}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
