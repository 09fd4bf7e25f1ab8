"""Makes the package: code and libraries into a zip, and the template that deploys it."""

import json
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from infra.local.options import ROOT
from infra.package import archive, code, gateway, pip, target, vendor
from infra.package.errors import PackageError
from infra.package.target import Target

STAGES = ("dev", "prod")
UNZIPPED_BYTES_MAX = 262_144_000
"""Lambda's law: 250 MB with everything (Lambda guide, Quotas)."""
UNZIPPED_BYTES_AIM = 150_000_000
PLACEHOLDER = "replaced-by-infra-cloud"
"""Part of the role that `.chalice/config.json` names, because Chalice wants one."""


@dataclass(frozen=True)
class Package:
    """A zip that runs in Lambda. Sizes are bytes, unzipped."""

    zip_file: Path
    target: Target
    files: int
    size: int
    size_by_package: dict[str, int]

    @property
    def zip_size(self) -> int:
        """Bytes of the zip."""
        return self.zip_file.stat().st_size


@dataclass(frozen=True)
class Built:
    """A package and the template that deploys it, side by side in `folder`."""

    package: Package
    stage: str
    folder: Path
    template_path: Path

    @property
    def zip_path(self) -> Path:
        """The zip that the template names."""
        return self.folder / "deployment.zip"

    @property
    def template(self) -> dict[str, Any]:
        """The merged SAM template."""
        loaded: dict[str, Any] = json.loads(self.template_path.read_text(encoding="utf-8"))
        return loaded


def build(stage: str) -> Built:
    """Builds this checkout for a stage below ``build/package``. May be repeated; what has not changed is taken again.

    Raises PackageError when the package cannot be made or may not be deployed.
    """
    if stage not in STAGES:
        raise PackageError(f"STAGE is {' or '.join(STAGES)}, not {stage!r}.")
    package = pack()
    folder = pip.BUILD / "package" / stage
    shutil.rmtree(folder, ignore_errors=True)
    staging = folder / "staging"
    _stage(staging, package)
    merge = folder / "merge.json"
    merge.write_text(json.dumps(_merged(stage), indent=1), encoding="utf-8")
    _describe(package, staging, stage, folder, merge)
    built = Built(package, stage, folder, folder / "sam.json")
    _check_roles(built)
    return built


def pack(revision: str | None = None) -> Package:
    """The zip of this checkout, or of another revision of it, without a template."""
    found = target.find()
    with tempfile.TemporaryDirectory(prefix="quartermaster-package-") as draft:
        folder = Path(draft)
        if revision is None:
            code.copy_checkout(folder)
        else:
            code.copy_revision(folder, revision)
        libraries = vendor.libraries(folder / code.REQUIREMENTS, found, is_current=revision is None)
        (folder / code.REQUIREMENTS).unlink()
        inputs = (archive.fingerprint(folder), libraries.parent.name)
        made = pip.kept(f"package-{found.name}", inputs, lambda into: pack_files(folder, libraries, into, found))
    sizes: dict[str, Any] = json.loads((made / "sizes.json").read_text(encoding="utf-8"))
    return Package(made / "deployment.zip", found, sizes["files"], sizes["size"], sizes["by_package"])


def pack_files(source: Path, libraries: Path, into: Path, found: Target) -> None:
    """Compiles our code and writes ``deployment.zip``, what is known of it, and the code as it went in.

    The same code and libraries make the same bytes. Raises PackageError when Lambda would refuse the size.
    """
    vendor.check_unchanged(libraries)
    vendor.compile_code(source, found)
    files = [*archive.files_of(source), *archive.files_of(libraries)]
    count, size = archive.write(into / "deployment.zip", files)
    if size > UNZIPPED_BYTES_MAX:
        raise PackageError(f"The package has {size:,} bytes unzipped; Lambda takes {UNZIPPED_BYTES_MAX:,}.")
    by_package: Counter[str] = Counter()
    for name, path in files:
        by_package[_package_of(name)] += path.stat().st_size
    sizes = {"files": count, "size": size, "by_package": dict(by_package.most_common())}
    (into / "sizes.json").write_text(json.dumps(sizes), encoding="utf-8")
    shutil.copytree(source, into / "code")


def _package_of(name: str) -> str:
    """Whose a file is: the first part of its name, metadata and shared libraries with their package."""
    first = name.split("/")[0] if "/" in name else name.split(".")[0]
    if first == "__pycache__":
        first = name.split("/")[1].split(".")[0]
    return first.removesuffix(".libs").split("-")[0]


def _stage(staging: Path, package: Package) -> None:
    """A Chalice project with nothing to install: `chalice package` in it makes the same template by hand."""
    shutil.copytree(package.zip_file.parent / "code", staging)
    (staging / "requirements.txt").touch()
    (staging / ".chalice").mkdir()
    shutil.copyfile(ROOT / ".chalice" / "config.json", staging / ".chalice" / "config.json")
    libraries = vendor.libraries(ROOT / code.REQUIREMENTS, package.target)
    (staging / "vendor").symlink_to(libraries)


def _describe(package: Package, staging: Path, stage: str, folder: Path, merge: Path) -> None:
    """Runs Chalice with the target interpreter and the libraries that will be deployed."""
    chalice = pip.folder_of("chalice+boto3", package.target)
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": os.environ.get("HOME", "/"),
        "PYTHONPATH": os.pathsep.join(map(str, (chalice, staging / "vendor"))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_DEFAULT_REGION": os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
    }
    script = Path(__file__).parent / "describe.py"
    command = [package.target.python, "-S", "-s", "-P", script, staging, stage, package.zip_file, folder, merge]
    done = subprocess.run(
        [str(part) for part in command], cwd=staging, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PackageError(f"chalice package failed: {done.stderr.strip()[-900:]}")


def _merged(stage: str) -> dict[str, Any]:
    """What goes on top of Chalice's template: the paths, and everything around the functions."""
    from chalice.package import TemplateDeepMerger

    merged: dict[str, Any] = TemplateDeepMerger().merge(_cloud(stage), gateway.description())
    return merged


def _cloud(stage: str) -> dict[str, Any]:
    if find_spec("infra.cloud") is None:
        return {}
    sections: dict[str, Any] = import_module("infra.cloud.template").merged(stage)
    return sections


def _check_roles(built: Built) -> None:
    """No function may be deployed with the role that only Chalice's configuration asked for."""
    resources = built.template["Resources"].items()
    wrong = [name for name, resource in resources if PLACEHOLDER in json.dumps(resource)]
    if wrong and find_spec("infra.cloud") is not None:
        raise PackageError(f"infra.cloud gives no role to {', '.join(wrong)}.")
