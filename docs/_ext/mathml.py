"""Formulas as MathML, which browsers draw themselves: no script and no font from elsewhere."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx

# docutils takes the index of an accented letter, as in \hat{r}_u, for a limit below it.
_LIMIT = re.compile(
    r"<munderover>\s*(<mi>\w</mi>)\s*(<mi>\w</mi>|<mrow>.*?</mrow>)\s*(<mo[^>]*>[\^¯]</mo>)"
    r"\s*</munderover>",
    re.DOTALL,
)


def as_mathml(formula: str, *, block: bool) -> str:
    """MathML of a formula in the notation of TeX."""
    mathml: str = tex2mathml(formula, as_block=block)
    # Accents marked as such sit too low in common fonts.
    mathml = mathml.replace(' accent="true"', "").replace("ˉ", "¯").replace("ˆ", "^")
    return _LIMIT.sub(r"<msub><mover>\1\3</mover>\2</msub>", mathml)


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(as_mathml(node.astext(), block=False))
    raise nodes.SkipNode


def _block(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="formula">{as_mathml(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
