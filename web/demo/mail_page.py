"""The caught mails, for whoever tries the demo: a list, each mail as its reader sees it, and its attachments.

Never registered in production. A mail's HTML is shown inside a frame whose own policy lets nothing run and
nothing load; its links open the page they lead to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import parseaddr, parsedate_to_datetime
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, current_app, render_template

from web.security import content_policy

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from flask import Flask

    from billing.settings import Settings

demo = Blueprint("demo", __name__)

MOST_SHOWN = 200
# A name as web/demo/mail_catcher.py makes them; nothing else is ever opened.
NAME = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}-[0-9a-f]{8}\.eml")
LINK = re.compile(r"https?://[^\s<>\"']+")
FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'; "
    "form-action 'none'; sandbox allow-top-navigation-by-user-activation"
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a mail, by its place among them."""

    index: int
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class CaughtMail:
    """One mail as the list and the page show it."""

    name: str
    subject: str
    sender: str
    recipient: str
    at: datetime | None
    text: str
    html: str
    links: tuple[str, ...]
    attachments: tuple[Attachment, ...]


def register(app: Flask, settings: Settings) -> None:
    """Add the pages to an application that moves no money; for the frame of one page its policy gains a word."""
    if settings.production:
        return
    app.extensions["remit.demo_mail_folder"] = settings.data_dir / "mail"
    policy_ = content_policy(settings.stripe_checkout_origin)
    app.extensions["remit.demo_mail_policy"] = f"{policy_}; frame-src 'self'"
    app.register_blueprint(demo)


@demo.get("/demo/mail")
def mail() -> str:
    """The mails that were caught, newest first."""
    names = sorted((path.name for path in _folder().glob("*.eml") if NAME.fullmatch(path.name)), reverse=True)
    return render_template(
        "demo/mails.html",
        mails=[read(_folder() / name) for name in names[:MOST_SHOWN]],
        left_out=max(0, len(names) - MOST_SHOWN),
    )


@demo.get("/demo/mail/<name>")
def message(name: str) -> Response:
    """One mail, with its links and attachments beside it."""
    response = Response(render_template("demo/mail.html", mail=read(_file(name))))
    response.headers["Content-Security-Policy"] = current_app.extensions["remit.demo_mail_policy"]
    return response


@demo.get("/demo/mail/<name>/html")
def html(name: str) -> Response:
    """The HTML part alone, for the frame."""
    body = read(_file(name)).html.replace("<head>", '<head><base target="_top">', 1)
    headers = {"Content-Security-Policy": FRAME_POLICY, "X-Frame-Options": "SAMEORIGIN"}
    return Response(body, headers=headers)


@demo.get("/demo/mail/<name>/attachments/<int:index>")
def attachment(name: str, index: int) -> Response:
    """One attached file, to be kept."""
    parts = list(_parsed(_file(name)).iter_attachments())
    if index >= len(parts):
        abort(404)
    part = parts[index]
    found = re.sub(r"[^A-Za-z0-9._-]+", "-", part.get_filename() or "attachment")
    return Response(
        _bytes(part),
        mimetype=part.get_content_type(),
        headers={
            "Content-Disposition": f'attachment; filename="{found}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


def read(file: Path) -> CaughtMail:
    """What a caught mail says."""
    parsed = _parsed(file)
    text, html_ = parsed.get_body(("plain",)), parsed.get_body(("html",))
    words = str(text.get_content()) if text else ""
    date = parsed.get("Date")
    return CaughtMail(
        name=file.name,
        subject=str(parsed.get("Subject", "(no subject)")),
        sender=str(parsed.get("From", "")),
        recipient=parseaddr(str(parsed.get("To", "")))[1],
        at=parsedate_to_datetime(str(date)) if date else None,
        text=words,
        html=str(html_.get_content()) if html_ else "",
        links=tuple(dict.fromkeys(LINK.findall(words))),
        attachments=tuple(
            Attachment(index, part.get_filename() or "attachment", part.get_content_type(), len(_bytes(part)))
            for index, part in enumerate(parsed.iter_attachments())
        ),
    )


def _folder() -> Path:
    folder: Path = current_app.extensions["remit.demo_mail_folder"]
    return folder


def _file(name: str) -> Path:
    file = _folder() / name
    if not NAME.fullmatch(name) or not file.is_file():
        abort(404)
    return file


def _parsed(file: Path) -> EmailMessage:
    return BytesParser(EmailMessage, policy=policy.default).parsebytes(file.read_bytes())


def _bytes(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""
