"""Builds and launches the page. Hugging Face Spaces starts this file; so does `make run`."""

import os
import sys

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000000")

from nl2sql_arena.errors import ArenaError
from nl2sql_arena.settings import Settings, from_command_line, is_windows


def main(settings: Settings | None = None) -> None:
    """Serve until interrupted. A problem that the user can mend ends with its one sentence and exit status 1."""
    if is_windows():
        sys.exit("NL2SQL Arena limits what a query may use with means that Windows lacks; run it under WSL (wsl --install).")
    try:
        serve(settings or from_command_line())
    except ArenaError as problem:
        sys.exit(str(problem))


def serve(settings: Settings) -> None:
    """Join the parts, load the contestants, launch. Raises ArenaError."""
    # `hardware` comes first: a Space's `spaces` package must be imported before torch.
    from nl2sql_arena import hardware
    from nl2sql_arena.services import choose_profile, open_services
    from nl2sql_arena.ui import build_app, launch_options

    services = open_services(settings)
    for database in services.databases.values():
        database.schema()
    device = hardware.detect()
    services.engine.generate = hardware.on_gpu(services.engine.generate)
    profile = choose_profile(services, device.has_gpu, device.name)
    demo = build_app(services, profile, concurrency=device.concurrency, streams=not device.zero_gpu)
    print(f"NL2SQL Arena: http://{'localhost' if settings.is_local else settings.host}:{settings.port}", flush=True)
    try:
        demo.launch(server_name=settings.host, server_port=settings.port, quiet=True, **launch_options())
    except OSError:
        sys.exit(f"Port {settings.port} is in use; stop what uses it or choose another with PORT=7861 make run.")


if __name__ == "__main__":
    main()
