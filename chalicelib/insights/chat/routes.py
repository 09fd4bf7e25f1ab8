"""Endpoints of the chat and of the search by sentence."""

from chalicelib.insights.chat import service, sessions
from chalicelib.insights.chat.sessions import NoSuchSession
from chalicelib.insights.chat.shapes import AiQuery, ChatQuestion, ChatSession
from chalicelib.kernel.access import SHOPPER
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.shapes import NoBody
from chalicelib.kernel.throttle import Limit

QUESTIONS = Limit("chat", calls=30)
"""Per address and minute, of both endpoints together; tokens are counted besides (spend.py)."""


@endpoint("POST", "/api/chat/session", allow=SHOPPER, limit=Limit("chat-session", calls=20), keeps_replies=False)
def open_chat_session(call: Call[NoBody]) -> ChatSession:
    """Open a conversation that is remembered for an hour after its last message."""
    session_id = sessions.open_session(call.uow)
    return ChatSession(success=True, session_id=session_id, expires_in_s=sessions.LASTS_S)


@endpoint("POST", "/api/chat", allow=SHOPPER, errors=(NoSuchSession,), limit=QUESTIONS)
def answer_chat(call: Call[ChatQuestion]) -> service.ChatStep:
    """Answer a question about products, prices, availability and, of a signed-in customer, the own orders.

    Without a model, or when it cannot answer, the product search does; `answered_by` says which it was.
    """
    return service.chat(call.uow, call.body, address=call.request.address)


@endpoint("POST", "/api/search/ai", allow=SHOPPER, limit=QUESTIONS)
def search_by_sentence(call: Call[AiQuery]) -> service.SearchStep:
    """Find products by a sentence, with a suggestion; the model only says what to search for."""
    return service.search(call.uow, call.body, address=call.request.address)
