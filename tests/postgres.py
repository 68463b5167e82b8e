"""A PostgreSQL server of the tests' own, from the system's packages, on a socket in a folder of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Its path; Debian keeps it off PATH."""
    found = shutil.which(name) or next((str(each) for each in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), "")
    if not found:
        pytest.skip(f"PostgreSQL's server is not installed here ({name} is missing)")
    return found


@contextmanager
def server() -> Iterator[str]:
    """The URL of an empty database. Skips where no server can be started."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (requirements-postgres.txt)")
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    user = None
    if os.getuid() == 0:  # the server refuses to run as root
        try:
            user = pwd.getpwnam("postgres").pw_name
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    folder = Path(tempfile.mkdtemp(prefix="arena-pg-", dir="/tmp"))
    if user:
        shutil.chown(folder, user)
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run(command, user=user, cwd=folder, check=True, capture_output=True, timeout=60)

    run(initdb, "-D", str(data), "-U", "arena", "-A", "trust", "-E", "UTF8")
    try:
        run(pg_ctl, "-D", str(data), "-w", "-l", str(folder / "log"), "-o", f"-k {folder} -c listen_addresses=''", "start")
        yield f"postgresql://arena@/postgres?host={folder}"
    finally:
        run(pg_ctl, "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
