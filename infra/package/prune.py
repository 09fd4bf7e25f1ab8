"""What is left out of the package, and why. This is the one place that says so; `tests/package` proves that nothing misses it.

The rule: a thing goes when it is no code (stubs, source maps, tests), or when it is large and only reached by a call that
we never make. Small things stay, so that this list stays short.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from infra.package.errors import PackageError


@dataclass(frozen=True)
class Rule:
    """Files or folders that go: a glob below the folder of libraries."""

    glob: str
    reason: str
    keeps: tuple[str, ...] = ()
    """Names that the glob finds and that stay."""


NO_CODE = (
    Rule("**/*.py[ic]", "stubs are for type checkers; bytecode is compiled anew, for the target"),
    Rule("**/py.typed", "says that there are stubs"),
    Rule("**/*.map", "source maps for people who debug a minified script"),
    Rule("**/*.pyx", "source of what is compiled already"),
    Rule("**/*.pxd", "source of what is compiled already"),
    Rule("**/tests", "tests of the libraries"),
    Rule("bin", "console scripts"),
    Rule("*.dist-info/*", "read by installers", keeps=("METADATA", "entry_points.txt")),
)
"""`METADATA` is read by importlib.metadata.version (psycopg asks for its own), entry points by pydantic's plugins."""

NEVER_CALLED = (
    Rule("phonenumbers/geodata", "place names of numbers, 19 MB: we only parse and format"),
    Rule("phonenumbers/geocoder.py", "needs geodata"),
    Rule("phonenumbers/carrierdata", "carriers of numbers"),
    Rule("phonenumbers/carrier.py", "needs carrierdata"),
    Rule("phonenumbers/tzdata", "time zones of numbers"),
    Rule("phonenumbers/timezone.py", "needs its tzdata"),
    Rule("stripe/params", "typed dictionaries of request parameters: imported for type checkers only"),
    Rule(
        "twilio/rest/*",
        "a package for each product, loaded when asked for: we send messages",
        keeps=("__init__.py", "api"),
    ),
    Rule("twilio/http/async_http_client.py", "the asynchronous client, which alone needs aiohttp"),
    *(
        Rule(pattern, "only twilio's asynchronous client needs it")
        for name in (
            "aiohttp",
            "aiohttp_retry",
            "aiohappyeyeballs",
            "aiosignal",
            "frozenlist",
            "multidict",
            "propcache",
            "yarl",
        )
        for pattern in (name, f"{name}-*.dist-info")
    ),
    *(
        Rule(pattern, reason)
        for patterns, reason in (
            (("PIL/_avif*", "pillow.libs/libavif-*"), "a format that kernel/images.py refuses"),
            (
                ("PIL/_imagingft*", "pillow.libs/libfreetype-*", "pillow.libs/libharfbuzz-*"),
                "writes text into pictures",
            ),
        )
        for pattern in patterns
    ),
    *(
        Rule(pattern, reason)
        for patterns, reason in (
            (("_core/_simd.*", "_core/*_tests.*", "_pyinstaller", "testing"), "numpy's own tests, and what they need"),
            (("_core/include", "_core/lib", "f2py", "doc"), "compiles other libraries against numpy"),
            (("core",), "old names of _core, for libraries that are older than numpy 2"),
            (("fft", "ma", "polynomial", "random"), "parts of numpy that load when they are asked for: we fit and sum"),
        )
        for pattern in (f"numpy/{name}" for name in patterns)
    ),
    Rule("swagger_ui_bundle/vendor/*/swagger-ui-es-bundle*", "builds for bundlers; /docs loads the browser's"),
    Rule("swagger_ui_bundle/vendor/*/swagger-ui.js", "a build without its libraries"),
    Rule("swagger_ui_bundle/vendor/*/swagger-ui-standalone-preset.js", "the top bar, which /docs does not show"),
)


def prune(folder: Path, *, is_current: bool = True) -> None:
    """Removes what the rules name.

    Raises PackageError for a rule of `NEVER_CALLED` that finds nothing, because it is out of date; not when the libraries
    are those of an older revision, which may well have lacked one.
    """
    for rule in (*NO_CODE, *NEVER_CALLED):
        found = [path for path in folder.glob(rule.glob) if path.name not in rule.keeps]
        if not found and is_current and rule in NEVER_CALLED:
            raise PackageError(f"{rule.glob!r} ({rule.reason}) finds nothing any more: mend infra/package/prune.py.")
        for path in found:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
