"""The OpenAPI document as a page for people, without any script. Pure."""

from collections.abc import Iterator
from html import escape
from typing import Any

_HEAD = (
    '<!doctype html><html lang="en" data-theme="auto"><head><meta charset="utf-8"><meta'
    ' name="viewport" content="width=device-width, initial-scale=1"><title>{title}:'
    ' API</title><link rel="icon" type="image/svg+xml" href="/static/favicon.svg"><link'
    ' rel="stylesheet" href="/static/style.css"></head>'
)
_CALLS = ("Call", "Who", "What", "Parameters", "Body", "Answer", "Errors")
_FIELDS = ("Field", "Type", "About")


def page(document: dict[str, Any]) -> str:
    """Return HTML with one table of calls, then one of each schema's fields."""
    info = document["info"]
    schemas = document["components"]["schemas"]
    parts = [
        _HEAD.format(title=escape(info["title"])),
        (
            f"<body><main><h1>{escape(info['title'])} API"
            f" {escape(info['version'])}</h1><p>{escape(info['description'])}</p>"
        ),
        '<p><a href="/">Console</a> <a href="/api/v1/openapi.json">OpenAPI document</a></p>',
        _table("Calls", _CALLS, _calls(document["paths"])),
    ]
    for name, schema in sorted(schemas.items()):
        about = escape(schema.get("description", ""))
        parts.append(f'<h2 id="{escape(name)}">{escape(name)}</h2><p>{about}</p>')
        parts.append(_table(f"Fields of {name}", _FIELDS, _fields(schema)))
    return "".join([*parts, "</main></body></html>"])


def _calls(paths: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for path, operations in paths.items():
        for method, operation in operations.items():
            named = ", ".join(one["name"] for one in operation["parameters"])
            errors = " ".join(code for code in sorted(operation["responses"]) if code != "200")
            yield (
                f"<code>{method.upper()} {escape(path)}</code>",
                escape(operation["x-scope"]),
                escape(operation["summary"]),
                escape(named),
                _content(operation.get("requestBody", {})),
                _content(operation["responses"]["200"]),
                errors,
            )


def _content(carrier: dict[str, Any]) -> str:
    return " ".join(
        _type(inner["schema"]) if media == "application/json" else escape(media)
        for media, inner in carrier.get("content", {}).items()
    )


def _fields(schema: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, inner in schema.get("properties", {}).items():
        yield f"<code>{escape(name)}</code>", _type(inner), escape(inner.get("description", ""))
    if "enum" in schema:
        yield "", " | ".join(escape(str(value)) for value in schema["enum"]), ""


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rsplit("/", 1)[1])
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " | ".join(_type(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(escape(str(value)) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return escape(str(schema.get("const", schema.get("format", schema.get("type", "any")))))


def _table(label: str, heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>'
        for row in rows
    )
    if not body:
        return ""
    return (
        f'<div class="scroller" tabindex="0" role="region" aria-label="{escape(label)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
