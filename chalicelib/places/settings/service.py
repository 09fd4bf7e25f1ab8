"""Use cases of the settings."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.kernel.errors import Detail, Invalid, NotFound
from chalicelib.kernel.uow import UnitOfWork
from chalicelib.places import rules
from chalicelib.places.settings import store
from chalicelib.places.settings.shapes import Settings, SettingsChanged, SettingView


def list_all(settings: Mapping[str, Any]) -> Settings:
    """Every setting, from what the organization keeps."""
    return Settings(settings=[_view(settings, name) for name in rules.SETTING_IDS])


def show(settings: Mapping[str, Any], key: str) -> SettingView:
    """One setting under the name that was asked for. Raises NotFound."""
    name = rules.canonical_setting(key)
    if name is None:
        raise NotFound("Setting not found")
    return _view(settings, name).model_copy(update={"key": key})


def change(uow: UnitOfWork, wanted: Mapping[str, Any]) -> SettingsChanged:
    """Sets what is named. Raises Invalid with every unknown name and wrong value. Nothing named changes nothing."""
    values = _values(uow, wanted)
    settings: Mapping[str, Any] = uow.organization.settings
    if values:
        before, settings = store.change_settings(uow, values, dict.fromkeys(values, uow.now.isoformat()))
        for name in values:
            old, new = rules.setting_text(before, name), rules.setting_text(settings, name)
            if old != new:
                uow.audit("update", "setting", name, before={"value": old}, after={"value": new})
    return SettingsChanged(message="Settings updated", settings=list_all(settings).settings)


def _values(uow: UnitOfWork, wanted: Mapping[str, Any]) -> dict[str, str]:
    """Setting -> text to keep."""
    values: dict[str, str] = {}
    wrong: list[Detail] = []
    for key, value in wanted.items():
        name = rules.canonical_setting(key)
        if name is None:
            wrong.append(_wrong(key, "unknown_setting", f"There is no setting {key}"))
            continue
        text = _receiving_bin(uow, value) if name == rules.RECEIVING_BIN else rules.switch_text(value)
        if text is None:
            what = "an open bin for receiving" if name == rules.RECEIVING_BIN else "true or false"
            wrong.append(_wrong(key, "setting_value", f"{key} should be {what}"))
        elif values.get(name, text) != text:
            wrong.append(_wrong(key, "setting_twice", f"{key} and its other name differ"))
        else:
            values[name] = text
    if wrong:
        raise Invalid(wrong)
    return values


def _receiving_bin(uow: UnitOfWork, value: object) -> str | None:
    """The id of the bin that is meant, "" for none; None when it is no bin for what arrives."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    found = store.find_receiving_bin(uow, str(value).strip())
    return None if found is None else str(found)


def _wrong(key: str, kind: str, message: str) -> Detail:
    return {"type": kind, "loc": ["settings", key], "msg": message}


def _view(settings: Mapping[str, Any], name: str) -> SettingView:
    set_at: str | None = (settings.get(rules.SETTING_TIMES) or {}).get(name)
    return SettingView(
        id=rules.SETTING_IDS[name],
        key=name,
        value=rules.setting_text(settings, name),
        updated_at=datetime.fromisoformat(set_at) if set_at else None,
    )
