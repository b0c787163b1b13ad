"""What a process is called: by its work, and by the account where there are several."""

from keter.domain.processes import (
    EVERYTHING,
    OF_AN_ACCOUNT,
    RECORDING,
    Process,
    role_name,
    roles,
    worker_name,
)


def test_with_one_account_a_role_is_a_process() -> None:
    assert roles(EVERYTHING, [""]) == {process.value: process for process in Process}
    assert role_name("router") == worker_name("router", 1) == "router"


def test_with_several_each_account_has_its_own_and_the_rest_is_common() -> None:
    found = roles(EVERYTHING, ["ALICE", "BOB"])
    for process in Process:
        own = [role for role, its in found.items() if its is process]
        names = [f"{process}-alice", f"{process}-bob"]
        assert own == (names if process in OF_AN_ACCOUNT else [process.value])


def test_the_copies_of_a_worker_share_its_role() -> None:
    assert worker_name("router", 2, "ALICE") == "router-alice-2"
    assert role_name("router", "ALICE") == "router-alice"


def test_only_what_is_started_has_a_role() -> None:
    assert list(roles(RECORDING, ["A"])) == ["ingest-a", "recorder", "dashboard"]
