"""Endpoints of the floor's settings: the admin panel's ``/api/admin/settings``."""

from typing import Annotated

from pydantic import StringConstraints

from chalicelib.kernel.access import WMS_ADMIN
from chalicelib.kernel.endpoint import Call, endpoint
from chalicelib.kernel.errors import Invalid, NotFound
from chalicelib.kernel.shapes import NoBody
from chalicelib.places.settings import service
from chalicelib.places.settings.shapes import ChangedSettings, Settings, SettingsChanged, SettingView

SettingName = Annotated[str, StringConstraints(max_length=64)]


@endpoint("GET", "/api/admin/settings", allow=WMS_ADMIN)
def list_settings(call: Call[NoBody]) -> Settings:
    """All settings of the floor, under their newer names, set or not."""
    return service.list_all(call.organization.settings)


@endpoint("GET", "/api/admin/settings/{key}", allow=WMS_ADMIN, errors=(NotFound,))
def show_setting(call: Call[NoBody], key: SettingName) -> SettingView:
    """One setting, by its newer or older name."""
    return service.show(call.organization.settings, key)


@endpoint("PUT", "/api/admin/settings", allow=WMS_ADMIN, errors=(Invalid,))
def update_settings(call: Call[ChangedSettings]) -> SettingsChanged:
    """Sets what the body names, all or none; they count from the next request on.

    Switches take true, false and the words for them; `default_receiving_bin` takes a bin's id, barcode or code, "" for none.
    """
    return service.change(call.uow, call.body.settings)
