"""From a frozen invoice to the bytes of its PDF, drawn in a process that may be killed.

    with Renderer() as renderer:
        pdf = renderer.render(invoice_html(snapshot), title=..., author=..., at=issued_at, lines=5)

`pages` writes the HTML; `client` is what the worker holds, and never a web request; `warm` is the other
process; `child` draws one document in a fork of it.
"""

from __future__ import annotations

from billing.rendering.client import Rendered, Renderer, RenderRefused
from billing.rendering.limits import Limits, limits_for
from billing.rendering.pages import invoice_html

__all__ = ["Limits", "RenderRefused", "Rendered", "Renderer", "invoice_html", "limits_for"]
