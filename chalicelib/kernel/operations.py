"""What an operator may ask of the running platform: one Lambda function, a command and its arguments.

Nothing of this is reachable through the API; whoever may invoke the function may do it. Each command is a function that
takes keyword arguments and returns JSON; `COMMANDS` says where it is, so that its module is imported when it is asked for.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from pydantic import ConfigDict, ValidationError, validate_call
from pydantic_core import to_jsonable_python

from chalicelib.kernel.errors import Invalid, Refusal

COMMANDS: dict[str, str] = {
    "close_circuit": "chalicelib.kernel.circuit:close_circuit",
    "create_organization": "chalicelib.identity.operations:create_organization",
    "drop_poison": "chalicelib.kernel.dead_letters:drop_poison",
    "forgive_dispute": "chalicelib.payments.operations:forgive_dispute",
    "list_circuits": "chalicelib.kernel.circuit:list_circuits",
    "list_dead": "chalicelib.kernel.dead_letters:list_dead",
    "list_poison": "chalicelib.kernel.dead_letters:list_poison",
    "list_differences": "chalicelib.payments.reconciliation.operations:list_differences",
    "list_postponed": "chalicelib.kernel.dead_letters:list_postponed",
    "reconcile": "chalicelib.payments.reconciliation.operations:reconcile",
    "redrive_poison": "chalicelib.kernel.dead_letters:redrive_poison",
    "replay_dead": "chalicelib.kernel.dead_letters:replay_dead",
    "reset_password": "chalicelib.identity.operations:reset_password",
    "retry_refund": "chalicelib.payments.operations:retry_refund",
    "set_fees_and_discounts": "chalicelib.orders.operations:set_fees_and_discounts",
    "submit_evidence": "chalicelib.payments.operations:submit_evidence",
}
"""Command -> module:function."""


def operate(event: dict[str, Any], _context: Any = None) -> dict[str, Any]:
    """Runs ``{"command": name, **arguments}``; ``{"result": ...}``, or ``{"error": sentence}`` for what is refused.

    What a command raises otherwise is raised here: the invocation fails and is logged.
    """
    asked = dict(event)
    where = COMMANDS.get(str(asked.pop("command", "")))
    if where is None:
        return {"error": f"command is one of {', '.join(sorted(COMMANDS))}"}
    module, name = where.split(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    try:
        result = validate_call(config=ConfigDict(strict=True))(function)(**asked)
        return {"result": to_jsonable_python(result)}
    except ValidationError as error:
        return {"error": "; ".join(f"{_path(e['loc'])}: {e['msg']}" for e in error.errors(include_input=False))}
    except Invalid as invalid:
        return {"error": "; ".join(f"{_path(detail['loc'])}: {detail['msg']}" for detail in invalid.details)}
    except Refusal as refusal:
        return {"error": refusal.message}


def _path(loc: Iterable[object]) -> str:
    return ".".join(map(str, loc))
