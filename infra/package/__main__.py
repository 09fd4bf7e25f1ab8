"""``python -m infra.package``: builds the package for STAGE (default dev) and says how large it is."""

import os
import sys

from infra.package import Built, PackageError, build
from infra.package.build import UNZIPPED_BYTES_AIM, UNZIPPED_BYTES_MAX

PACKAGES_SHOWN = 12


def main() -> int:
    """1 and one clear sentence when the package cannot be made or must not be deployed."""
    try:
        built = build(os.environ.get("STAGE") or "dev")
        _report(built)
    except PackageError as error:
        print(f"The package was not made: {error}", file=sys.stderr)
        return 1
    return 0


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
