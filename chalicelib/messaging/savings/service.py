"""Use cases of the form: keep it, tell the organization, let staff see the file."""

from functools import partial
from typing import Any

from chalicelib.adapters import objects
from chalicelib.kernel import ids
from chalicelib.kernel.bodies import Upload
from chalicelib.kernel.emails import is_email
from chalicelib.kernel.endpoint import Outside
from chalicelib.kernel.errors import BadRequest, NotFound
from chalicelib.kernel.log import logger
from chalicelib.kernel.settings import settings
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.messaging import service
from chalicelib.messaging.savings import rules, store
from chalicelib.messaging.savings.shapes import SavingsAnswer, SavingsForm
from chalicelib.messaging.savings.store import File

PREFIX = "savings/"
LINK_S = 300
THANKS = "Thank you. We look at it and come back to you"


class BadInvoice(BadRequest):
    """The file is neither a PDF nor a picture that can be read, or too large."""

    code = "bad_invoice"
    sentence = "The invoice must be a PDF or a picture (JPEG, PNG, GIF or WebP) of at most 4 MB"


def send_in(uow: UnitOfWork, form: SavingsForm, *, address: str) -> SavingsAnswer | Outside[None, SavingsAnswer]:
    """Keeps a form, its file too, and tells the organization by mail; nobody else gets one. Raises BadInvoice, Unavailable.

    The file is stored between two transactions: a form whose file never arrived is kept and not told, and its sender, who
    got no answer, sends it again.
    """
    file = None if form.invoice is None else _file(form.invoice)
    said = {
        "name": form.name,
        "restaurant_name": form.restaurant_name,
        "street_address": form.address,
        "city": form.city,
        "state": form.state,
        "phone": form.phone,
        "email": form.email,
        "rd_customer_number": form.rd_customer_number or None,
        "address": address,
    }
    request_id = store.insert(uow, said, file)
    if file is None:
        return _told(uow, request_id, said, has_file=False)
    put = partial(objects.put, file.key, file.content, media_type=file.media_type)
    return Outside(put, partial(_stored, request_id, said))


def invoice_link(uow: UnitOfWork, request_id: int) -> str:
    """A link to a form's file that works for five minutes. Raises NotFound."""
    key = store.find_invoice(uow, request_id)
    if key is None:
        raise NotFound("Invoice not found")
    return objects.signed_url(key, expires_s=LINK_S)


def _file(upload: Upload) -> File:
    """The file as it is kept: a PDF as it came, for it is only ever handed out; a picture drawn anew."""
    from chalicelib.kernel import images

    if len(upload.content) > rules.FILE_BYTES_MAX:
        raise BadInvoice
    if rules.is_pdf(upload.content):
        return File(_key(rules.PDF), rules.PDF, upload.content)
    try:
        picture = images.redraw(upload.content, side_max=rules.SIDE_MAX, bytes_max=rules.FILE_BYTES_MAX)
    except images.BadImage:
        raise BadInvoice from None
    return File(_key(rules.JPEG), rules.JPEG, picture.content)


def _key(media_type: str) -> str:
    return f"{PREFIX}{ids.token()}.{rules.ending(media_type)}"


def _stored(request_id: int, said: dict[str, Any], uow: UnitOfWork, _nothing: None) -> SavingsAnswer:
    store.set_stored(uow, request_id)
    return _told(uow, request_id, said, has_file=True)


def _told(uow: UnitOfWork, request_id: int, said: dict[str, Any], *, has_file: bool) -> SavingsAnswer:
    """Mails what was sent in to the organization's own address and to nobody else, whatever the form says."""
    recipient = str(uow.organization.settings.get("email") or "")
    if is_email(recipient):
        link = (
            f"{settings().public_url.rstrip('/')}/api/staff/savings-requests/{request_id}/invoice" if has_file else ""
        )
        context = {**said, "rd_customer_number": said["rd_customer_number"] or "", "link": link}
        service.send_mail(uow, recipient, "savings_request", context, kind="savings_request")
    else:
        logger.warning("no address for forms", extra={"organization_id": uow.organization.id})
    return SavingsAnswer(success=True, message=THANKS)
