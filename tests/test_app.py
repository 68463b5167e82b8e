"""What the app says when it cannot listen where it was told to."""

import errno
import socket
import subprocess
import sys

import pytest

import app
from nl2sql_arena import settings
from nl2sql_arena.errors import BadInput

HERE = "127.0.0.1"


def test_zero_becomes_a_free_port_and_any_other_stays() -> None:
    port = app.free_port(HERE, 0)
    assert 1024 <= port < 2**16
    assert app.free_port(HERE, port) == port


def test_a_port_in_use_is_named() -> None:
    with socket.create_server((HERE, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"Port {port} is in use; stop what uses it or choose another"):
            app.free_port(HERE, port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1", "127.0.0.1.5"])
def test_a_host_that_is_not_this_machine_is_named(host: str) -> None:
    with pytest.raises(BadInput, match=f"HOST is '{host}', which is no address of this machine; set it to 127.0.0.1"):
        app.free_port(host, 0)


@pytest.mark.parametrize(
    ("number", "said"), [(errno.EACCES, "Port 80 may not be used by this account"), (errno.ENOBUFS, "No buffer space available")]
)
def test_other_refusals_of_the_system_say_what_to_set(monkeypatch: pytest.MonkeyPatch, number: int, said: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "No buffer space available")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(BadInput, match=said):
        app.free_port(HERE, 80)


@pytest.mark.parametrize("start", ["import app; app.main()", "from nl2sql_arena.cli import main; main(['models', 'list'])"])
def test_windows_is_told_about_wsl_whatever_is_started(start: str) -> None:
    """Of what Windows lacks the signals are taken away here."""
    lacking = "import signal; del signal.SIGKILL, signal.SIGXCPU; from nl2sql_arena import settings; settings.is_windows = lambda: True; "
    done = subprocess.run([sys.executable, "-c", lacking + start], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.removeprefix("nl2sql_arena: ").strip() == settings.NEEDS_WSL
