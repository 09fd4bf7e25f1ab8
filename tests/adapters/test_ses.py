"""Mail through SES instead of a mail server: the same messages, the same outcomes."""

from collections.abc import Iterator

import pytest
from botocore.stub import ANY, Stubber

from chalicelib.adapters import mail, ses
from chalicelib.kernel.settings import settings
from tests.circuits import close_all
from tests.factories.messages import make_mail, message
from tests.tenant import Tenant


@pytest.fixture
def stubbed(aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """SES's client, which answers what a test says and checks requests against the service's own model."""
    monkeypatch.setenv("QM_MAIL_PROVIDER", "ses")
    settings.cache_clear()
    close_all()
    with Stubber(ses.client()) as stubber:
        yield stubber
    monkeypatch.undo()
    settings.cache_clear()
    close_all()


def test_a_mail_goes_out_in_text_and_html(tenant: Tenant, stubbed: Stubber) -> None:
    part = {"Data": ANY, "Charset": "UTF-8"}
    expected = {
        "FromEmailAddress": settings().mail_from,
        "Destination": {"ToAddresses": ["ana@example.com"]},
        "Content": {
            "Simple": {
                "Subject": {"Data": "Please confirm your e-mail address", "Charset": "UTF-8"},
                "Body": {"Text": part, "Html": part},
            }
        },
    }
    stubbed.add_response("send_email", {"MessageId": "1"}, expected)
    message_id = make_mail(tenant)
    tenant.work_off()
    stubbed.assert_no_pending_responses()
    assert (message(tenant, message_id)["state"], message(tenant, message_id)["attempts"]) == ("sent", 1)


@pytest.mark.parametrize(
    ("code", "status", "state", "error_code"),
    [
        ("MessageRejected", 400, "failed", "MessageRejected"),
        ("BadRequestException", 400, "failed", "BadRequestException"),
        ("TooManyRequestsException", 429, "sending", None),
        ("AccessDeniedException", 403, "sending", None),
        ("InternalServiceError", 500, "sending", None),
    ],
)
def test_what_ses_says_no_to(
    code: str, status: int, state: str, error_code: str | None, tenant: Tenant, stubbed: Stubber
) -> None:
    stubbed.add_client_error("send_email", code, http_status_code=status)
    message_id = make_mail(tenant)
    tenant.work_off()
    row = message(tenant, message_id)
    assert (row["state"], row["error_code"]) == (state, error_code)


def test_settings_choose(stubbed: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(mail.mailer()).__name__ == "SesMailer"
    monkeypatch.setenv("QM_MAIL_PROVIDER", "smtp")
    settings.cache_clear()
    assert type(mail.mailer()).__name__ == "SmtpMailer"
