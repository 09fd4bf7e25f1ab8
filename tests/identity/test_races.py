"""What happens while a password is being changed."""

import threading

from chalicelib import identity
from chalicelib.identity import store
from chalicelib.kernel import database
from tests.client import Client
from tests.factories.identity import PASSWORD, make_staff
from tests.tenant import Tenant
from tests.threads import together

NEW = "another lantern 8"


def test_a_sign_in_with_the_old_password_waits_for_the_change_and_fails(api: Client, tenant: Tenant) -> None:
    user = make_staff(tenant)
    new_hash = identity.hash_password(NEW)
    statuses: list[int] = []

    def sign_in() -> None:
        statuses.append(api.post("/api/auth/login", {"username": user.username, "password": PASSWORD}).status)
        database.discard()

    with tenant.uow() as uow:
        account = store.find_staff_by_id(uow, user.id)
        assert account is not None
        assert store.change_staff_password(uow, user.id, old_hash=account.password_hash, new_hash=new_hash)
        thread = threading.Thread(target=sign_in)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "the sign-in must wait for the change that is under way"
    thread.join(10)
    assert statuses == [401]
    assert tenant.value("SELECT count(*) FROM session") == 0


def test_a_session_opened_while_the_change_waited_ends_with_it(api: Client, tenant: Tenant) -> None:
    user = make_staff(tenant)
    changing = threading.Event()

    def change() -> None:
        with tenant.uow() as uow:
            account = store.find_staff_by_id(uow, user.id)
            assert account is not None
            changing.set()
            opened.wait(10)
            new_hash = identity.hash_password(NEW)
            assert store.change_staff_password(uow, user.id, old_hash=account.password_hash, new_hash=new_hash)
            identity.end_other_sessions(uow, "staff", user.id, kept_id=None)
        database.discard()

    opened = threading.Event()
    thread = threading.Thread(target=change)
    thread.start()
    assert changing.wait(10)
    token = api.post("/api/auth/login", {"username": user.username, "password": PASSWORD}).json["token"]
    opened.set()
    thread.join(10)
    assert api.as_bearer(token).get("/api/auth/me").status == 401


def test_of_many_changes_at_once_one_succeeds(api: Client, tenant: Tenant) -> None:
    user = make_staff(tenant)
    clients = [user.client() for _ in range(4)]

    def change(number: int) -> int:
        body = {"current_password": PASSWORD, "new_password": f"{NEW}{number}"}
        return clients[number].post("/api/auth/change-password", body).status

    statuses = together(4, change)
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 403, 409}
    won = f"{NEW}{statuses.index(200)}"
    assert api.post("/api/auth/login", {"username": user.username, "password": won}).status == 200
