"""Messages to robots through AWS IoT Core, behind a Protocol.

IoT Core is an MQTT broker with an HTTPS door: what is published here reaches the robot that subscribed to the topic.
Nothing is known about whether it did; the robot's own states say so (robots/jobs.py sends again until they do).
"""

from functools import cached_property, lru_cache
from typing import Any, Protocol

from chalicelib.adapters import aws_errors
from chalicelib.adapters.errors import ProviderRefused
from chalicelib.kernel import circuit

TIMEOUT_S, TRIES = 4.0, 2
"""To connect, and between two bytes of the answer; how often in all."""
TAKES_S = TRIES * 2 * TIMEOUT_S + 1
BYTES_MAX = 128 * 1024
"""AWS IoT Core message broker limits: payloads of at most 128 KB."""


class RobotBus(Protocol):
    """Raises ProviderUnavailable (try again: what robots receive twice they do once) or ProviderRefused."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Hands a message to the broker, at least once (MQTT QoS 1), not retained."""
        ...


class IotCore:
    """The real one. boto3 finds the endpoint; ``AWS_ENDPOINT_URL_IOT_DATA_PLANE`` names the account's own."""

    @cached_property
    def _client(self) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": TRIES, "mode": "standard"}
        )
        return boto3.client("iot-data", config=config)

    def publish(self, topic: str, payload: bytes) -> None:
        """See `RobotBus.publish`."""
        if len(payload) > BYTES_MAX:
            raise ProviderRefused("iot", "payload_too_large", f"{len(payload)} bytes for {topic}")
        circuit.ask("iot", lambda: self._publish(topic, payload), takes_s=TAKES_S)

    def _publish(self, topic: str, payload: bytes) -> None:
        with aws_errors.translated("iot"):
            self._client.publish(topic=topic, qos=1, payload=payload)


@lru_cache(maxsize=1)
def robot_bus() -> RobotBus:
    """The process's connection to the robots."""
    return IotCore()
