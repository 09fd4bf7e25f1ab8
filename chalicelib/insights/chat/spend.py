"""What answers cost: tokens per caller and per organization and day, counted in DynamoDB before the model is asked.

The most that an answer can cost is taken first and what it did not cost is given back, so that parallel questions cannot
exceed a limit together. Without the table nobody knows what was spent: then nobody is asked, and our search answers.
"""

from dataclasses import dataclass

from chalicelib.kernel import clock, dynamo
from chalicelib.kernel.log import logger
from chalicelib.kernel.principals import Actor
from chalicelib.kernel.settings import settings

_DAY_S = 24 * 3600
_TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Purse:
    """Whose tokens are spent: a customer's or, of those who are not signed in, an address's."""

    organization_id: int
    caller: str

    @classmethod
    def of(cls, organization_id: int, actor: Actor, address: str) -> "Purse":
        """The purse of a request."""
        caller = f"customer/{actor.id}" if actor.kind == "customer" else f"address/{address}"
        return cls(organization_id, caller)

    def take(self, tokens: int) -> bool:
        """Takes tokens, from the caller and from the organization; False when one of the two has not enough left today."""
        day = str(int(clock.timestamp()) // _DAY_S)
        own = dynamo.ask_or(None, lambda: _add(self._own_key, day, tokens))
        if own is None:
            return False
        if own > settings().llm_tokens_of_caller:
            self._add_again(self._own_key, day, -tokens)
            return False
        everybodys = dynamo.ask_or(None, lambda: _add(self._shared_key, day, tokens))
        if everybodys is not None and everybodys <= settings().llm_tokens_of_organization:
            return True
        self._add_again(self._own_key, day, -tokens)
        if everybodys is not None:
            self._add_again(self._shared_key, day, -tokens)
            logger.warning("no tokens left today", extra={"organization_id": self.organization_id})
        return False

    def settle(self, taken: int, spent: int) -> None:
        """Gives back what was not spent; takes what was spent beyond what was taken."""
        day = str(int(clock.timestamp()) // _DAY_S)
        if taken != spent:
            self._add_again(self._own_key, day, spent - taken)
            self._add_again(self._shared_key, day, spent - taken)

    @property
    def _own_key(self) -> str:
        return f"llm#{self.organization_id}#{self.caller}"

    @property
    def _shared_key(self) -> str:
        return f"llm#{self.organization_id}"

    def _add_again(self, key: str, day: str, tokens: int) -> None:
        dynamo.ask_or(0, lambda: _add(key, day, tokens))


def _add(key: str, day: str, tokens: int) -> int:
    return dynamo.add(key, day, _TOKENS, lasts_s=2 * _DAY_S, amount=tokens)[_TOKENS]
