"""Whom we believe that a database is ours: two files of Amazon's root certificates."""

from datetime import UTC, datetime
from pathlib import Path

import certifi
import pytest
from cryptography import x509

from chalicelib.kernel.credentials import CERTIFICATES, authorities_of

REGIONS = {"eu-central-1", "eu-west-1", "us-east-1", "us-east-2", "us-west-2", "ap-southeast-2", "ca-central-1"}
DECADE_DAYS = 3650

# Starfield's root has the serial number 0, which cryptography warns of.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


def roots(name: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((CERTIFICATES / name).read_bytes())


def name_of(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


@pytest.mark.parametrize("file", ["proxy.pem", "cluster.pem"])
def test_roots_have_signed_themselves_and_last(file: str) -> None:
    for root in roots(file):
        root.verify_directly_issued_by(root)
        assert (root.not_valid_after_utc - datetime.now(UTC)).days > DECADE_DAYS, name_of(root)


def test_the_proxys_are_public_ones() -> None:
    public = x509.load_pem_x509_certificates(Path(certifi.where()).read_bytes())
    assert len(roots("proxy.pem")) == 5
    assert [name_of(root) for root in roots("proxy.pem") if root not in public] == []


def test_the_clusters_are_those_of_every_region() -> None:
    found = roots("cluster.pem")
    assert [name_of(root) for root in found if not name_of(root).startswith("Amazon RDS ")] == []
    by_region = {name_of(root).split()[2] for root in found}
    assert REGIONS - by_region == set()
    assert len(found) == 3 * len(by_region)  # RSA 2048, RSA 4096, ECC 384


@pytest.mark.parametrize(
    ("host", "file"),
    [
        ("quartermaster-prod.proxy-c1abcdefghij.eu-central-1.rds.amazonaws.com", "proxy.pem"),
        ("reader.endpoint.proxy-c1abcdefghij.eu-central-1.rds.amazonaws.com", "proxy.pem"),
        ("quartermaster-dev.cluster-c1abcdefghij.eu-central-1.rds.amazonaws.com", "cluster.pem"),
        ("proxy-like.cluster-c1abcdefghij.eu-central-1.rds.amazonaws.com", "cluster.pem"),
    ],
)
def test_which_file_a_host_is_judged_by(host: str, file: str) -> None:
    assert authorities_of(host).name == file
