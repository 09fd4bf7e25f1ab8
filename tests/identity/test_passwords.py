"""Passwords: what is refused, how they are kept, and what a change of parameters does."""

import pytest
from argon2 import PasswordHasher
from argon2.low_level import Type

from chalicelib.identity import passwords
from chalicelib.kernel.settings import Settings, settings
from tests.client import Client
from tests.factories.customers import make_customer
from tests.factories.identity import make_staff
from tests.tenant import Tenant


@pytest.mark.parametrize(
    ("password", "is_staff", "sentence"),
    [
        ("short 1", False, "Password must be at least 8 characters"),
        ("x" * 129, False, "Password must be at most 128 characters"),
        ("password", False, "This password is too common; please choose another"),
        ("PassWord1", False, "This password is too common; please choose another"),
        ("Qwertyuiop", False, "This password is too common; please choose another"),
        ("abababababab", False, "This password is too common; please choose another"),
        ("ｐａｓｓｗｏｒｄ", False, "This password is too common; please choose another"),  # full-width letters
        ("ada.lovelace", False, "Password must not be the user name or the e-mail address"),
        ("ADA.Lovelace@example.com", False, "Password must not be the user name or the e-mail address"),
        ("only letters here", True, "Password must contain at least one letter and one digit"),
        ("8294 6173 50", True, "Password must contain at least one letter and one digit"),
    ],
)
def test_refused(password: str, is_staff: bool, sentence: str) -> None:
    with pytest.raises(passwords.WeakPassword, match=f"^{sentence}$"):
        passwords.check_strength(password, names=("ada.lovelace@example.com", None), is_staff=is_staff)


@pytest.mark.parametrize("password", ["velvet lantern", "x7!" + "y" * 100 + "z" * 25, "пароль здесь", "Ünïcödé 7 ☂"])
def test_taken(password: str) -> None:
    passwords.check_strength(password, names=("ada", "ada@example.com"))
    kept = passwords.hash_password(password)
    assert passwords.matches(kept, password)
    assert not passwords.matches(kept, password + " ")
    assert not passwords.matches(kept, password.upper())


def test_both_ways_to_write_a_letter_are_one_password() -> None:
    assert passwords.matches(passwords.hash_password("caf\u00e9 olé 1"), "cafe\u0301 olé 1")


@pytest.mark.parametrize("kept", [None, passwords.UNUSABLE, "", "plain text", "$argon2id$v=19$m=8,t=1,p=1$broken"])
def test_nothing_matches_what_is_no_hash(kept: str | None) -> None:
    for attempt in ("", "!", "plain text"):
        assert not passwords.matches(kept, attempt)


def test_parameters_are_those_of_owasp_unless_a_test_asks_for_cheap_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QM_OUTBOUND_ALLOWED", "")
    assert passwords.hash_password("x").startswith("$argon2id$v=19$m=8,t=1,p=1$")
    for stage, cost in (("test", "owasp"), ("prod", "cheap"), ("local", "cheap")):
        monkeypatch.setattr(passwords, "settings", lambda s=stage, c=cost: Settings(stage=s, password_cost=c))
        assert passwords.hash_password("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert settings().password_cost == "cheap"


def _old_hash(password: str) -> str:
    return PasswordHasher(time_cost=1, memory_cost=16, parallelism=2, type=Type.I).hash(password)


@pytest.mark.parametrize("table", ["staff", "customer"])
def test_a_hash_of_old_parameters_is_replaced_at_the_next_sign_in(table: str, api: Client, tenant: Tenant) -> None:
    user, path = (make_staff(tenant), "/api/auth/login") if table == "staff" else (make_customer(tenant), "/api/login")
    kept = _old_hash(user.password)
    sql = {
        "staff": "UPDATE staff SET password_hash = %(kept)s RETURNING id",
        "customer": "UPDATE customer SET password_hash = %(kept)s RETURNING id",
    }
    look = {"staff": "SELECT password_hash FROM staff", "customer": "SELECT password_hash FROM customer"}
    tenant.rows(sql[table], kept=kept)
    wrong = api.post(path, {"username": user.username, "password": "not this one"})
    assert (wrong.status, tenant.value(look[table])) == (401, kept)
    body = {"username": user.username, "password": user.password}
    assert [api.post(path, body).statements for _ in range(2)] == [6, 5]
    assert tenant.value(look[table]).startswith("$argon2id$v=19$m=8,t=1,p=1$")
    assert api.post(path, body).status == 200
