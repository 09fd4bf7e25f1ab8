"""What users entrust to us is unreadable at rest, and readable again whatever became of the keys since."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chalicelib.kernel import sealing
from chalicelib.kernel.errors import Unavailable
from chalicelib.kernel.sealing import Binding, CannotOpen, seal, unseal
from chalicelib.kernel.settings import settings

SECRETS = {"api_key": "sk_live_Ümläut", "base_url": "https://shop.example.test", "empty": ""}
OURS = Binding(7, "connector")
OTHERS = [Binding(8, "connector"), Binding(7, "webhook")]
Configure = Callable[..., None]


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Configure]:
    def change(**changed: str) -> None:
        for name, value in changed.items():
            monkeypatch.setenv(f"QM_{name.upper()}", value)
        settings.cache_clear()
        sealing.forget()

    yield change
    monkeypatch.undo()
    settings.cache_clear()
    sealing.forget()


@pytest.fixture(params=["local", "kms"])
def sealed(request: pytest.FixtureRequest, configure: Configure, aws: None) -> dict[str, str]:
    """`SECRETS`, sealed with a local key and with a key of KMS."""
    if request.param == "kms":
        configure(sealing_key_id=sealing.client().create_key()["KeyMetadata"]["KeyId"])
    return seal(SECRETS, OURS)


def opened(sealed: dict[str, str], binding: Binding = OURS) -> dict[str, str]:
    return {name: secret.get_secret_value() for name, secret in unseal(sealed, binding).items()}


def test_what_was_sealed_can_be_opened_and_not_be_read(sealed: dict[str, str]) -> None:
    assert opened(sealed) == SECRETS
    for name in ("api_key", "base_url"):
        assert SECRETS[name] not in sealed[name]
    assert "sk_live" not in str(unseal(sealed, OURS))
    assert seal(SECRETS, OURS) != sealed


@pytest.mark.parametrize("binding", OTHERS)
def test_it_is_worth_nothing_to_another_tenant_or_for_another_purpose(sealed: dict[str, str], binding: Binding) -> None:
    sealing.forget()
    with pytest.raises(CannotOpen):
        unseal(sealed, binding)
    assert opened(sealed) == SECRETS
    with pytest.raises(CannotOpen):
        unseal(sealed, binding)


def test_a_changed_text_does_not_open(sealed: dict[str, str]) -> None:
    name, _, token = sealed["api_key"].rpartition(".")
    raw = bytearray(base64.urlsafe_b64decode(token))
    raw[-1] ^= 1
    for wrong in ("", "x", token, f"{name}.{base64.urlsafe_b64encode(raw).decode()}", f"local.gone.{token}", "kms.x.y"):
        sealing.forget()
        with pytest.raises(CannotOpen):
            unseal({"api_key": wrong}, OURS)


def test_old_texts_stay_readable_when_a_new_local_key_seals(configure: Configure) -> None:
    configure(sealing_keys="k1:first-secret")
    old = seal(SECRETS, OURS)
    configure(sealing_keys="k2:second-secret k1:first-secret")
    new = seal(SECRETS, OURS)
    assert (opened(old), opened(new)) == (SECRETS, SECRETS)
    assert new["api_key"].startswith("local.k2.")
    configure(sealing_keys="k2:second-secret")
    with pytest.raises(CannotOpen):
        unseal(old, OURS)


def test_old_texts_stay_readable_under_another_key_of_kms(configure: Configure, aws: None) -> None:
    configure(sealing_key_id=sealing.client().create_key()["KeyMetadata"]["KeyId"])
    old = seal(SECRETS, OURS)
    configure(sealing_key_id=sealing.client().create_key()["KeyMetadata"]["KeyId"])
    assert opened(old) == SECRETS


class Counting:
    """KMS that counts what it is asked, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self._kms, self._error = sealing.client(), error
        self.asked: list[dict[str, Any]] = []

    def generate_data_key(self, **asked: Any) -> Any:
        return self._answer("generate_data_key", asked)

    def decrypt(self, **asked: Any) -> Any:
        return self._answer("decrypt", asked)

    def _answer(self, operation: str, asked: dict[str, Any]) -> Any:
        self.asked.append({"operation": operation, **asked})
        if self._error is not None:
            raise self._error
        return getattr(self._kms, operation)(**asked)


def test_kms_is_asked_once_for_all_that_was_sealed_together(
    configure: Configure, aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(sealing_key_id=sealing.client().create_key()["KeyMetadata"]["KeyId"])
    kms = Counting()
    monkeypatch.setattr(sealing, "client", lambda: kms)
    sealed = seal(SECRETS, OURS)
    assert opened(sealed) == SECRETS
    assert [asked["operation"] for asked in kms.asked] == ["generate_data_key"]
    sealing.forget()
    for _ in range(3):
        assert opened(sealed) == SECRETS
    assert [asked["operation"] for asked in kms.asked] == ["generate_data_key", "decrypt"]
    assert {json.dumps(asked["EncryptionContext"]) for asked in kms.asked} == {
        '{"organization": "7", "purpose": "connector"}'
    }


def test_a_kms_that_does_not_answer_is_waited_for_elsewhere(
    configure: Configure, aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from botocore.exceptions import ClientError, ConnectTimeoutError

    configure(sealing_key_id=sealing.client().create_key()["KeyMetadata"]["KeyId"])
    sealed = seal(SECRETS, OURS)
    sealing.forget()
    away: list[Exception] = [
        ConnectTimeoutError(endpoint_url="https://kms"),
        ClientError({"Error": {"Code": "KMSInternalException", "Message": "x"}}, "Decrypt"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "x"}}, "Decrypt"),
    ]
    for error in away:
        kms = Counting(error)
        monkeypatch.setattr(sealing, "client", lambda kms=kms: kms)
        with pytest.raises(Unavailable):
            unseal(sealed, OURS)
        with pytest.raises(Unavailable):
            seal(SECRETS, OURS)


def test_a_deployed_stage_seals_with_kms_or_not_at_all(configure: Configure) -> None:
    configure(stage="prod", outbound_allowed="")
    with pytest.raises(RuntimeError, match="QM_SEALING_KEY_ID"):
        seal(SECRETS, OURS)
    configure(stage="test", sealing_keys="")
    with pytest.raises(RuntimeError, match="QM_SEALING_KEYS"):
        seal(SECRETS, OURS)
