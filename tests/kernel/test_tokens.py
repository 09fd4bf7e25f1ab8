"""Access tokens: only ours, only for what they were made, only as long as they live."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.kernel import clock as business_clock
from chalicelib.kernel import tokens
from chalicelib.kernel.tokens import Audience
from chalicelib.kernel.vault import secrets
from tests.factories.customers import make_customer
from tests.factories.identity import make_staff
from tests.kernel.apps import KernelClient
from tests.tenant import Clock, Tenant

WMS = frozenset({"wms"})
SESSION_ID = str(uuid4())


def secret(kid: str = "k2") -> str:
    pairs = (pair.split(":", 1) for pair in secrets().jwt_keys.get_secret_value().split())
    return dict(pairs)[kid]


def claims(**changes: Any) -> dict[str, Any]:
    now = business_clock.timestamp()
    valid = {
        "iss": "quartermaster",
        "aud": "wms",
        "kind": "staff",
        "sub": "7",
        "org": 1,
        "sid": SESSION_ID,
        "iat": now,
        "exp": now + 600,
    }
    return {name: value for name, value in {**valid, **changes}.items() if value is not ...}


def signed(key: str | None = None, algorithm: str = "HS256", kid: Any = "k2", **changes: Any) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims(**changes), secret() if key is None else key, algorithm=algorithm, headers=headers)


def raw(header: str, payload: str = "{}", signature: bytes = b"") -> str:
    parts = (header.encode(), payload.encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def test_what_was_issued_is_read() -> None:
    now = business_clock.now()
    token = tokens.issue(
        audience="wms",
        kind="staff",
        principal_id=7,
        organization_id=3,
        session_id=SESSION_ID,
        issued_at=now,
        expires_at=now + timedelta(minutes=5),
    )
    found = tokens.read(token, frozenset({"commerce", "wms"}))
    assert (found.audience, found.kind, found.principal_id, found.organization_id) == ("wms", "staff", 7, 3)
    assert (found.session_id, abs(found.issued_at - now) < timedelta(milliseconds=1)) == (SESSION_ID, True)
    assert jwt.get_unverified_header(token)["kid"] == "k2"  # the first of the keys signs


def test_an_older_key_still_verifies() -> None:
    assert tokens.read(signed(secret("k1"), kid="k1"), WMS).principal_id == 7


@pytest.mark.parametrize(
    ("_case", "token"),
    [
        ("no token", ""),
        ("three dots", "..."),
        ("noise", "abc.def.ghi"),
        ("not ASCII", "ä.ö.ü"),
        ("a lone surrogate", "\ud800.a.b"),
        ("no algorithm", raw('{"alg":"none","kid":"k2"}', json.dumps({"sub": "7"}))),
        ("no algorithm, in another case", raw('{"alg":"nOnE","kid":"k2"}', json.dumps({"sub": "7"}))),
        ("a header that is no object", raw("[]")),
        ("a header nested 5,000 deep", raw("[" * 5000)),
        ("claims nested 5,000 deep", raw('{"alg":"HS256","kid":"k2"}', "[" * 5000)),
        ("a key id that is a list", raw('{"alg":"HS256","kid":["k2"]}')),
        ("a key id that is a path", raw('{"alg":"HS256","kid":"../../dev/null"}')),
    ],
)
def test_what_is_no_token(_case: str, token: str) -> None:
    with pytest.raises(tokens.BadToken):
        tokens.read(token, WMS)


@pytest.mark.parametrize(
    ("_case", "change"),
    [
        ("another secret", {"key": "0" * 32}),
        ("the right secret under the other name", {"kid": "k1"}),
        ("an unknown key", {"kid": "k9"}),
        ("no key id", {"kid": None}),
        ("another algorithm with the right secret", {"algorithm": "HS512", "key": "0123456789abcdef" * 4}),
        ("another issuer", {"iss": "somebody"}),
        ("no issuer", {"iss": ...}),
        ("another audience", {"aud": "shop"}),
        ("several audiences", {"aud": ["wms", "shop"]}),
        ("no audience", {"aud": ...}),
        ("expired", {"exp": 1}),
        ("no end", {"exp": ...}),
        ("an end beyond time", {"exp": 1e308 * 10}),
        ("an end that is no number", {"exp": "nan"}),
        ("issued in the future", {"iat": 10**11}),
        ("issued nowhere", {"iat": ...}),
        ("issued before time", {"iat": -1}),
        ("not yet valid", {"nbf": 10**11}),
        ("nobody", {"sub": "0"}),
        ("a principal beyond the column", {"sub": str(2**31)}),
        ("a principal that is no number", {"sub": "x"}),
        ("no principal", {"sub": ...}),
        ("no session", {"sid": ...}),
        ("a session that is no id", {"sid": "1; DROP TABLE session"}),
        ("no organization", {"org": ...}),
        ("no kind", {"kind": ...}),
    ],
)
def test_what_is_not_ours_or_not_for_this(_case: str, change: dict[str, Any]) -> None:
    with pytest.raises(tokens.BadToken):
        tokens.read(signed(**change), WMS)


def test_claims_cannot_be_exchanged() -> None:
    head, _, signature = signed().split(".")
    other = signed(sub="8").split(".")[1]
    with pytest.raises(tokens.BadToken):
        tokens.read(f"{head}.{other}.{signature}", WMS)


def test_a_minute_of_difference_between_clocks_is_forgiven() -> None:
    now = business_clock.timestamp()
    assert tokens.read(signed(iat=now + 50), WMS).principal_id == 7
    with pytest.raises(tokens.BadToken):
        tokens.read(signed(iat=now + 70), WMS)


def test_tokens_end_by_the_business_clock(clock: Clock) -> None:
    token = signed()
    clock.advance(seconds=590)
    assert tokens.read(token, WMS).principal_id == 7
    clock.advance(seconds=11)
    with pytest.raises(tokens.BadToken):
        tokens.read(token, WMS)


# Through the app.

PICK = "/api/kernel/guarded/pick"


def test_a_hostile_token_is_a_401_and_no_surprise(kernel: KernelClient) -> None:
    for token in (raw("[" * 5000), "a.b.c", "\ud800", "qmk_\ud800", "x" * 9000, raw('{"alg":"none"}')):
        for path in (PICK, "/api/kernel/guarded/read", "/api/kernel/guarded/staff"):
            reply = kernel.as_bearer(token).get(path)
            assert reply.status == 401, (token[:20], reply.body)


def test_a_token_is_worth_nothing_without_its_session(kernel: KernelClient, tenant: Tenant) -> None:
    staff = make_staff(tenant)
    caller = kernel.as_bearer(staff.token("wms"))
    assert caller.get(PICK).json == {"said": f"staff:{staff.id}"}
    with tenant.uow() as uow:
        uow.execute("UPDATE session SET revoked_at = %(now)s", {"now": uow.now})
    assert (caller.get(PICK).status, caller.get(PICK).json) == (401, {"error": "Token expired"})


def test_a_well_signed_token_for_a_foreign_session_is_refused(kernel: KernelClient, tenant: Tenant) -> None:
    staff, other = make_staff(tenant), make_staff(tenant)
    own = jwt.decode(staff.token("wms"), options={"verify_signature": False})
    assert kernel.as_bearer(signed(**own)).get(PICK).status == 200
    assert kernel.as_bearer(signed(**{**own, "sub": str(other.id)})).get(PICK).status == 401
    assert kernel.as_bearer(signed(**{**own, "kind": "customer"})).get(PICK).status == 401
    assert kernel.as_bearer(signed(**{**own, "kind": "machine"})).get(PICK).status == 401


def test_a_token_is_worth_nothing_in_another_organization_than_it_says(
    kernel: KernelClient, tenant: Tenant, other_tenant: Tenant
) -> None:
    own = jwt.decode(make_staff(tenant).token("wms"), options={"verify_signature": False})
    foreign = jwt.decode(make_staff(other_tenant).token("wms"), options={"verify_signature": False})
    for claimed in ({**own, "org": other_tenant.id}, {**foreign, "org": tenant.id}, {**own, "org": 0}):
        reply = kernel.as_bearer(signed(**claimed)).get(PICK)
        assert (reply.status, reply.json) == (401, {"error": "Token expired"})
    assert kernel.as_bearer(signed(**own)).get(PICK).status == 200


def test_a_session_of_a_customer_is_none_of_staff_with_the_same_number(kernel: KernelClient, tenant: Tenant) -> None:
    """Ids of customers and staff overlap; the session says which kind it is of."""
    shopper = make_customer(tenant)
    claimed = jwt.decode(shopper.cookie().partition("=")[2], options={"verify_signature": False})
    for audience in ("wms", "commerce", "storage"):
        token = signed(**{**claimed, "kind": "staff", "aud": audience})
        for path in (PICK, "/api/kernel/guarded/staff", "/api/kernel/guarded/storage"):
            assert kernel.as_bearer(token).get(path).status == 401


@pytest.mark.parametrize("audience", ["wms", "commerce", "storage"])
def test_tokens_from_before_a_password_change_are_refused(
    kernel: KernelClient, tenant: Tenant, clock: Clock, audience: Audience
) -> None:
    staff = make_staff(tenant)
    path = {"wms": PICK, "commerce": "/api/kernel/guarded/staff", "storage": "/api/kernel/guarded/storage"}[audience]
    old = kernel.as_bearer(staff.token(audience))
    assert old.get(path).status == 200
    clock.advance(seconds=5)
    with tenant.uow() as uow:
        uow.execute(
            "UPDATE staff SET password_changed_at = %(now)s WHERE id = %(id)s", {"now": uow.now, "id": staff.id}
        )
    clock.advance(seconds=1)
    assert (old.get(path).status, kernel.as_bearer(staff.token(audience)).get(path).status) == (401, 200)


@pytest.mark.parametrize("cut", [1, 10, 43, 60, 200])
def test_a_truncated_token_is_refused(kernel: KernelClient, tenant: Tenant, cut: int) -> None:
    token = make_staff(tenant).token("wms")
    for part in (token[:-cut], token[cut:], token.rsplit(".", 1)[0], token.rsplit(".", 1)[0] + "."):
        assert kernel.as_bearer(part).get(PICK).status == 401


def test_the_signatures_of_other_schemes_are_refused(kernel: KernelClient, tenant: Tenant) -> None:
    """A key of ours that is public elsewhere does not exist; still, only HS256 is ever tried (RFC 8725, 3.1)."""
    own = jwt.decode(make_staff(tenant).token("wms"), options={"verify_signature": False})
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ours = secret().encode()
    forged = [
        privately_signed(own, "RS256", lambda text: private.sign(text, padding.PKCS1v15(), SHA256())),
        privately_signed(
            own, "PS256", lambda text: private.sign(text, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
        ),
        macked(public, own, alg="HS256", kid="k2"),
        macked(ours, own, alg="RS256", kid="k2"),
        macked(ours, own, alg="none", kid="k2"),
        macked(ours, own, alg="HS256", kid="k2", crit=["exp"]),
        macked(ours, own, alg="HS256", kid="k2", b64=False, crit=["b64"]),
        macked(b"", own, alg="HS256", kid=""),
    ]
    assert kernel.as_bearer(macked(ours, own, alg="HS256", kid="k2")).get(PICK).status == 200
    for token in forged:
        assert kernel.as_bearer(token).get(PICK).status == 401, jwt.get_unverified_header(token)


def macked(key: bytes, payload: dict[str, Any], **header: Any) -> str:
    """An HMAC with any key under any header; PyJWT refuses to make some of these."""
    return with_signature(payload, header, lambda text: hmac.new(key, text, hashlib.sha256).digest())


def privately_signed(payload: dict[str, Any], alg: str, sign: Callable[[bytes], bytes]) -> str:
    """A signature with a private key."""
    return with_signature(payload, {"alg": alg, "kid": "k2"}, sign)


def with_signature(payload: dict[str, Any], header: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """Any signature under any header."""
    head = raw(json.dumps(header), json.dumps(payload)).rsplit(".", 1)[0]
    return f"{head}.{base64.urlsafe_b64encode(sign(head.encode())).decode().rstrip('=')}"


def test_reading_tokens_loads_no_library_of_public_keys() -> None:
    program = "import sys, chalicelib.kernel.tokens; print('cryptography' in sys.modules); import cryptography.fernet"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
