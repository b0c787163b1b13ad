"""One JSON file per process, readable lines beside it, and no secret in either."""

import asyncio
import io
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog
from structlog.contextvars import bound_contextvars

from keter.logs import configure_logs, log_file
from keter.settings import Settings, load_settings

CANARY = "canary-4711-qwertz"
JWT = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raising
    logging.captureWarnings(False)
    structlog.reset_defaults()


def settings_in(folder: Path, **environ: str) -> Settings:
    return load_settings(
        None, {"DATA_DIR": str(folder), "AO_USER": "me", "AO_PASS": CANARY, **environ}
    )


def start(folder: Path, console: str = "all", **environ: str) -> io.StringIO:
    stream = io.StringIO()
    configure_logs("router", settings_in(folder, LOG_CONSOLE=console, **environ), stream=stream)
    return stream


def lines(folder: Path) -> list[dict[str, object]]:
    return [
        json.loads(line)
        for line in log_file(folder, "router").read_text(encoding="utf-8").splitlines()
    ]


def test_a_line_is_json_with_time_level_worker_and_what_is_bound(tmp_path: Path) -> None:
    stream = start(tmp_path)
    with bound_contextvars(trace_id="t1", event_uid="fb-1", selection_id="ft.1x2.home"):
        structlog.get_logger("keter.x").info("bet accepted", odds=1.95)
    (line,) = lines(tmp_path)
    assert line.pop("at", "").endswith("Z")  # type: ignore[attr-defined]  # JSON text
    assert line == {
        "event": "bet accepted",
        "level": "info",
        "logger": "keter.x",
        "odds": 1.95,
        "worker": "router",
        "trace_id": "t1",
        "event_uid": "fb-1",
        "selection_id": "ft.1x2.home",
    }
    shown = stream.getvalue()
    assert "router" in shown
    assert "bet accepted" in shown
    assert "odds=1.95" in shown
    assert not shown.startswith("{")


async def test_what_one_task_binds_does_not_leak_into_another(tmp_path: Path) -> None:
    start(tmp_path)

    async def work(name: str) -> None:
        with bound_contextvars(trace_id=name):
            await asyncio.sleep(0)
            structlog.get_logger().info(name)

    await asyncio.gather(work("a"), work("b"))
    assert [(line["event"], line["trace_id"]) for line in lines(tmp_path)] == [
        ("a", "a"),
        ("b", "b"),
    ]


def test_a_logger_made_before_the_set_up_follows_it(tmp_path: Path) -> None:
    early = structlog.get_logger("early")
    start(tmp_path)
    early.warning("seen")
    assert lines(tmp_path)[0]["logger"] == "early"


def test_the_standard_librarys_logging_takes_the_same_way(tmp_path: Path) -> None:
    start(tmp_path)
    logging.getLogger("some.library").warning("odd %s", "thing")
    assert lines(tmp_path)[0]["event"] == "odd thing"


def test_httpx_is_not_heard_below_warning(tmp_path: Path) -> None:
    start(tmp_path, LOG_LEVEL="DEBUG")
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    with httpx.Client(transport=transport) as client:
        client.get(f"http://venue.test/Login?password={CANARY}")
    assert not log_file(tmp_path, "router").read_text()


def test_no_canary_reaches_file_or_console(tmp_path: Path) -> None:
    stream = start(tmp_path)
    log = structlog.get_logger()
    log.info("by name", password="hunter2-hunter2", nested={"AOToken": "tok-tok-tok"})
    log.info("by value", note=f"sent {CANARY} away", licence=JWT)
    logging.getLogger("lib").error("url http://u:hunter2-hunter2@host/ and %s", CANARY)
    try:
        local_secret = "hunter2-hunter2"
        response = httpx.Response(
            401,
            request=httpx.Request(
                "GET", f"http://venue.test/bot123456789:{'A' * 35}/x?password={CANARY}"
            ),
        )
        assert local_secret
        response.raise_for_status()
    except httpx.HTTPStatusError:
        log.exception("call failed")
        logging.getLogger("lib").exception("call failed in a library")
    written = log_file(tmp_path, "router").read_text() + stream.getvalue()
    for canary in (CANARY, "hunter2", "tok-tok", JWT, "A" * 35):
        assert canary not in written
    assert written.count("HTTPStatusError") >= 4
    assert "local_secret = " not in written.replace('local_secret = "hunter2-hunter2"', "")


def test_locals_of_a_failing_frame_are_not_written(tmp_path: Path) -> None:
    stream = start(tmp_path)

    def fail() -> None:
        harmless_looking = "only-in-a-local-variable"
        raise RuntimeError(len(harmless_looking))

    try:
        fail()
    except RuntimeError:
        structlog.get_logger().exception("failed")
    (line,) = lines(tmp_path)
    assert '"locals"' not in json.dumps(line)
    assert "only-in-a-local" not in log_file(tmp_path, "router").read_text()
    assert "RuntimeError" in stream.getvalue()


def test_an_exception_nobody_caught_in_a_thread_is_logged_and_cleaned(tmp_path: Path) -> None:
    start(tmp_path, console="none")

    def die() -> None:
        raise RuntimeError(f"with {CANARY}")

    thread = threading.Thread(target=die)
    thread.start()
    thread.join(5)
    (line,) = lines(tmp_path)
    assert line["level"] == "critical"
    assert CANARY not in json.dumps(line)


@pytest.mark.parametrize(("console", "shown"), [("all", 2), ("warnings", 1), ("none", 0)])
def test_the_console_shows_as_much_as_asked_for(tmp_path: Path, console: str, shown: int) -> None:
    stream = start(tmp_path, console=console)
    structlog.get_logger().info("small")
    structlog.get_logger().warning("large")
    assert len(stream.getvalue().splitlines()) == shown
    assert len(lines(tmp_path)) == 2


def test_levels_below_the_configured_one_are_not_written(tmp_path: Path) -> None:
    start(tmp_path, LOG_LEVEL="WARNING")
    structlog.get_logger().info("small")
    assert not log_file(tmp_path, "router").read_text()


def test_files_are_rotated_by_size_kept_in_number_and_private(tmp_path: Path) -> None:
    start(tmp_path, console="none", LOG_MAX_MB="0.001", LOG_KEEP="2")
    for number in range(60):
        structlog.get_logger().info("filling", number=number, text="x" * 50)
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == ["router.jsonl", "router.jsonl.1", "router.jsonl.2"]
    assert all(file.stat().st_size <= 1000 for file in files)
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)
    assert lines(tmp_path)[-1]["number"] == 59


def test_a_console_that_went_away_stops_nobody(tmp_path: Path) -> None:
    stream = start(tmp_path)
    stream.close()
    structlog.get_logger().error("still written to the file")
    assert lines(tmp_path)[0]["event"] == "still written to the file"


def test_what_json_cannot_hold_is_written_as_text(tmp_path: Path) -> None:
    start(tmp_path)
    structlog.get_logger().info("odd", value=object, number=float("nan"), key={1: {2}})
    assert lines(tmp_path)[0]["number"] is None


def test_what_a_venue_says_moves_no_cursor_and_begins_no_line(tmp_path: Path) -> None:
    stream = start(tmp_path)
    said = "\x1b[2J\x07gone\n12:00:00 info     router      resumed \x9b31m\u202e"
    log = structlog.get_logger("keter.x")
    log.warning("placement", message=said)
    try:
        int(said)
    except ValueError as e:
        e.add_note(said)
        log.exception("failed")
    for text in (stream.getvalue(), log_file(tmp_path, "router").read_text(encoding="utf-8")):
        assert not set(text) & set("\x1b\x07\x9b\u202e\r")
    assert not [line for line in stream.getvalue().splitlines() if line.startswith("12:00:00 info")]
    assert "gone 12:00:00 info" in stream.getvalue()
