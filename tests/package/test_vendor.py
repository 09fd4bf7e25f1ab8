"""Wheels that Lambda cannot run are refused; what is pruned is pruned; the zip is the same every time."""

import base64
import hashlib
import os
import zipfile
from pathlib import Path

import pytest

from infra.package import PackageError, archive, pip, prune, vendor
from infra.package.prune import NEVER_CALLED
from infra.package.target import Target

LAMBDA = Target(Path("python"), 13)


def wheel(folder: Path, *tags: str) -> None:
    """What pip leaves of an installed wheel."""
    info = folder / "thing-1.0.dist-info"
    info.mkdir(exist_ok=True)
    lines = ["Wheel-Version: 1.0", "Root-Is-Purelib: false", *(f"Tag: {tag}" for tag in tags)]
    (info / "WHEEL").write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    "tags",
    [
        ("py3-none-any",),
        ("py2-none-any", "py3-none-any"),
        ("cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313-manylinux2014_x86_64"),
        ("cp39-abi3-manylinux_2_34_x86_64",),
    ],
)
def test_wheels_for_lambda_are_taken(tmp_path: Path, tags: tuple[str, ...]) -> None:
    wheel(tmp_path, *tags)
    vendor.check_wheels(tmp_path, LAMBDA)


@pytest.mark.parametrize(
    ("_case", "tags", "named"),
    [
        ("compiled on this machine", ("cp313-cp313-linux_x86_64",), r"thing-1\.0 \(linux_x86_64\)"),
        ("one of several", ("cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313-linux_x86_64"), r"\(linux_x86_64\)"),
        ("for a newer glibc", ("cp313-cp313-manylinux_2_35_x86_64",), r"\(manylinux_2_35_x86_64\)"),
        ("for another processor", ("cp313-cp313-manylinux_2_17_aarch64",), r"\(manylinux_2_17_aarch64\)"),
        ("for musl", ("cp313-cp313-musllinux_1_2_x86_64",), r"\(musllinux_1_2_x86_64\)"),
        ("without a tag", (), r"\(no tag at all\)"),
    ],
)
def test_wheels_that_lambda_cannot_run_are_refused(
    tmp_path: Path, _case: str, tags: tuple[str, ...], named: str
) -> None:
    wheel(tmp_path, *tags)
    with pytest.raises(PackageError, match=rf"^These wheels are not made for Lambda: .*{named}\.$"):
        vendor.check_wheels(tmp_path, LAMBDA)


def test_files_that_are_not_their_publishers_are_refused(tmp_path: Path) -> None:
    wheel(tmp_path, "py3-none-any")
    (tmp_path / "thing.py").write_bytes(b"x = 1\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"x = 1\n").digest()).rstrip(b"=").decode()
    lines = [f"thing.py,sha256={digest},6", "thing-1.0.dist-info/RECORD,,", "../../bin/thing,sha256=x,1"]
    (tmp_path / "thing-1.0.dist-info" / "RECORD").write_text("\n".join(lines), encoding="utf-8")
    vendor.check_records(tmp_path)
    (tmp_path / "thing.py").write_bytes(b"x = 2\n")
    with pytest.raises(PackageError, match=r"These files are not what their publishers made: thing\.py\."):
        vendor.check_records(tmp_path)


def test_libraries_that_somebody_changed_are_not_packed(tmp_path: Path) -> None:
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    (libraries / "cacert.pem").write_text("whom to trust", encoding="utf-8")
    (tmp_path / "fingerprint").write_text(archive.fingerprint(libraries), encoding="ascii")
    vendor.check_unchanged(libraries)
    (libraries / "cacert.pem").write_text("whom to trust, and me", encoding="utf-8")
    with pytest.raises(PackageError, match="Somebody has changed"):
        vendor.check_unchanged(libraries)


def test_nothing_installed_is_no_package(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="No wheel was installed"):
        vendor.check_wheels(tmp_path, LAMBDA)


def test_a_requirement_without_a_wheel_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "wheels"
    source.mkdir()
    (source / "onlysource-1.0.tar.gz").write_bytes(b"")
    with pytest.raises(PackageError, match=r"pip failed: .*onlysource"):
        pip.install(tmp_path / "into", ["--no-index", "--find-links", str(source), "onlysource==1.0"], LAMBDA)


def test_code_that_does_not_compile_is_refused(tmp_path: Path, lambda_python: Target) -> None:
    (tmp_path / "good.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "broken.py").write_text("x = (\n", encoding="utf-8")
    with pytest.raises(PackageError, match=r"broken\.py"):
        vendor.compile_code(tmp_path, lambda_python)


def test_what_only_tools_read_is_pruned(tmp_path: Path) -> None:
    kept = [
        "thing/__init__.py",
        "thing/data.json",
        "thing-1.0.dist-info/METADATA",
        "thing-1.0.dist-info/entry_points.txt",
    ]
    gone = ["thing/__init__.pyi", "thing/py.typed", "thing/tests/test_it.py", "thing/ui.js.map", "bin/thing", "x/a.pyc"]
    gone += ["thing-1.0.dist-info/RECORD", "thing-1.0.dist-info/licenses/LICENSE"]
    for name in (*kept, *gone):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    prune.prune(tmp_path, is_current=False)
    assert sorted(name for name, _ in archive.files_of(tmp_path)) == sorted(kept)


def test_a_rule_that_finds_nothing_any_more_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"finds nothing any more: mend infra/package/prune\.py"):
        prune.prune(tmp_path)


def test_every_rule_says_why() -> None:
    assert [rule.glob for rule in NEVER_CALLED if len(rule.reason) < 12] == []


def test_the_zip_depends_on_names_and_contents_only(tmp_path: Path) -> None:
    made = []
    for number, names in enumerate((("a", "b/c", "d"), ("d", "b/c", "a"))):
        folder = tmp_path / str(number)
        for name in names:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(name * 100, encoding="utf-8")
            path.chmod(0o600 if number else 0o777)
            os.utime(path, (number * 10**9, number * 10**9))
        made.append(tmp_path / f"{number}.zip")
        assert archive.write(made[-1], archive.files_of(folder)) == (3, 500)
    assert made[0].read_bytes() == made[1].read_bytes()
    with zipfile.ZipFile(made[0]) as files:
        assert [(about.filename, about.external_attr >> 16) for about in files.infolist()] == [
            ("a", 0o100644),
            ("b/c", 0o100644),
            ("d", 0o100644),
        ]


def test_a_name_that_two_folders_have_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(ValueError, match=r"given twice: \['a'\]"):
        archive.write(tmp_path / "x.zip", [("a", tmp_path / "a"), ("a", tmp_path / "a")])
