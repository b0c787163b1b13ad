"""The test runner over small trees of real tests: what is repeated, what is flaky, what has failed,
and how it is counted.
"""

import re
import sys
import time
from pathlib import Path
from textwrap import dedent

import pytest
from scripts.sessions import CLOSING, MOST_REPEATED, PYTEST, Command, Plan, Session

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]  # dozens of pytest processes

TREE = """\
[pytest]
addopts = -p xdist -p pytest_timeout -p tests.kit.watchdog
markers = timeout
watchdog_grace = 1
"""
# A test that fails until it has been run once; the file is the memory that outlives its process.
ONCE = """\
import os, pathlib, time
import pytest

def first(name):
    seen = pathlib.Path("seen-" + name)
    again = seen.exists()
    seen.write_text("")
    return not again
"""
# What tells others that all tests have ended; a worker of xdist without one ends sooner.
ENDED = """\
def pytest_sessionfinish(session):
    if not hasattr(session.config, "workerinput"):
        open("tests-ended", "w").close()
"""
BESIDE = Command("both", (*PYTEST, "-n", "2", "--maxschedchunk", "1", "tests"))
ALONE = Command("one process", (*PYTEST, "tests"))


class Tree:
    """A folder of tests. ``run`` returns the exit code and the lines that were printed."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys
        (folder / "tests").mkdir()
        (folder / "pytest.ini").write_text(TREE)

    def write(self, text: str, name: str = "test_it") -> None:
        (self.folder / "tests" / f"{name}.py").write_text(f"{ONCE}\n{dedent(text)}")

    def run(self, plan: Plan | None = None, **bounds: float) -> tuple[int, list[str]]:
        self._capsys.readouterr()
        code = Session(self.folder, **bounds).carry_out(plan or Plan((BESIDE,)))
        return code, self._capsys.readouterr().out.splitlines()


@pytest.fixture
def tree(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Tree:
    # What the trees need is in their pytest.ini.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(name, raising=False)
    return Tree(tmp_path, capsys)


def counted(lines: list[str]) -> str:
    """Return what the closing line counts, without its time.

    It is the last line, and as pytest writes it.
    """
    found = re.fullmatch(r"=+ (.*) in \d+\.\d\ds =+", lines[-1])
    assert found is not None, lines[-1]
    assert CLOSING.match(lines[-1])
    assert [line for line in lines if CLOSING.match(line)] == lines[-1:], (
        "one closing line for all processes"
    )
    return found[1]


def named(lines: list[str], word: str) -> list[str]:
    return [line.removeprefix(f"{word} ") for line in lines if line.startswith(f"{word} ")]


def test_what_passes_alone_is_flaky_and_the_run_passes(tree: Tree) -> None:
    tree.write("""
        @pytest.mark.parametrize("case", ["a b/c", "[x] :: y", "q\\n\\u00e9"])
        def test_odd(case):
            assert not first(str(len(case)))

        def test_other():
            pass
    """)
    code, lines = tree.run()
    assert code == 0
    assert sorted(named(lines, "FLAKY")) == [
        "tests/test_it.py::test_odd[[x] :: y]",
        "tests/test_it.py::test_odd[a b/c]",
        "tests/test_it.py::test_odd[q\\n\\xe9]",
    ]
    assert named(lines, "FAILED") == []
    assert counted(lines) == "4 passed"
    assert lines[-2].startswith("FLAKY "), "the names stand before the closing line"


def test_what_fails_again_alone_has_failed(tree: Tree) -> None:
    tree.write("""
        def test_wrong():
            assert 1 == 2, "as it is"

        def test_other():
            pass
    """)
    code, lines = tree.run()
    assert code == 1
    assert named(lines, "FAILED") == ["tests/test_it.py::test_wrong - AssertionError: as it is"]
    assert named(lines, "FLAKY") == []
    assert sum("once more alone" in line for line in lines) == 1
    assert counted(lines) == "1 failed, 1 passed"


def test_one_is_flaky_and_one_has_failed(tree: Tree) -> None:
    tree.write("""
        def test_wrong():
            assert False

        def test_flaky():
            assert not first("f")
    """)
    code, lines = tree.run()
    assert code == 1
    assert (len(named(lines, "FAILED")), named(lines, "FLAKY")) == (
        1,
        ["tests/test_it.py::test_flaky"],
    )
    assert counted(lines) == "1 failed, 1 passed"


def test_what_is_repeated_has_nothing_beside_it_and_comes_after_everything(tree: Tree) -> None:
    """The command beside is slower than all tests; the repetition finds it ended, the last command
    too, and no xdist.
    """
    tree.write("""
        def test_flaky():
            if not first("f"):
                assert "PYTEST_XDIST_WORKER" not in os.environ
                assert os.path.exists("beside-ended") and os.path.exists("last-ended")
                return
            assert not os.path.exists("beside-ended")
            assert False
    """)
    (tree.folder / "conftest.py").write_text(ENDED)
    slower = """
import os, time
while not os.path.exists("tests-ended"): time.sleep(0.02)
open("beside-ended", "w").close()
"""
    beside = Command("beside", (sys.executable, "-c", slower), is_pytest=False)
    then = "import os; assert os.path.exists('beside-ended'); open('last-ended', 'w')"
    last = Command("last", (sys.executable, "-c", then), is_pytest=False)
    code, lines = tree.run(Plan((BESIDE,), beside=(beside,), last=(last,)))
    assert (code, named(lines, "FLAKY"), counted(lines)) == (
        0,
        ["tests/test_it.py::test_flaky"],
        "1 passed",
    )


def test_an_error_while_tidying_up_is_repeated_and_counted_once(tree: Tree) -> None:
    tree.write("""
        @pytest.fixture
        def shaky():
            yield
            assert not first("t")

        def test_it(shaky):
            pass
    """)
    code, lines = tree.run()
    assert (code, named(lines, "FLAKY"), counted(lines)) == (
        0,
        ["tests/test_it.py::test_it"],
        "1 passed",
    )


def test_a_skip_when_repeated_is_no_pass(tree: Tree) -> None:
    tree.write("""
        def test_it():
            if not first("s"):
                pytest.skip("not today")
            assert False
    """)
    code, lines = tree.run()
    assert (code, named(lines, "FLAKY"), counted(lines)) == (1, [], "1 failed")


@pytest.mark.parametrize(
    ("always", "code", "count"), [(False, 0, "5 passed"), (True, 1, "1 failed, 4 passed")]
)
def test_a_test_that_takes_its_worker_with_it_is_repeated_and_the_others_run(
    tree: Tree, *, always: bool, code: int, count: str
) -> None:
    tree.write(f"""
        def test_dies():
            if first("d") or {always}:
                os._exit(3)

        @pytest.mark.parametrize("n", range(4))
        def test_other(n):
            pass
    """)
    ended, lines = tree.run()
    assert (ended, counted(lines)) == (code, count)
    assert named(lines, "FLAKY") == ([] if always else ["tests/test_it.py::test_dies"])
    assert any("crashed while running" in line for line in lines)


HANGS = {
    "waits": (
        """
        def hang():
            time.sleep(600)
    """
    ),
    "a background task catches what is raised": (
        """
        import asyncio

        async def deaf():
            while True:
                try:
                    await asyncio.sleep(0.01)
                except BaseException:
                    pass

        def hang():
            while True:
                try:
                    asyncio.run(deaf())
                except BaseException:
                    pass
    """
    ),
    "hangs in C code": (
        """
        import ctypes

        def hang():
            # Keeps the lock of the interpreter: no handler of a signal gets its turn.
            ctypes.PyDLL(None).sleep(600)
    """
    ),
}


@pytest.mark.parametrize("how", HANGS)
def test_a_test_that_hangs_fails_with_its_stack_and_the_others_run(tree: Tree, how: str) -> None:
    """At its limit pytest-timeout raises; where that does not help, the watchdog ends the worker
    and prints every stack.
    """
    tree.write(HANGS[how], name="hanging")
    tree.write("""
        from hanging import hang

        @pytest.mark.timeout(3)
        def test_hangs():
            if first("h"):
                hang()

        @pytest.mark.parametrize("n", range(4))
        def test_other(n):
            pass
    """)
    begun = time.monotonic()
    code, lines = tree.run()
    assert (code, named(lines, "FLAKY"), counted(lines)) == (
        0,
        ["tests/test_it.py::test_hangs"],
        "5 passed",
    )
    assert any("hanging.py" in line for line in lines), "the stack is told"
    assert time.monotonic() - begun < 200


def test_a_teardown_that_hangs_after_a_failure_ends_too(tree: Tree) -> None:
    """The failure has stopped the clock of pytest-timeout by then."""
    tree.write("""
        @pytest.fixture
        def stuck():
            yield
            if first("t"):
                time.sleep(600)

        @pytest.mark.timeout(3)
        def test_it(stuck):
            assert not first("f")

        def test_other():
            pass
    """)
    code, lines = tree.run()
    assert (code, named(lines, "FLAKY"), counted(lines)) == (
        0,
        ["tests/test_it.py::test_it"],
        "2 passed",
    )


def test_a_module_that_cannot_be_read_is_never_flaky(tree: Tree) -> None:
    tree.write("""
        if first("m"):
            raise ImportError("no such thing")

        def test_it():
            pass
    """)
    code, lines = tree.run(Plan((ALONE,)))
    assert code == 1
    assert named(lines, "FLAKY") == []
    assert any("no such thing" in line for line in named(lines, "ERROR"))
    assert not any("once more alone" in line for line in lines)
    assert "error" in counted(lines)


def test_so_many_failures_that_they_have_one_cause_are_not_repeated(tree: Tree) -> None:
    tree.write(f"""
        @pytest.mark.parametrize("n", range({MOST_REPEATED + 1}))
        def test_it(n):
            assert not first(str(n))
    """)
    code, lines = tree.run(Plan((ALONE,)))
    assert (code, named(lines, "FLAKY"), len(named(lines, "FAILED"))) == (1, [], MOST_REPEATED + 1)
    assert counted(lines) == f"{MOST_REPEATED + 1} failed"
    assert any("none is repeated" in line for line in lines)


def test_what_there_is_no_time_to_repeat_has_failed(tree: Tree) -> None:
    tree.write("def test_it(): assert not first('f')")
    code, lines = tree.run(repeat_s=0)
    assert (code, named(lines, "FLAKY"), counted(lines)) == (1, [], "1 failed")
    assert any("no time is left" in line for line in lines)


def test_a_repetition_that_takes_too_long_is_ended_and_has_failed(tree: Tree) -> None:
    tree.write("""
        def test_it():
            if not first("f"):
                time.sleep(600)
            assert False
    """)
    begun = time.monotonic()
    code, lines = tree.run(repeat_s=3)
    assert (code, named(lines, "FLAKY"), counted(lines)) == (1, [], "1 failed")
    assert time.monotonic() - begun < 200


def test_a_process_that_dies_fails_the_run_and_names_the_test_it_was_in(tree: Tree) -> None:
    tree.write("""
        def test_dies():
            os._exit(0)

        def test_never_reached():
            pass
    """)
    code, lines = tree.run(Plan((ALONE,)))
    assert code == 1
    assert named(lines, "ERROR") == [
        "one process ended with code 0 before it was done while it ran tests/test_it.py::test_dies"
    ]
    assert counted(lines) == "1 error"


def test_a_process_without_an_end_is_ended_at_the_deadline(tree: Tree) -> None:
    tree.write("def test_it(): time.sleep(600)")
    begun = time.monotonic()
    code, lines = tree.run(Plan((BESIDE,)), deadline_s=4)
    assert code == 1
    assert any("its time was over" in line for line in named(lines, "ERROR"))
    assert time.monotonic() - begun < 200


def test_an_exit_code_that_no_test_explains_fails_the_run(tree: Tree) -> None:
    tree.write("def test_it(): pass")
    (tree.folder / "conftest.py").write_text(
        "def pytest_sessionfinish(session): session.exitstatus = 1\n"
    )
    code, lines = tree.run()
    assert (code, counted(lines)) == (1, "1 passed, 1 error")
    assert named(lines, "ERROR") == ["both ended with code 1 although no test failed"]


@pytest.mark.parametrize("where", ["in_turn", "beside", "last"])
def test_another_command_that_fails_fails_the_run(tree: Tree, where: str) -> None:
    tree.write("def test_it(): pass")
    lint = Command(
        "lint",
        (sys.executable, "-c", "print('line too long'); raise SystemExit(2)"),
        is_pytest=False,
    )
    places = (
        {"in_turn": (ALONE,), where: (lint,)} if where != "in_turn" else {"in_turn": (ALONE, lint)}
    )
    code, lines = tree.run(Plan(**places))
    assert (code, counted(lines)) == (1, "1 passed, 1 error")
    assert "line too long" in lines
    assert named(lines, "ERROR") == ["lint ended with code 2; what it said is above"]


def test_the_counts_of_all_processes_are_added_up_as_pytest_words_them(tree: Tree) -> None:
    tree.write("""
        import warnings

        def test_passes():
            warnings.warn("mind the gap")

        @pytest.mark.skip
        def test_skipped(): pass

        @pytest.mark.xfail
        def test_expected(): assert False
    """)
    code, lines = tree.run(Plan((ALONE, ALONE)))
    assert (code, counted(lines)) == (0, "2 passed, 2 skipped, 2 xfailed, 2 warnings")


def test_nothing_at_all_is_not_taken_for_success(tree: Tree) -> None:
    code, lines = tree.run()
    assert (code, counted(lines)) == (5, "no tests ran")
