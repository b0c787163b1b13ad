"""The page's promises, read off its files: colours one can see, vendored files as they were, no way
to run foreign text.
"""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from keter.dashboard.security import CSP

WEB = Path(__file__).resolve().parents[3] / "src" / "keter" / "dashboard" / "web"
OWN = sorted([*WEB.glob("*.js"), *WEB.glob("*.html"), *WEB.glob("*.css")])
BANNED = (
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "document.write",
    "eval(",
    "new Function",
    "javascript:",
    "setTimeout('",
    "dangerouslySetInnerHTML",
    " style=",
    "onclick=",
    "http://",
    "https://",
    "srcdoc",
)
DARK, LIGHT = ":root {", ':root[data-theme="light"] {'
ON_PANEL = ("text", "muted", "gain", "loss", "warn", "critical", "info", "live")


def tokens(start: str) -> dict[str, str]:
    """Return custom properties of the first rule that begins with ``start``."""
    css = (WEB / "style.css").read_text(encoding="utf-8")
    block = css[css.index(start) + len(start) :].split("}", 1)[0]
    return dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_contrast_is_computed_as_wcag_says() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", [DARK, LIGHT])
def test_text_and_controls_can_be_seen_in_both_themes(theme: str) -> None:
    """Text at least 4.5, borders of controls and the focus ring at least 3, on every ground they
    lie on.
    """
    colour = tokens(theme)
    for ground in ("panel", "bg", "raised"):
        for name in ON_PANEL:
            assert contrast(colour[name], colour[ground]) >= 4.5, (name, ground)
        for name in ("control", "focus"):
            assert contrast(colour[name], colour[ground]) >= 3, (name, ground)
    for fill in ("warn", "critical", "info", "live"):
        assert contrast(colour["on-fill"], colour[fill]) >= 4.5, fill


def test_the_light_theme_of_the_system_is_the_light_theme() -> None:
    """The media query repeats the light tokens word for word."""
    assert tokens(':root[data-theme="auto"] {') == tokens(LIGHT)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_no_source_can_turn_text_into_markup_or_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert [word for word in BANNED if word in text] == []


def test_vendored_files_are_what_the_manifest_says() -> None:
    """`scripts/vendor-ui.sh` writes both; nobody edits a vendored file by hand."""
    vendor = WEB / "vendor"
    manifest = json.loads((vendor / "MANIFEST.json").read_text(encoding="utf-8"))
    listed = {entry["path"] for entry in manifest["files"]}
    assert listed | {"MANIFEST.json"} == {path.name for path in vendor.iterdir()}
    for entry in manifest["files"]:
        assert (
            hashlib.sha256((vendor / entry["path"]).read_bytes()).hexdigest() == entry["sha256"]
        ), entry["path"]
        assert all(
            package["name"] and package["version"] and package["licence"]
            for package in entry["packages"]
        )


def test_no_checkout_changes_the_line_ends_of_vendored_files() -> None:
    """On Windows git would, and their hashes would no longer be those of the manifest."""
    rules = (WEB.parents[3] / ".gitattributes").read_text(encoding="utf-8").splitlines()
    assert "src/keter/dashboard/web/vendor/* -text" in rules


def test_the_licences_of_everything_vendored_are_shipped() -> None:
    text = (WEB / "vendor" / "LICENSES.txt").read_text(encoding="utf-8")
    manifest = json.loads((WEB / "vendor" / "MANIFEST.json").read_text(encoding="utf-8"))
    for package in {item["name"] for entry in manifest["files"] for item in entry["packages"]}:
        assert f"=== {package} " in text


def test_the_content_security_policy_is_the_agreed_one() -> None:
    rules = dict(rule.split(" ", 1) for rule in CSP.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert rules["require-trusted-types-for"] == "'script'"
    assert rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert rules["form-action"] == "'self'"
    assert "unsafe" not in CSP


def test_the_page_stays_light(record_property: Callable[[str, object], None]) -> None:
    """Compressed as served: what must be there before the first screen stands, and everything
    together.
    """
    from keter.dashboard.static import load_pages

    weights = {
        name: len(page.packed)
        for name, page in load_pages().items()
        if name.endswith((".js", ".css", ".html"))
    }
    first = needed_first()
    assert "overview.js" in first
    assert not {"orders.js", "vendor/uplot.js"} & first
    at_first, whole = sum(weights[name] for name in first), sum(weights.values())
    record_property("first_screen_bytes", at_first)
    record_property("all_bytes", whole)
    assert at_first < 60_000, f"{at_first} bytes"
    # 2 kB of it choose among accounts.
    assert whole < 88_000, f"{whole} bytes"


@pytest.mark.parametrize("path", sorted(WEB.glob("*.js")), ids=lambda path: path.name)
def test_what_travels_is_the_source_without_its_comments(path: Path) -> None:
    """Line by line the same code, and nothing that a reader alone needs."""
    from keter.dashboard.static import lean

    source = path.read_text(encoding="utf-8").split("\n")
    sent = lean("\n".join(source)).split("\n")
    assert len(sent) == len(source)
    for line, told in zip(source, sent, strict=True):
        assert told == line.strip() or (told == "" and line.strip().startswith(("//", "/*")))


def needed_first() -> set[str]:
    """index.html, the files it names, and what these import at once."""
    named = re.findall(
        r'(?:src|href)="/static/([^"]+\.(?:js|css))"',
        (WEB / "index.html").read_text(encoding="utf-8"),
    )
    found, waiting = {"index.html"}, list(named)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            text = (WEB / name).read_text(encoding="utf-8")
            waiting += re.findall(r"^import .*?from '\./([^']+)';", text, re.MULTILINE)
    return found


def test_modules_import_only_what_is_there() -> None:
    """A misspelt import would leave the page blank."""
    for path in WEB.glob("*.js"):
        for target in re.findall(r"from '(\./[^']+)'", path.read_text(encoding="utf-8")):
            assert (WEB / target).is_file(), (path.name, target)


def test_the_page_carries_the_runbook_of_every_alert() -> None:
    from keter.dashboard.rules.table import RULES
    from keter.dashboard.static import load_pages

    pages = load_pages()
    assert [rule.kind.id for rule in RULES if f"runbooks/{rule.kind.id}.md" not in pages] == []
