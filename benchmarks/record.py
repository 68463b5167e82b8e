"""Where and on what a measurement was made."""

import json
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("duckdb", "gradio", "torch", "transformers")


def machine() -> str:
    """Processor and core count."""
    info = Path("/proc/cpuinfo")
    names = (
        [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")] if info.exists() else []
    )
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def save(name: str, figures: dict[str, Any]) -> None:
    """Print the figures and write them to `results/<name>.json`."""
    load = os.getloadavg()[0]
    head = {"measured": datetime.now(UTC).date().isoformat(), "machine": machine(), "load_before": round(load, 2)}
    done = head | {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}} | figures
    text = json.dumps(done, indent=1)
    print(text)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text + "\n")
