"""What the supervisor tells, starts and survives."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from keter.clock import ManualClock
from keter.domain.processes import OF_AN_ACCOUNT, STAGE_GRACE_S, STAGE_OF, Process, Stage
from keter.errors import UnavailableError
from keter.settings import Settings, load_settings
from keter.supervision.launch import banner, page_host, plan_sandbox, worker_specs
from keter.supervision.supervisor import unbreakable
from keter.supervision.up import await_port
from keter.system.addresses import http_url


def settings(folder: Path, **environ: str) -> Settings:
    return load_settings(None, {"DATA_DIR": str(folder), **environ})


def test_there_is_one_child_per_process_and_copy_under_the_name_of_its_log(tmp_path: Path) -> None:
    specs = worker_specs(settings(tmp_path, EDGE_COPIES="2", VALIDATOR_COPIES="3"))
    names = [spec.name for spec in specs]
    assert sorted(names) == sorted(
        [*(process.value for process in Process), "edge-2", "validator-2", "validator-3"]
    )
    assert names[-1] == "ingest"
    for spec in specs:
        assert spec.stage is STAGE_OF[Process(spec.name.split("-")[0])]
        assert "--supervised" in spec.command


TWO_ACCOUNTS = {
    "ACCOUNTS": "ALICE,BOB",
    "AO_USER__ALICE": "alice1",
    "AO_PASS__ALICE": "made-up",
    "AO_USER__BOB": "bob1",
    "AO_PASS__BOB": "made-up",
}


def test_what_works_for_one_account_runs_once_for_each_under_its_name(tmp_path: Path) -> None:
    specs = worker_specs(settings(tmp_path, EDGE_COPIES="2", **TWO_ACCOUNTS))
    names = [spec.name for spec in specs]
    of_all = {process.value for process in Process if process not in OF_AN_ACCOUNT}
    of_one = {f"{process.value}-{who}" for process in OF_AN_ACCOUNT for who in ("alice", "bob")}
    assert sorted(names) == sorted([*of_all, *of_one, "edge-2"])
    for spec in specs:
        process, _, who = spec.name.partition("-")
        assert spec.stage is STAGE_OF[Process(process)]
        named = spec.command[-2:] == ("--account", f"asianodds:{who}1")
        assert named == (spec.name in of_one)
        assert ("--account" in spec.command) == named


def test_an_only_account_gives_its_processes_their_plain_names(tmp_path: Path) -> None:
    specs = worker_specs(settings(tmp_path, AO_USER="me", AO_PASS="made-up"))
    routers = [spec for spec in specs if spec.name == "router"]
    assert [tuple(spec.command[-2:]) for spec in routers] == [("--account", "asianodds:me")]


def test_a_whole_stop_fits_into_ten_seconds() -> None:
    redis_s = 2.0
    assert sum(STAGE_GRACE_S[stage] for stage in Stage) + redis_s < 10


def test_without_an_account_there_is_a_sandbox_and_the_workers_take_it_for_a_venue(
    tmp_path: Path,
) -> None:
    plan = plan_sandbox(settings(tmp_path, SANDBOX_SEED="11"))
    assert plan is not None
    assert plan.environment["AO_BASE_URL"].startswith(f"http://127.0.0.1:{plan.port}/")
    assert set(plan.environment) == {"AO_BASE_URL"}
    assert "11" in plan.spec.command
    assert plan_sandbox(settings(tmp_path, AO_USER="me", AO_PASS="secret-4711")) is None


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("::", "http://127.0.0.1:80"),
        ("::1", "http://[::1]:80"),
        ("box", "http://box:80"),
    ],
)
def test_the_pages_address_is_one_that_can_be_opened(
    tmp_path: Path, host: str, reached: str
) -> None:
    assert http_url(page_host(settings(tmp_path, DASH_HOST=host)), 80) == reached


def test_the_banner_tells_mode_venue_redis_page_how_to_stop_and_what_is_odd(tmp_path: Path) -> None:
    (tmp_path / "HALT").write_text("")
    conf = settings(tmp_path, HALT_FILE=str(tmp_path / "HALT"))
    text = "\n".join(
        banner(
            conf,
            page="http://x",
            redis="private server",
            sandbox=plan_sandbox(conf),
            notices=["loud notice"],
        )
    )
    for words in (
        "DEMO",
        "http://x",
        "private server",
        "sandbox bookmaker",
        "Ctrl+C",
        "loud notice",
        "keter resume",
    ):
        assert words in text
    live = settings(tmp_path, EXECUTION_MODE="LIVE", AO_USER="me", AO_PASS="secret-4711")
    text = "\n".join(banner(live, page="p", redis="r", sandbox=None))
    assert "real money" in text
    assert "me" in text
    assert "secret-4711" not in text


def test_a_closed_console_breaks_nothing() -> None:
    def closed(_: str) -> None:
        raise BrokenPipeError

    unbreakable(closed)("line")


def test_a_port_in_use_is_waited_for_only_after_an_abrupt_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, said = ManualClock(datetime(2026, 3, 1, tzinfo=UTC)), list[str]()
    attempts = iter([UnavailableError("taken"), UnavailableError("taken"), None])

    def check(_: Settings) -> None:
        if (problem := next(attempts)) is not None:
            raise problem

    monkeypatch.setattr("keter.supervision.up.check_ports", check)
    monkeypatch.setattr("keter.supervision.up.time.sleep", lambda _: None)
    await_port(settings(tmp_path), clock, said.append, patience_s=5)
    assert len(said) == 1
    attempts = iter([UnavailableError("taken")])
    with pytest.raises(UnavailableError):
        await_port(settings(tmp_path), clock, said.append, patience_s=0)
