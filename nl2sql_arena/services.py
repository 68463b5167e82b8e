"""The one place where parts are joined, for app, command line and tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from nl2sql_arena import catalog, database
from nl2sql_arena.database import Database
from nl2sql_arena.engine import Engine
from nl2sql_arena.errors import ArenaError, BadInput, ModelUnavailable
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.settings import Settings, secret
from nl2sql_arena.types import Clauses, Decoding, Example, Kind, ModelCard
from nl2sql_arena.votes import Store
from nl2sql_arena.votes.dataset import Dataset
from nl2sql_arena.votes.sync import Pace, Sync

REAL_PAIR = ("phi-2-nl2sql", "sqlcoder-7b-2")
MINI_PAIR = ("mini-p-lora", "mini-l")
PROFILES = ("auto", "real", "minis")
NETWORKED = ("fuse", "nfs", "cifs", "smb", "ceph")
"""How the kind of a file system begins whose files lie elsewhere; `fuseblk` is a disk of this machine."""
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
    sync: Sync | None = None
    """Keeps a copy of the store on the hub, where one is set up; it does nothing before its `start` or `flush`."""

    def examples(self, db: str, split: str) -> tuple[Example, ...]:
        return tuple(example for example in self.engine.database(db).examples() if split in ("all", example.split))

    def joined(self, databases: Mapping[str, Database]) -> "Services":
        """The same with further databases; one of a name that is known takes its place."""
        together = {**self.databases, **databases}
        return replace(self, databases=together, engine=self.engine.on(together))

    def decoded(self, decoding: str) -> "Services":
        """The same, with answers written greedily or, as "card", by the decoding that a model's publisher states. Raises BadInput."""
        if decoding not in get_args(Decoding):
            raise BadInput(f"There is no decoding '{decoding}'; use one of {', '.join(get_args(Decoding))}.")
        if decoding == "greedy":
            return self
        cards = {name: _as_published(card) for name, card in self.cards.items()}
        return replace(self, cards=cards, engine=self.engine.under(cards))

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
        """What distinguishes the weights that answer: of those that are loaded what was found then, whatever lies on the disk since."""
        return "+".join(self.engine.marks(model)) or catalog.revision(self.cards[model], self.settings.models)

    def kept(self, battle_id: str) -> Literal["here", "alone", "saved", "synced"]:
        """Where a battle is that the store has: `here` where no copy is wanted, `alone` where one is and none is kept (`unsynced`), `saved`
        while the copy lacks something of it, `synced`.
        """
        if self.sync:
            return self.sync.state(battle_id)
        return "alone" if unsynced(self.settings) else "here"

    def close(self) -> None:
        """What the copy lacks is sent first, for a few seconds at most."""
        if self.sync:
            self.sync.close()
        self.sandbox.close()


def _as_published(card: ModelCard) -> ModelCard:
    """A server cannot be asked for beams and goes on greedily."""
    beams = card.generation.num_beams if card.server else card.published_beams
    return replace(card, generation=replace(card.generation, num_beams=beams))


def open_services(settings: Settings, own: Database | None = None) -> Services:
    """Everything joined, also a user's `own` database; no model is loaded yet. Raises ArenaError for a broken card, database or store."""
    cards = catalog.load(settings.models)
    databases = database.catalogue(settings) | ({own.name: own} if own else {})
    store = Store(settings.store_url or settings.data / "votes.sqlite", settings.signing_key)
    sync = _sync(settings, store)
    sandbox = Sandbox(workers=settings.workers)
    return Services(settings, cards, databases, sandbox, Engine(cards, settings.models, databases, sandbox), store, sync)


def _sync(settings: Settings, store: Store) -> Sync | None:
    token = secret("HF_TOKEN")
    if not settings.sync_repo or not token:
        return None
    return Sync(store, Dataset(settings.sync_repo, token), settings.data / "outbox", Pace(commits=settings.sync_seconds))


Announce = Callable[[str], None]
"""Is given a line just before each model is loaded, which may take long."""


def read_copy(services: Services, announce: Announce, seconds: float = 120.0) -> None:
    """Begin to sync the votes, where that is set up, with what the copy has; and say what happened. The app starts whatever comes."""
    for problem in filter(None, (unsynced(services.settings), risky_disk(services.settings))):
        announce(problem)
    if services.sync is None:
        return
    is_read = services.sync.start(seconds)
    gained = services.sync.gained
    if gained.battles or gained.events or gained.erased:
        announce(f"From the synced copy: {gained.battles} battles, {gained.events} votes and other events; {gained.erased} battles erased.")
    if services.sync.unread:
        announce(f"{services.sync.unread} lines of the synced copy were torn or unknown and left out.")
    if not is_read:
        why = services.sync.trouble or "The synced copy is not read to its end yet; that goes on."
        announce(f"{why} Votes are kept on this machine meanwhile.")


def unsynced(settings: Settings) -> str:
    """Why votes are on this machine's disk only, for whoever runs the arena; empty where that is no loss or they are synced."""
    if settings.sync_repo and not secret("HF_TOKEN"):
        return (
            "ARENA_SYNC_REPO is set without HF_TOKEN, so votes stay on this machine's disk only; "
            f"set HF_TOKEN to a token that may write to the dataset {settings.sync_repo}."
        )
    if settings.loses_disk and not settings.sync_repo and not settings.store_url:
        return (
            "Votes stay on this machine's disk only, which a Space loses at every restart; set ARENA_SYNC_REPO to OWNER/NAME of a "
            "private dataset and the secret HF_TOKEN to a token that may write there (docs/votes.md)."
        )
    return ""


def risky_disk(settings: Settings, mounts: Path = Path("/proc/mounts")) -> str:
    """Why the votes' file should lie elsewhere, for whoever runs the arena: SQLite needs locks and synchronised writes that buckets and
    network drives do not promise. Empty where it lies well, is a server's, or nobody can tell.
    """
    if settings.store_url:
        return ""
    try:
        lines = [line.split() for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    except OSError:
        return ""
    folder = settings.data.resolve()
    kinds = {Path(place.replace("\\040", " ")): kind for _, place, kind, *_ in (line for line in lines if len(line) > 2)}
    holds = max((place for place in kinds if folder.is_relative_to(place)), key=lambda place: len(place.parts), default=None)
    kind = kinds[holds] if holds else ""
    if not kind.startswith(NETWORKED) or kind == "fuseblk":
        return ""
    return (
        f"The votes' file is on a mounted bucket or network drive ({kind} at {holds}), which may damage it; set ARENA_DATA to a folder of "
        "this machine's disk, and ARENA_SYNC_REPO for a copy that outlives it (docs/votes.md)."
    )


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
    reason = "" if has_gpu else "No CUDA GPU was found; ARENA_PROFILE=real tries the pair without one."
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
    """What to say before a model is loaded: its title and, where its weights come from the hub, their licence and how much is fetched."""
    if card.backend != "local" or (models / card.name / card.base.id).is_dir():
        return f"Loading {card.title} ..."
    size = f"; about {card.download_gb} GB" if card.download_gb else ""
    return f"Loading {card.title}, licence {card.licence} (the first start downloads it{size}) ..."
