"""Asking Stripe while somebody waits for the answer."""

import math
import time
from collections.abc import Callable
from typing import TypeVar

from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.log import logger
from chalicelib.payments import rules

Answer = TypeVar("Answer")
PAUSES_S = (0.2, 0.6)
PATIENCE_S = 4.0
"""We ask again only while an answer still fits into the gateway's 29 seconds."""


def patiently(ask: Callable[[], Answer]) -> Answer:
    """Asks Stripe; again after a moment while another request runs under the same key, or after a mishap.

    Raises PaymentRefused; Unavailable at once when Stripe is known to be away, with the time to come back.
    """
    started = time.monotonic()
    for pause_s in (*PAUSES_S, None):
        try:
            return ask()
        except ProviderRefused as refused:
            logger.warning("payment refused", extra={"code": refused.code})
            raise rules.PaymentRefused from refused
        except ProviderUnavailable as error:
            if pause_s is None or error.retry_after_s or time.monotonic() - started > PATIENCE_S:
                sentence, retry_after_s = (
                    "The payment provider cannot be reached; please try again",
                    error.retry_after_s,
                )
                raise Unavailable(sentence, retry_after_s=math.ceil(retry_after_s or 2)) from error
            time.sleep(pause_s)
    raise AssertionError("unreachable")
