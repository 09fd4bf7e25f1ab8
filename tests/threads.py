"""Real threads, started together, each with its own database connection."""

import threading
from collections.abc import Callable
from typing import TypeVar

from chalicelib.kernel import database

Result = TypeVar("Result")
PATIENCE_S = 60.0


def together(count: int, work: Callable[[int], Result]) -> list[Result]:
    """Runs ``work(0) ... work(count - 1)`` at once; the results in that order. An exception of one is raised here."""
    results: dict[int, Result] = {}
    errors: list[BaseException] = []
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            barrier.wait(PATIENCE_S)
            results[number] = work(number)
        except BaseException as error:
            errors.append(error)
        finally:
            database.discard()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    if errors:
        raise errors[0]
    return [results[number] for number in range(count)]
