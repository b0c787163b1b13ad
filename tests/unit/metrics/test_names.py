"""The names of the catalogue follow the rules of Prometheus."""

from collections import Counter

from keter.metrics import CATALOGUE
from keter.metrics.names import GROUPS


def test_names_follow_the_rules_for_units() -> None:
    """Counters end with _total and nothing else does; no unit but the base ones."""
    for spec in CATALOGUE.values():
        assert spec.name.endswith("_total") == (spec.kind == "counter")
        assert not {"ms", "minutes", "pct", "percent", "kb", "minor"} & set(spec.name.split("_"))
        assert spec.help.endswith(".")
    assert not [
        name
        for name, n in Counter(spec.name for group in GROUPS.values() for spec in group).items()
        if n > 1
    ]
