"""Addresses that come from outside: where a sign-in may lead, and who asks."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import request
from werkzeug.exceptions import SecurityError

# One slash, then neither a slash nor a backslash: browsers read "//host" and "/\host" as another site.
_OWN = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
_LONGEST = 500


def own_path(text: str | None, otherwise: str) -> str:
    """`text` where it is a path of this site, else `otherwise`; it may come from a query or a header."""
    if not text or len(text) > _LONGEST or not _OWN.fullmatch(text):
        return otherwise
    parts = urlsplit(text)
    return text if not parts.scheme and not parts.netloc else otherwise


def referring_path(otherwise: str) -> str:
    """The page of this site that a form was sent from; `otherwise` also where a foreign host was asked for."""
    parts = urlsplit(request.referrer or "")
    try:
        is_ours = parts.netloc == request.host
    except SecurityError:
        is_ours = False
    if not is_ours:
        return otherwise
    return own_path(parts.path + (f"?{parts.query}" if parts.query else ""), otherwise)


def network_address() -> str:
    """Who asks, behind as many proxies as the settings trust (ASVS 4.1.3)."""
    return request.remote_addr or "unknown"
