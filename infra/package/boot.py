"""Boots a package on a ground of its own and plays the order path on it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from infra.package import ground
from infra.package.build import Package
from infra.package.ground import Ground
from infra.package.lambdas import Lambdas, unpacked
from infra.package.play import Path


@contextmanager
def booted(package: Package, on: Ground, name: str = "package") -> Iterator[Lambdas]:
    """The package, unpacked, ready to be called on a ground; its functions end with the block."""
    folder = on.folder / name
    folder.mkdir()
    with unpacked(package, folder) as task_root:
        lambdas = Lambdas(task_root, package.target, on.environment, folder)
        try:
            yield lambdas
        finally:
            lambdas.stop()


def play(package: Package, say: Callable[[str], None] = print) -> str:
    """The figures of a whole play, as one line.

    Everything once: an empty database is migrated by the package's own function, then the order path is played."""
    with ground.running() as on, booted(package, on) as lambdas:
        say(f"  migrations applied: {len(lambdas.call('migrate', {})['applied'])}")
        on.prepare("resources")
        on.prepare("demo")
        return str(Path(lambdas, on, say).play())
