"""The Node library and the TypeScript compiler, installed once from the lock beside this file, and asked."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.contracts import literals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.contracts.literals import Said

HERE = Path(__file__).parent / "node"
CACHE = Path(__file__).resolve().parents[2] / "var" / "contracts"
INSTALL_SECONDS, COMPILE_SECONDS = 300, 120
_ERROR = re.compile(r"said\.ts\((\d+),\d+\): error (TS\d+: .*)")


class NodeMissingError(RuntimeError):
    """Node or its packages are not to be had here."""


@dataclass(frozen=True)
class Types:
    """The installed packages: Stripe's types, and the compiler that judges by them."""

    folder: Path

    @property
    def api_version(self) -> str:
        """The API version the Node library was made for."""
        text = (self.folder / "node_modules/stripe/cjs/apiVersion.js").read_text()
        found = re.search(r"exports\.ApiVersion = '([^']+)'", text)
        assert found, "the library says its API version"
        return found[1]

    def problems(self, said: Sequence[Said], scratch: Path) -> dict[int, str]:
        """{number of what was said: the compiler's words} for all that is not of its type. Empty is good."""
        scratch.mkdir(parents=True, exist_ok=True)
        (scratch / "said.ts").write_text(literals.source(said), encoding="utf-8")
        shutil.copy(HERE / "tsconfig.json", scratch)
        modules = scratch / "node_modules"
        if not modules.exists():
            modules.symlink_to(self.folder / "node_modules")
        compiler = self.folder / "node_modules/typescript/bin/tsc"
        ended = subprocess.run(
            ["node", compiler, "-p", scratch, "--pretty", "false"],
            capture_output=True,
            text=True,
            timeout=COMPILE_SECONDS,
            check=False,
        )
        found = {int(line): words for line, words in _ERROR.findall(ended.stdout)}
        assert (ended.returncode == 0) == (not found), ended.stdout + ended.stderr
        return {line - literals.line_of(0): words for line, words in found.items()}


def installed() -> Types:
    """The packages, installed by the lock's hashes where they are not yet. Raises NodeMissingError."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise NodeMissingError("Node is missing: apt-get install nodejs npm")
    lock = (HERE / "package-lock.json").read_bytes()
    folder = CACHE / hashlib.sha256(lock).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            _install(folder)
            (folder / "done").touch()
    return Types(folder)


def _install(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    ended = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    if ended.returncode != 0:
        raise NodeMissingError(f"The Node packages cannot be installed: {ended.stderr.strip()[-400:]}")


def is_required() -> bool:
    """True where nothing may be skipped."""
    return "CI" in os.environ
