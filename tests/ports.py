"""A port for a server that another process will open, and the wait until it does."""

import random
import socket
import subprocess
import time

import httpx

HELD: list[socket.socket] = []


def free_port() -> int:
    """One that nobody has, outside of the range that systems take the ports of outgoing connections from.

    It is held to the end of this process, so that no other test takes it before its server listens or between two starts of that. Nobody
    listens on what is held, so a server may have it too: servers ask with one of the two options, this function without.
    """
    for port in random.SystemRandom().sample(range(20_000, 30_000), 100):
        holding = socket.socket()
        try:
            holding.bind(("127.0.0.1", port))
        except OSError:
            holding.close()
            continue
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            holding.setsockopt(socket.SOL_SOCKET, option, 1)
        HELD.append(holding)
        return port
    raise AssertionError("No port is free between 20000 and 30000.")


def wait_for_server(process: subprocess.Popen[bytes], port: int) -> None:
    """Until it answers for its health; fails when it ends instead."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        assert process.poll() is None, f"{process.args} ended"
        try:
            httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False, verify=False)
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"{process.args} does not answer")
