"""What a function is told by its environment: one frozen model, read once, in bootstrap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from minoots_contract.late_policy import LatePolicy, parse_late_policy
from minoots_contract.limits import MAX_IN_FLIGHT

__all__ = ["ConfigurationError", "Settings"]


class ConfigurationError(RuntimeError):
    """The environment lacks a value, or has one that does not fit; the message names the variable."""


def _words(text: Any) -> Any:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if isinstance(text, str) else text


def _policy(text: Any) -> Any:
    return parse_late_policy(text) if isinstance(text, str) else text


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
"""A comma list."""


class Settings(BaseModel):
    """Settings of every function; each uses those that its role needs.

    The variables are the field names in capitals after `MINOOTS_`.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    environment: Literal["aws", "local"] = "aws"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    table: str
    late_policy: Annotated[LatePolicy, BeforeValidator(_policy)] = LatePolicy(mode="fire")
    retention_days: int = Field(default=30, ge=1, le=3650)
    key_cache_s: int = Field(default=60, ge=0, le=3600)
    wake_queue_url: str = ""
    wake_queue_arn: str = ""
    action_queue_url: str = ""
    schedule_group: str = ""
    schedule_role_arn: str = ""
    schedule_dlq_arn: str = ""
    event_bus: str = ""
    bus_events: Literal["all", "outcomes", "none"] = "all"
    allowed_private_hosts: Words = ()
    allowed_origins: Words = ()
    allowed_buses: Words = ()
    allowed_queues: Words = ()
    allowed_topics: Words = ()
    allowed_functions: Words = ()
    allowed_state_machines: Words = ()
    secrets_key: str = ""
    protection: Literal["on", "off"] = "on"
    tenant_max_in_flight: int = Field(default=0, ge=0, le=MAX_IN_FLIGHT)
    tenant_per_second: float = Field(default=0, ge=0, le=1000)
    oidc_issuers: str = ""
    policy_log_percent: int = Field(default=1, ge=0, le=100)
    public_url: str = ""
    acknowledgement_machine: str = ""
    audit: Literal["all", "refusals", "none"] = "refusals"
    audit_days: int = Field(default=400, ge=1, le=3650)
    limits: Literal["enforced", "off"] = "off"

    @classmethod
    def from_env(cls, env: Mapping[str, str], *needed: str) -> Settings:
        """Read the settings.

        Args:
            env: The environment.
            needed: Fields that this function cannot do without.

        Raises:
            ConfigurationError: If one is missing or does not fit.
        """
        given = {
            field: env[f"MINOOTS_{field.upper()}"] for field in cls.model_fields if f"MINOOTS_{field.upper()}" in env
        }
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            problems = [f"MINOOTS_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()]
            raise ConfigurationError("; ".join(problems)) from error
        missing = [f"MINOOTS_{field.upper()}" for field in needed if not getattr(settings, field)]
        if missing:
            raise ConfigurationError(f"not set: {', '.join(missing)}")
        return settings
