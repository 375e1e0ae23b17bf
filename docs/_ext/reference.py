"""Reference pages out of the code itself: options of the command line, shorter signatures."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class Verb(SphinxDirective):
    """Usage, arguments and options of one verb of the program, as its ``--help`` has them."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the verb's entry from its command."""
        from typer.main import get_command

        from tastemap.cli import app

        name = self.arguments[0]
        group: Any = get_command(app)
        command = group.commands[name]
        context = group.context_class(group, info_name="tastemap")
        inner = command.context_class(command, info_name=name, parent=context)
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
            if getattr(parameter, "hidden", False):
                continue
            lines += ["", *_entry(parameter, inner)]
        return self.parse_text_to_nodes("\n".join(lines))


def _entry(parameter: Any, context: Any) -> list[str]:
    help_text = (parameter.help or "").strip()
    if parameter.param_type_name == "argument":
        names = [parameter.make_metavar(context)]
    else:
        flag = getattr(parameter, "is_flag", False)
        metavar = "" if flag else " " + parameter.make_metavar(context).replace("[", "").replace("]", "")
        spelled = [*parameter.opts, *parameter.secondary_opts]
        names = [f"{one}{metavar}" for one in sorted(spelled, key=lambda one: -len(one))]
        default = _default(parameter)
        if default:
            help_text += f" Default: `{default}`."
    return [":::{option} " + ", ".join(names), help_text, ":::"]


def _default(parameter: Any) -> str:
    value = getattr(parameter.default, "value", parameter.default)
    if value in (None, "", (), [], False) or callable(value) or parameter.required:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(str(getattr(one, "value", one)) for one in value)
    return str(value)


def _shorter_signature(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """Leave the constructor out for results: nobody calls it, and their attributes follow."""
    from tastemap.training.recipe import Recipe

    made_elsewhere = (
        what == "class" and dataclasses.is_dataclass(obj) and not issubclass(obj, Recipe)
    )
    return ("", "") if made_elsewhere else None


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and the handler."""
    app.add_directive("verb", Verb)
    app.connect("autodoc-process-signature", _shorter_signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
