"""A metered process for the tests: the kernel's own clients at work, once as a function and once outside of one."""

import sys

from infra.local import meter


def work() -> None:
    """One of everything that the platform does on AWS, and what fails."""
    from chalicelib.adapters import iot, objects
    from chalicelib.kernel import dynamo, queues

    for _ in range(3):
        dynamo.increment("limit#a", "1", lasts_s=60)
    dynamo.put("token", "1", {"text": "x" * 2000}, lasts_s=60)
    dynamo.get("token", "1")
    dynamo.delete("token", "1")
    queues.send([queues.Envelope(number, 1, "t", "work") for number in range(25)])
    objects.put("some/key", b"12345", media_type="text/plain")
    objects.get("some/key")
    try:
        objects.get("no/key")
    except objects.NoSuchObject:
        iot.robot_bus().publish("qm/bots/bot-1/order", b"{}")


if __name__ == "__main__":
    meter.begin()
    sys.stdout.write("said\n")
    meter.queue("work_queue", lambda _event, _context: work())({"Records": [{"body": "{}"}]}, None)
    sys.stdout.write("ended\n")
