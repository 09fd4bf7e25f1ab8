"""What Twilio sends us."""

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from chalicelib.kernel.shapes import Shape

Short = Annotated[str, StringConstraints(max_length=64)]
Sentence = Annotated[str, StringConstraints(max_length=1000)]


class StatusCallback(Shape):
    """A delivery report. Twilio adds fields as it pleases, so unknown ones are passed over; the contract demands none."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    message_sid: Short | None = Field(None, alias="MessageSid")
    message_status: Short | None = Field(None, alias="MessageStatus")
    to: Sentence | None = Field(None, alias="To")
    from_: Sentence | None = Field(None, alias="From")
    error_code: Short | None = Field(None, alias="ErrorCode")
    error_message: Sentence | None = Field(None, alias="ErrorMessage")
