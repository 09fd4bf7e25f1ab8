"""Mails from templates: ``name.txt`` (its first line is the subject) and ``name.html`` (inside ``base.html``).

Jinja2 rather than string.Template: orders have lines, texts have conditions, and HTML must be escaped by default and not
by discipline. Imported at the first mail of a process, off the request path of everything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

FOLDER = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail's three parts."""

    subject: str
    text: str
    html: str


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=select_autoescape(["html"], default=False, default_for_string=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["money"] = _money
    return environment


def render(template: str, context: Mapping[str, Any]) -> Rendered:
    """A mail. Raises jinja2.UndefinedError for a missing variable, jinja2.TemplateNotFound.

    The subject is one line whatever a value contains: a line break in a name must not start a header.
    """
    environment = _environment()
    text = environment.get_template(f"{template}.txt").render(context)
    subject, _, body = text.partition("\n")
    html = environment.get_template(f"{template}.html").render({**context, "subject": " ".join(subject.split())})
    return Rendered(" ".join(subject.split()), body.lstrip("\n"), html)


def _money(minor: int, currency: str) -> str:
    """``1234, "USD"`` as ``12.34 USD``."""
    return f"{minor // 100:,}.{minor % 100:02d} {currency}"
