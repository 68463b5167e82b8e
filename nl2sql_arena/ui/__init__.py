"""The page: tabs over the services. Gradio is imported only here and in `app.py`."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from nl2sql_arena import sandbox
from nl2sql_arena.benchmark import verify
from nl2sql_arena.services import Profile, Services, unsynced
from nl2sql_arena.settings import Settings
from nl2sql_arena.ui import about, render
from nl2sql_arena.ui.arena import ArenaTab
from nl2sql_arena.ui.benchmark.tab import BenchmarkTab
from nl2sql_arena.ui.by_hand import ByHand
from nl2sql_arena.ui.sessions import Sessions
from nl2sql_arena.ui.study import StudyTab
from nl2sql_arena.ui.study_progress import ProgressTab
from nl2sql_arena.ui.votes.tab import VotesTab
from nl2sql_arena.votes.limits import Action, Limits
from nl2sql_arena.votes.study import Opened

SYSTEM_FONTS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
NO_MODEL = "Databases, SQL of your own, votes and stored runs work without one."
ENTRIES_PER_HOUR = 30
"""How many codes and secrets of a study one page may try."""
MONO_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")


@dataclass(frozen=True)
class Page:
    """What a tab is built from. `concurrency` is how many battles may run at once; `streams` whether text can be shown live."""

    services: Services
    profile: Profile
    sessions: Sessions
    concurrency: int
    streams: bool


TABS: dict[str, Callable[[gr.Tab, Page], Any]] = {
    "Arena": lambda _tab, page: _arena(page),
    "SQL": lambda _tab, page: ByHand(page.services, page.sessions),
    "Votes": lambda tab, page: VotesTab(page.services, page.profile, page.sessions, tab),
    "Benchmark": lambda tab, page: BenchmarkTab(page.services, page.profile, page.sessions, tab),
    "About": lambda _tab, page: about.build(page.services, page.profile),
}


def _arena(page: Page) -> ArenaTab | None:
    """None where there is no card to choose. Weights that could not be loaded are asked for again by the next question."""
    if not set(page.profile.pair) <= set(page.profile.models):
        gr.HTML(render.note(f"There is nobody to ask. {page.profile.reason}", "warn"), elem_id="nobody")
        return None
    return ArenaTab(page.services, page.profile, page.sessions, page.concurrency, page.streams)


def build_app(services: Services, profile: Profile, concurrency: int = 4, streams: bool = True, study: Opened | None = None) -> gr.Blocks:
    """The whole page; `streams` is off where a GPU decorator runs the models in another process. With a `study` there is only that."""
    if study:
        return _study(services, profile, concurrency, study)
    limits = Limits(_an_hour(services.settings))
    page = Page(services, profile, Sessions(limits), concurrency, streams)

    def closed(request: gr.Request) -> None:
        """A closed page's models stop writing."""
        page.sessions.of(request.session_hash).close()

    with gr.Blocks(title="NL2SQL Arena", fill_width=True, analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        gr.HTML(_header(services, profile), elem_id="header")
        with gr.Tabs() as tabs:
            built = {}
            for name, build in TABS.items():
                with gr.Tab(name, id=name.lower()) as tab:
                    built[name] = build(tab, page)
        arena, bench = built.get("Arena"), built.get("Benchmark")
        if arena and bench:
            bench.connect(arena, tabs)
        if arena:
            arena.ballot.visitor.connect(demo)
        demo.unload(closed)
    demo.queue(max_size=50)
    return demo


def _study(services: Services, profile: Profile, concurrency: int, study: Opened) -> gr.Blocks:
    """The page of a study, which tells nothing of its contestants but whether they are practice models."""
    limits = Limits({"ask": services.settings.asks_per_hour, "vote": services.settings.votes_per_hour, "enter": ENTRIES_PER_HOUR})
    sessions = Sessions(limits)

    def closed(request: gr.Request) -> None:
        sessions.of(request.session_hash).close()

    with gr.Blocks(title=study.study.title, fill_width=True, analytics_enabled=False, delete_cache=(3600, 3600)) as demo:
        practice = "" if profile.kind == "real" else '<p class="banner practice"><b>Practice models</b> answer here.</p>'
        stands = "" if profile.running else render.note(f"No model is running here. {profile.reason}", "bad")
        lost = f'<p class="banner practice">{escape(_kept(services).strip())}</p>' if _kept(services) else ""
        lead = '<p class="lead">A study with NL2SQL Arena: one question, two answers. Which is better?</p>'
        gr.HTML(f"<header><h1>{escape(study.study.title)}</h1>{lead}{practice}{lost}{stands}</header>", elem_id="header")
        with gr.Tabs():
            with gr.Tab("Study", id="study"):
                tab = StudyTab(services, profile, sessions, study, concurrency)
            with gr.Tab("For the researcher", id="researcher"):
                ProgressTab(services, sessions, study)
        tab.connect(demo)
        demo.unload(closed)
    demo.queue(max_size=50)
    return demo


def _an_hour(settings: Settings) -> dict[Action, int]:
    """What one page may do in an hour."""
    return {
        "ask": settings.asks_per_hour,
        "vote": settings.votes_per_hour,
        "query": settings.queries_per_hour,
        "file": settings.files_per_hour,
        "run": settings.runs_per_hour,
    }


def launch_options() -> dict[str, Any]:
    """What the page needs at `launch`: looks, and nothing that reaches out or reports."""
    return {
        "theme": theme(),
        "css": "\n".join(
            (Path(__file__).parent / name).read_text(encoding="utf-8") for name in ("style.css", "votes/style.css", "study.css")
        ),
        "head": (Path(__file__).parent / "head.html").read_text(encoding="utf-8"),
        "footer_links": ["settings"],
        "ssr_mode": False,
        "enable_monitoring": False,
        "run_history": False,
        "pwa": False,
        "show_error": False,
        "max_file_size": "1mb",
        "state_session_capacity": 1000,
    }


def theme() -> gr.themes.Base:
    """Gradio's base theme with system fonts (its bundled bold files are incomplete) and colours of sufficient contrast."""
    return gr.themes.Default(
        primary_hue="indigo", neutral_hue="slate", font=list(SYSTEM_FONTS), font_mono=list(MONO_FONTS), radius_size="md"
    ).set(
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_400",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_text_color="white",
        button_secondary_background_fill_dark="*neutral_700",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_300",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
    )


def _header(services: Services, profile: Profile) -> str:
    running = profile.running or ("not loaded",) * len(profile.pair)
    titles = [services.cards[name].title if name in services.cards else name for name in profile.pair]
    named = sorted(f"{title} ({how})" for title, how in zip(titles, running, strict=True))
    tone = "real" if profile.kind == "real" else "practice"
    lead = "" if profile.kind == "real" else "<b>Practice models.</b> "
    shown = f"{lead}{escape(' against '.join(named))}. Running on {escape(profile.hardware)}."
    if not profile.running:
        shown = f"<b>No model is running here.</b> {NO_MODEL}"
    reason = f" {escape(profile.reason)}" if profile.reason else ""
    advice = f" For Phi-2 against SQLCoder {_way(services)}." if profile.kind == "mini" else _unverified(services, profile)
    return (
        '<header><h1>NL2SQL Arena</h1><p class="lead">One question, two models, two result tables. Which answer is better?</p>'
        f'<p class="banner {tone}">{shown}{reason}{advice}{_kept(services)}{_limits()}</p></header>'
    )


def _unverified(services: Services, profile: Profile) -> str:
    """Which of the contestants have not been seen here to answer as their publishers say."""
    checks = verify.read(services.settings.data / verify.FILE, verify.SHIPPED)
    names = [name for name in profile.pair if name in services.cards and services.cards[name].kind == "real"]
    open_ones = [name for name in names if verify.told(name, services.revision(name), checks) == verify.UNVERIFIED]
    titles = " and ".join(sorted(services.cards[name].title for name in open_ones))
    return f" {escape(titles)}: {verify.UNVERIFIED}." if titles else ""


def _way(services: Services) -> str:
    """How whoever runs this gets the real pair."""
    if services.settings.loses_disk:
        return "the owner of this Space chooses a GPU of 16 GB or more in its settings (docs/spaces.md)"
    return "start the app on a machine with a CUDA GPU of 16 GB or more"


def _kept(services: Services) -> str:
    """Where votes are lost with the machine's disk, that they are."""
    return " Votes here are lost when this Space restarts." if services.settings.loses_disk and unsynced(services.settings) else ""


def _limits() -> str:
    """On a system that cannot limit a query in every way, which limits hold."""
    if sys.platform == "linux":
        return ""
    return f" On this system queries are limited in fewer ways: {escape('; '.join(sandbox.limits_in_force()))}."
