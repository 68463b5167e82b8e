"""A port for a server that another process will open."""

import random
import socket


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
