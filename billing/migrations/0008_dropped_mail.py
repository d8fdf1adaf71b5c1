"""When a mail was dropped because what it told was no longer so, apart from those that a server refused."""

from billing.migrations.dialect import create

STATEMENTS = ["ALTER TABLE mail ADD COLUMN dropped_at {instant} CHECK (dropped_at IS NULL OR state = 'refused')"]


def up(migrator, db):
    create(db, STATEMENTS)
