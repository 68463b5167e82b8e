"""What the sandbox and its workers agree on: frames over a socket, and limits that both know.

A frame is four bytes of length, big-endian, then that many bytes (JSON; never pickle, since a worker is not trusted).
"""

import socket
import struct
import time

ADDRESS_SPACE = 2**30
"""Bytes that a worker may map."""
MEMORY_EXIT = 77
"""Exit status of a worker that holds more memory than that, where the system itself does not enforce it."""
PIECE = 2**20


class TooLongError(Exception):
    """The other side announces more bytes than are accepted."""


def send(channel: socket.socket, data: bytes, seconds: float | None = None) -> None:
    """Send one frame. Raises TimeoutError, OSError."""
    channel.settimeout(seconds)
    channel.sendall(struct.pack(">I", len(data)) + data)


def receive(channel: socket.socket, cap: int = 2**32, deadline: float | None = None) -> bytes | None:
    """One frame of at most `cap` bytes, or None when the other side has hung up. Raises TimeoutError after `deadline` (time.monotonic)."""
    head = _exactly(channel, 4, deadline)
    if head is None:
        return None
    size = struct.unpack(">I", head)[0]
    if size > cap:
        raise TooLongError
    return _exactly(channel, size, deadline)


def _exactly(channel: socket.socket, size: int, deadline: float | None) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        channel.settimeout(None if deadline is None else max(0.001, deadline - time.monotonic()))
        piece = channel.recv(min(PIECE, size - len(data)))
        if not piece:
            return None
        data += piece
    return bytes(data)
