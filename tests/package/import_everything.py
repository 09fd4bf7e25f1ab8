"""Imports all of our modules, and everything that they import anywhere, with the libraries of the package.

Run by the target interpreter with the package on its path; prints JSON.
"""

import ast
import importlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(os.environ["LAMBDA_TASK_ROOT"])


def wanted(source: Path) -> Iterator[tuple[str, str | None]]:
    """(module, name taken from it) of every import in a file, those inside functions too."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{source}: relative import"
            yield from ((node.module or "", alias.name) for alias in node.names)


def fault(module: str, name: str | None) -> str | None:
    """What is wrong with an import, None when nothing is."""
    try:
        found = importlib.import_module(module)
        if name is not None and not hasattr(found, name):
            importlib.import_module(f"{module}.{name}")
    except ImportError as error:
        return f"{module}.{name or ''}: {error}"
    return None


def main() -> None:
    """Exits with 0 whatever it finds; what is missing is in the answer."""
    sources = [ROOT / "app.py", *sorted((ROOT / "chalicelib").rglob("*.py"))]
    missing, imported = [], set()
    for source in sources:
        module = ".".join(source.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for each in ((module, None), *wanted(source)):
            imported.add(each[0])
            missing += [f"{module}: {found}" for found in [fault(*each)] if found]
    sys.stdout.write(json.dumps({"missing": missing, "modules": len(sources), "imported": sorted(imported)}) + "\n")


main()
