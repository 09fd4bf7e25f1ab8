"""Links that we sign are honoured by the stage's object store, for what they were signed and nothing else."""

from collections.abc import Iterator

import boto3
import pytest
import urllib3

from chalicelib.adapters import objects
from infra.local import environment, options, place, ports, resources
from infra.local.parts import Parts
from infra.local.supervisor import Supervisor


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The stage's AWS emulator, to which the adapter of objects speaks."""
    data_dir = tmp_path_factory.mktemp("objects")
    place.prepare(data_dir)
    chosen, numbers = options.from_environment({"DATA_DIR": str(data_dir)}), ports.choose(data_dir)
    variables = environment.for_children(chosen, numbers, {}, app_url="", owner_url="")
    supervisor = Supervisor(data_dir, print)
    part = Parts(chosen, numbers).aws(variables)
    supervisor.launch(part)
    patch = pytest.MonkeyPatch()
    for name, value in variables.items():
        if name.startswith("AWS_"):
            patch.setenv(name, value)
    patch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers whose keys it was made with
    try:
        supervisor.wait_ready(part)
        objects._client.cache_clear()
        resources.create(resources.Clients.of(boto3.Session()))
        yield
    finally:
        supervisor.stop()
        patch.undo()
        objects._client.cache_clear()


def put(url: str, content: bytes, media_type: str = "image/png") -> int:
    return urllib3.request("PUT", url, body=content, headers={"Content-Type": media_type}).status


def test_a_link_writes_what_it_was_signed_for(store: None) -> None:
    url = objects.signed_upload_url("uploads/a", size_bytes=3, media_type="image/png", expires_s=60)
    assert put(url, b"four") == 403
    assert put(url, b"abc", "text/html") == 403
    assert put(url.replace("uploads/a", "uploads/b"), b"abc") == 403
    assert put(url, b"abc") == 200
    link = objects.signed_url("uploads/a", expires_s=60)
    assert urllib3.request("GET", link).data == b"abc"
    assert urllib3.request("GET", link.replace("uploads/a", "transcripts/a")).status == 403
