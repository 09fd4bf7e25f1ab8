"""State of the doubles: documents in memory, every change one line of a journal.

A line holds a whole change (`Store.batch`), so a kill leaves all of it or nothing. Lines are handed to the
system at once, which outlives the process; they are not flushed to the disk, so a power cut may cost the last
ones.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

Doc = dict[str, Any]
_COMPACT_ABOVE = 2000
"""Superseded lines that a restart carries along before it writes the journal anew."""


class Store:
    """Documents by kind and key, oldest first. A document is replaced, never changed in place."""

    def __init__(self, path: Path | None = None) -> None:
        self._docs: dict[str, dict[str, Doc]] = {}
        self._pending: dict[tuple[str, str], Doc] | None = None
        self._hooks: list[Callable[[], object]] = []
        self._path = path
        self._file: BinaryIO | None = None
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._load(path)
            self._file = path.open("ab", buffering=0)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All puts inside become visible and durable together, or not at all if the block raises."""
        if self._pending is not None:
            yield
            return
        self._pending, self._hooks = {}, []
        try:
            yield
            self._commit(self._pending)
        finally:
            hooks, self._pending, self._hooks = self._hooks, None, []
        for hook in hooks:
            hook()

    def after_commit(self, hook: Callable[[], object]) -> None:
        """Call this once the surrounding batch is safe; at once when there is none."""
        if self._pending is None:
            hook()
        else:
            self._hooks.append(hook)

    def put(self, kind: str, key: str, doc: Doc) -> Doc:
        """Keep a document, in the batch under way or in one of its own."""
        with self.batch():
            assert self._pending is not None
            self._pending[kind, key] = doc
        return doc

    def get(self, kind: str, key: str) -> Doc | None:
        """The document, the batch's own puts included."""
        if self._pending and (kind, key) in self._pending:
            return self._pending[kind, key]
        return self._docs.get(kind, {}).get(key)

    def all(self, kind: str) -> list[Doc]:
        """All documents of a kind, oldest first, the batch's own puts included."""
        found = dict(self._docs.get(kind, {}))
        found.update({key: doc for (pending, key), doc in (self._pending or {}).items() if pending == kind})
        return list(found.values())

    def kinds(self) -> list[str]:
        """Names of the kinds that have documents."""
        return sorted(kind for kind, docs in self._docs.items() if docs)

    def clear(self) -> None:
        """Forget everything, the journal included."""
        self._docs.clear()
        if self._file:
            self._file.truncate(0)

    def close(self) -> None:
        """Let go of the journal."""
        if self._file:
            self._file.close()
            self._file = None

    def _commit(self, pending: dict[tuple[str, str], Doc]) -> None:
        if not pending:
            return
        if self._file:
            self._file.write(_line([(kind, key, doc) for (kind, key), doc in pending.items()]))
        for (kind, key), doc in pending.items():
            self._docs.setdefault(kind, {})[key] = doc

    def _load(self, path: Path) -> None:
        """Play the journal. A torn last line, which a kill may leave of an untold change, is cut off."""
        data = path.read_bytes() if path.exists() else b""
        whole = data[: data.rfind(b"\n") + 1]
        lines = whole.splitlines()
        for line in lines:
            for kind, key, doc in json.loads(line):
                self._docs.setdefault(kind, {})[key] = doc
        if len(lines) > _COMPACT_ABOVE + sum(len(docs) for docs in self._docs.values()):
            self._compact(path)
        elif len(whole) < len(data):
            os.truncate(path, len(whole))

    def _compact(self, path: Path) -> None:
        fresh = path.with_suffix(".new")
        docs = [(kind, key, doc) for kind, found in self._docs.items() for key, doc in found.items()]
        fresh.write_bytes(b"".join(_line([entry]) for entry in docs))
        fresh.replace(path)


def _line(entries: list[tuple[str, str, Doc]]) -> bytes:
    return json.dumps(entries, separators=(",", ":")).encode() + b"\n"
