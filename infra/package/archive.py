"""The zip: the same files make the same bytes, whenever and wherever it is built."""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time that a zip can hold."""
READABLE = 0o100644 << 16
"""A regular file that everybody may read: Lambda runs functions as a user of its own."""
LEVEL = 6


def files_of(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name in the zip, path) of every file below a folder."""
    for path in folder.rglob("*"):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


def write(zip_file: Path, files: Iterable[tuple[str, Path]]) -> tuple[int, int]:
    """Writes a zip in the order of names; (number of files, their bytes unzipped). Raises ValueError for a name given twice."""
    entries = sorted(files)
    names = [name for name, _ in entries]
    if len(set(names)) != len(names):
        raise ValueError(f"given twice: {sorted({name for name in names if names.count(name) > 1})}")
    size = 0
    with zipfile.ZipFile(zip_file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, path in entries:
            about = zipfile.ZipInfo(name, EPOCH)
            about.compress_type, about.external_attr = zipfile.ZIP_DEFLATED, READABLE
            content = path.read_bytes()
            size += len(content)
            archive.writestr(about, content, compresslevel=LEVEL)
    return len(entries), size


def fingerprint(folder: Path) -> str:
    """A hash of names and contents of everything below a folder."""
    digest = hashlib.sha256()
    for name, path in sorted(files_of(folder)):
        digest.update(f"{name}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
