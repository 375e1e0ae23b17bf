"""The documentation of the API for programs (OpenAPI 3.1), written from its operations."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

import tastemap
from tastemap.web.operations import Access, Operation, names_in
from tastemap.web.problems import MEDIA_TYPE, Problem

_REFERENCE = "#/components/schemas/{name}"
_ATTRIBUTE = re.compile(r"^    (\w+): (.*(?:\n {8}.*)*)", re.MULTILINE)


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The whole document."""
    listed = list(operations)
    kinds = _kinds(listed)
    schemas, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    schema_of = {str(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    for kind in _structs(kinds):
        _describe(components.get(kind.__name__, {}), kind)
    paths: dict[str, dict[str, Any]] = {}
    for one in listed:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tastemap",
            "version": tastemap.__version__,
            "description": "Recommendations that explain themselves, from a model you can read.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _kinds(operations: list[Operation]) -> list[Any]:
    found: dict[str, Any] = {str(Problem): Problem}
    for one in operations:
        for kind in (one.query, one.body, one.answer):
            if kind is not None:
                found[str(kind)] = kind
    return list(found.values())


def _structs(kinds: Iterable[Any]) -> list[type[msgspec.Struct]]:
    """All structures among types and in their fields."""
    found: dict[str, type[msgspec.Struct]] = {}
    waiting = [msgspec.inspect.type_info(kind) for kind in kinds]
    while waiting:
        one = waiting.pop()
        if isinstance(one, msgspec.inspect.StructType) and one.cls.__name__ not in found:
            found[one.cls.__name__] = one.cls
            waiting += [inner.type for inner in one.fields]
        waiting += list(getattr(one, "types", ()))
        inner = getattr(one, "item_type", None) or getattr(one, "type", None)
        waiting += [inner] if isinstance(inner, msgspec.inspect.Type) else []
    return list(found.values())


def _describe(schema: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    """Put what docstrings say of fields to the fields."""
    said = _attributes(kind)
    schema["description"] = (inspect.getdoc(kind) or "").split("\n\n")[0]
    for name, inside in schema.get("properties", {}).items():
        if name in said and "description" not in inside:
            inside["description"] = said[name]


def _attributes(kind: type) -> dict[str, str]:
    """What the docstrings of a class and of its bases say of its attributes."""
    said: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        for name, text in _ATTRIBUTE.findall(inspect.getdoc(one) or ""):
            said[name] = " ".join(text.split())
    return said


def _operation(one: Operation, schema_of: dict[str, Any]) -> dict[str, Any]:
    doc = inspect.getdoc(one.handler) or ""
    parameters: list[dict[str, Any]] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": "An id, percent-encoded.",
            "schema": {"type": "string", "minLength": 1},
        }
        for name in names_in(one.path)
    ]
    if one.query is not None:
        parameters += _query(one.query)
    if one.idempotent:
        parameters.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Given twice with the same request, it acts once.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 250},
            }
        )
    body = None if one.body is None else _json(schema_of[str(one.body)])
    answers: dict[str, Any] = {
        str(one.status): {
            "description": one.summary,
            "content": {one.media_type: {"schema": schema_of.get(str(one.answer), {})}},
        }
    }
    for status in sorted({*one.problems, *_possible(one)}):
        answers[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema_of[str(Problem)]}},
        }
    return {
        "operationId": one.handler.__name__,
        "summary": one.summary,
        "description": doc,
        "tags": [one.access.value],
        "security": [] if one.access is Access.OPEN else [{"key": []}],
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": {"required": True, "content": body}} if body else {}),
        "responses": answers,
    }


def _possible(one: Operation) -> set[int]:
    """Problems any operation like this may have."""
    found = {421, 429, 431, 500}  # of `tastemap.web.security`, but for the last
    if one.access is not Access.OPEN:
        found |= {401, 403}
    if one.query is not None or one.body is not None or one.idempotent:
        found.add(422)
    if one.body is not None:
        found |= {400, 408, 413}
    if "{" in one.path:
        found.add(404)
    return found


def _query(kind: type[msgspec.Struct]) -> list[dict[str, Any]]:
    _, components = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    schema = components[kind.__name__]
    _describe(schema, kind)
    found = []
    for name, inside in schema["properties"].items():
        shape = {key: value for key, value in inside.items() if key != "description"}
        one = {"name": name, "in": "query", "description": inside.get("description", "")}
        if shape.get("anyOf"):  # or nothing, which in a query is to leave it out
            shape = next(part for part in shape["anyOf"] if part.get("type") != "null")
        shape.pop("description", None)
        found.append({**one, "required": name in schema.get("required", []), "schema": shape})
    return found


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
