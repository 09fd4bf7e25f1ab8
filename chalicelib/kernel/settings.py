"""Settings from the environment, read once; and what secrets there are.

Secrets are no settings: they may change while a process runs, and reading one may fail. `kernel/vault.py` gives them out:
deployed from Secrets Manager, on the local and test stages from environment variables that the stage sets. Nothing else in
the project reads ``os.environ``.
"""

import re
from functools import cached_property, lru_cache
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")


class Settings(BaseSettings):
    """Every setting of the platform; names in the environment carry the prefix ``QM_``."""

    model_config = SettingsConfigDict(env_prefix="QM_", frozen=True)

    stage: Literal["local", "test", "dev", "prod"] = "local"
    database_url: SecretStr = SecretStr("")
    """Local and test stages: libpq URL of the application's role, which row-level security binds."""
    database_owner_url: SecretStr = SecretStr("")
    """Local and test stages: libpq URL of the schema's owner; only migrations and the local stage have it."""

    secret_id: str = ""
    """Deployed: name or ARN of the secret that holds `Secrets` as one JSON document."""
    database_secret_id: str = ""
    """Deployed: the application's role as ``{"username", "password"}``, the form that RDS Proxy reads as well."""
    database_owner_secret_id: str = ""
    """Deployed, in `migrate` and `operate` only: the schema's owner, in the same form."""
    database_master_secret_id: str = ""
    """Deployed, in `migrate` only: the cluster's master user, who makes the two roles and the database."""
    database_host: str = ""
    """Deployed: where the application's role connects: the endpoint of RDS Proxy, or of a cluster without one."""
    database_cluster_host: str = ""
    """Deployed, in `migrate` and `operate` only: the cluster's writer endpoint, where owner and master connect."""
    database_port: int = 5432
    database_name: str = "quartermaster"
    """The database that `migrate` makes; the cluster itself is created without one."""
    database_ca_file: str = ""
    """PEM file that signs the server's certificate; empty: Amazon's roots, which the package brings."""

    public_url: str = "http://127.0.0.1:8080"
    """Where callers reach us: links in mails, the URL that Twilio signs, the Origin of our own pages."""
    allowed_origins: str = ""
    """Origins of shop and portal front ends, separated by spaces; `public_url` is always one of them. No wildcards."""

    table_name: str = "quartermaster"
    """The one DynamoDB table (pk, sk, ttl): what may expire."""
    bucket_name: str = "quartermaster"
    queue_prefix: str = "quartermaster-"
    bus_name: str = "quartermaster"
    object_endpoint_url: str = ""
    """S3-compatible endpoint for objects (R2); empty: what boto3 finds, AWS_ENDPOINT_URL_S3 included."""

    stripe_api_base: str = "https://api.stripe.com"
    twilio_account_sid: str = ""
    twilio_api_base: str = ""
    """Base URL of the Twilio double on the local stage; empty: Twilio."""
    twilio_from_number: str = ""
    mail_provider: Literal["smtp", "ses"] = "smtp"
    """Who takes our mail: a mail server, or Amazon SES in the account and region that the function runs in."""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_username: str = ""
    smtp_starttls: bool = True
    mail_from: str = "Quartermaster <no-reply@quartermaster.invalid>"
    llm_provider: Literal["", "openai", "bedrock"] = ""
    """Who answers the chat: a server that speaks OpenAI's chat completions, or Amazon Bedrock; empty: our own search."""
    llm_model: str = ""
    """The model's name there: ``gpt-5-mini``; of Bedrock a model id or an inference profile."""
    llm_base_url: str = "https://api.openai.com/v1"
    """Where chat completions are, for ``openai``."""
    llm_tokens_of_organization: int = 2_000_000
    """What all callers of an organization together may have the model read and write on one day (UTC)."""
    llm_tokens_of_caller: int = 60_000
    """The same for one customer or, of those who are not signed in, one address."""
    circuit_open_s: int = 20
    """How many seconds a provider that keeps failing is left alone before it is tried again; longer than a call takes."""

    sealing_key_id: str = ""
    """Deployed: the KMS key under which the data keys of sealed values are wrapped (kernel/sealing.py)."""
    outbound_allowed: str = ""
    """Local and test stages: ``host:port`` pairs, separated by spaces, that connectors and webhooks may reach although they
    are no public https addresses: the doubles."""

    password_cost: Literal["owasp", "cheap"] = "owasp"  # noqa: S105  # no password, but what it costs to try one
    """``cheap`` spares tests the cost of password hashes; any other stage than test ignores it."""
    limits: Literal["on", "off"] = "on"
    """``off`` switches request throttles off on the local stage, never the login lock-out."""
    clock_file: str = ""
    """Local and test stages: a file with seconds by which the business's clock runs ahead of the machine's."""
    fault_folder: str = ""
    """Local and test stages: a folder in which tests order faults (kernel/faults.py)."""
    process: str = ""
    """Which kind of process this is, for faults that only one kind shall have: gateway, pumps."""
    log_level: str = "INFO"
    version: str = "0.1.0"

    @model_validator(mode="after")
    def _refuse_faults_when_deployed(self) -> Self:
        if self.fault_folder and not self.is_local:
            raise ValueError("faults can be ordered on the local and test stages only: unset QM_FAULT_FOLDER")
        return self

    @model_validator(mode="after")
    def _refuse_a_way_into_the_network_when_deployed(self) -> Self:
        if self.outbound_allowed and not self.is_local:
            raise ValueError(
                "inner addresses can be reached on the local and test stages only: unset QM_OUTBOUND_ALLOWED"
            )
        return self

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, value: str) -> str:
        """As browsers send them, or they would never match: scheme and host in lower case, no path, no ``*``."""
        wrong = [origin for origin in value.split() if not _ORIGIN.fullmatch(origin)]
        if wrong:
            raise ValueError(f"not origins: {' '.join(wrong)}")
        return value

    @property
    def is_local(self) -> bool:
        """True where doubles stand in for providers: the only stages that may bend the clock or the limits."""
        return self.stage in ("local", "test")

    @cached_property
    def local_secrets(self) -> "LocalSecrets":
        """The secrets that the environment holds; empty when deployed."""
        return LocalSecrets()


class Secrets(BaseModel):
    """Every secret of the platform but the database's passwords; deployed, the fields of one JSON document.

    A field that the document has beside these is left alone, so that older code runs with a newer document.
    """

    model_config = ConfigDict(frozen=True)

    jwt_keys: SecretStr = SecretStr("")
    """``kid:secret`` pairs separated by spaces; the first signs, all verify."""
    hash_key: SecretStr = SecretStr("")
    """Keys of the HMACs over one-time codes, tokens, API keys and audit rows, separated by spaces; the first makes
    hashes, all recognise them. API keys and audit entries last: a key that was once first stays on the list."""
    stripe_api_key: SecretStr = SecretStr("")
    stripe_webhook_secret: SecretStr = SecretStr("")
    twilio_auth_token: SecretStr = SecretStr("")
    elevenlabs_webhook_secret: SecretStr = SecretStr("")
    smtp_password: SecretStr = SecretStr("")
    llm_api_key: SecretStr = SecretStr("")


class LocalSecrets(Secrets, BaseSettings):
    """The same from the environment, where doubles stand in for providers."""

    model_config = SettingsConfigDict(env_prefix="QM_", frozen=True)

    sealing_keys: SecretStr = SecretStr("")
    """``kid:secret`` pairs separated by spaces, in place of a KMS key: the first seals, all open."""


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process. Tests call ``settings.cache_clear()`` after changing the environment."""
    return Settings()
