"""Seconds from starting `app.py` to a usable page, and from Ask to both result tables, in headless Chromium.

Databases are built already, but for the first start.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import record
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
STARTS, ASKS = 3, 12


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(data: str, browser: Any) -> tuple[float, subprocess.Popen[bytes], Page]:
    """Seconds until the question box can be typed into, the server, the page."""
    port, began = free_port(), time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, ROOT / "app.py"], cwd=ROOT, env=os.environ | {"PORT": str(port), "ARENA_DATA": data}, stdout=subprocess.DEVNULL
    )
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{port}/")
    page.wait_for_selector("#question textarea", timeout=60_000)
    return time.perf_counter() - began, server, page


def ask(page: Page) -> float:
    """Seconds from the click on Ask to votes being open."""
    began = time.perf_counter()
    page.click("#ask")
    page.wait_for_selector("#status .busy", state="attached")
    page.wait_for_selector("#vote-tie:not([disabled])", timeout=60_000)
    return time.perf_counter() - began


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        first, server, page = start(data, browser)
        server.kill()
        server.wait()
        starts = []
        for _ in range(STARTS):
            seconds, server, page = start(data, browser)
            starts.append(seconds)
            asks = [ask(page) for _ in range(ASKS)]
            server.kill()
            server.wait()
        record.save(
            "first_page",
            {
                "first_start_with_databases_to_build_s": round(first, 2),
                "cold_start_s": {"median": round(statistics.median(starts), 2), "max": round(max(starts), 2), "n": STARTS},
                "ask_to_both_tables_s": {"median": round(statistics.median(asks), 3), "max": round(max(asks), 3), "n": ASKS},
            },
        )


if __name__ == "__main__":
    main()
