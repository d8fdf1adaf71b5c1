"""Backup and restore of the whole database, so that either the copy is whole and checked, or there is none.

SQLite by VACUUM INTO (writers go on meanwhile), PostgreSQL by its own pg_dump and pg_restore.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from billing import clock


class BackupRefused(Exception):  # noqa: N818 - a sentence for the operator, not a defect
    """Why nothing was written, in words."""


def backup(database_url: str, target: Path) -> None:
    """Write a copy that was proved whole; `target` appears only then. Raises BackupRefused."""
    if target.exists():
        raise BackupRefused(f"{target} exists already. Choose another name: a backup is never overwritten.")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.part")
    unfinished.unlink(missing_ok=True)
    try:
        if (file := sqlite_file(database_url)) is not None:
            _require(file)
            with closing(sqlite3.connect(file, isolation_level=None)) as source:
                source.execute("VACUUM INTO ?", (str(unfinished),))
            _prove_whole(unfinished)
        else:
            _run("pg_dump", "--format=custom", f"--file={unfinished}", f"--dbname={database_url}")
        _sync(unfinished)
        unfinished.rename(target)
        _sync(target.parent)
    finally:
        unfinished.unlink(missing_ok=True)


def restore(database_url: str, source: Path) -> str:
    """Put a backup in place of the database and say what became of the old one. Raises BackupRefused.

    Web and worker must be stopped: a process that has the SQLite file open is noticed and the restore refused.
    """
    _require(source)
    file = sqlite_file(database_url)
    if file is None:
        _run(
            "pg_restore",
            *("--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error"),
            f"--dbname={database_url}",
            str(source),
        )
        return "The database holds what the backup held; what it held before is gone."
    _prove_whole(source)
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.restoring")
    shutil.copyfile(source, unfinished)
    _sync(unfinished)
    said = "There was no database before."
    if file.exists():
        _refuse_while_open(file)
        kept = file.with_name(f"{file.name}.before-{clock.now():%Y%m%dT%H%M%S}")
        file.rename(kept)
        said = f"The database before is kept as {kept}."
    for leftover in (f"{file}-wal", f"{file}-shm"):
        Path(leftover).unlink(missing_ok=True)
    unfinished.rename(file)
    _sync(file.parent)
    return said


def sqlite_file(database_url: str) -> Path | None:
    """The file of a SQLite address; None for PostgreSQL."""
    parts = urlsplit(database_url)
    return Path(unquote(parts.path[1:])) if parts.scheme == "sqlite" else None


def _prove_whole(file: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
            found = [row[0] for row in copy.execute("PRAGMA integrity_check")]
            found += [f"row {row[1]} of {row[0]} points nowhere" for row in copy.execute("PRAGMA foreign_key_check")]
            has_audit = copy.execute("SELECT count(*) FROM sqlite_master WHERE name = 'audit_head'").fetchone()[0]
    except sqlite3.DatabaseError as defect:
        raise BackupRefused(f"{file} is not a whole SQLite database: {defect}") from defect
    if found != ["ok"]:
        raise BackupRefused(f"{file} is damaged: {'; '.join(found[:3])}")
    if not has_audit:
        raise BackupRefused(f"{file} is a SQLite database, but not one of Remit.")


def _refuse_while_open(file: Path) -> None:
    """In WAL mode the exclusive lock is given only to the sole user of a file; taking it also ends the WAL."""
    try:
        with closing(sqlite3.connect(file, isolation_level=None, timeout=1)) as alone:
            alone.execute("PRAGMA locking_mode = EXCLUSIVE")
            alone.execute("BEGIN EXCLUSIVE")
            alone.execute("COMMIT")
            alone.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.OperationalError as busy:
        raise BackupRefused(f"{file} is in use. Stop the web server and the worker first.") from busy


def _run(program: str, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise BackupRefused(f"{program} is missing. Install PostgreSQL's client programs: postgresql-client.")
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BackupRefused(f"{program} failed: {done.stderr.strip()[-500:]}")


def _require(file: Path) -> None:
    if not file.is_file():
        raise BackupRefused(f"There is no file {file}.")


def _sync(path: Path) -> None:
    """Make a file or a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
