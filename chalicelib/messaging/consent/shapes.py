"""The consent form, and what Twilio passes on of what people reply."""

from typing import Annotated

from pydantic import ConfigDict, Field, StrictBool, StringConstraints

from chalicelib.kernel.emails import Email
from chalicelib.kernel.phones import Phone
from chalicelib.kernel.shapes import OptionalText, Shape, Text

Field100 = Annotated[str, StringConstraints(max_length=100)]


class OptIn(Shape):
    """The form. `consent` is a JSON boolean and nothing that resembles one."""

    first_name: Text
    last_name: OptionalText | None = None
    phone: Phone
    email: Email | None = None
    consent: StrictBool
    wording_version: Annotated[str, StringConstraints(max_length=20)] | None = None
    """Of the wording that the page showed (GET /api/sms-optin); without one the current one was shown."""


class OptInAnswer(Shape):
    """The same to everybody: whether a number is subscribed is its owner's business."""

    success: bool
    message: str


class WordingView(Shape):
    """What the form has to show beside its check box."""

    version: str
    wording: str


class IncomingText(Shape):
    """A text message that Twilio took in. It adds fields as it pleases, so unknown ones are passed over."""

    model_config = ConfigDict(extra="ignore", populate_by_name=True)

    message_sid: Field100 | None = Field(None, alias="MessageSid")
    from_: Field100 | None = Field(None, alias="From")
    body: Annotated[str, StringConstraints(max_length=5000)] | None = Field(None, alias="Body")
    opt_out_type: Field100 | None = Field(None, alias="OptOutType")
