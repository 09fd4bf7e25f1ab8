"""What the fleet needs to know."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class RobotsSettings(BaseSettings):
    """Environment of the simulated fleet, prefix ``QM_``."""

    model_config = SettingsConfigDict(env_prefix="QM_", frozen=True)

    mqtt_port: int = 1883
    robots: int = Field(3, ge=0, le=100)
    """Serials are ``bot-1`` to ``bot-<robots>``."""
    robot_speed: float = Field(0.3, ge=0)
    """Seconds of one trip: to fetch a carrier, or to put one away."""
    robot_heartbeat: float = Field(10.0, gt=0)
    """Seconds between states when nothing happens; VDA 5050 asks for 30 at most."""
    data_dir: Path | None = None
    """Each robot's memory lies in ``robots/`` below it; without it a restart forgets orders."""
