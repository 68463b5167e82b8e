"""From this folder to a Space on Hugging Face: exactly what it needs to start, sent in one commit by huggingface_hub, large files included.

No secret passes through here: the token is what `hf auth login` or HF_TOKEN gives, and a Space's own secrets are set on its settings page.
Hardware, sleep, storage and variables stay as they are unless they are asked for. Tested against a stand-in for the hub, not the hub.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nl2sql_arena import __version__, catalog
from nl2sql_arena.errors import ArenaError, BadInput, Infrastructure
from nl2sql_arena.hub import Hub
from nl2sql_arena.services import REAL_PAIR
from nl2sql_arena.settings import ROOT
from nl2sql_arena.types import ModelCard

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

FILES = ("app.py", "requirements.txt", "pre-requirements.txt", "README.md", "LICENSE", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md")
FOLDERS = ("nl2sql_arena", "models", "sample_dbs", "benchmarks/runs", "docs")
LEFT_OUT = ("*/.*", "*/__pycache__/*", "nl2sql_arena/training/*", "models/*/training.*", "models/*/recipe.toml")
"""What lies in those folders and no page needs: the training, its recipes and protocols."""
DEFAULT_HARDWARE = "cpu-basic"
BUCKET_PLACE = "/data"
SYNC_VARIABLE = "ARENA_SYNC_REPO"
OURS = "nl2sql_arena/__init__.py"
Announce = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True)
class Wishes:
    """What to publish where; an empty wish leaves a Space as it is. `sleep_seconds` 0 is no wish."""

    repo: str
    hardware: str = ""
    sleep_seconds: int = 0
    bucket: str = ""
    votes: str = ""
    """A private dataset that keeps the votes."""
    private: bool = False


@dataclass(frozen=True)
class Published:
    url: str
    files: int
    bytes: int
    hardware: str
    preloaded: tuple[str, ...]
    """Lines of the Space's `preload_from_hub`."""


@dataclass(frozen=True)
class Space:
    """What the hub says of a Space: its files, and what it runs on."""

    files: frozenset[str] = frozenset()
    hardware: str = DEFAULT_HARDWARE
    exists: bool = field(default=False)


def needed(root: Path = ROOT) -> list[Path]:
    """Paths of the files of a Space, relative to `root`, in order."""
    found = [Path(name) for name in FILES if (root / name).is_file()]
    for folder in FOLDERS:
        inside = (path.relative_to(root) for path in sorted((root / folder).rglob("*")) if path.is_file())
        found += [path for path in inside if not any(fnmatch(path.as_posix(), pattern) for pattern in LEFT_OUT)]
    return found


def publish(wishes: Wishes, root: Path = ROOT, announce: Announce = lambda _line: None) -> Published:
    """Make or renew the Space. Raises BadInput and Infrastructure, each a sentence with the next step."""
    _check(wishes)
    from huggingface_hub import HfApi, get_token

    if not get_token():
        raise BadInput("Nobody is logged in to Hugging Face; run `hf auth login`, or set HF_TOKEN to a token that may write.")
    api = HfApi()
    space = _found(api, wishes.repo)
    hardware = wishes.hardware or space.hardware
    preloaded = () if hardware.startswith("cpu") else preload(catalog.load(root / "models"), root / "models", Hub(), announce)
    files = needed(root)
    size = sum((root / path).stat().st_size for path in files)
    announce(f"{'Renewing' if space.exists else 'Making'} {wishes.repo}: {len(files)} files, {size / 1e6:.0f} MB, for {hardware} ...")
    _prepare(api, wishes, space)
    _answered(
        wishes.repo,
        lambda: api.create_commit(
            repo_id=wishes.repo,
            repo_type="space",
            operations=_operations(root, files, space, preloaded),
            commit_message=f"NL2SQL Arena {__version__}",
        ),
    )
    return Published(f"{api.endpoint}/spaces/{wishes.repo}", len(files), size, hardware, preloaded)


def _operations(
    root: Path, files: Sequence[Path], space: Space, preloaded: Sequence[str]
) -> "list[CommitOperationAdd | CommitOperationDelete]":
    """What makes the Space hold these files and, in their folders, no others.

    For one commit: `upload_folder` makes several of many files, each commit is a build, and half an app would be started.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    readme = with_preload((root / "README.md").read_text(encoding="utf-8"), preloaded).encode()
    sent = {path.as_posix(): path for path in files}
    gone = [name for name in sorted(space.files - set(sent)) if name.startswith(tuple(f"{folder}/" for folder in FOLDERS))]
    return [
        *(CommitOperationDelete(name) for name in gone),
        *(CommitOperationAdd(name, readme if name == "README.md" else root / path) for name, path in sent.items()),
    ]


def preload(cards: Mapping[str, ModelCard], models: Path, hub: Hub, announce: Announce = lambda _line: None) -> tuple[str, ...]:
    """A line of `preload_from_hub` for each repository that the real pair loads: `id files revision`, only files that are loaded.

    Where the hub does not tell the files, the id alone, which brings all of them.
    """
    from nl2sql_arena.backends.local import ADAPTER_FILES, BASE_FILES

    lines = []
    for name in REAL_PAIR:
        card = cards[name]
        for weights in (card.base, card.adapter):
            if weights is None or (models / name / weights.id).is_dir():
                continue
            try:
                found = hub.repository(weights.id, weights.revision)
            except ArenaError as problem:
                announce(f"{problem} The Space preloads all files of {weights.id}.")
                lines.append(weights.id)
                continue
            files = [file for file in found.sizes if _any(file, BASE_FILES) and not _any(file, ADAPTER_FILES)]
            wanted = files if weights is card.base else [file for file in found.sizes if file.startswith("adapter_")]
            lines.append(f"{weights.id} {','.join(sorted(wanted))} {found.revision}")
    return tuple(dict.fromkeys(lines))


def with_preload(readme: str, lines: Sequence[str]) -> str:
    """The README with these lines as its `preload_from_hub`, or without one."""
    block = "preload_from_hub:\n" + "".join(f"  - {line}\n" for line in lines) if lines else ""
    replaced, count = re.subn(r"^preload_from_hub:\n(?:  - .*\n)+", block, readme, count=1, flags=re.MULTILINE)
    if not count:
        raise BadInput("README.md has no preload_from_hub at its head; restore its front matter.")
    return replaced


def _any(file: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(file, pattern) for pattern in patterns)


def _check(wishes: Wishes) -> None:
    from huggingface_hub import SpaceHardware

    for what, name in (("REPO", wishes.repo), ("BUCKET", wishes.bucket), ("VOTES", wishes.votes)):
        if (name or what == "REPO") and not re.fullmatch(r"[\w-][\w.-]*/[\w-][\w.-]*", name):
            raise BadInput(f"{what} is '{name}'; write your user name or organisation, a slash and a name, such as me/arena.")
    known = [each.value for each in SpaceHardware]
    if wishes.hardware and wishes.hardware not in known:
        raise BadInput(f"Hugging Face has no hardware '{wishes.hardware}'; choose one of {', '.join(known)}.")
    if wishes.sleep_seconds and (wishes.hardware or DEFAULT_HARDWARE) == DEFAULT_HARDWARE:
        raise BadInput("A time to sleep after can be set only together with paid hardware; name one, such as HARDWARE=l4x1.")


def _found(api: Any, repo: str) -> Space:
    from huggingface_hub import errors

    def ask() -> Any:
        try:
            return api.space_info(repo)
        except errors.RepositoryNotFoundError:
            return None

    info = _answered(repo, ask)
    if info is None:
        return Space()
    files = frozenset(each.rfilename for each in info.siblings or ())
    if "app.py" in files and OURS not in files:
        raise BadInput(f"The Space {repo} holds another app, which this would overwrite; name another Space or delete its app.py.")
    current = (info.runtime.requested_hardware or info.runtime.hardware) if info.runtime else None
    return Space(files, str(getattr(current, "value", current or DEFAULT_HARDWARE)), exists=True)


def _prepare(api: Any, wishes: Wishes, space: Space) -> None:
    """The Space with what was asked of it, before its files come, so that it is built once."""
    from huggingface_hub import Volume

    repo = wishes.repo
    if not space.exists:
        private = {"private": True} if wishes.private else {}
        _answered(repo, lambda: api.create_repo(repo, repo_type="space", space_sdk="gradio", **private))
    if wishes.votes:
        _answered(repo, lambda: api.add_space_variable(repo, SYNC_VARIABLE, wishes.votes))
    if wishes.bucket:
        volumes = [Volume(type="bucket", source=wishes.bucket, mount_path=BUCKET_PLACE)]
        _answered(repo, lambda: api.set_space_volumes(repo, volumes))
    if wishes.hardware:
        _answered(repo, lambda: api.request_space_hardware(repo, wishes.hardware, sleep_time=wishes.sleep_seconds or None))


def _answered(repo: str, ask: Callable[[], T]) -> T:
    """What the hub answers, or a sentence why it does not."""
    from huggingface_hub import errors

    try:
        return ask()
    except errors.HfHubHTTPError as problem:
        raise BadInput(_refusal(repo, problem)) from problem
    except (errors.OfflineModeIsEnabled, OSError, vars(errors)["HTTPError"]) as problem:
        raise Infrastructure("Hugging Face cannot be reached; go online, or unset HF_HUB_OFFLINE, and publish again.") from problem
    except (ValueError, RuntimeError) as problem:  # what huggingface_hub raises for a head of README.md or a file that the hub refuses
        raise BadInput(f"The hub did not take {repo}: {_line(str(problem))}; correct that and publish again.") from problem


def _refusal(repo: str, problem: Any) -> str:
    status = problem.response.status_code
    said = _line(problem.server_message or str(problem))
    if status == 401:
        return "The hub does not know this token; run `hf auth login`, or set HF_TOKEN to a token that may write."
    if status == 403:
        return f"The hub does not let you change {repo} ({said}); use a token that may write, and a name of your own."
    if status == 402:
        return f"The hub asks for a paid plan for this ({said}); choose other hardware, or see huggingface.co/pricing."
    if status == 404:
        return f"The hub knows no {repo} that you may change ({said}); correct REPO, or use a token that may write."
    if status == 429 or status >= 500:
        return f"The hub is busy or out of order (HTTP {status}); publish again in some minutes, and what has arrived stays."
    return f"The hub refuses {repo} (HTTP {status}: {said}); correct that and publish again."


def _line(text: str) -> str:
    return " ".join(text.split()).rstrip(".;")
