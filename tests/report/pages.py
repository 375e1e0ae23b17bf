"""A report as a tree of elements."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import tastemap as tm

VOID = {"meta", "link", "br", "img", "input", "hr"}


class Node:
    def __init__(self, tag: str, attributes: dict[str, str | None], parent: Node | None) -> None:
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children: list[Node] = []
        self.own: list[str] = []

    @property
    def text(self) -> str:
        return " ".join("".join(self._texts()).split())

    def _texts(self) -> list[str]:
        return self.own + [text for child in self.children for text in child._texts()]

    def all(self, tag: str = "") -> list[Node]:
        found = [self] if not tag or self.tag == tag else []
        return found + [node for child in self.children for node in child.all(tag)]

    def one(self, identity: str) -> Node:
        return next(node for node in self.all() if node.attributes.get("id") == identity)


class Tree(HTMLParser):
    """Reads a page and fails where a tag is closed that was not opened last."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self.at = Node("", {}, None)
        self.feed(html)
        self.close()
        assert self.at is self.root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, dict(attrs), self.at)
        self.at.children.append(node)
        if tag not in VOID:
            self.at = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.at.children.append(Node(tag, dict(attrs), self.at))

    def handle_endtag(self, tag: str) -> None:
        assert self.at.tag == tag, f"</{tag}> closes <{self.at.tag}>"
        assert self.at.parent is not None
        self.at = self.at.parent

    def handle_data(self, data: str) -> None:
        # A text's place among its siblings does not matter here: only which element it is in.
        self.at.own.append(data)


def write(folder: Path, **arguments: Any) -> Node:
    path = tm.write_report(folder / "report.html", **arguments)
    return Tree(path.read_text(encoding="utf-8")).root
