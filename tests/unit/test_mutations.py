"""The list of mutations fits the code: what it takes out is there, and no promise is left out."""

import pytest
from scripts.mutations import MUTATIONS, Mutation

from tests.kit.support import ROOT


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_what_is_taken_out_stands_once_and_the_tests_exist(mutation: Mutation) -> None:
    assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.old) == 1
    assert mutation.old != mutation.new
    assert all(stands(test) for test in mutation.tests)


def stands(test: str) -> bool:
    """Whether there is such a file or folder, or such a test in such a file."""
    path, _, name = test.partition("::")
    return (ROOT / path).exists() and (
        not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
    )


def test_every_promise_has_a_mechanism_that_is_taken_out() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("## Promises")[1]
    promises = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("|")][
        2:
    ]
    held = list(dict.fromkeys(mutation.holds for mutation in MUTATIONS))
    assert held == promises[:11]


def test_names_are_unique() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
