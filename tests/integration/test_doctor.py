"""The doctor tells what is there, what is wrong, and gives nothing away."""

import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from keter.clock import SystemClock
from keter.errors import UsageError
from keter.license.keeper import FileClockMark
from keter.opening.stores import open_settings_ledger
from keter.settings import Settings, load_settings
from keter.supervision.doctor import examine, write_bundle
from keter.supervision.findings import Finding, Grade
from keter.system.addresses import free_port
from tests.kit.support import RedisServer

CANARIES = {
    "AO_PASS": "canary-4711-venue",
    "REDIS_PASSWORD": "canary-4711-redis",
    "TELEGRAM_BOT_TOKEN": "123456789:" + "A" * 35,
}


def settings(folder: Path, **environ: str) -> Settings:
    return load_settings(
        None, {"DATA_DIR": str(folder / "local"), "DASH_PORT": str(free_port()), **environ}
    )


async def findings(conf: Settings, folder: Path) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    file = folder / ".env"
    conf = conf.model_copy(update={"env_file": file if file.exists() else None})
    for finding in await examine(conf, SystemClock()):
        found.setdefault(finding.name, []).append(finding)
    return found


@pytest.mark.redis
async def test_on_a_machine_where_all_is_well_nothing_fails_and_nothing_is_left(
    tmp_path: Path,
) -> None:
    found = await findings(settings(tmp_path), tmp_path)
    assert set(found) == {
        "python",
        "settings",
        "folder",
        "page",
        "redis",
        "ledger",
        "licence",
        "clock",
    }
    assert not [f for row in found.values() for f in row if f.grade is not Grade.OK]
    assert "knows every command" in found["redis"][0].text
    assert not (tmp_path / "local").exists(), "a look makes nothing"


@pytest.mark.redis
async def test_it_names_the_configured_redis_and_what_is_wrong_with_it(tmp_path: Path) -> None:
    server = RedisServer("--maxmemory-policy", "allkeys-lru", "--appendonly", "no")
    try:
        found = await findings(
            settings(tmp_path, REDIS_HOST="127.0.0.1", REDIS_PORT=str(server.port)), tmp_path
        )
    finally:
        server.close()
    texts = " ".join(finding.text for finding in found["redis"])
    assert "the configured one" in texts
    assert "noeviction" in texts
    assert found["redis"][-1].grade is Grade.FAILED


async def test_every_failure_is_a_finding_of_its_own(tmp_path: Path) -> None:
    conf = settings(
        tmp_path, EXECUTION_MODE="LIVE", REDIS_HOST="127.0.0.1", REDIS_PORT=str(free_port())
    )
    (tmp_path / ".env").write_text("")
    (tmp_path / ".env").chmod(0o644)
    conf.mode.data_dir.mkdir()
    FileClockMark(conf.mode.data_dir / ".clock_mark").write(SystemClock().now() + timedelta(days=1))
    found = await findings(conf, tmp_path)
    assert "AO_USER" in found["settings"][0].text
    assert found["redis"][0].grade is Grade.FAILED
    assert found["licence"][0].grade is Grade.FAILED
    assert found["clock"][0].grade is Grade.WARNING


@pytest.mark.redis
async def test_a_folder_that_cannot_be_used_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "local").write_text("a file, no folder")
    found = await findings(settings(tmp_path), tmp_path)
    assert {name for name, row in found.items() if row[0].grade is Grade.FAILED} == {"folder"}
    assert str(tmp_path / "local") in found["folder"][0].text


@pytest.mark.redis
async def test_a_damaged_ledger_and_an_open_env_file_are_found(tmp_path: Path) -> None:
    conf = settings(tmp_path)
    conf.mode.data_dir.mkdir()
    ledger = await open_settings_ledger(conf, clock=SystemClock())
    await ledger.aclose()
    (tmp_path / ".env").write_text("")
    (tmp_path / ".env").chmod(0o644)
    found = await findings(conf, tmp_path)
    assert "is sound" in found["ledger"][0].text
    assert found["settings"][1].grade is Grade.WARNING
    path = conf.mode.data_dir / "ledger.db"
    path.write_bytes(path.read_bytes()[:5000])
    assert (await findings(conf, tmp_path))["ledger"][0].grade is Grade.FAILED


def test_the_bundle_holds_what_helps_and_no_secret(tmp_path: Path) -> None:
    conf = settings(tmp_path, AO_USER="PUNTER", **CANARIES)
    logs = conf.mode.data_dir / "logs"
    logs.mkdir(parents=True)
    (logs / "router.jsonl").write_text(
        "old line\n" * 100_000 + f"last line {CANARIES['AO_PASS']}\n"
    )
    target = tmp_path / "bundle.zip"
    write_bundle(
        target, conf, [Finding("redis", Grade.OK, f"redis://:{CANARIES['REDIS_PASSWORD']}@h:1/0")]
    )
    with zipfile.ZipFile(target) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    assert set(texts) == {"doctor.txt", "settings.txt", "logs/router.jsonl"}
    assert "last line" in texts["logs/router.jsonl"]
    assert len(texts["logs/router.jsonl"]) < 600_000
    assert "AO_PASS=*** (environment)" in texts["settings.txt"]
    for canary in CANARIES.values():
        assert not any(canary in text for text in texts.values())
    with pytest.raises(UsageError, match="cannot be written"):
        write_bundle(target, conf, [])
