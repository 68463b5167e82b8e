"""What is asked of the hub and fetched from it, with its errors as sentences."""

import errno
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nl2sql_arena.errors import BadInput, ModelUnavailable

SECONDS = 10.0
OFFLINE = "the hub cannot be reached; go online and run this again"
LOG_IN = "run `hf auth login` or set HF_TOKEN (on a Space: its secret) to a token that may read it"


class Offline(ModelUnavailable):
    """The hub cannot be reached, or must not be."""


@dataclass(frozen=True)
class Repository:
    """A repository at one revision: its files with their sizes in bytes (0: not told), and the licence that its card names."""

    id: str
    revision: str
    sizes: dict[str, int]
    licence: str = ""


class Hub:
    """`endpoint` is another hub's address, for a mirror or a test; empty means what HF_ENDPOINT says, else huggingface.co."""

    def __init__(self, endpoint: str = "") -> None:
        self._endpoint = endpoint or None

    def repository(self, name: str, revision: str = "") -> Repository:
        """What lies at a revision (empty: the newest). Raises BadInput for an id that is none and ModelUnavailable."""
        from huggingface_hub import HfApi

        def ask() -> Any:
            return HfApi(endpoint=self._endpoint).model_info(name, revision=revision or None, timeout=SECONDS, files_metadata=True)

        info = _answered(name, ask)
        licence = (info.card_data.get("license") or "") if info.card_data else ""
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
        return Repository(name, info.sha or "", sizes, licence if isinstance(licence, str) else "")

    def json(self, found: Repository, file: str) -> dict[str, Any]:
        """A small JSON file of a repository; empty where it has none. Raises BadInput and ModelUnavailable."""
        if file not in found.sizes:
            return {}
        from huggingface_hub import hf_hub_download

        path = _answered(found.id, lambda: hf_hub_download(found.id, file, revision=found.revision, endpoint=self._endpoint))
        try:
            with open(path, encoding="utf-8") as text:
                said = json.load(text)
        except (OSError, ValueError) as problem:
            raise BadInput(f"{file} of {found.id} cannot be read ({problem}); name another revision.") from problem
        return said if isinstance(said, dict) else {}

    def kept(self, name: str, revision: str, files: Sequence[str], left_out: Sequence[str]) -> Path | None:
        """The folder of the hub's cache with what was fetched of a revision before, whole or not; None where nothing was."""
        from huggingface_hub import errors, snapshot_download, try_to_load_from_cache

        at = revision or None
        try:
            found = snapshot_download(name, revision=at, allow_patterns=[*files], ignore_patterns=[*left_out], local_files_only=True)
        except errors.LocalEntryNotFoundError:
            begun = (try_to_load_from_cache(name, file, revision=at) for file in ("config.json", "adapter_config.json"))
            return next((Path(path).parent for path in begun if isinstance(path, str)), None)
        except errors.HFValidationError:
            return None
        return Path(found)

    def has(self, found: Repository, file: str) -> bool:
        """Whether a file of a repository is in the cache, whole."""
        from huggingface_hub import try_to_load_from_cache

        return isinstance(try_to_load_from_cache(found.id, file, revision=found.revision), str)

    def fetch(self, found: Repository, revision: str, files: Sequence[str], left_out: Sequence[str]) -> Path:
        """The folder with these files; what is there already stays, what was begun goes on. Raises ModelUnavailable.

        `revision` as it was asked for, under which `kept` finds them again.
        """
        from huggingface_hub import errors, snapshot_download

        options: dict[str, Any] = {"allow_patterns": [*files], "ignore_patterns": [*left_out], "endpoint": self._endpoint}
        try:
            return Path(snapshot_download(found.id, revision=revision or None, **options))
        except errors.GatedRepoError as problem:
            raise ModelUnavailable(_gated(found.id)) from problem
        except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, _http_error(), OSError) as problem:
            if isinstance(problem, OSError) and problem.errno == errno.ENOSPC:
                raise ModelUnavailable("The disk is full; free some space or set HF_HOME to a larger disk.") from problem
            said = (str(problem).strip() or type(problem).__name__).split("\n")[0].rstrip(".")
            again = "start again, which goes on where it stopped"
            raise ModelUnavailable(f"The download of {found.id} broke off ({said}); {again}.") from problem

    def reachable(self, seconds: float = 3.0) -> bool:
        """Whether the hub answers at all within a short time."""
        from huggingface_hub import HfApi, errors

        try:
            HfApi(endpoint=self._endpoint).model_info("openai-community/gpt2", timeout=seconds, expand=["sha"])
        except errors.HfHubHTTPError:
            return True  # it answered, whatever it thinks of the question
        except (errors.OfflineModeIsEnabled, _http_error(), OSError):
            return False
        return True


def _answered(name: str, ask: Any) -> Any:
    """What the hub says, or a sentence why it does not."""
    from huggingface_hub import errors

    try:
        return ask()
    except errors.HFValidationError as problem:
        raise BadInput(f"'{name}' is neither a folder here nor an id on the hub, such as microsoft/phi-2; correct it.") from problem
    except errors.GatedRepoError as problem:
        raise ModelUnavailable(_gated(name)) from problem
    except errors.RevisionNotFoundError as problem:
        raise BadInput(f"{name} has no such revision on the hub; name another.") from problem
    except errors.RepositoryNotFoundError as problem:
        raise BadInput(f"{name} is not on the hub or is private; correct the id, or {LOG_IN}.") from problem
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError, _http_error(), OSError) as problem:
        raise Offline(f"Nothing is known of {name}: {OFFLINE}.") from problem


def _gated(name: str) -> str:
    return f"{name} is gated; accept its licence on huggingface.co, then {LOG_IN}."


def _http_error() -> type[Exception]:
    """The base of what its HTTP library raises, whichever that is."""
    from huggingface_hub import errors

    found: type[Exception] = vars(errors)["HTTPError"]
    return found
