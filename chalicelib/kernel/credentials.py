"""Who connects to PostgreSQL, where, and with which password.

Deployed, the application's role connects to RDS Proxy where there is one, the schema's owner and the cluster's master user
always to the cluster itself: what they do (session locks, roles, long statements) would pin a proxy's connection anyway, and
so the proxy holds the application's password only. The server's certificate is always verified.
"""

from pathlib import Path
from typing import Literal, NamedTuple

from psycopg.conninfo import make_conninfo

from chalicelib.kernel import vault
from chalicelib.kernel.settings import Settings, settings

CERTIFICATES = Path(__file__).parent / "certificates"
MAINTENANCE_DATABASE = "postgres"
"""Where the master user connects, to make our database; every cluster has it."""

Role = Literal["application", "owner", "master"]


class _Door(NamedTuple):
    """Where a role comes in."""

    secret_id: str
    host: str
    database: str


def of(role: Role, *, renewed: bool = False) -> str:
    """libpq's connection string of a role. Raises Unavailable when its password cannot be read.

    `renewed`: the password is read again first, unless that was done just now (`vault.RENEW_AFTER_S`).
    """
    configured = settings()
    if not configured.database_secret_id and configured.is_local:
        return _local(role, configured)
    door = _door(role, configured)
    login = (vault.renewed if renewed else vault.read)(door.secret_id, vault.Login)
    return make_conninfo(
        host=door.host,
        port=configured.database_port,
        dbname=door.database,
        user=login.username,
        password=login.password.get_secret_value(),
        sslmode="verify-full",
        sslrootcert=configured.database_ca_file or str(authorities_of(door.host)),
    )


def authorities_of(host: str) -> Path:
    """Who signs the certificate of a server: a public authority of Amazon's for RDS Proxy, whose endpoints are named
    ``NAME.proxy-ID.REGION.rds.amazonaws.com``, the region's own authorities for a cluster.

    Two files, because reading the cluster's takes 15 ms, and the API connects to the proxy.
    """
    return CERTIFICATES / ("proxy.pem" if ".proxy-" in host else "cluster.pem")


def login(role: Role) -> vault.Login:
    """A role's name and password as its secret says them, for whoever makes the role. Deployed only."""
    return vault.read(_door(role, settings()).secret_id, vault.Login)


def _door(role: Role, configured: Settings) -> _Door:
    name, cluster = configured.database_name, configured.database_cluster_host
    return {
        "application": _Door(configured.database_secret_id, configured.database_host, name),
        "owner": _Door(configured.database_owner_secret_id, cluster, name),
        "master": _Door(configured.database_master_secret_id, cluster, MAINTENANCE_DATABASE),
    }[role]


def _local(role: Role, configured: Settings) -> str:
    urls = {"application": configured.database_url, "owner": configured.database_owner_url}
    if role not in urls or not urls[role].get_secret_value():
        raise RuntimeError(f"there is no local {role}")
    return urls[role].get_secret_value()
