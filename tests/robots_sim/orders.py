"""Orders for tests, valid without arguments."""

from typing import Any


def action(action_id: str = "a1", *, type: str = "bringCarrier", **parameters: str) -> dict[str, Any]:
    given = {"carrierId": "C1", "balconyId": "B1", **parameters}
    shown = [{"key": key, "value": value} for key, value in given.items()]
    return {"actionId": action_id, "actionType": type, "blockingType": "HARD", "actionParameters": shown}


def order(order_id: str = "o1", *actions: dict[str, Any], update: int = 0, **more: Any) -> dict[str, Any]:
    given = list(actions) or [action(f"{order_id}-a")]
    return {"orderId": order_id, "orderUpdateId": update, "nodes": [], "edges": [], "actions": given, **more}
