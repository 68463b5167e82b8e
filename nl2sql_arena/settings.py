"""The only reader of environment variables and of paths inside the repository."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ANY_HOST = "0.0.0.0"  # noqa: S104 - what a container must listen on
QUESTION_CHARS = 2_000
"""Longest question that is accepted, in characters."""


@dataclass(frozen=True)
class Settings:
    """Where things live and how the app is served."""

    data: Path
    models: Path
    sample_dbs: Path
    host: str = "127.0.0.1"
    port: int = 7860
    profile: str = "auto"
    chosen_models: tuple[str, ...] = ()
    workers: int = 2

    @property
    def is_local(self) -> bool:
        """Whether this machine's own browser reaches the app under `localhost`."""
        return self.host in ("127.0.0.1", ANY_HOST)


def load() -> Settings:
    """Settings from the environment: HOST, PORT, ARENA_DATA, ARENA_PROFILE, ARENA_MODELS (comma-separated)."""
    on_space = "SPACE_ID" in os.environ
    chosen = tuple(name.strip() for name in os.environ.get("ARENA_MODELS", "").split(",") if name.strip())
    return Settings(
        data=Path(os.environ.get("ARENA_DATA", "var")).resolve(),
        models=ROOT / "models",
        sample_dbs=ROOT / "sample_dbs",
        host=os.environ.get("HOST", ANY_HOST if on_space else "127.0.0.1"),
        port=int(os.environ.get("PORT", os.environ.get("GRADIO_SERVER_PORT", "7860"))),
        profile=os.environ.get("ARENA_PROFILE", "auto"),
        chosen_models=chosen,
        workers=max(2, min(8, os.cpu_count() or 2)),
    )


def is_windows() -> bool:
    return sys.platform == "win32"
