"""The settings in force as the Config screen shows them: of secrets only ``set`` or ``unset``."""

import json
from collections.abc import Mapping

from keter import __version__
from keter.dashboard.models import Config, ConfigEntry
from keter.dashboard.static import Page
from keter.settings import Entry, Settings, entries


def config_view(settings: Settings, pages: Mapping[str, Page], licence: str) -> Config:
    """Return every setting with its source, and the versions of what is shipped."""
    manifest = json.loads(pages["vendor/MANIFEST.json"].body)
    packages = {
        f"{item['name']} {item['version']} ({item['licence']})"
        for file in manifest["files"]
        for item in file["packages"]
    }
    return Config(
        entries=[_shown(settings, entry) for entry in entries(settings)],
        version=__version__,
        licence=licence,
        vendored=sorted(packages),
    )


def _shown(settings: Settings, entry: Entry) -> ConfigEntry:
    value = entry.value_in(settings)
    return ConfigEntry(
        name=entry.name,
        group=entry.group,
        value=_text(value, secret=entry.secret),
        source=settings.sources.get(entry.name, "default"),
        secret=entry.secret,
        description=entry.field.description or "",
    )


def _text(value: object, *, secret: bool) -> str:
    if secret:
        return "set" if value and value.get_secret_value() else "unset"  # type: ignore[attr-defined]  # a SecretStr
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
