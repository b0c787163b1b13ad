"""The files of the page, read once: no path of a request ever touches the file system."""

import gzip
import hashlib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from aiohttp import web

from keter.dashboard.errors import not_found

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}
LEAN = frozenset({".js", ".css"})


@dataclass(frozen=True, slots=True)
class Page:
    """One file as served: plain and compressed.

    ``etag`` says whether a browser's copy is still good.
    """

    body: bytes
    packed: bytes
    etag: str
    content_type: str


def load_pages() -> dict[str, Page]:
    """Return every servable file of ``web/`` by its path, such as ``vendor/ui.js``.

    The runbooks are ``runbooks/<alert>.md``.
    """
    return dict(
        [*_walk(resources.files("keter.dashboard") / "web", ""), *_walk(_runbooks(), "runbooks/")]
    )


def _runbooks() -> Traversable:
    """Return the folder of the runbooks: inside the package in a wheel, else in the checkout."""
    packed = resources.files("keter.dashboard") / "runbooks"
    return packed if packed.is_dir() else Path(__file__).resolve().parents[3] / "docs" / "runbooks"


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, Page]]:
    found: list[tuple[str, Page]] = []
    for entry in folder.iterdir():
        suffix = "." + entry.name.rpartition(".")[2]
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif suffix in TYPES:
            body = entry.read_bytes()
            if suffix in LEAN and not prefix:
                body = lean(body.decode()).encode()
            etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            found.append(
                (
                    prefix + entry.name,
                    Page(body, gzip.compress(body, 9, mtime=0), etag, TYPES[suffix]),
                )
            )
    return found


def lean(source: str) -> str:
    """Return a source of ours without indentation and without lines that are only a comment.

    Line numbers stay.
    """
    lines = (line.strip() for line in source.split("\n"))
    return "\n".join(
        "" if line.startswith("//") or (line.startswith("/*") and line.endswith("*/")) else line
        for line in lines
    )


def serve(pages: dict[str, Page], name: str, request: web.Request) -> web.Response:
    """Return the page ``name``, or 304 when the browser has it. Raises ApiError 404."""
    page = pages.get(name)
    if page is None:
        raise not_found("this page")
    headers = {"ETag": page.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    if page.etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = page.content_type
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return web.Response(body=page.packed, headers=headers | {"Content-Encoding": "gzip"})
    return web.Response(body=page.body, headers=headers)
