"""A port for a server that another process will open, and the wait until it does."""

import random
import socket
import subprocess
import time

import httpx


def free_port() -> int:
    """One that nobody listens on, outside of the range that systems take the ports of outgoing connections from: it is still free later."""
    for port in random.SystemRandom().sample(range(20_000, 30_000), 100):
        with socket.socket() as trying:
            try:
                trying.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("No port is free between 20000 and 30000.")


def wait_for_server(process: subprocess.Popen[bytes], port: int) -> None:
    """Until it answers for its health; fails when it ends instead."""
    for _ in range(300):
        assert process.poll() is None, f"{process.args} ended"
        try:
            httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"{process.args} does not answer")
