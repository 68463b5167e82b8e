"""What a newcomer and a Space install and start."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from nl2sql_arena.settings import ROOT

TESTED_TORCH = "2.13.0"
SPACE_TORCH = ("2.8.0", "2.9.1", "2.10.0", "2.11.0")
"""What a ZeroGPU Space offers."""


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required(name: str) -> dict[str, str]:
    """Package -> version range of a requirements file."""
    found = re.findall(r"^([A-Za-z][\w.-]*)([^#;\n]*)", text(name), re.MULTILINE)
    return {normal(package): bounds.strip() for package, bounds in found}


def pinned() -> dict[str, str]:
    return {package: bounds.removeprefix("==") for package, bounds in required("constraints.txt").items()}


def version(number: str) -> tuple[int, ...]:
    return tuple(int(part) for part in number.split("."))


def within(number: str, bounds: str) -> bool:
    """Whether a version lies in a range such as `>=6.31,<7`."""
    compare = {
        ">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, "<": lambda a, b: a < b, ">": lambda a, b: a > b, "==": lambda a, b: a == b,
    }  # fmt: skip
    conditions = re.findall(r"([<>=]=?)\s*([\d.]+)", bounds)
    assert conditions, f"{bounds!r} bounds nothing"
    width = max(len(version(bound)) for _, bound in conditions) + 3

    def padded(number: str) -> tuple[int, ...]:
        return version(number) + (0,) * (width - len(version(number)))

    return all(compare[operator](padded(number), padded(bound)) for operator, bound in conditions)


def front_matter() -> dict[str, str]:
    head = re.match(r"---\n(.*?)\n---\n", text("README.md"), re.DOTALL)
    assert head, "a Space reads its settings from the head of README.md"
    return dict(re.findall(r"^(\w+): *(.+?) *$", head[1], re.MULTILINE))


def test_a_space_starts_the_app_with_the_tested_gradio() -> None:
    head = front_matter()
    assert (head["sdk"], head["app_file"]) == ("gradio", "app.py")
    assert (ROOT / head["app_file"]).is_file()
    assert head["sdk_version"] == pinned()["gradio"]
    assert within(head["sdk_version"], required("requirements.txt")["gradio"])
    assert re.match(r"3\.(11|12|13)\b", head["python_version"])


def test_the_ranges_hold_what_is_tested_and_what_a_space_offers() -> None:
    everything = required("requirements.txt") | required("requirements-dev.txt")
    assert {"gradio", "transformers", "peft", "bitsandbytes", "duckdb", "sqlparse", "plotly"} <= set(required("requirements.txt"))
    assert set(everything) <= set(pinned())
    assert [f"{package} {pinned()[package]}" for package, bounds in everything.items() if not within(pinned()[package], bounds)] == []
    torch = required("requirements.txt")["torch"]
    assert pinned()["torch"] == TESTED_TORCH
    assert [number for number in (*SPACE_TORCH, TESTED_TORCH) if not within(number, torch)] == []
    assert not within("3.0.0", torch)


def test_constraints_pin_exact_versions_once() -> None:
    names = [normal(line.split("==")[0]) for line in text("constraints.txt").splitlines() if line and not line.startswith("#")]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[\w.-]+==[\w.+!-]+", line) for line in text("constraints.txt").splitlines() if line and line[0] != "#")


def test_development_installs_what_the_app_needs_too() -> None:
    assert "-r requirements-train.txt" in text("requirements-dev.txt").splitlines()
    assert "-r requirements.txt" in text("requirements-train.txt").splitlines()
    assert not {"pytest", "ruff", "mypy", "playwright"} & set(required("requirements.txt"))


def test_make_and_continuous_integration_run_what_the_readme_says() -> None:
    targets = set(re.findall(r"^([a-z][\w-]*):", text("Makefile"), re.MULTILINE))
    assert {"run", "test", "test-long"} <= targets
    readme = text("README.md")
    assert "make run" in readme
    assert "make test" in readme
    assert "pip install -r requirements.txt && python app.py" in readme
    integration = ROOT / ".ci" / "run"
    assert "make test" in integration.read_text(encoding="utf-8").splitlines()[-1]
    assert integration.stat().st_mode & 0o111, ".ci/run must be executable"
    assert "--constraint constraints.txt" in text("Makefile")


@pytest.mark.parametrize("target", ["run", "test", "test-long"])
def test_make_knows_how_to_make(target: str) -> None:
    """A dry run: every prerequisite exists or has a rule."""
    done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"])
def test_the_documents_are_there(name: str) -> None:
    assert len(text(name)) > 300


def test_the_licence_is_apache_everywhere() -> None:
    assert "Apache License" in text("LICENSE")
    assert front_matter()["license"] == "apache-2.0"
    assert tomllib.loads(text("pyproject.toml"))["project"]["license"] == "Apache-2.0"


def test_files_and_commands_that_the_documents_name_exist() -> None:
    for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", text(name))
        assert [link for link in links if not (ROOT / name).parent.joinpath(link).exists()] == [], name


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, nl2sql_arena; print([m for m in ('torch', 'gradio', 'duckdb', 'transformers', 'plotly') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_path_of_a_home_folder_is_in_the_documents() -> None:
    for path in [*ROOT.glob("*.md"), *Path(ROOT / "docs").glob("**/*.md")]:
        assert not re.search(r"(?<![\w.])/(home|root|Users)/\w", path.read_text(encoding="utf-8")), path.name
