"""Memory as a container leaves it: whoever is refused a model should be, and whoever has room should not."""

from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from nl2sql_arena.memory import main_memory

GB = 10**9
MACHINE = 64 * GB
NO_LIMIT = str(2**63 - 4096)
"""What version 1 says where there is no limit."""


@pytest.fixture(autouse=True)
def large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory._replace(total=MACHINE, available=50 * GB))


def group(folder: Path, limit: str, used: int, reclaimable: int, version: int = 2) -> None:
    """The files of one control group."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    for name, text in zip(names, (limit, str(used)), strict=True):
        (folder / name).write_text(f"{text}\n")
    total = "" if version == 2 else "total_"
    (folder / "memory.stat").write_text(f"anon 7\n{total}active_file 5\n{total}inactive_file {reclaimable}\n")


def found(root: Path, own: str) -> tuple[int, int]:
    (root / "own").write_text(own)
    return main_memory(root, root / "own")


def test_a_container_s_limit_is_all_that_there_is_and_its_cached_files_are_free(tmp_path: Path) -> None:
    group(tmp_path, str(16 * GB), 10 * GB, 3 * GB)
    assert found(tmp_path, "0::/\n") == (9 * GB, 16 * GB)


def test_the_first_version_of_control_groups_is_understood_where_its_path_is_the_host_s(tmp_path: Path) -> None:
    group(tmp_path / "memory", str(16 * GB), 10 * GB, 3 * GB, version=1)
    assert found(tmp_path, "3:cpu:/docker/4f\n2:name=systemd:/docker/4f\n1:memory:/docker/4f\n") == (9 * GB, 16 * GB)


def test_the_narrowest_group_counts_whichever_it_is(tmp_path: Path) -> None:
    group(tmp_path / "pod" / "app", "max", 2 * GB, 0)
    group(tmp_path / "pod", str(8 * GB), 3 * GB, GB)
    assert found(tmp_path, "0::/pod/app\n") == (6 * GB, 8 * GB)
    group(tmp_path / "pod" / "app", str(4 * GB), 5 * GB, 0)
    assert found(tmp_path, "0::/pod/app\n") == (0, 4 * GB)


def test_a_limit_that_the_machine_reaches_first_changes_nothing(tmp_path: Path) -> None:
    group(tmp_path, str(60 * GB), GB, 0)
    assert found(tmp_path, "0::/\n") == (50 * GB, 60 * GB)


@pytest.mark.parametrize("own", ["0::/\n", "1:memory:/\n", "0::/nowhere\n", ""])
def test_without_a_limit_it_is_the_machine_s(tmp_path: Path, own: str) -> None:
    group(tmp_path, "max", GB, 0)
    group(tmp_path / "memory", NO_LIMIT, GB, 0, version=1)
    assert found(tmp_path, own) == (50 * GB, MACHINE)


def test_where_there_are_no_control_groups_it_is_the_machine_s(tmp_path: Path) -> None:
    assert main_memory(tmp_path, tmp_path / "none") == (50 * GB, MACHINE)
