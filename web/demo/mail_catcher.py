"""An SMTP server that keeps every message as a file and delivers nothing: `python -m web.demo.mail_catcher`.

A file appears whole or not at all, under a name that sorts by time, and only then is the sender told 250.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from aiosmtpd.smtp import SMTP

from billing import clock

if TYPE_CHECKING:
    from aiosmtpd.smtp import Envelope, Session

HOST = "127.0.0.1"
LARGEST = 25 * 1024 * 1024


class Keeper:
    """Keeps messages in a folder as .eml files; the envelope's recipients become a header of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Store the message, then say so."""
        content = envelope.content
        raw = content if isinstance(content, bytes) else (content or "").encode()
        keep(self.folder, raw, recipients=envelope.rcpt_tos)
        return "250 Kept"


def keep(folder: Path, raw: bytes, *, recipients: list[str]) -> Path:
    """Write one message; the rename makes it appear whole."""
    name = f"{clock.now():%Y%m%dT%H%M%S.%f}-{secrets.token_hex(4)}.eml"
    unfinished = folder / f".{name}"
    with unfinished.open("wb") as file:
        file.write(f"X-Envelope-To: {', '.join(recipients)}\r\n".encode())
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    return unfinished.rename(folder / name)


async def serve(folder: Path, port: int) -> None:
    """Catch mail until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    keeper = Keeper(folder)
    server = await loop.create_server(lambda: SMTP(keeper, data_size_limit=LARGEST, loop=loop), HOST, port)
    async with server:
        print(f"Catching mail on {HOST}:{port} into {folder}", flush=True)
        await stop.wait()


def main() -> None:
    """Read the two arguments and serve."""
    parser = argparse.ArgumentParser(description="Catch mail and keep it as files.")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=8425)
    chosen = parser.parse_args()
    asyncio.run(serve(chosen.folder, chosen.port))


if __name__ == "__main__":
    main()
