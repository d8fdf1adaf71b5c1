"""Mail leaves here: what the outbox holds is claimed, written, and sent one recipient at a time.

"Accepted" means that the server said 250 to the whole message. A server that cannot be reached ends the run,
and where nobody let us in at all, no mail loses a try by it. Flask-Mail's own connection has neither timeout nor
verified TLS; this one has both (measured: it would wait for ever, and trust any certificate).
"""

from __future__ import annotations

import contextlib
import logging
import smtplib
import ssl
from dataclasses import dataclass
from email import charset, policy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import flask_mail
from flask import Flask, current_app

from billing import clock, db, outbox
from web import letters

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.mime.base import MIMEBase

    from billing.settings import Settings
    from billing.tables import Mail

TIMEOUT_SECONDS = 20
PERMANENT = range(500, 600)  # RFC 5321 4.2.1: the same message will never be taken

# Bodies travel quoted-printable: no line is too long and no byte too high for any server on the way.
charset.add_charset("utf-8", charset.SHORTEST, charset.QP, "utf-8")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Delivered:
    """What became of one run."""

    accepted: int = 0
    refused: int = 0
    later: int = 0
    unreachable: bool = False


class SafeConnection(flask_mail.Connection):
    """An SMTP connection that ends in time and speaks TLS to the right server only."""

    def __init__(self, mail: flask_mail.Mail, settings: Settings) -> None:
        super().__init__(mail)
        self.settings = settings

    def configure_host(self) -> smtplib.SMTP:
        """Connect, secure, sign in. Raises OSError or SMTPException."""
        settings = self.settings
        server, port = settings.mail_server, settings.mail_port
        own_name = urlsplit(settings.public_base_url).hostname or "localhost"
        trust = ssl.create_default_context(cafile=settings.mail_ca_file or None)
        host: smtplib.SMTP
        if settings.mail_tls == "ssl":
            host = smtplib.SMTP_SSL(server, port, own_name, timeout=TIMEOUT_SECONDS, context=trust)
        else:
            host = smtplib.SMTP(server, port, own_name, timeout=TIMEOUT_SECONDS)
        try:
            if settings.mail_tls == "starttls":
                host.starttls(context=trust)
            if settings.mail_username:
                host.login(settings.mail_username, settings.mail_password)
        except BaseException:
            host.close()
            raise
        return host

    def leave(self) -> None:
        """Say goodbye; a server that is gone already hears nothing, and no mail is lost by it."""
        host, self.host = self.host, None
        if host is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                host.quit()
            host.close()


class Message(flask_mail.Message):
    """A message whose headers go out as they were folded: folding them again doubles spaces in encoded ones."""

    def _message(self) -> MIMEBase:
        message: MIMEBase = super()._message()
        message.policy = policy.SMTP.clone(refold_source="none")
        return message


class Unreachable(Exception):  # noqa: N818 - a state of the world, not a defect
    """The server wants nothing from us now: try again later, and no other mail in this run.

    `began` tells whether this mail was on its way when that happened. Then the try counts: it may have arrived.
    """

    def __init__(self, words: str, *, began: bool) -> None:
        super().__init__(words)
        self.began = began


def sender_address(settings: Settings) -> str:
    """The address mails come from."""
    return settings.mail_sender or f"billing@{urlsplit(settings.public_base_url).hostname or 'localhost'}"


def deliver_due(settings: Settings, *, stopping: Callable[[], bool] = lambda: False) -> Delivered:
    """Send what is due, one by one, until nothing is left or the server cannot be reached."""
    run = Delivered()
    with _postbox(settings).app_context(), db.connection():
        connection = SafeConnection(current_app.extensions["mail"], settings)
        try:
            while not stopping() and not run.unreachable:
                claimed = outbox.claim_due(clock.now(), limit=1)
                if not claimed:
                    break
                _deliver(claimed[0], connection, run)
        finally:
            connection.leave()
    return run


def _postbox(settings: Settings) -> Flask:
    """The small application Flask-Mail asks for: worker and commands serve no pages."""
    app = Flask("remit.mail", static_folder=None)
    app.config.update(
        MAIL_SERVER=settings.mail_server,
        MAIL_PORT=settings.mail_port,
        MAIL_DEFAULT_SENDER=sender_address(settings),
        MAIL_SUPPRESS_SEND=False,
        MAIL_ASCII_ATTACHMENTS=True,
    )
    flask_mail.Mail(app)
    return app


def _deliver(mail: Mail, connection: SafeConnection, run: Delivered) -> None:
    """One mail, and one outcome on its row."""
    try:
        _send(mail, connection)
    except letters.NotNeeded as reason:
        outbox.drop(mail, str(reason), clock.now())
        run.refused += 1
    except Unreachable as reason:
        if reason.began:
            _later(mail, str(reason), run)
        else:
            outbox.put_back(mail, str(reason), clock.now())
            run.later += 1
        run.unreachable = True
    except smtplib.SMTPRecipientsRefused as answer:
        code, words = next(iter(answer.recipients.values()))
        _answered(mail, code, words, run)
    except smtplib.SMTPDataError as answer:
        _answered(mail, answer.smtp_code, answer.smtp_error, run)
    except Exception as defect:
        # One mail that cannot be written must not hold up the others; it waits, and staff can read why.
        log.exception("mail %s cannot be written", mail.id)
        _later(mail, f"{type(defect).__name__}: {defect}", run)
    else:
        outbox.accepted(mail, clock.now())
        run.accepted += 1


def _send(mail: Mail, connection: SafeConnection) -> None:
    """Write the mail and hand it over; returning means that the server said 250."""
    settings = connection.settings
    message = _message(letters.write(mail), mail, settings)
    if connection.host is None:
        try:
            connection.host = connection.configure_host()
        except (OSError, smtplib.SMTPException) as failure:
            raise Unreachable(f"{type(failure).__name__}: {failure}", began=False) from failure
    try:
        connection.send(message)
    except (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError):
        raise
    except (OSError, smtplib.SMTPException) as failure:
        connection.leave()
        raise Unreachable(f"{type(failure).__name__}: {failure}", began=True) from failure


def _message(letter: letters.Letter, mail: Mail, settings: Settings) -> Message:
    address = sender_address(settings)
    message = Message(
        subject=letter.subject,
        body=letter.text,
        html=letter.html,
        sender=address,
        reply_to=letters.one_line(letter.reply_to) or None,
        recipients=[(letters.one_line(mail.recipient_name), letters.one_line(mail.recipient))],
        date=clock.now().timestamp(),
        extra_headers={"Auto-Submitted": "auto-generated"},  # RFC 3834: no holiday answers, please
    )
    message.sender = (letter.sender_name, address)
    message.msgId = f"<{mail.message_id}@{address.rpartition('@')[2]}>"
    for attached in letter.attached:
        message.attach(attached.name, attached.media_type, attached.content)
    return message


def _answered(mail: Mail, code: int, words: bytes | str, run: Delivered) -> None:
    said = f"{code} {words.decode(errors='replace') if isinstance(words, bytes) else words}"
    if code in PERMANENT:
        outbox.refused(mail, said)
        run.refused += 1
    else:
        _later(mail, said, run)


def _later(mail: Mail, why: str, run: Delivered) -> None:
    outbox.retry_later(mail, why, clock.now())
    run.later += 1
