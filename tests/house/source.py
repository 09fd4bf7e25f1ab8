"""The project's own source as the house tests read it: files, syntax trees, comments."""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PRODUCT = ROOT / "chalicelib"
GENERATED = (PRODUCT / "routes.py",)


@dataclass(frozen=True)
class Source:
    """One Python file."""

    path: Path

    @property
    def name(self) -> str:
        """The path below the project's root."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def context(self) -> str:
        """The folder below chalicelib, or the file's own name there."""
        return self.path.relative_to(PRODUCT).parts[0].removesuffix(".py")

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def comments(self) -> dict[int, str]:
        """Comments by line."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}

    @cached_property
    def docstrings(self) -> set[int]:
        """Identities of the constants that are docstrings, those below an assignment included."""
        return {
            id(node.value)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }

    def strings(self) -> Iterator[tuple[int, str]]:
        """(line, text) of every string that is no docstring; of f-strings the constant beginnings."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in self.docstrings:
                yield node.lineno, node.value

    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function and method."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call with its dotted name, such as ``datetime.now``."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield ast.unparse(node.func), node


@cache
def sources(folder: Path) -> tuple[Source, ...]:
    """All Python files below a folder, generated ones left out."""
    found = sorted(path for path in folder.rglob("*.py") if path not in GENERATED and "__pycache__" not in path.parts)
    return tuple(Source(path) for path in found)


def product() -> tuple[Source, ...]:
    """What runs in Lambda."""
    return (*sources(PRODUCT), Source(ROOT / "app.py"))


def everything() -> tuple[Source, ...]:
    """Product, local stage, infrastructure and tests."""
    return (*product(), *sources(ROOT / "infra"), *sources(ROOT / "tests"))
