"""The API's own page: every call and schema of the document, no script, behind the same perimeter
as everything.
"""

import re

from keter.dashboard.apidocs import page
from keter.dashboard.security import CSP
from tests.integration.dashboard.conftest import Console, StartConsole
from tests.integration.dashboard.test_commands import LOCKED


async def test_the_page_names_every_call_and_schema_and_runs_nothing(console: Console) -> None:
    _, document = await console.get("/api/v1/openapi.json")
    async with console.http.get(console.base + "/api/docs") as answer:
        text = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/html")
        assert answer.headers["Content-Security-Policy"] == CSP
    for path, operations in document["paths"].items():
        for method in operations:
            assert f"<code>{method.upper()} {path}</code>" in text
    for name in document["components"]["schemas"]:
        assert f'id="{name}"' in text
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(document["components"]["schemas"])
    assert "<script" not in text
    assert " style=" not in text


async def test_it_is_not_for_strangers(start_console: StartConsole) -> None:
    console = await start_console(**LOCKED)
    async with console.http.get(console.base + "/api/docs") as answer:
        assert answer.status == 401


def test_words_of_the_document_never_become_markup() -> None:
    info = {"title": "<b>", "version": "1", "description": "<script>alert(1)</script>"}
    text = page({"info": info, "paths": {}, "components": {"schemas": {}}})
    assert "<script" not in text
    assert "&lt;b&gt;" in text
