"""The end of a voice call: ElevenLabs' post-call webhook, with the body that our contract fixes."""

import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from infra.local.doubles.config import DoublesSettings
from infra.local.doubles.deliveries import Deliveries


class CallComplete(BaseModel):
    """The fields of ``commerce.voice.webhook.call-complete``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    call_id: str
    status: str = "completed"
    duration: int = Field(ge=0)
    """Seconds."""
    start_time: datetime
    end_time: datetime
    phone_number: str
    transcript: str | None = None
    order_placed: bool | None = None
    order_number: str | None = None
    tool_outputs: list[Any] | None = None


def call_complete(deliveries: Deliveries, settings: DoublesSettings, call: CallComplete) -> str:
    """Tell the platform; returns the delivery's id."""
    return deliveries.enqueue(
        "elevenlabs",
        type="call-complete",
        external_id=call.call_id,
        url=f"{settings.public_url.rstrip('/')}/api/voice/webhook/call-complete",
        body=json.dumps(call.model_dump(mode="json", exclude_none=True)),
        media="application/json",
    )
