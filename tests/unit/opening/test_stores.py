"""Redis and the ledger are where the settings say."""

import subprocess
import sys
from pathlib import Path

import pytest

from keter.clock import ManualClock
from keter.errors import ConfigurationError
from keter.opening.stores import (
    ledger_is_shared,
    ledger_may_exist,
    ledger_url,
    local_ledger,
    open_settings_ledger,
)
from keter.settings import Settings, load_settings
from tests.kit.execution import NOW

SERVER = "postgresql://keter:secret@db/keter"


def settings(folder: Path, url: str = "") -> Settings:
    return load_settings(None, {"DATA_DIR": str(folder), "LEDGER_URL": url})


async def test_without_an_address_the_ledger_is_a_file_of_the_data_folder(tmp_path: Path) -> None:
    conf = settings(tmp_path)
    assert local_ledger(conf) == tmp_path / "ledger.db"
    assert not ledger_is_shared(conf)
    assert not ledger_may_exist(conf)
    ledger = await open_settings_ledger(conf, clock=ManualClock(NOW))
    await ledger.aclose()
    assert ledger_may_exist(conf)


def test_a_server_is_shared_and_may_hold_a_ledger(tmp_path: Path) -> None:
    conf = settings(tmp_path, SERVER)
    assert ledger_url(conf) == SERVER
    assert local_ledger(conf) is None
    assert ledger_is_shared(conf)
    assert ledger_may_exist(conf)


def test_an_address_of_another_kind_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        local_ledger(settings(tmp_path, "mysql://keter:secret@db/keter"))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("library", ["sqlalchemy", "httpx"])
def test_opening_a_store_alone_loads_neither_sql_nor_an_http_client(library: str) -> None:
    code = f"import sys, keter.opening.stores; print({library!r} in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout.strip() == "False", run.stderr
