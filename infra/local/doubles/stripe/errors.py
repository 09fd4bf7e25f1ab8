"""Stripe's error bodies."""

from typing import Any

from infra.local.doubles.store import Doc


class StripeRefusal(Exception):
    """A request that changed nothing. `is_kept`: its idempotency key keeps the answer, the work had begun."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        is_kept: bool = False,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.is_kept = is_kept
        self.body = body(message, type=type, code=code, param=param, **extra)


def body(message: str, *, type: str, code: str | None = None, param: str | None = None, **extra: Any) -> Doc:
    """``{"error": {...}}`` with the fields that are known."""
    error: Doc = {"message": message, "type": type}
    if code:
        error |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"}
    if param:
        error["param"] = param
    return {"error": error | extra}


def missing(kind: str, key: str, param: str = "id") -> StripeRefusal:
    """404, or 400 when it was a parameter that names it; Stripe's sentence for both."""
    message = f"No such {kind}: '{key}'"
    return StripeRefusal(404 if param == "id" else 400, message, code="resource_missing", param=param)
