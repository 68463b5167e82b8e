"""The only reader of environment variables and of paths inside the repository."""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nl2sql_arena.errors import BadInput

ROOT = Path(__file__).resolve().parent.parent
ANY_HOST = "0.0.0.0"  # noqa: S104 - what a container must listen on
NEEDS_WSL = "NL2SQL Arena limits what a query may use with means that Windows lacks; run it under WSL (wsl --install)."
QUESTION_CHARS = 2_000
"""Longest question that is accepted, in characters."""

FLAGS = {
    "--host": ("HOST", "address to listen on (default: 127.0.0.1; on a Space all)"),
    "--port": ("PORT", "port to listen on (default: 7860)"),
    "--data": ("ARENA_DATA", "folder of databases and votes (default: ./var)"),
    "--profile": ("ARENA_PROFILE", "auto, real or minis (default: auto)"),
    "--models": ("ARENA_MODELS", "two contestants, comma-separated (default: the profile's pair)"),
    "--study": ("ARENA_STUDY", "file of a study, which then is all that the page offers (docs/votes.md)"),
}
"""Each flag of the app, with the environment variable that it overrides."""


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
    store_url: str = ""
    """A PostgreSQL server that holds the votes; empty: a file in `data`."""
    signing_key: str = ""
    """What signs the tokens of battles; empty: a key that the store keeps."""
    sync_repo: str = ""
    """A private dataset on the hub, OWNER/NAME, that holds a copy of the votes; empty: there is none."""
    sync_seconds: float = 60.0
    """Between two commits to it, at least."""
    asks_per_hour: int = 120
    votes_per_hour: int = 120
    queries_per_hour: int = 240
    """Of a visitor's own: the SQL tab and queries put right."""
    files_per_hour: int = 60
    """Files of votes and of runs."""
    runs_per_hour: int = 12
    """Benchmark runs, started or resumed. Of each of these five what one page may; an address has five times as much. 0: no limit."""
    control_every: int = 10
    """One question in so many that the page offers repeats one of the visitor's own with sides exchanged; 0: none does."""
    audit_every: int = 20
    """After one blind vote in so many the voter is asked, before the names, which model A was; 0: never."""
    study: Path | None = None
    """The file of the study that the page is for; None: it is for everybody."""
    loses_disk: bool = False
    """Whether this machine's disk is empty after a restart, as a Space's."""

    @property
    def is_local(self) -> bool:
        """Whether this machine's own browser reaches the app under `localhost`."""
        return self.host in ("127.0.0.1", ANY_HOST)


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from HOST, PORT, ARENA_DATA, ARENA_PROFILE, ARENA_MODELS (comma-separated), ARENA_STUDY, ARENA_STORE_URL, ARENA_SIGNING_KEY,
    ARENA_SYNC_REPO, ARENA_SYNC_SECONDS, ARENA_ASKS_PER_HOUR, ARENA_VOTES_PER_HOUR, ARENA_QUERIES_PER_HOUR, ARENA_FILES_PER_HOUR,
    ARENA_RUNS_PER_HOUR, ARENA_CONTROL_EVERY and ARENA_AUDIT_EVERY.

    An empty one is as if unset. Raises BadInput.
    """
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    return Settings(
        data=_data(given),
        models=ROOT / "models",
        sample_dbs=ROOT / "sample_dbs",
        host=given.get("HOST") or given.get("GRADIO_SERVER_NAME") or (ANY_HOST if "SPACE_ID" in given else "127.0.0.1"),
        port=_port(given.get("PORT", given.get("GRADIO_SERVER_PORT", "7860"))),
        profile=given.get("ARENA_PROFILE", "auto"),
        chosen_models=names(given.get("ARENA_MODELS", "")),
        store_url=given.get("ARENA_STORE_URL", ""),
        signing_key=given.get("ARENA_SIGNING_KEY", ""),
        sync_repo=given.get("ARENA_SYNC_REPO", ""),
        sync_seconds=_seconds("ARENA_SYNC_SECONDS", given.get("ARENA_SYNC_SECONDS", "60")),
        asks_per_hour=_count("ARENA_ASKS_PER_HOUR", given.get("ARENA_ASKS_PER_HOUR", "120")),
        votes_per_hour=_count("ARENA_VOTES_PER_HOUR", given.get("ARENA_VOTES_PER_HOUR", "120")),
        queries_per_hour=_count("ARENA_QUERIES_PER_HOUR", given.get("ARENA_QUERIES_PER_HOUR", "240")),
        files_per_hour=_count("ARENA_FILES_PER_HOUR", given.get("ARENA_FILES_PER_HOUR", "60")),
        runs_per_hour=_count("ARENA_RUNS_PER_HOUR", given.get("ARENA_RUNS_PER_HOUR", "12")),
        control_every=_count("ARENA_CONTROL_EVERY", given.get("ARENA_CONTROL_EVERY", "10")),
        audit_every=_count("ARENA_AUDIT_EVERY", given.get("ARENA_AUDIT_EVERY", "20")),
        study=Path(given["ARENA_STUDY"]) if "ARENA_STUDY" in given else None,
        loses_disk="SPACE_ID" in given,
        workers=max(2, min(8, os.cpu_count() or 2)),
    )


def _data(given: Mapping[str, str]) -> Path:
    """ARENA_DATA, else `var` here; on a Space whose app folder cannot be written a folder for temporary files."""
    folder = Path(given.get("ARENA_DATA", "var")).resolve()
    if "ARENA_DATA" in given or "SPACE_ID" not in given or _is_writable(folder):
        return folder
    return Path(tempfile.gettempdir()) / "nl2sql_arena"


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def instead_of_home(settings: Settings, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What to add to the environment where the home folder cannot be written: then weights are downloaded to the data folder."""
    named = any(environment.get(name) for name in ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"))
    if named or _is_writable(Path(environment.get("HOME") or Path.home()) / ".cache" / "huggingface"):
        return {}
    return {"HF_HOME": str(settings.data / "huggingface")}


def from_command_line(arguments: Sequence[str] | None = None) -> Settings:
    """Settings of the app: a flag comes before its environment variable. Raises BadInput."""
    parser = argparse.ArgumentParser(description="Serve the arena's page.")
    for flag, (variable, meaning) in FLAGS.items():
        parser.add_argument(flag, dest=variable, default="", metavar=variable, help=meaning)
    given = {variable: value for variable, value in vars(parser.parse_args(arguments)).items() if value}
    return load(os.environ | given)


def names(text: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _port(text: str) -> int:
    if text.isdecimal() and int(text) < 2**16:
        return int(text)
    raise BadInput(f"PORT is '{text}'; set it to a number from 0 to 65535.")


def _count(name: str, text: str) -> int:
    if text.isdecimal():
        return int(text)
    raise BadInput(f"{name} is '{text}'; set it to a whole number; 0 turns it off.")


def _seconds(name: str, text: str) -> float:
    if text.replace(".", "", 1).isdecimal():
        return float(text)
    raise BadInput(f"{name} is '{text}'; set it to a number of seconds.")


def secret(variable: str, environment: Mapping[str, str] = os.environ) -> str:
    """A key that the environment holds, read where it is used and kept nowhere; empty when it is not set."""
    return environment.get(variable, "").strip()


def is_windows() -> bool:
    return sys.platform == "win32"
