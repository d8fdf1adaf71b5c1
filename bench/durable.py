"""`python -m bench.durable URL ID...` issues these drafts and ends: what strace watches to count fsyncs."""

from __future__ import annotations

import sys

from bench import filling
from bench.writes import issue
from billing import db, links


def main(url: str, *ids: str) -> None:
    """Issue each draft in a transaction of its own, on one connection, as a thread of a server does."""
    db.use(db.open_database(url))
    links.use(filling.SECRET_KEY, filling.BASE_URL)
    with db.connection():
        if db.is_sqlite():
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for invoice_id in ids:
            issue(int(invoice_id))


if __name__ == "__main__":
    main(*sys.argv[1:])
