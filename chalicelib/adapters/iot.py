"""Messages to robots through AWS IoT Core, behind a Protocol.

IoT Core is an MQTT broker with an HTTPS door: what is published here reaches the robot that subscribed to the topic.
Nothing is known about whether it did; the robot's own states say so (robots/jobs.py sends again until they do).
"""

from functools import cached_property, lru_cache
from typing import Any, Protocol

from chalicelib.adapters.errors import ProviderRefused, ProviderUnavailable

TIMEOUT_S = 5.0
"""To connect, and between two bytes of the answer."""
BYTES_MAX = 128 * 1024
"""AWS IoT Core message broker limits: payloads of at most 128 KB."""
_REFUSED = frozenset({"InvalidRequestException", "MethodNotAllowedException"})


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

        config = Config(connect_timeout=TIMEOUT_S, read_timeout=TIMEOUT_S, retries={"total_max_attempts": 2})
        return boto3.client("iot-data", config=config)

    def publish(self, topic: str, payload: bytes) -> None:
        """See `RobotBus.publish`."""
        from botocore.exceptions import BotoCoreError, ClientError

        if len(payload) > BYTES_MAX:
            raise ProviderRefused("iot", "payload_too_large", f"{len(payload)} bytes for {topic}")
        try:
            self._client.publish(topic=topic, qos=1, payload=payload)
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in _REFUSED:
                raise ProviderRefused("iot", code, str(error)) from error
            raise ProviderUnavailable("iot", code, maybe_done=False) from error
        except BotoCoreError as error:
            raise ProviderUnavailable("iot", type(error).__name__, maybe_done=True) from error


@lru_cache(maxsize=1)
def robot_bus() -> RobotBus:
    """The process's connection to the robots."""
    return IotCore()
