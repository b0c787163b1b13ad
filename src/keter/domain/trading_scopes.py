"""What a trading state or a command on it holds for: everything, or one account. Pure.

A scope is a text, so that it may name other things than accounts later. An account's scope is its
key, ``venue:name``. Nobody else spells a scope's names in the audit and in heartbeats.
"""

# The scope of the state that holds for everything.
COMMON = ""
_TARGET, _GAUGE = "trading", "trading_revision"


def target_of(scope: str) -> str:
    """Return the target that a command on the trading state of ``scope`` has in the audit."""
    return f"{_TARGET}:{scope}" if scope else _TARGET


def scope_of(target: str) -> str | None:
    """Return the scope that ``target`` names; None for what is no trading state."""
    word, colon, scope = target.partition(":")
    if word != _TARGET or bool(colon) != bool(scope):
        return None
    return scope


def gauge_of(scope: str) -> str:
    """Return the gauge of heartbeats that shows the revision seen of the state of ``scope``."""
    return f"{_GAUGE}:{scope}" if scope else _GAUGE
