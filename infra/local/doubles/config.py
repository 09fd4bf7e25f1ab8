"""What the doubles need to know; the variables are the platform's own where it has one."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class DoublesSettings(BaseSettings):
    """Environment of the doubles, prefix ``QM_``. A port of 0 means any free one."""

    model_config = SettingsConfigDict(env_prefix="QM_", frozen=True)

    doubles_port: int = 8090
    smtp_port: int = 8025
    public_url: str = "http://127.0.0.1:8080"
    """Where webhooks go."""
    data_dir: Path | None = None
    """The journal lies in ``doubles/`` below it; without it nothing outlives the process."""

    stripe_api_key: SecretStr = SecretStr("")
    """Empty: any key that starts with ``sk_test_`` is good."""
    stripe_webhook_secret: SecretStr = SecretStr("whsec_local")
    twilio_account_sid: str = ""
    """Empty: any account is good."""
    twilio_auth_token: SecretStr = SecretStr("local-twilio-token")
    elevenlabs_webhook_secret: SecretStr = SecretStr("local-elevenlabs-secret")
    easypost_webhook_secret: SecretStr = SecretStr("local-easypost-secret")

    doubles_step_s: float = 0.05
    """Time between two states of a text message, and half the time a bank debit is in processing."""
    doubles_retry_s: float = 0.25
    """Pause before a webhook's first retry; doubles with every further one, up to 30 s."""
