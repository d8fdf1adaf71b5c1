"""When the books were last compared as a whole, so that no silence is so long that something in it is left out."""

from billing.migrations.dialect import create

STATEMENTS = ["ALTER TABLE seller ADD COLUMN compared_at {instant}"]


def up(migrator, db):
    create(db, STATEMENTS)
