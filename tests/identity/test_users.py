"""Warehouse users, as their administrators keep them."""

from collections import Counter
from typing import Any

import pytest

from tests.client import Client
from tests.factories.floor import make_floor, place
from tests.factories.identity import PASSWORD, Staff, make_staff, make_warehouse_user
from tests.factories.places import make_warehouse
from tests.factories.stock import make_shelf
from tests.tenant import Tenant
from tests.threads import together

USERS = "/api/admin/users"
NEW = "another lantern 8"
OWN_NAME = "Password must not be the user name or the e-mail address"
BODY = {"username": "ana", "password": PASSWORD, "full_name": "Ana Maria Reyes", "role": "USER"}


@pytest.fixture
def boss(tenant: Tenant) -> Staff:
    """An administrator of the warehouse and of nothing else."""
    return make_staff(tenant, wms_role="ADMIN", username="boss")


@pytest.fixture
def admin(boss: Staff) -> Client:
    """The API in the administrator's name."""
    return boss.client()


def login(tenant: Tenant, username: str, password: str = PASSWORD) -> Any:
    """What signing in on a scanner answers."""
    return Client(tenant.host).post("/api/auth/login", {"username": username, "password": password})


# Creating.


def test_a_user_is_made_and_signs_in(admin: Client, tenant: Tenant) -> None:
    more = {"warehouse_ids": [tenant.warehouse_id], "allowed_functions": ["ship", "pick", "pick"]}
    reply = admin.post(USERS, {**BODY, **more})
    assert (reply.status, reply.statements) == (201, 7)
    made = reply.json
    assert made == {
        "user_id": made["user_id"],
        "username": "ana",
        "full_name": "Ana Maria Reyes",
        "role": "USER",
        "warehouse_id": tenant.warehouse_id,
        "warehouse_ids": [tenant.warehouse_id],
        "allowed_functions": ["pick", "ship"],
        "is_active": True,
        "must_change_password": False,
        "created_at": made["created_at"],
        "last_login": None,
    }
    signed_in = login(tenant, "ANA")
    assert (signed_in.status, signed_in.json["user"]["full_name"]) == (200, "Ana Maria Reyes")
    listed = next(user for user in admin.get(USERS).json["users"] if user["username"] == "ana")
    assert listed["last_login"] is not None
    entry = tenant.rows(
        "SELECT entity_id, after FROM audit_entry WHERE action = 'create' AND entity = 'staff' ORDER BY id"
    )[-1]
    assert entry["entity_id"] == str(made["user_id"])
    assert entry["after"]["allowed_functions"] == ["pick", "ship"]
    assert PASSWORD not in str(entry)


def test_an_administrator_has_all_functions(admin: Client) -> None:
    made = admin.post(USERS, {**BODY, "role": "ADMIN"}).json
    assert made["allowed_functions"] == ["receive", "putaway", "pick", "pack", "ship", "count", "transfer"]
    assert (made["warehouse_id"], made["warehouse_ids"]) == (None, [])


def test_who_must_choose_a_password_first(admin: Client, tenant: Tenant) -> None:
    assert admin.post(USERS, {**BODY, "must_change_password": True}).json["must_change_password"] is True
    client = Client(tenant.host).as_bearer(login(tenant, "ana").json["token"])
    assert client.get("/api/lookup/item/x").json == {"error": "password_change_required"}


def test_an_inactive_user_can_be_made(admin: Client, tenant: Tenant) -> None:
    assert admin.post(USERS, {**BODY, "is_active": False}).json["is_active"] is False
    assert login(tenant, "ana").status == 401


@pytest.mark.parametrize(
    ("_case", "fields", "sentence"),
    [
        ("short", {"password": "abc1234"}, "Password must be at least 8 characters"),
        ("no digit", {"password": "onlyletters"}, "Password must contain at least one letter and one digit"),
        ("no letter", {"password": "84029461735"}, "Password must contain at least one letter and one digit"),
        ("common", {"password": "Password123"}, "This password is too common; please choose another"),
        ("the user name", {"username": "keeper12", "password": "Keeper12"}, OWN_NAME),
        ("a name that is taken", {"username": "boss"}, "Duplicate username: boss"),
        ("in another case", {"username": " BOSS "}, "Duplicate username: BOSS"),
    ],
)  # fmt: skip
def test_refused_users(_case: str, fields: dict[str, Any], sentence: str, admin: Client, tenant: Tenant) -> None:
    reply = admin.post(USERS, {**BODY, **fields})
    assert (reply.status, reply.json) == (400, {"error": sentence})
    assert tenant.value("SELECT count(*) FROM staff") == 1


@pytest.mark.parametrize(
    ("_case", "fields", "kind", "loc"),
    [
        ("no user name", {"username": None}, "string_type", ["username"]),
        ("a blank one", {"username": " "}, "string_pattern_mismatch", ["username"]),
        ("somebody's address", {"username": "ana@example.com"}, "value_error", ["username"]),
        ("an empty password", {"password": ""}, "too_short", ["password"]),
        ("another role", {"role": "Admin"}, "literal_error", ["role"]),
        ("another function", {"allowed_functions": ["pick", "fly"]}, "literal_error", ["allowed_functions", 1]),
        ("a warehouse in words", {"warehouse_ids": ["1"]}, "int_type", ["warehouse_ids", 0]),
        ("another surface's role", {"commerce_role": "admin"}, "extra_forbidden", ["commerce_role"]),
    ],
)
def test_wrong_fields(
    _case: str, fields: dict[str, Any], kind: str, loc: list[str | int], admin: Client, tenant: Tenant
) -> None:
    reply = admin.post(USERS, {**BODY, **fields})
    assert (reply.status, reply.json["error"]) == (400, "validation_error")
    assert [(detail["type"], detail["loc"]) for detail in reply.json["details"]] == [(kind, loc)]
    assert tenant.value("SELECT count(*) FROM staff") == 1


@pytest.mark.parametrize("field", ["warehouse_id", "warehouse_ids"])
def test_an_unknown_warehouse(field: str, admin: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    user = make_warehouse_user(tenant)
    for warehouse_id in (other_tenant.warehouse_id, 2**31 - 1):
        value = warehouse_id if field == "warehouse_id" else [tenant.warehouse_id, warehouse_id]
        for reply in (admin.post(USERS, {**BODY, field: value}), admin.put(f"{USERS}/{user.id}", {field: value})):
            assert (reply.status, reply.json) == (409, {"error": "integrity_constraint_violation"})
    assert tenant.value("SELECT count(*) FROM staff") == 2


def test_the_own_warehouse_is_one_of_the_users(admin: Client, tenant: Tenant) -> None:
    first, second = tenant.warehouse_id, make_warehouse(tenant).id
    made = admin.post(USERS, {**BODY, "warehouse_id": second, "warehouse_ids": [first]}).json
    assert (made["warehouse_id"], made["warehouse_ids"]) == (second, [second, first])
    path = f"{USERS}/{made['user_id']}"
    changed = admin.put(path, {"warehouse_ids": [first]}).json
    assert (changed["warehouse_id"], changed["warehouse_ids"]) == (first, [first])
    changed = admin.put(path, {"warehouse_id": second}).json
    assert (changed["warehouse_id"], changed["warehouse_ids"]) == (second, [second, first])
    changed = admin.put(path, {"warehouse_id": None}).json
    assert (changed["warehouse_id"], changed["warehouse_ids"]) == (None, [second, first])
    changed = admin.put(path, {"warehouse_ids": []}).json
    assert (changed["warehouse_id"], changed["warehouse_ids"]) == (None, [])


def test_an_idempotency_key_makes_one_user(admin: Client, tenant: Tenant) -> None:
    first, second = (admin.post(USERS, BODY, idempotency_key="user-1") for _ in range(2))
    assert (first.status, second.status, second.json) == (201, 201, first.json)
    assert tenant.value("SELECT count(*) FROM staff") == 2
    kept = tenant.rows("SELECT convert_from(reply, 'UTF8') AS reply FROM idempotency_key")
    assert PASSWORD not in str(kept)


def test_of_many_who_take_one_name_at_once_one_gets_it(admin: Client) -> None:
    replies = together(10, lambda _: admin.post(USERS, BODY))
    assert Counter(reply.status for reply in replies) == {201: 1, 400: 9}


# Listing.


def test_users_are_listed_by_name_without_people_from_elsewhere(
    admin: Client, tenant: Tenant, other_tenant: Tenant
) -> None:
    make_staff(tenant, commerce_role="admin", username="shop")
    make_staff(other_tenant, wms_role="ADMIN", username="stranger")
    make_warehouse_user(tenant, username="Zoe")
    make_warehouse_user(tenant, username="ada")
    reply = admin.get(f"{USERS}?per_page=2")
    assert ([user["username"] for user in reply.json["users"]], reply.statements) == (["ada", "boss"], 4)
    assert [reply.json[name] for name in ("total", "page", "per_page", "pages")] == [3, 1, 2, 2]
    assert [user["username"] for user in admin.get(f"{USERS}?per_page=2&page=2").json["users"]] == ["Zoe"]
    assert admin.get(f"{USERS}?page=0").status == 400
    assert "password" not in reply.body.decode().replace("must_change_password", "")


# Changing.


def test_only_what_is_given_changes(admin: Client, tenant: Tenant) -> None:
    user = make_warehouse_user(tenant, "pick", first_name="Ana", last_name="Reyes")
    before = next(u for u in admin.get(USERS).json["users"] if u["user_id"] == user.id)
    reply = admin.put(f"{USERS}/{user.id}", {"full_name": "Ana", "allowed_functions": ["count", "pick"]})
    assert (reply.status, reply.statements) == (200, 8)
    assert reply.json == {**before, "full_name": "Ana", "allowed_functions": ["pick", "count"]}
    entry = tenant.rows("SELECT before, after FROM audit_entry WHERE action = 'update'")[-1]
    assert entry["before"] == {"full_name": "Ana Reyes", "allowed_functions": ["pick"]}
    assert entry["after"] == {"full_name": "Ana", "allowed_functions": ["pick", "count"]}


def test_a_record_can_be_sent_back_as_it_was_shown(admin: Client, boss: Staff, tenant: Tenant) -> None:
    both = make_staff(tenant, wms_role="USER", commerce_role="manager")
    for user_id in (boss.id, both.id):
        shown = next(user for user in admin.get(USERS).json["users"] if user["user_id"] == user_id)
        body = {name: value for name, value in shown.items() if name not in ("user_id", "created_at", "last_login")}
        reply = admin.put(f"{USERS}/{user_id}", body)
        assert (reply.status, reply.json) == (200, shown)


@pytest.mark.parametrize("body", [{}, dict.fromkeys(BODY)])
def test_nothing_given_changes_nothing(body: dict[str, Any], admin: Client, tenant: Tenant) -> None:
    user = make_warehouse_user(tenant, "pick")
    before = admin.get(USERS).json
    assert admin.put(f"{USERS}/{user.id}", body).status == 200
    assert admin.get(USERS).json == before
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE action = 'update'") == 0


def test_rights_count_at_once(admin: Client, tenant: Tenant) -> None:
    user = make_warehouse_user(tenant)
    client = user.client()
    refused = client.get("/api/picking/active-batch")
    assert (refused.status, refused.json) == (403, {"error": "Function not allowed: pick"})
    admin.put(f"{USERS}/{user.id}", {"allowed_functions": ["pick"]})
    assert client.get("/api/picking/active-batch").status == 200
    assert client.get(USERS).status == 403
    admin.put(f"{USERS}/{user.id}", {"role": "ADMIN"})
    assert client.get(USERS).status == 200


def test_a_new_password_ends_the_sessions_and_must_be_replaced(admin: Client, tenant: Tenant) -> None:
    user = make_warehouse_user(tenant)
    client = user.client()
    reply = admin.put(f"{USERS}/{user.id}", {"password": NEW})
    assert (reply.status, reply.json["must_change_password"], reply.statements) == (200, True, 8)
    assert client.get("/api/auth/me").json == {"error": "Token invalidated by password change"}
    assert login(tenant, user.username).status == 401
    signed_in = login(tenant, user.username, NEW).json
    assert signed_in["user"]["must_change_password"] is True
    client = Client(tenant.host).as_bearer(signed_in["token"])
    assert client.get("/api/lookup/item/x").json == {"error": "password_change_required"}
    assert client.get("/api/auth/me").status == 200
    body = {"current_password": NEW, "new_password": "third candle 9"}
    assert client.post("/api/auth/change-password", body).status == 200
    assert client.get("/api/auth/me").json == {"error": "Token invalidated by password change"}
    assert tenant.value("SELECT count(*) FROM audit_entry WHERE action = 'reset_password'") == 1
    assert NEW not in str(tenant.rows("SELECT before, after FROM audit_entry"))


def test_a_new_password_may_be_meant_to_stay(admin: Client, tenant: Tenant) -> None:
    user = make_warehouse_user(tenant)
    body = {"password": NEW, "must_change_password": False}
    assert admin.put(f"{USERS}/{user.id}", body).json["must_change_password"] is False
    assert login(tenant, user.username, NEW).status == 200


def test_a_weak_new_password_changes_nothing(admin: Client, tenant: Tenant) -> None:
    user = make_warehouse_user(tenant)
    client = user.client()
    assert admin.put(f"{USERS}/{user.id}", {"password": "short", "full_name": "X"}).status == 400
    assert client.get("/api/auth/me").json["full_name"] == user.username
    assert login(tenant, user.username).status == 200


def test_a_deactivated_user_is_out_and_old_tokens_do_not_come_back(admin: Client, tenant: Tenant) -> None:
    user = make_warehouse_user(tenant)
    client = user.client()
    assert admin.put(f"{USERS}/{user.id}", {"is_active": False}).json["is_active"] is False
    assert client.get("/api/auth/me").json == {"error": "Token expired"}
    assert login(tenant, user.username).status == 401
    assert admin.put(f"{USERS}/{user.id}", {"is_active": True}).json["is_active"] is True
    assert client.get("/api/auth/me").status == 401
    assert login(tenant, user.username).status == 200


def test_renaming(admin: Client, tenant: Tenant) -> None:
    user = make_warehouse_user(tenant)
    reply = admin.put(f"{USERS}/{user.id}", {"username": " New.Name "})
    assert (reply.status, reply.json["username"]) == (200, "New.Name")
    assert login(tenant, "new.name").status == 200
    reply = admin.put(f"{USERS}/{user.id}", {"username": "BOSS"})
    assert (reply.status, reply.json) == (400, {"error": "Duplicate username: BOSS"})
    assert admin.put(f"{USERS}/{user.id}", {"username": "a@b.example"}).json["error"] == "validation_error"


def test_of_many_who_are_renamed_alike_at_once_one_gets_the_name(admin: Client, tenant: Tenant) -> None:
    users = [make_warehouse_user(tenant) for _ in range(6)]
    replies = together(6, lambda n: admin.put(f"{USERS}/{users[n].id}", {"username": "one"}))
    assert Counter(reply.status for reply in replies) == {200: 1, 400: 5}
    assert {reply.json["error"] for reply in replies if reply.status == 400} == {"Duplicate username: one"}


# Who may not be changed.


@pytest.mark.parametrize(
    ("_case", "body", "sentence"),
    [
        ("demoted", {"role": "USER"}, "You cannot demote yourself"),
        ("deactivated", {"is_active": False}, "You cannot deactivate your own account"),
        ("with a new password", {"password": NEW}, "Use change-password for your own password"),
    ],
)
def test_oneself(_case: str, body: dict[str, Any], sentence: str, admin: Client, boss: Staff, tenant: Tenant) -> None:
    make_staff(tenant)
    reply = admin.put(f"{USERS}/{boss.id}", {**body, "full_name": "X"})
    assert (reply.status, reply.json) == (400, {"error": sentence})
    reply = admin.delete(f"{USERS}/{boss.id}")
    assert (reply.status, reply.json) == (400, {"error": "You cannot delete your own account"})
    assert admin.get("/api/auth/me").json["full_name"] == "boss"
    assert admin.put(f"{USERS}/{boss.id}", {"full_name": "The Boss"}).json["full_name"] == "The Boss"


@pytest.mark.parametrize("roles", [{"commerce_role": "admin"}, {"storage_role": "User"}])
def test_people_with_other_roles_are_theirs_elsewhere(roles: dict[str, Any], admin: Client, tenant: Tenant) -> None:
    """Whoever sets the password of somebody can sign in as that person, everywhere."""
    person = make_staff(tenant, wms_role="USER", **roles)
    for body in ({"password": NEW}, {"username": "mine"}, {"is_active": False}):
        reply = admin.put(f"{USERS}/{person.id}", body)
        assert reply.status == 403
        assert "roles outside of the warehouse" in reply.json["error"]
    assert admin.put(f"{USERS}/{person.id}", {"role": "ADMIN", "allowed_functions": ["pick"]}).json["role"] == "ADMIN"
    everything = make_staff(tenant).client()
    assert everything.put(f"{USERS}/{person.id}", {"password": NEW}).status == 200


def test_an_unknown_or_foreign_user(admin: Client, tenant: Tenant, other_tenant: Tenant) -> None:
    foreign, shop = make_staff(other_tenant), make_staff(tenant, commerce_role="staff")
    for user_id in (foreign.id, shop.id, 2**31 - 1):
        replies = [admin.put(f"{USERS}/{user_id}", {"full_name": "X"}), admin.delete(f"{USERS}/{user_id}")]
        assert [(reply.status, reply.json) for reply in replies] == [(404, {"error": "User not found"})] * 2
    assert other_tenant.value("SELECT count(*) FROM staff WHERE is_active") == 1


def test_a_user_is_no_administrator(tenant: Tenant) -> None:
    user = make_warehouse_user(tenant, "pick")
    client = user.client()
    replies = [
        client.get(USERS),
        client.post(USERS, BODY),
        client.put(f"{USERS}/{user.id}", {"role": "ADMIN"}),
        client.delete(f"{USERS}/{user.id}"),
    ]
    assert [(reply.status, reply.json) for reply in replies] == [(403, {"error": "Admin access required"})] * 4


# Deleting.


def test_a_deleted_user_is_out_and_the_name_is_free(admin: Client, tenant: Tenant) -> None:
    user = make_warehouse_user(tenant, "pick", username="ana")
    client = user.client()
    reply = admin.delete(f"{USERS}/{user.id}")
    assert (reply.status, reply.json, reply.statements) == (200, {"message": "User deleted", "user_id": user.id}, 7)
    assert client.get("/api/auth/me").json == {"error": "Token expired"}
    assert login(tenant, "ana").status == 401
    assert [u["username"] for u in admin.get(USERS).json["users"]] == ["boss"]
    assert admin.delete(f"{USERS}/{user.id}").status == 404
    assert admin.post(USERS, BODY).status == 201
    assert login(tenant, "ana").status == 200
    assert client.get("/api/auth/me").status == 401
    assert login(tenant, f"deleted@{user.id}").status == 401


def test_what_a_deleted_user_did_stays(admin: Client, tenant: Tenant) -> None:
    floor = make_floor(tenant)
    shelf = make_shelf(tenant)
    batch_id = floor.wave(place(tenant, (shelf, 1))).json["batch_id"]
    user_id = tenant.value("SELECT staff_id FROM pick_batch WHERE id = %(id)s", id=batch_id)
    assert admin.delete(f"{USERS}/{user_id}").status == 200
    assert tenant.value("SELECT staff_id FROM pick_batch WHERE id = %(id)s", id=batch_id) == user_id
    assert floor.client.get(f"/api/picking/batch/{batch_id}").status == 401


def test_who_has_other_roles_only_loses_the_warehouses(admin: Client, tenant: Tenant) -> None:
    person = make_staff(tenant, wms_role="USER", commerce_role="sales_rep")
    scanner, portal = person.client("wms"), person.client("commerce")
    assert admin.delete(f"{USERS}/{person.id}").status == 200
    assert scanner.get("/api/auth/me").status == 401
    assert portal.get("/api/staff/me").json["staff"]["role"] == "sales_rep"
    assert login(tenant, person.username).status == 401
    row = tenant.rows("SELECT username, is_active, functions, warehouse_ids FROM staff WHERE id = %(id)s", id=person.id)
    assert row == [{"username": person.username, "is_active": True, "functions": [], "warehouse_ids": []}]


# Races for the last administrator.


@pytest.mark.parametrize("way", ["demote", "deactivate", "delete", "mixed"])
def test_of_two_administrators_who_remove_each_other_one_stays(way: str, tenant: Tenant) -> None:
    for _ in range(4):
        tenant.rows("UPDATE staff SET wms_role = NULL RETURNING id")
        pair = [make_staff(tenant, wms_role="ADMIN") for _ in range(2)]
        clients = [user.client() for user in pair]

        def remove(n: int, pair: list[Staff] = pair, clients: list[Client] = clients) -> int:
            path = f"{USERS}/{pair[1 - n].id}"
            if way == "delete" or (way == "mixed" and n == 0):
                return clients[n].delete(path).status
            body = {"is_active": False} if way == "deactivate" else {"role": "USER"}
            return clients[n].put(path, body).status

        statuses = together(2, remove)
        assert sorted(statuses)[0] == 200
        assert sorted(statuses)[1] in (401, 403, 409)
        assert tenant.value("SELECT count(*) FROM staff WHERE wms_role = 'ADMIN' AND is_active") == 1


def test_of_fifty_removals_of_the_last_two_one_stays(tenant: Tenant) -> None:
    pair = [make_staff(tenant, wms_role="ADMIN") for _ in range(2)]
    clients = [user.client() for user in pair]

    def remove(number: int) -> int:
        actor, target = number % 2, pair[1 - number % 2]
        if number % 4 < 2:
            return clients[actor].put(f"{USERS}/{target.id}", {"role": "USER"}).status
        return clients[actor].delete(f"{USERS}/{target.id}").status

    statuses = together(50, remove)
    assert set(statuses) <= {200, 401, 403, 404, 409}
    assert tenant.value("SELECT count(*) FROM staff WHERE wms_role = 'ADMIN' AND is_active") == 1
