"""Replies of the platform's endpoints."""

from typing import Literal

from chalicelib.kernel.shapes import Shape


class Health(Shape):
    """The service answers, and so does its database: this reply took a transaction."""

    status: Literal["ok"] = "ok"
    service: Literal["quartermaster"] = "quartermaster"
    version: str
