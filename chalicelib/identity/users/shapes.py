"""What the endpoints of warehouse users read and say."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool

from chalicelib.identity import rules
from chalicelib.identity.shapes import Secret
from chalicelib.identity.users.store import User
from chalicelib.kernel.ids import Id
from chalicelib.kernel.paging import Paged
from chalicelib.kernel.shapes import Instant, Shape, Text

Role = Literal["ADMIN", "USER"]
Function = Literal["receive", "putaway", "pick", "pack", "ship", "count", "transfer"]
UserName = Annotated[Text, AfterValidator(str.strip), Field(pattern=r"\S")]
FullName = UserName
Warehouses = Annotated[list[Id], Field(max_length=1000)]
Functions = Annotated[list[Function], Field(max_length=50)]


class NewUser(Shape):
    """A user to be made. ADMIN sees every warehouse and may do everything; a USER these warehouses and functions."""

    username: UserName
    password: Secret
    full_name: FullName
    role: Role
    warehouse_id: Id | None = Field(None, description="Where the user works; else the first of `warehouse_ids`")
    warehouse_ids: Warehouses = Field(default_factory=list)
    allowed_functions: Functions = Field(default_factory=list)
    is_active: StrictBool = True
    must_change_password: StrictBool = Field(
        False, description="Whether the user must choose a password before all else"
    )


class UserChanges(Shape):
    """What is to be changed; a field that is left out, or null, stays. Only `warehouse_id` can be emptied by null."""

    username: UserName | None = None
    password: Secret | None = Field(
        None, description="Ends the user's sessions; a new one must be chosen unless `must_change_password` is false"
    )
    full_name: FullName | None = None
    role: Role | None = None
    warehouse_id: Id | None = None
    warehouse_ids: Warehouses | None = None
    allowed_functions: Functions | None = None
    is_active: StrictBool | None = None
    must_change_password: StrictBool | None = None


class UserView(Shape):
    """A warehouse user."""

    user_id: int
    username: str
    full_name: str
    role: str
    warehouse_id: int | None
    warehouse_ids: list[int]
    allowed_functions: list[str]
    is_active: bool
    must_change_password: bool
    created_at: Instant
    last_login: Instant | None

    @classmethod
    def of(cls, user: User) -> "UserView":
        """From the row."""
        return cls(
            user_id=user.id,
            username=user.username,
            full_name=user.full_name,
            role=user.wms_role,
            warehouse_id=user.warehouse_id,
            warehouse_ids=list(user.warehouse_ids),
            allowed_functions=rules.allowed_functions(user.wms_role, user.functions, packs=True),
            is_active=user.is_active,
            must_change_password=user.must_change_password,
            created_at=user.created_at,
            last_login=user.last_login,
        )


class UserPage(Paged):
    """A page of users by user name."""

    users: list[UserView]


class UserDeleted(Shape):
    """Whoever it was is no warehouse user any more."""

    message: str = "User deleted"
    user_id: int
