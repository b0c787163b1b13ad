"""The OpenAPI 3.1 document, made from the route table."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from keter import __version__
from keter.dashboard.models import AccountQuery, Problem
from keter.dashboard.routes import Route, Scope

REF = "#/components/schemas/{model}"
_PARAMETER = re.compile(r"\{(\w+)(?::([^{}]+(?:\{[\d,]+\}[^{}]*)*))?\}")
_ALWAYS = {
    "400": "The request is not as declared.",
    "421": "The Host header is not one of ours.",
    "429": "Too many requests.",
    "500": "A bug; the log has it under the incident id.",
    "503": "Redis or the ledger is away.",
}
_ABOUT = (
    "Money and odds are decimal strings, times ISO 8601 UTC. Whatever is not GET needs"
    " X-Requested-By and Origin."
)


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the document for ``routes``; every schema is a component."""
    models: list[type[BaseModel]] = [Problem]
    for route in routes:
        models += [model for model in (route.response, route.body) if model is not None]
    _, schemas = models_json_schema(
        [(model, "serialization") for model in dict.fromkeys(models)], ref_template=REF
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Keter console", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "__Host-sid"}
            },
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    words = re.sub(r"[^a-z0-9]+", "_", _PARAMETER.sub(r"by_\1", route.path)).strip("_")
    operation: dict[str, Any] = {
        "summary": route.summary,
        "operationId": f"{route.method.lower()}_{words}",
        "x-scope": route.scope.value,
        "parameters": _parameters(route),
        "responses": {
            "200": _answer(route),
            **{status: _problem(text) for status, text in _refusals(route).items()},
        },
    }
    if route.scope is not Scope.PUBLIC:
        operation["security"] = [{"session": []}, *([{}] if route.scope is Scope.LOCAL else [])]
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _ref(route.body)}},
        }
    return operation


def _refusals(route: Route) -> dict[str, str]:
    found = dict(_ALWAYS)
    if route.scope is not Scope.PUBLIC:
        found |= {"401": "Log in first.", "403": "Your role may not do this."}
    if route.method != "GET":
        found |= {
            "403": "Origin or X-Requested-By is missing or foreign, or the role may not.",
            "413": "The body is too large.",
            "415": "The body is not declared as JSON.",
        }
    if "{" in route.path:
        found["404"] = "There is no such thing."
    if route.query is not None and issubclass(route.query, AccountQuery):
        found["404"] = "The account is not of this run, or there is no such thing."
    return found | {str(status): "See the code in the answer." for status in route.errors}


def _parameters(route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{pattern or '[^/]+'}$"},
        }
        for name, pattern in _PARAMETER.findall(route.path)
    ]
    if route.query is not None:
        found += _query_parameters(route.query)
    if route.method != "GET":
        found.append(
            {
                "name": "X-Requested-By",
                "in": "header",
                "required": True,
                "schema": {"type": "string", "const": "keter"},
            }
        )
    return found


def _query_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    schema = model.model_json_schema(mode="validation")
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": _inlined(inner, schema),
        }
        for name, inner in schema.get("properties", {}).items()
    ]


def _inlined(inner: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema with what it refers to put in place: query schemas are small."""
    if "$ref" in inner:
        found: dict[str, Any] = schema["$defs"][inner["$ref"].rsplit("/", 1)[1]]
        return found
    if "anyOf" in inner:
        return {**inner, "anyOf": [_inlined(choice, schema) for choice in inner["anyOf"]]}
    return inner


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}


def _answer(route: Route) -> dict[str, Any]:
    schema: dict[str, Any] = (
        _ref(route.response) if route.response is not None else {"type": "string"}
    )
    return {"description": "As asked.", "content": {route.media: {"schema": schema}}}


def _problem(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": _ref(Problem)}}}
