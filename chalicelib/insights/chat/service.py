"""Use cases of the chat: open a conversation, answer a message, find products by a sentence.

No transaction is open while a model is asked. Whatever goes wrong with it (away, slow, out of tokens, nonsense), our search
answers instead and says so: a shop page never sees an error because of a model.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Annotated, Any

from pydantic import Field, StringConstraints, ValidationError

from chalicelib import catalogue, orders
from chalicelib.adapters import llm
from chalicelib.adapters.llm import Completion, ProviderRefused, ProviderUnavailable, Question, Tool, ToolCall, Turn
from chalicelib.insights.chat import rules, sessions, tools
from chalicelib.insights.chat.sessions import Session
from chalicelib.insights.chat.shapes import AiFound, AiQuery, ChatAnswer, ChatQuestion, FoundProduct
from chalicelib.insights.chat.spend import Purse
from chalicelib.kernel.access import allowed_origins
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.log import logger
from chalicelib.kernel.shapes import Shape
from chalicelib.kernel.uow import UnitOfWork

FOUND_MAX = 20
LOOKED_AT_MAX = 100
"""Of the best matches, so many are held against a price."""
LISTED_MAX = 5
BY_SEARCH = "This answer comes from our product search, for the assistant is not available at the moment."

ChatStep = ChatAnswer | Outside[Completion | None, ChatAnswer]
SearchStep = AiFound | Outside[Completion | None, AiFound]


@dataclass(frozen=True)
class Talk:
    """A message on its way to an answer. `rounds` counts how often things were looked up for it."""

    said: str
    purse: Purse
    system: str
    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...]
    session: Session | None
    rounds: int = 0


class Filters(Shape):
    """What a model understood of a search, each part checked like a stranger's."""

    words: tools.Words
    category: tools.Words | None = None
    max_price: Annotated[Decimal, Field(ge=0, le=10**9)] | None = None
    in_stock_only: bool = False
    suggestion: Annotated[str, StringConstraints(max_length=1000)] = ""


SEARCH_TOOL = "search"


def chat(uow: UnitOfWork, asked: ChatQuestion, *, address: str) -> ChatStep:
    """Answers a message, by the model if there is one. Raises NoSuchSession, Unavailable."""
    session = sessions.find(uow, asked.session_id) if asked.session_id else None
    told = session.turns if session else [(turn.role, turn.content) for turn in asked.history]
    if llm.model() is None:
        return _by_search(uow, asked.message, session)
    turns = [Turn("user" if role == "user" else "assistant", text) for role, text in rules.kept(told)]
    is_customer = uow.actor.kind == "customer"
    system = rules.SYSTEM.format(
        organization=uow.organization.name,
        about_orders=rules.ABOUT_ORDERS if is_customer else "",
        language=_language(asked.language),
    )
    return _step(
        Talk(
            said=asked.message,
            purse=Purse.of(uow.organization.id, uow.actor, address),
            system=system,
            turns=(*turns, Turn("user", asked.message)),
            tools=tuple(tools.offered_to(uow.actor)),
            session=session,
        )
    )


def search(uow: UnitOfWork, asked: AiQuery, *, address: str) -> SearchStep:
    """Finds products by a sentence; the model, if there is one, says what the sentence means."""
    if llm.model() is None:
        return _found_plainly(uow, asked.query)
    question = Question(
        system=rules.SEARCH_SYSTEM.format(organization=uow.organization.name, language=_language(asked.language)),
        turns=(Turn("user", asked.query),),
        tokens_max=rules.ANSWER_TOKENS_MAX,
        tools=(Tool(SEARCH_TOOL, "Searches the catalogue.", Filters.model_json_schema()),),
        forced_tool=SEARCH_TOOL,
    )
    purse = Purse.of(uow.organization.id, uow.actor, address)
    return Outside(partial(_ask, purse, question), partial(_found, asked.query))


def _language(tag: str | None) -> str:
    return f"the language with the tag {tag}" if tag else rules.SAME_LANGUAGE


# Asking


def _step(talk: Talk) -> Outside[Completion | None, ChatAnswer]:
    question = Question(talk.system, talk.turns, rules.ANSWER_TOKENS_MAX, talk.tools)
    return Outside(partial(_ask, talk.purse, question), partial(_go_on, talk))


def _ask(purse: Purse, question: Question) -> Completion | None:
    """What the model says; None when it cannot, must not or will not. Runs outside a transaction."""
    chosen = llm.model()
    taken = _cost_at_most(question)
    if chosen is None or not purse.take(taken):
        return None
    try:
        completion = chosen.complete(question)
    except ProviderUnavailable as error:
        if not error.maybe_done:
            purse.settle(taken, 0)
        return None
    except (ProviderRefused, Unavailable) as error:
        purse.settle(taken, 0)
        logger.warning("model not asked or refused", extra={"error": type(error).__name__})
        return None
    if completion.tokens is not None:
        purse.settle(taken, max(0, min(completion.tokens, 4 * taken)))
    return completion


def _cost_at_most(question: Question) -> int:
    told = [text for turn in question.turns for text in (turn.text, *(str(call.arguments) for call in turn.calls))]
    offered = [json.dumps(tool.parameters) + tool.description for tool in question.tools]
    return rules.tokens_of([question.system, *told, *offered]) + question.tokens_max


def _go_on(talk: Talk, uow: UnitOfWork, completion: Completion | None) -> ChatStep:
    """Looks up what the model asks for, or ends with what it says."""
    if completion is not None and completion.calls and talk.rounds < rules.ROUNDS_MAX:
        calls = tuple(_bounded(call) for call in completion.calls[: rules.CALLS_MAX])
        results = [Turn("tool", tools.answer(uow, call), call_id=call.id) for call in calls]
        said = Turn("assistant", completion.text[: rules.ANSWER_MAX], calls)
        return _step(replace(talk, turns=(*talk.turns, said, *results), rounds=talk.rounds + 1))
    text = _shown(completion.text, rules.ANSWER_MAX) if completion is not None else ""
    if not text:
        return _by_search(uow, talk.said, talk.session)
    if talk.session is not None:
        sessions.remember(talk.session, talk.said, text)
    return ChatAnswer.of(text, "assistant", uow.now)


def _bounded(call: ToolCall) -> ToolCall:
    """A call as it is shown to the model again: nothing of it may grow without end."""
    is_small = len(str(call.arguments)) <= rules.ANSWER_MAX
    return ToolCall(rules.as_name(call.id), rules.as_name(call.name), call.arguments if is_small else None)


def _shown(text: str, at_most: int) -> str:
    return rules.plain_text(text, origins=allowed_origins(), at_most=at_most)


# Without a model


def _by_search(uow: UnitOfWork, said: str, session: Session | None) -> ChatAnswer:
    """What our search finds, in words."""
    text = _shown(_own_order(uow, said) or _listing(uow, said), rules.ANSWER_MAX - len(BY_SEARCH) - 2)
    if session is not None:
        sessions.remember(session, said, text)
    return ChatAnswer.of(f"{text}\n\n{BY_SEARCH}", "search", uow.now)


def _own_order(uow: UnitOfWork, said: str) -> str | None:
    """Where an order stands, for the customer whose it is."""
    number = rules.order_number_in(said)
    order = orders.find_by_number(uow, number) if number and uow.actor.kind == "customer" else None
    if order is None or order.customer_id != uow.actor.id:
        return None
    tracking = f", tracking number {order.tracking_number}" if order.tracking_number else ""
    return f"Your order {order.number} is {orders.commerce_status(order)}{tracking}."


def _listing(uow: UnitOfWork, said: str) -> str:
    cards, total, text = _matches(uow, said, LISTED_MAX)
    if not cards:
        return f'We found no product for "{text}". Please try fewer or other words.'
    lines = [
        f"- {card.name} ({card.sku}), {card.unit_price_minor // 100}.{card.unit_price_minor % 100:02d}"
        f" {uow.organization.currency}{', ' + card.unit_size if card.unit_size else ''},"
        f" {'in stock' if card.in_stock else 'out of stock'}"
        for card in cards
    ]
    more = f"\nand {total - len(cards)} more" if total > len(cards) else ""
    return f'For "{text}" we found:\n' + "\n".join(lines) + more


def _matches(uow: UnitOfWork, said: str, limit: int) -> tuple[Sequence[catalogue.Card], int, str]:
    """Products, how many there are, and the words that found them: all of them or, if that finds nothing, one.

    A limit of price in the question holds for the best `LOOKED_AT_MAX` matches. At most four statements.
    """
    rest, most_minor = rules.price_limit_in(said)
    text = rules.search_text(rest)
    looked_at = limit if most_minor is None else LOOKED_AT_MAX
    for attempt in rules.attempts(text):
        cards, total = catalogue.list_products(uow, catalogue.Selection(limit=looked_at, offset=0), attempt)
        if most_minor is not None:
            cards = [card for card in cards if card.unit_price_minor <= most_minor]
            total = len(cards)
        if cards:
            return cards[:limit], total, attempt
    return [], 0, text


def _found_plainly(uow: UnitOfWork, query: str) -> AiFound:
    cards, total, text = _matches(uow, query, FOUND_MAX)
    return _found_view(cards, total, _suggestion(cards, total, text), answered_by="search")


# Searching


def _found(query: str, uow: UnitOfWork, completion: Completion | None) -> AiFound:
    """What the filters of a model find; what our own search finds where they are none or find nothing."""
    filters = _filters(completion)
    if filters is None:
        return _found_plainly(uow, query)
    cards, total = _filtered(uow, filters)
    if not cards:
        return _found_plainly(uow, query)
    said = _shown(filters.suggestion, rules.SUGGESTION_MAX) or _suggestion(cards, total, filters.words)
    return _found_view(cards[:FOUND_MAX], total, said, answered_by="assistant")


def _filters(completion: Completion | None) -> Filters | None:
    for call in completion.calls if completion is not None else ():
        if call.name == SEARCH_TOOL:
            try:
                return Filters.model_validate(call.arguments)
            except ValidationError:
                return None
    return None


def _filtered(uow: UnitOfWork, filters: Filters) -> tuple[list[catalogue.Card], int]:
    wanted = catalogue.Selection(
        limit=LOOKED_AT_MAX, offset=0, category=filters.category, in_stock=True if filters.in_stock_only else None
    )
    cards, total = catalogue.list_products(uow, wanted, filters.words)
    if filters.max_price is None:
        return cards, total
    affordable = [card for card in cards if Decimal(card.unit_price_minor) <= filters.max_price * 100]
    return affordable, len(affordable)


def _suggestion(cards: Sequence[catalogue.Card], total: int, text: str) -> str:
    if not cards:
        said = f'Nothing matches "{text}". Try fewer or other words, or look through the categories.'
    elif total == 1:
        said = f'One product matches "{text}": {cards[0].name}.'
    else:
        said = f'{total} products match "{text}"; the best match is {cards[0].name}.'
    return _shown(said, rules.SUGGESTION_MAX)


def _found_view(cards: Sequence[catalogue.Card], total: int, suggestion: str, *, answered_by: Any) -> AiFound:
    products = [
        FoundProduct(
            id=card.id,
            name=card.name,
            sku=card.sku,
            brand=card.brand,
            unit_price=card.unit_price_minor,
            bulk_price=card.bulk_price_minor,
            bulk_quantity=card.bulk_quantity,
            unit_size=card.unit_size,
            image_url=card.image_url,
            in_stock=card.in_stock,
        )
        for card in cards
    ]
    return AiFound(success=True, products=products, suggestion=suggestion, total=total, answered_by=answered_by)
