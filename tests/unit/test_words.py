"""The source speaks plainly: verbs first, short sentences, the terms of the trade.

Ruff's D401 holds the imperative; here stands what it does not see.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.kit.support import ROOT

SOURCE = ROOT / "src" / "keter"
FILES = sorted(file for file in SOURCE.rglob("*.py") if "versions" not in file.parts)
MOST_WORDS = 25
# Words that begin a noun phrase or a riddle, not a sentence that says what a function does.
NO_VERB = {
    "the", "a", "an", "what", "whether", "one", "every", "how", "all", "who", "whoever", "where",
    "when", "which", "that", "this", "these", "those", "it", "its", "none", "true", "false", "some",
    "no", "nothing", "everything", "as", "at", "of", "in", "for", "from", "to", "by", "with",
}  # fmt: skip
# Figures of speech that stood for a technical term, and the term to use.
METAPHORS = {
    r"(?:un)?told|tells?|telling": "say: report, record, alert, return, know",
    "warden": "watchdog",
    "roster": "processes",
    "doorman|door": "authenticator, ledgers",
    "courier": "dispatcher",
    "desk": "command handler",
    "shelf|shelves": "delivery memory",
    "mourn(?:s|ed)?|buried|burial|bury": "say what ended",
    "bargain": "say what is agreed",
    "fates?": "simulated fill",
    "errands?": "priority, query",
}
_TERMINATED = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"'(])")
_ITEM = re.compile(r"\s*(?:[*-]|\d+\.)\s")


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def docstrings(file: Path) -> Iterator[tuple[int, bool, str]]:
    """Yield the line, whether it is a function's, and the text of each docstring."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            decorators = [] if isinstance(node, ast.Module) else node.decorator_list
            is_property = any("property" in ast.unparse(one) for one in decorators)
            if text:
                yield node.body[0].lineno, is_function and not is_property, text


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a docstring; items of a list count each, tables do not."""
    for paragraph in re.split(r"\n\s*\n", text):
        parts: list[str] = []
        for line in paragraph.split("\n"):
            if line.strip().startswith(("|", ">>>", "├", "└")):
                continue
            if _ITEM.match(line) or not parts:
                parts.append(line.strip())
            else:
                parts[-1] += f" {line.strip()}"
        for part in parts:
            yield from _TERMINATED.split(part)


def spoken(file: Path) -> Iterator[tuple[int, str]]:
    """Yield names, comments and docstrings with their lines; other strings are not looked at."""
    for line, _, text in docstrings(file):
        yield line, text
    source = file.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
        elif token.type == tokenize.NAME:
            yield token.start[0], token.string.replace("_", " ")


def short(file: Path) -> str:
    return file.relative_to(SOURCE).as_posix()


PARTS = sorted({file.relative_to(SOURCE).parts[0] for file in FILES})


def files_of(part: str) -> list[Path]:
    return [file for file in FILES if file.relative_to(SOURCE).parts[0] == part]


@pytest.mark.parametrize("part", PARTS)
def test_a_functions_docstring_begins_with_a_verb(part: str) -> None:
    wrong = [
        f"{short(file)}:{line}: {text.splitlines()[0]}"
        for file in files_of(part)
        for line, is_function, text in docstrings(file)
        if is_function
        and (re.match(r"[^A-Za-z]", text) or text.split()[0].strip(",.:;").lower() in NO_VERB)
    ]
    assert wrong == []


@pytest.mark.parametrize("part", PARTS)
def test_a_sentence_has_at_most_25_words(part: str) -> None:
    wrong = [
        f"{short(file)}:{line}: {sentence}"
        for file in files_of(part)
        for line, _, text in docstrings(file)
        for sentence in sentences(text)
        if len(sentence.split()) > MOST_WORDS
    ]
    assert wrong == []


@pytest.mark.parametrize("part", PARTS)
def test_no_metaphor_stands_for_a_term(part: str) -> None:
    metaphor = re.compile(rf"\b(?:{'|'.join(METAPHORS)})\b", re.IGNORECASE)
    wrong = [
        f"{short(file)}:{line}: {found.group(0)} ({text.strip()[:60]})"
        for file in files_of(part)
        for line, text in spoken(file)
        if (found := metaphor.search(text))
    ]
    assert wrong == []


def test_there_is_something_to_read() -> None:
    assert len(FILES) > 100
    assert list(sentences("One. Two\nlines.\n\n* three\n* four")) == [
        "One.",
        "Two lines.",
        "* three",
        "* four",
    ]
