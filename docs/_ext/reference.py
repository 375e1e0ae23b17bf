"""Reference pages out of the code itself: options of the command line, shorter signatures."""

# ruff: noqa: ARG001  # what Sphinx calls is given more than is needed

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.domains.python import PyObject
from sphinx.util.docutils import SphinxDirective
from sphinx.util.nodes import make_refnode


class Verb(SphinxDirective):
    """Usage, arguments and options of one verb of the program, as its ``--help`` has them.

    A verb of a group has two words: ``keys add``.
    """

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """Make the verb's entry from its command."""
        from typer.main import get_command

        from tastemap.cli import app

        name = self.arguments[0]
        command: Any = get_command(app)
        inner = command.context_class(command, info_name="tastemap")
        for word in name.split():
            command = command.commands[word]
            inner = command.context_class(command, info_name=word, parent=inner)
        usage = command.get_usage(inner).removeprefix("Usage: ")
        lines = [
            inspect.cleandoc(command.help or "").strip(),
            "",
            "```text",
            " ".join(usage.split()),
            "```",
            "",
            f"```{{program}} tastemap {name}",
            "```",
        ]
        for parameter in command.params:
            lines += ["", *_entry(parameter, inner)]
        return self.parse_text_to_nodes("\n".join(lines))


def _entry(parameter: Any, context: Any) -> list[str]:
    record = parameter.get_help_record(context)
    if record is None:  # hidden
        return []
    names, said = record
    text, _, extra = said.partition("  [")
    notes = [note.strip() for note in extra.rstrip("]").split(";") if note.strip()]
    shown = [note.replace("default: ", "default ") for note in notes]
    if shown:
        text += f" ({', '.join(f'`{note}`' for note in shown)})"
    return [f":::{{option}} {names}", " ".join(text.split()), ":::"]


def _shorter_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """Leave the constructor out for results: nobody calls it, and their attributes follow."""
    from tastemap.training.recipe import Recipe

    made_elsewhere = (
        what == "class" and dataclasses.is_dataclass(obj) and not issubclass(obj, Recipe)
    )
    return ("", "") if made_elsewhere else None


def _bars_are_bars(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Docstrings hold norms such as |p|²; reStructuredText would take them for substitutions."""
    for number, line in enumerate(lines):
        parts = line.split("``")
        parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
        lines[number] = "``".join(parts)


def _by_last_name(app: Sphinx, env: Any, node: Any, contnode: nodes.Node) -> nodes.Node | None:
    """Find `Name` where docstrings leave its module out, if there is one object of that name."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or not target:
        return None
    domain = env.domains["py"]
    found = {
        entry.node_id: (name, entry)
        for name, entry in domain.objects.items()
        if name.endswith("." + target.rpartition("tastemap.")[2])
    }
    if len(found) != 1:
        return None
    ((name, entry),) = found.values()
    return make_refnode(
        app.builder, node["refdoc"], entry.docname, entry.node_id, contnode, title=name
    )


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and the handler."""
    app.add_directive("verb", Verb)
    app.connect("autodoc-process-signature", _shorter_signature)
    app.connect("autodoc-process-docstring", _bars_are_bars)
    app.connect("missing-reference", _by_last_name)
    for field in PyObject.doc_field_types:
        if field.name == "variable":  # what fields of a dataclass are
            field.label = "Attributes"
    return {"parallel_read_safe": True, "parallel_write_safe": True}
