"""What things are worth: margin removal, consensus, lines, expected value, stakes.

Pure; usable without Redis.

The names below load their module at first use, so that ``import keter.pricing`` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from keter.pricing.devigging import devig as devig
    from keter.pricing.pool import consensus as consensus
    from keter.pricing.staking import kelly as kelly
    from keter.pricing.value import expected_value as expected_value

_HOMES = {"devig": "devigging", "consensus": "pool", "expected_value": "value", "kelly": "staking"}
__all__ = ["consensus", "devig", "expected_value", "kelly"]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
