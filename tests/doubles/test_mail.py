"""The mailer, smtplib and the mail double, all together."""

import smtplib
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.adapters.mail import Mail, ProviderRefused, ProviderUnavailable, SmtpMailer, message_id
from chalicelib.kernel.settings import Secrets, Settings
from infra.local.doubles.server import Doubles
from tests.doubles.conftest import Control, until

SENT_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def mail(**more: Any) -> Mail:
    given: dict[str, Any] = {
        "to": "Ada <ada@customer.example>",
        "subject": "Bitte bestätigen",
        "text": "Grüße! https://shop.example/verify/1",
        "message_id": "<outbox-1@shop.example>",
        "sent_at": SENT_AT,
    }
    return Mail(**given | more)


def test_a_mail_arrives_as_it_was_written(mailer: SmtpMailer, control: Control) -> None:
    mailer.send(mail(html='<p>Grüße! <a href="https://shop.example/verify/1?a=1&amp;b=2">Hier</a></p>'))
    (found,) = control.inbox(kind="mail")
    assert (found["from"], found["to"]) == ("Quartermaster <no-reply@shop.example>", "Ada <ada@customer.example>")
    assert (found["subject"], found["text"].strip()) == ("Bitte bestätigen", "Grüße! https://shop.example/verify/1")
    assert found["links"] == ["https://shop.example/verify/1", "https://shop.example/verify/1?a=1&b=2"]
    assert found["html"].startswith("<p>Grüße!")
    assert (found["message_id"], found["recipients"]) == ("<outbox-1@shop.example>", ["ada@customer.example"])
    assert found["headers"]["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"


def test_a_mail_sent_again_has_the_same_id(mailer: SmtpMailer, control: Control) -> None:
    mailer.send(mail())
    mailer.send(mail())
    assert [found["message_id"] for found in control.inbox()] == ["<outbox-1@shop.example>"] * 2


@pytest.mark.parametrize(
    ("_case", "fault", "error", "maybe_done", "arrived"),
    [
        ("for now", {"status": 451}, ProviderUnavailable, False, 0),
        ("for good", {"status": 550}, ProviderRefused, None, 0),
        ("cut before", {"drop": "before"}, ProviderUnavailable, True, 0),
        ("cut after", {"drop": "after"}, ProviderUnavailable, True, 1),
        ("too late", {"delay_s": 0.5}, ProviderUnavailable, True, 1),
    ],
)
def test_faults(
    _case: str,
    fault: dict[str, Any],
    error: type[Exception],
    maybe_done: bool | None,
    arrived: int,
    doubles: Doubles,
    control: Control,
) -> None:
    hasty = SmtpMailer(host="127.0.0.1", port=doubles.smtp_port, sender="a@shop.example", starttls=False, timeout_s=0.2)
    control.fault("mail", "send", **fault)
    with pytest.raises(error) as failed:
        hasty.send(mail())
    assert getattr(failed.value, "maybe_done", None) is maybe_done
    until(lambda: len(control.inbox()) == arrived)


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "a@b.example\r\nBcc: all@b.example"},
        {"subject": "Hi\nBcc: all@b.example"},
        {"message_id": "<1@b>\r\nX: y"},
    ],
)
def test_nothing_can_smuggle_in_a_header(wrong: dict[str, str], mailer: SmtpMailer, control: Control) -> None:
    with pytest.raises(ProviderRefused) as refused:
        mailer.send(mail(**wrong))
    assert refused.value.code == "invalid_header"
    assert control.inbox() == []


def test_a_server_without_starttls_gets_nothing_in_the_clear(doubles: Doubles, control: Control) -> None:
    settings = Settings(smtp_host="127.0.0.1", smtp_port=doubles.smtp_port)
    with pytest.raises(ProviderUnavailable) as unavailable:
        SmtpMailer.from_settings(settings, Secrets()).send(mail())
    assert not unavailable.value.maybe_done
    assert control.inbox() == []


def test_nobody_there_means_nothing_was_sent() -> None:
    with pytest.raises(ProviderUnavailable) as unavailable:
        SmtpMailer(host="127.0.0.1", port=9, sender="a@shop.example").send(mail())
    assert not unavailable.value.maybe_done


def test_ids_belong_to_the_senders_domain() -> None:
    assert message_id("outbox-7", "Shop <no-reply@shop.example>") == "<outbox-7@shop.example>"
    for key, sender in (("a b", "a@shop.example"), ("a", "nobody"), ("a>", "a@shop.example")):
        with pytest.raises(ValueError, match="not usable in a Message-ID"):
            message_id(key, sender)


def test_attachments_are_named(doubles: Doubles, control: Control) -> None:
    from email.message import EmailMessage

    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@shop.example", "b@shop.example", "Invoice"
    made.set_content("See attachment")
    made.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="invoice.pdf")
    with smtplib.SMTP("127.0.0.1", doubles.smtp_port) as server:
        server.send_message(made)
    (found,) = control.inbox(to="B@shop.example")
    assert (found["attachments"], found["text"].strip()) == (["invoice.pdf"], "See attachment")
