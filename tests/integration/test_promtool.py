"""The alerting rules, run by Prometheus' own tool: each one fires on its trouble and is silent
without any.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # comes with schemathesis, without types

from tests.kit.support import ROOT

pytestmark = pytest.mark.slow

FOLDER = ROOT / "deploy" / "prometheus"
LIMITS = {
    "keter_limit_unknown_seconds": 60,
    'keter_limit_day_loss{account="a"}': 140,
    'keter_limit_losing_streak{account="a"}': 7,
    'keter_limit_exposure{account="a"}': 1000,
    "keter_limit_refusals_ratio": 0.3,
    'keter_limit_feed_age_seconds{account="a"}': 60,
    "keter_limit_low_ev_streak": 500,
}
PROCESSES = ("ingest", "validator", "edge", "guard", "router", "tracker", "recorder", "dashboard")
HEALTHY: dict[str, float] = {
    "up": 1,
    "keter_redis_up": 1,
    "keter_ledger_up": 1,
    "keter_redis_append_only": 1,
    "keter_redis_evicts": 0,
    "keter_redis_imitated": 0,
    "keter_disk_free_bytes": 50,
    "keter_disk_size_bytes": 100,
    "keter_license_expiry_timestamp_seconds": 100 * 86400,
    'keter_unknown_oldest_seconds{account="a",mode="DRY"}': 0,
    'keter_day_profit{account="a",mode="DRY"}': -10,
    'keter_losing_streak{account="a",mode="DRY"}': 2,
    'keter_exposure{account="a",status="bet"}': 500,
    'keter_exposure{account="a",status="reserved"}': 400,
    'keter_foreign_bets{account="a"}': 0,
    'keter_recent_placements{account="a",mode="DRY"}': 20,
    'keter_recent_refusals{account="a",mode="DRY"}': 6,
    'keter_trading_mode{account="a",mode="UNKNOWN"}': 0,
    "keter_trading_revision": 5,
    'keter_worker_trading_revision{process="guard",worker="guard"}': 5,
    'keter_feed_age_seconds{account="a",phase="live"}': 3,
    'keter_queue_dead_letters{queue="raw"}': 0,
    'keter_queue_oldest_age_seconds{queue="raw"}': 1,
    "keter_low_ev_streak": 3,
    # Another account, with limits that what the first has at risk is above of.
    'keter_limit_day_loss{account="b"}': 5,
    'keter_limit_losing_streak{account="b"}': 1,
    'keter_limit_exposure{account="b"}': 100,
    'keter_limit_feed_age_seconds{account="b"}': 2,
    'keter_day_profit{account="b",mode="DRY"}': 0,
    'keter_losing_streak{account="b",mode="DRY"}': 0,
    'keter_exposure{account="b",status="bet"}': 50,
    'keter_feed_age_seconds{account="b",phase="live"}': 1,
    'keter_unknown_oldest_seconds{account="b",mode="DRY"}': 0,
    'keter_recent_placements{account="b",mode="DRY"}': 20,
    'keter_recent_refusals{account="b",mode="DRY"}': 0,
    **{f'keter_workers{{process="{name}",role="{name}"}}': 1 for name in PROCESSES},
    **{
        f'keter_alerts{{alert="{name}",level="page",acknowledged="false"}}': 0
        for name in (
            "account-mismatch",
            "bet-state-mismatch",
            "second-copy",
            "venue-refused",
            "venue-timeouts",
            "login-failures",
            "licence-ending",
            "feed-overflow",
            "reconciliation-incomplete",
            "limits-missing",
            "ledger-unwritable",
            "worker-restarting",
            "nothing-bet",
            "low-ev-streak",
            "unreadable-tickets",
        )
    },
    **{
        f'keter_alerts{{alert="{name}",level="ticket",acknowledged="false"}}': 0
        for name in ("redis-memory", "worker-hung", "not-armed")
    },
    **LIMITS,
}


def standing(name: str, level: str = "page") -> dict[str, float]:
    return {f'keter_alerts{{alert="{name}",level="{level}",acknowledged="false"}}': 1}


TROUBLES: dict[str, dict[str, float]] = {
    "KeterNotScraped": {"up": 0},
    "KeterRedisDown": {"keter_redis_up": 0},
    "KeterLedgerUnreadable": {"keter_ledger_up": 0},
    "KeterHeartbeatLost": {'keter_workers{process="guard",role="guard"}': 0},
    "KeterHeartbeatLostTicket": {'keter_workers{process="recorder",role="recorder"}': 0},
    "KeterStoreRefuses": standing("ledger-unwritable"),
    "KeterRedisMemory": standing("redis-memory", "ticket"),
    "KeterWorkerInTrouble": standing("worker-restarting"),
    "KeterWorkerInTroubleTicket": standing("worker-hung", "ticket"),
    "KeterNothingBet": standing("nothing-bet"),
    "KeterNothingBetTicket": standing("not-armed", "ticket"),
    "KeterRedisUnsafe": {"keter_redis_append_only": 0},
    "KeterDiskFull": {"keter_disk_free_bytes": 9},
    "KeterLicenceDoesNotHold": standing("licence-ending"),
    "KeterLicenceEnding": {"keter_license_expiry_timestamp_seconds": 13 * 86400},
    "KeterUnknownBets": {'keter_unknown_oldest_seconds{account="a",mode="DRY"}': 61},
    "KeterDailyLossLimit": {'keter_day_profit{account="a",mode="DRY"}': -140},
    "KeterLosingStreak": {'keter_losing_streak{account="a",mode="DRY"}': 7},
    "KeterExposureOverLimit": {'keter_exposure{account="a",status="reserved"}': 501},
    "KeterReconciliationIncomplete": standing("reconciliation-incomplete"),
    "KeterLimitsMissing": standing("limits-missing"),
    "KeterAccountMismatch": standing("account-mismatch"),
    "KeterBetMismatch": standing("bet-state-mismatch"),
    "KeterNotAlone": standing("second-copy"),
    "KeterUnreadableTickets": standing("unreadable-tickets"),
    "KeterForeignBets": {'keter_foreign_bets{account="a"}': 1},
    "KeterRefusalsRising": {'keter_recent_refusals{account="a",mode="DRY"}': 7},
    "KeterTradingStateMissing": {'keter_trading_mode{account="a",mode="UNKNOWN"}': 1},
    "KeterRevisionNotReached": {"keter_trading_revision": 6},
    "KeterFeedStale": {'keter_feed_age_seconds{account="a",phase="live"}': 61},
    "KeterFeedOverflow": standing("feed-overflow"),
    "KeterVenueRefused": standing("venue-refused"),
    "KeterVenueTimeouts": standing("venue-timeouts"),
    "KeterLoginFailures": standing("login-failures"),
    "KeterDeadLetters": {'keter_queue_dead_letters{queue="raw"}': 1},
    "KeterQueueStuck": {'keter_queue_oldest_age_seconds{queue="raw"}': 31},
    "KeterLowEvStreak": standing("low-ev-streak"),
}


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("no promtool on this machine; Debian has it in the package prometheus")
    return found


def series(values: dict[str, float]) -> list[dict[str, str]]:
    """Half an hour of standing values, of two Keters at a time: a rule must not mix them up."""
    found = []
    for name in values:
        metric, _, labels = name.partition("{")
        for instance in ("one", "two"):
            inner = ",".join(
                filter(None, [labels.rstrip("}"), 'job="keter"', f'instance="{instance}"'])
            )
            shown = (HEALTHY if instance == "two" else values)[name]
            found.append({"series": f"{metric}{{{inner}}}", "values": f"{shown}+0x60"})
    return found


def firing(promtool: str, folder: Path, values: dict[str, float]) -> set[tuple[str, str]]:
    """(alert, instance) of what fires after half an hour, found with a test for each that none
    does.
    """
    names = sorted(TROUBLES)
    case: dict[str, Any] = {"interval": "30s", "input_series": series(values)}
    case["alert_rule_test"] = [
        {"eval_time": "20m", "alertname": name, "exp_alerts": []} for name in names
    ]
    file = folder / "case.yml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(FOLDER / "rules.yml")], "tests": [case]}),
        encoding="utf-8",
    )
    result = subprocess.run(
        [promtool, "test", "rules", str(file)], capture_output=True, text=True, timeout=60
    )
    told = result.stdout + result.stderr
    assert result.returncode == 0 or "got:[" in told.replace(" ", ""), told
    return {(name, instance) for name, instance in read_failures(told) if name in TROUBLES}


def read_failures(told: str) -> list[tuple[str, str]]:
    """promtool prints what it got for each alert of which none was expected."""
    return re.findall(r'alertname="(\w+)"[^}]*?instance="(\w+)"', told)


@pytest.mark.parametrize("file", ["rules.yml", "prometheus.yml"])
def test_the_files_are_valid(promtool: str, file: str) -> None:
    what = "rules" if file == "rules.yml" else "config"
    result = subprocess.run(
        [promtool, "check", what, str(FOLDER / file)], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_nothing_fires_while_all_is_well(promtool: str, tmp_path: Path) -> None:
    assert firing(promtool, tmp_path, HEALTHY) == set()


@pytest.mark.parametrize("name", TROUBLES)
def test_each_rule_fires_on_its_trouble_and_no_other_does(
    promtool: str, tmp_path: Path, name: str
) -> None:
    assert firing(promtool, tmp_path, HEALTHY | TROUBLES[name]) == {(name, "one")}


def test_every_rule_is_tried() -> None:
    groups = yaml.safe_load((FOLDER / "rules.yml").read_text(encoding="utf-8"))["groups"]
    assert {rule["alert"] for group in groups for rule in group["rules"]} == set(TROUBLES)
