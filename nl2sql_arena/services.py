"""The one place where parts are joined, for app, command line and tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nl2sql_arena import catalog, database
from nl2sql_arena.database import Database
from nl2sql_arena.engine import Engine
from nl2sql_arena.errors import ArenaError, BadInput, ModelUnavailable
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.settings import Settings
from nl2sql_arena.types import Clauses, Example, Kind, ModelCard
from nl2sql_arena.votes import Store

REAL_PAIR = ("phi-2-nl2sql", "sqlcoder-7b-2")
MINI_PAIR = ("mini-p-lora", "mini-l")
PROFILES = ("auto", "real", "minis")
QUANTISED = ("nf4", "int8")
"""How a backend's `precision` begins where weights are held in fewer than 16 bits."""
UNLIKE = "Only one side is quantised as shown, which is part of what you compare; set the same precision in both cards to compare models."


@dataclass(frozen=True)
class Profile:
    """Which contestants the page offers; `kind` keeps practice (minis) apart from real everywhere. `reason` explains a fallback."""

    kind: Kind
    pair: tuple[str, str]
    models: tuple[str, ...]
    hardware: str
    running: tuple[str, ...] = ()
    """For each of the pair, what it runs as, e.g. "fp32 on cpu, 1 thread"; empty when it could not be loaded."""
    reason: str = ""


@dataclass(frozen=True)
class Services:
    settings: Settings
    cards: Mapping[str, ModelCard]
    databases: Mapping[str, Database]
    sandbox: Sandbox
    engine: Engine
    store: Store

    def examples(self, db: str, split: str) -> tuple[Example, ...]:
        return tuple(example for example in self.engine.database(db).examples() if split in ("all", example.split))

    def joined(self, databases: Mapping[str, Database]) -> "Services":
        """The same with further databases; one of a name that is known takes its place."""
        together = {**self.databases, **databases}
        return replace(self, databases=together, engine=self.engine.on(together))

    def clauses(self, queries: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Clauses | None]:
        """(database, query) -> the clauses of the query; None for what does not parse. Raises Infrastructure."""
        columns = {
            db: {
                table.name.lower(): tuple(column.name.lower() for column in table.columns)
                for table in self.engine.database(db).schema().tables
            }
            for db in {db for db, _ in queries}
        }
        return dict(zip(queries, self.sandbox.clauses([(sql, columns[db]) for db, sql in queries]), strict=True))

    def revision(self, model: str) -> str:
        return catalog.revision(self.cards[model], self.settings.models)

    def close(self) -> None:
        self.sandbox.close()


def open_services(settings: Settings, own: Database | None = None) -> Services:
    """Everything joined, also a user's `own` database; no model is loaded yet. Raises ArenaError for a broken card, database or store."""
    cards = catalog.load(settings.models)
    databases = database.catalogue(settings) | ({own.name: own} if own else {})
    store = Store(settings.store_url or settings.data / "votes.sqlite", settings.signing_key)
    sandbox = Sandbox(workers=settings.workers)
    return Services(settings, cards, databases, sandbox, Engine(cards, settings.models, databases, sandbox), store)


Announce = Callable[[str], None]
"""Is given a line just before each model is loaded, which may take long."""


def choose_profile(services: Services, has_gpu: bool, hardware: str, announce: Announce = lambda _line: None) -> Profile:
    """The contestants to open with: on a GPU the real pair, loaded now; the minis without one, or with the reason when loading fails."""
    settings = services.settings
    if settings.profile not in PROFILES:
        raise BadInput(f"ARENA_PROFILE is '{settings.profile}'; set it to one of {', '.join(PROFILES)}.")
    if settings.chosen_models:
        return _chosen(services, settings.chosen_models, hardware, announce)
    if settings.profile == "real" or (settings.profile == "auto" and has_gpu):
        real = _profile(services, "real", REAL_PAIR, hardware, announce)
        if real.running:
            return real
        return _profile(services, "mini", MINI_PAIR, hardware, announce, f"The real pair is not running: {real.reason}")
    reason = "" if has_gpu else "No CUDA GPU was found, so the real pair cannot run here."
    return _profile(services, "mini", MINI_PAIR, hardware, announce, reason)


def _chosen(services: Services, names: tuple[str, ...], hardware: str, announce: Announce) -> Profile:
    unknown = [name for name in names if name not in services.cards]
    if unknown or len(names) != 2 or names[0] == names[1]:
        raise BadInput(f"ARENA_MODELS must name two of {', '.join(services.cards)}, separated by a comma.")
    kinds = {services.cards[name].kind for name in names} - {"baseline"}
    if len(kinds) > 1:
        raise BadInput("ARENA_MODELS mixes a mini with a real model; they are never compared, choose two of one kind.")
    return _profile(services, kinds.pop() if kinds else "baseline", (names[0], names[1]), hardware, announce)


def _profile(services: Services, kind: Kind, pair: tuple[str, str], hardware: str, announce: Announce, reason: str = "") -> Profile:
    """The profile with its pair loaded, or with the reason why it could not be."""
    running: tuple[str, ...] = ()
    try:
        if missing := [name for name in pair if name not in services.cards]:
            raise ModelUnavailable(f"The folder of models has no card of {' and '.join(missing)}; restore it or choose others.")
        for name in pair:
            announce(loading_line(services.cards[name], services.settings.models))
            running += (services.engine.backend(name).precision,)
    except ArenaError as problem:
        running, reason = (), f"{reason} {problem}".strip()
    if len({how.partition(" ")[0] if how.startswith(QUANTISED) else "" for how in running}) > 1:
        reason = f"{reason} {UNLIKE}".strip()
    models = tuple(name for name, card in services.cards.items() if card.kind in (kind, "baseline"))
    return Profile(kind, pair, models, hardware, running, reason)


def without_loading(services: Services, profile: Profile) -> Profile:
    """The profile with only its pair and those models that need no further weights loaded.

    On ZeroGPU weights must lie where a call finds them before the page opens.
    """
    offered = tuple(name for name in profile.models if name in profile.pair or services.engine.is_ready(name))
    return replace(profile, models=offered)


def loading_line(card: ModelCard, models: Path) -> str:
    """What to say before a model is loaded: its title and, where its weights come from the hub, how much the first time fetches."""
    if card.backend != "local" or (models / card.name / card.base.id).is_dir():
        return f"Loading {card.title} ..."
    size = f"; about {card.download_gb} GB" if card.download_gb else ""
    return f"Loading {card.title} (the first start downloads it{size}) ..."
