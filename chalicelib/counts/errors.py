"""What counts and adjustments refuse."""

from typing import ClassVar

from pydantic import BaseModel

from chalicelib.counts.shapes import Outcomes
from chalicelib.kernel.errors import Conflict, Forbidden


class NothingDecided(Conflict):
    """None of the decisions could be carried out; `results` says why each could not."""

    Extra: ClassVar[type[BaseModel] | None] = Outcomes
    code = "nothing_decided"


class OwnCount(Forbidden):
    """Somebody else must decide about the adjustments of one's own count."""

    code = "own_count"
