"""Dispatch: when an order may leave. Pure."""


def why_not(state: str, status: str, *, is_packing_required: bool) -> str | None:
    """Why an order may not be shipped, or None. `status` is the wms word for its state."""
    if state == "packed" or (state == "picked" and not is_packing_required):
        return None
    if is_packing_required:
        return f"Order must be packed before shipping. Current status: {status}"
    return f"Order is not ready for shipping. Current status: {status}"
