"""Builds and launches the page. Hugging Face Spaces starts this file; so does `make run`."""

import errno
import os
import signal
import socket
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000")

from nl2sql_arena.errors import ArenaError, BadInput
from nl2sql_arena.settings import NEEDS_WSL, Settings, from_command_line, instead_of_home, is_windows, secret


def main(settings: Settings | None = None) -> None:
    """Serve until interrupted. A problem that the user can mend ends with its one sentence and exit status 1."""
    if is_windows():
        sys.exit(NEEDS_WSL)
    try:
        serve(settings or from_command_line())
    except ArenaError as problem:
        sys.exit(str(problem))


def serve(settings: Settings) -> None:
    """Join the parts, rebuild the votes where they are synced, load the contestants, launch. Raises ArenaError."""
    os.environ.update(instead_of_home(settings))  # read by huggingface_hub when it is imported, as Gradio does
    # `hardware` comes first: a Space's `spaces` package must be imported before torch.
    from nl2sql_arena import hardware, zero_gpu  # isort: skip
    from gradio import Error
    from httpx import HTTPError

    from nl2sql_arena.services import choose_profile, open_services, read_copy, without_loading
    from nl2sql_arena.ui import build_app, launch_options
    from nl2sql_arena.votes.study import SECRET_VARIABLE, load, under
    from nl2sql_arena.votes.study import opened as at

    def announce(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    port = free_port(settings.host, settings.port)  # before anything is loaded, which may take long
    study = load(settings.study) if settings.study else None
    services = open_services(under(study, settings) if study else settings)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # how a container is told to end: what follows `finally` is done first
    try:
        read_copy(services, announce)
        opened = at(study, services.databases, services.cards, secret(SECRET_VARIABLE)) if study else None
        if study:
            services.store.name_study(study.hash, study.title)
        for database in services.databases.values():
            database.schema()
        device = hardware.detect()
        services.engine.generate = zero_gpu.decorated(services.engine.generate, refusals=(Error, HTTPError))
        profile = choose_profile(services, device.has_gpu, device.name, announce)
        if device.zero_gpu:
            profile = without_loading(services, profile)
        demo = build_app(services, profile, concurrency=device.concurrency, streams=not device.zero_gpu, study=opened)
        try:
            demo.launch(server_name=settings.host, server_port=port, quiet=True, prevent_thread_lock=True, **launch_options())
        except OSError as problem:
            free_port(settings.host, port)
            raise BadInput(
                f"The page cannot be served on {settings.host} port {port} ({problem}); set HOST and PORT to others."
            ) from problem
        print(f"NL2SQL Arena: http://{'localhost' if settings.is_local else settings.host}:{port}", flush=True)
        try:
            demo.block_thread()
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if services.sync:
                services.sync.flush(5.0)  # first, since open pages hold up the server's end for seconds
            demo.close(verbose=False)  # after it no vote comes, and `services.close` sends the last
    finally:
        services.close()


def free_port(host: str, port: int) -> int:
    """The port itself where one can listen on it, for 0 any free one. Raises BadInput with what to set instead."""
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(address[0], address[1]) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(address[4])
            trial.listen()
            return int(trial.getsockname()[1])
    except OSError as problem:
        raise BadInput(_why_not(host, port, problem)) from problem


def _why_not(host: str, port: int, problem: OSError) -> str:
    if problem.errno == errno.EADDRINUSE:
        return f"Port {port} is in use; stop what uses it or choose another with PORT=7861 make run."
    if problem.errno in (errno.EACCES, errno.EPERM):
        return f"Port {port} may not be used by this account; choose one from 1024 on, for example with PORT=7861 make run."
    if isinstance(problem, socket.gaierror) or problem.errno == errno.EADDRNOTAVAIL:
        return f"HOST is '{host}', which is no address of this machine; set it to 127.0.0.1, or to 0.0.0.0 for all of its addresses."
    return f"The page cannot be served on {host} port {port} ({problem.strerror}); set HOST and PORT to others."


if __name__ == "__main__":
    main()
