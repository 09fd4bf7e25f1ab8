"""The form and its answer."""

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict

from chalicelib.kernel.bodies import Upload
from chalicelib.kernel.emails import Email
from chalicelib.kernel.phones import Phone
from chalicelib.kernel.shapes import OptionalText, Shape, Text


def _none_if_empty(value: Any) -> Any:
    """Browsers send a file field that nobody filled in as a file without a name and content."""
    is_empty = isinstance(value, Upload) and not value.name and not value.content
    return None if is_empty or value == "" else value


class SavingsForm(Shape):
    """Who asks, and the invoice he would like to see beaten: a PDF or a picture."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: Text
    restaurant_name: Text
    address: Text
    city: Text
    state: Text
    phone: Phone
    email: Email
    rd_customer_number: OptionalText | None = None
    invoice: Annotated[Upload | None, BeforeValidator(_none_if_empty)] = None


class SavingsAnswer(Shape):
    """The form is kept."""

    success: bool
    message: str
