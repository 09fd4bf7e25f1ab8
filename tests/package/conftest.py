"""The package of this checkout, built once for the whole run, and the functions of small packages that tests write."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.package import Built, PackageError, build, target
from infra.package.lambdas import LambdaFunction, Lambdas, end
from infra.package.target import Target


@pytest.fixture(scope="session")
def lambda_python() -> Target:
    """Lambda's Python on this machine. Without one nothing here can run: said aloud, and in CI an error."""
    try:
        return target.find()
    except PackageError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"NO PACKAGE IS BUILT OR BOOTED: {error}")


@pytest.fixture(scope="session")
def built(lambda_python: Target) -> Built:
    """The package for dev."""
    assert lambda_python.minor in target.MINORS
    return build("dev")


Start = Callable[[str], LambdaFunction]


@pytest.fixture
def start(lambda_python: Target, tmp_path: Path) -> Iterator[Start]:
    """Starts a function whose app.py has the given text; its handler is ``app.handle``."""
    started: list[LambdaFunction] = []
    task_root = tmp_path / "task"
    task_root.mkdir()
    lambdas = Lambdas(task_root, lambda_python, {}, tmp_path)

    def make(text: str) -> LambdaFunction:
        (task_root / "app.py").write_text(text, encoding="utf-8")
        started.append(lambdas.start("handle"))
        return started[-1]

    yield make
    for function in started:
        end(function)
