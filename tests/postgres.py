"""A PostgreSQL server of the tests' own, from the system's packages, on a socket in a folder of its own."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

START_SECONDS = 30


def program(name: str) -> str:
    """Its path; Debian keeps it off PATH."""
    found = shutil.which(name) or next((str(each) for each in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), "")
    if not found:
        pytest.skip(f"PostgreSQL's server is not installed here ({name} is missing)")
    return found


class Server:
    """A cluster in a folder of its own; `start` again after `kill` is a restart after a crash."""

    def __init__(self, folder: Path, user: str | None) -> None:
        self.folder, self.user = folder, user
        self.url = f"postgresql://arena@/postgres?host={folder}"
        self._initdb, self._pg_ctl = program("initdb"), program("pg_ctl")

    def make(self) -> None:
        self._run(self._initdb, "-D", str(self.folder / "data"), "-U", "arena", "-A", "trust", "-E", "UTF8")

    def start(self) -> None:
        """Tries again where processes of a killed server may still end unseen."""
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                self._control("-w", "-l", str(self.folder / "log"), "-o", f"-k {self.folder} -c listen_addresses=''", "start")
            except subprocess.CalledProcessError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
            else:
                return

    def stop(self) -> None:
        self._control("-m", "immediate", "stop")

    def kill(self) -> None:
        """SIGKILL to the server's first process; what it has started ends by itself, which this waits for."""
        first = int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(first, signal.SIGKILL)
        until = time.monotonic() + START_SECONDS
        while self._is_running():
            assert time.monotonic() < until
            time.sleep(0.02)

    def _is_running(self) -> bool:
        """Whether a process works in the cluster's folder, as all of a server's do."""
        for each in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if each.readlink() == self.folder / "data":
                    return True
            except OSError:  # it has ended
                continue
        return False

    def _control(self, *command: str) -> None:
        self._run(self._pg_ctl, "-D", str(self.folder / "data"), *command)

    def _run(self, *command: str) -> None:
        subprocess.run(command, user=self.user, cwd=self.folder, check=True, capture_output=True, timeout=60)


@contextmanager
def server() -> Iterator[Server]:
    """A running one with an empty database. Skips where none can be started."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (requirements-postgres.txt)")
    program("initdb")
    user = None
    if os.getuid() == 0:  # the server refuses to run as root
        try:
            user = pwd.getpwnam("postgres").pw_name
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    folder = Path(tempfile.mkdtemp(prefix="arena-pg-", dir="/tmp"))
    if user:
        shutil.chown(folder, user)
    found = Server(folder, user)
    found.make()
    try:
        found.start()
        yield found
    finally:
        found.stop()
        shutil.rmtree(folder, ignore_errors=True)
