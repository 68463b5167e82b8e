"""The synced copy: a private dataset on the Hugging Face hub, with the few things that are asked of it, and its errors as sentences.

Every commit names its parent, so that none is made unseen of what others wrote meanwhile, above all of erasures; and one whose reply was
lost is found again instead of being made twice. What is downloaded is not written to the hub's cache, where an erased vote would stay.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from nl2sql_arena.errors import ArenaError, BadInput

SECONDS = 60.0
"""How long one reply of the hub may stay away."""
FOLDER = "segments/"
ERASING = "erasing.txt"
"""Lies in the dataset from an erasure until its history, which still holds what was erased, is dropped."""
NAME = re.compile(r"[\w.-]+/[\w.-]+")
_T = TypeVar("_T")


class CopyError(ArenaError):
    """The copy cannot be read or written now. `wait` is how many seconds the hub asked for, 0 where it did not."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class Moved(CopyError):
    """Somebody else wrote in between; look again and try again."""


class Dataset:
    """`endpoint` is another hub's address, for a mirror or a test; empty means what HF_ENDPOINT says, else huggingface.co."""

    def __init__(self, name: str, token: str, endpoint: str = "", seconds: float = SECONDS) -> None:
        """Opens nothing yet. Raises BadInput for a name that is none."""
        if not NAME.fullmatch(name):
            raise BadInput(f"ARENA_SYNC_REPO is '{name}'; write OWNER/NAME of a private dataset on the hub.")
        self.name = name
        self._token, self._endpoint, self._seconds = token, endpoint or None, seconds
        self._api: Any = None

    def head(self) -> str:
        """The newest commit; a dataset that is missing is made. Raises CopyError, also for one that is public."""
        info = self._ask(self._found)
        if not info.private:
            raise CopyError(f"The dataset {self.name} is public; votes are synced to a private one only, make it private.")
        return str(info.sha)

    def _found(self, api: Any) -> Any:
        from huggingface_hub import errors

        def look() -> Any:
            return api.repo_info(self.name, repo_type="dataset", timeout=self._seconds)

        try:
            return look()
        except errors.RepositoryNotFoundError:
            api.create_repo(self.name, repo_type="dataset", private=True, exist_ok=True)
            return look()

    def files(self, head: str) -> dict[str, str]:
        """The path of each file of a commit, with what tells its content from any other."""
        found = self._ask(lambda api: list(api.list_repo_tree(self.name, repo_type="dataset", revision=head, recursive=True)))
        return {each.path: each.blob_id for each in found if hasattr(each, "blob_id")}

    def download(self, path: str, head: str) -> bytes:
        """A file of a commit. Raises Moved where that commit is gone, and CopyError."""
        from huggingface_hub import get_session, hf_hub_url

        def fetch(_api: Any) -> bytes:
            url = hf_hub_url(self.name, path, repo_type="dataset", revision=head, endpoint=self._endpoint)
            response = get_session().get(url, headers={"Authorization": f"Bearer {self._token}"})
            if response.status_code == 404:
                raise Moved(f"Somebody else took {path} out of {self.name} in between.")
            response.raise_for_status()
            return bytes(response.content)

        return self._ask(fetch)

    def commit(self, title: str, parent: str, files: Mapping[str, bytes], gone: Sequence[str] = ()) -> str:
        """Write and delete files, all or nothing. Returns the new head. Raises Moved and CopyError; it may have been made all the same."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        work = [CommitOperationAdd(path, data) for path, data in files.items()] + [CommitOperationDelete(path) for path in gone]
        made = self._ask(
            lambda api: api.create_commit(self.name, work, commit_message=title, repo_type="dataset", parent_commit=parent, num_threads=1)
        )
        return str(made.oid)

    def drop_history(self) -> None:
        """One commit is left, with the files as they are now."""
        self._ask(lambda api: api.super_squash_history(self.name, repo_type="dataset", commit_message="Votes"))

    def _ask(self, question: Callable[[Any], _T]) -> _T:
        from huggingface_hub import HfApi, errors

        if self._api is None:
            _limit_waiting(self._seconds)
            self._api = HfApi(endpoint=self._endpoint, token=self._token)
        try:
            return question(self._api)
        except ArenaError:
            raise
        except (vars(errors)["HTTPError"], OSError, ValueError, KeyError, RuntimeError) as problem:
            raise self._told(problem) from problem

    def _told(self, problem: Exception) -> CopyError:
        """The hub's reply as a sentence for whoever runs the arena."""
        from huggingface_hub import errors

        if isinstance(problem, errors.RevisionNotFoundError):
            return Moved(f"Somebody else dropped the history of {self.name} in between.")
        response = getattr(problem, "response", None)
        status = getattr(response, "status_code", 0)
        if status in (409, 412):
            return Moved(f"Somebody else wrote to {self.name} in between.")
        if status in (401, 403, 404):
            return CopyError(f"The hub refuses HF_TOKEN for the dataset {self.name} (HTTP {status}); give it a token that may write there.")
        if status == 429:
            return CopyError("The hub asks to come more seldom (HTTP 429); votes are synced later.", _wait(response))
        if status:
            return CopyError(f"The hub failed (HTTP {status}); votes are synced later.")
        return CopyError(f"The hub cannot be reached ({type(problem).__name__}); votes are synced once it can.")


def _wait(response: Any) -> float:
    asked = str(response.headers.get("Retry-After", ""))
    return float(asked) if asked.isdigit() else 0.0


def _limit_waiting(seconds: float) -> None:
    """The hub's client waits for ever by default; this holds for the whole process, each download has limits of its own beside it."""
    from huggingface_hub import get_session, set_client_factory

    usual = get_session()
    kind, hooks = type(usual), usual.event_hooks
    set_client_factory(lambda: kind(event_hooks=hooks, follow_redirects=True, timeout=seconds))
