"""Endpoints do not pay for libraries they do not use: importing them loads no SDK."""

import subprocess
import sys

PROGRAM = """
import sys
import chalicelib.payments.routes, chalicelib.messaging.routes, chalicelib.voice.routes
print(*sorted({name.split(".")[0] for name in sys.modules} & {"stripe", "twilio", "jinja2", "phonenumbers"}))
"""


def test_no_sdk_is_loaded_with_the_routes() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
