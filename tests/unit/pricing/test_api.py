"""The library's front door: names that stay, found when first asked for, at the price of nothing else."""

import subprocess
import sys

import pytest

import keter.pricing


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_none_of_its_modules() -> None:
    assert not {name for name in loaded_by("import keter.pricing") if name.startswith(("keter.pricing.", "numpy"))}


def test_the_edge_gate_and_single_markets_do_without_numpy_and_redis() -> None:
    statement = "import keter.gates.edge; from keter.pricing import devig, consensus, kelly, expected_value; devig([1.9, 2.0])"
    assert not {"numpy", "redis", "sqlalchemy"} & loaded_by(statement)


def test_the_public_names_are_functions() -> None:
    assert all(callable(getattr(keter.pricing, name)) for name in keter.pricing.__all__)
    with pytest.raises(AttributeError, match="no attribute 'devg'"):
        keter.pricing.devg  # noqa: B018  # asking is the test
