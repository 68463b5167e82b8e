"""Models that run in this process: transformers, peft and bitsandbytes behind one loading path and one decoding loop.

Loading: safetensors only, never code from a repository; a LoRA adapter is merged into a 16- or 32-bit base (served unmerged it costs
16 % a token and 2.6 times the prompt) and stays beside a quantised one. fp16 attention is always sdpa: eager overflows in Phi-2.
Decoding: greedy, the requests of one call together in a batch which rows leave when they are done and waiting ones join; the key/value
states of recent schema prefixes are kept by exact token ids. A batch writes what each request alone would, unless two tokens score within
rounding of each other. Beams go one request at a time and do not stream.
Not covered: sampling, several GPUs for one model, one stored prefix that the rows of a batch share (each row has a copy).
"""

import errno
import logging
import math
import threading
import time
import warnings
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil  # type: ignore[import-untyped]  # accelerate brings it
import torch
from huggingface_hub import errors as hub_errors
from huggingface_hub import snapshot_download
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.nn.functional import pad
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    DynamicCache,
    LogitsProcessor,
    StoppingCriteria,
)
from transformers.cache_utils import DynamicLayer
from transformers.utils import logging as transformers_logging

from nl2sql_arena.errors import BadCard, ModelUnavailable
from nl2sql_arena.types import Completion, FinishReason, GenerationRequest, ModelCard, OnToken, Weights

# bitsandbytes asks for an optional package when peft imports it, which nothing here uses.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
# peft asks transformers by a name that the next major version drops.
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")

SMALL = 100_000_000
"""Parameters below which a model runs in fp32 on one CPU thread, where more threads only wait for each other."""
KEPT_PREFIXES = 4
SHORTEST_PREFIX = 16
"""Tokens below which keeping a prefix saves nothing."""
TOKENS_PER_EVENT = 4
MOST_ROWS = 16
"""Requests that decode together when memory allows."""
GIGABYTE = 1 << 30
BITS = {"nf4": 4, "int8": 8, "fp16": 16, "bf16": 16, "fp32": 32}
BASE_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
ADAPTER_FILES = ["adapter_*", "*/*"]
"""Not fetched with a base: a stray adapter_config.json in a merged repository sends transformers looking for an adapter."""
DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
NOT_FINITE = "The model's scores are not finite numbers, which in fp16 is an overflow; load it with precision bf16 or fp32."
OUT_OF_MEMORY = "The model ran out of memory; ask a shorter question, unload another model or load it with precision nf4."
Cancelled = Callable[[], bool]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Plan:
    """How a model's weights are held: `precision` is a key of BITS, `dtype` what it computes in, `threads` 0 means torch's own choice."""

    device: str
    precision: str
    dtype: torch.dtype
    threads: int = 0

    @property
    def quantised(self) -> bool:
        return BITS[self.precision] < 16

    def __str__(self) -> str:
        threads = f", {self.threads} thread" if self.threads else ""
        return f"{self.precision} on {self.device}{threads}"


def load(card: ModelCard, folder: Path) -> "Local":
    """The card's model from its folder or the hub. Raises ModelUnavailable (cause and next step) or BadCard for an unknown precision."""
    if card.precision != "auto" and card.precision not in BITS:
        raise BadCard(f"Model {card.name} asks for precision '{card.precision}'; use auto, {', '.join(BITS)}.")
    try:
        return _load(card, folder)
    except (OSError, ValueError, RuntimeError, MemoryError, SafetensorError) as error:
        raise ModelUnavailable(f"Model {card.name} cannot be loaded: {_cause(error, card)}") from error


def _load(card: ModelCard, folder: Path) -> "Local":
    _without_loading_bars()
    source = _source(card, card.base, folder)
    if not Path(source).is_dir():
        source = snapshot_download(source, revision=card.base.revision or None, allow_patterns=BASE_FILES, ignore_patterns=ADAPTER_FILES)
    options: dict[str, Any] = {"trust_remote_code": False}
    config = AutoConfig.from_pretrained(source, **options)
    tokenizer = AutoTokenizer.from_pretrained(source, clean_up_tokenization_spaces=False, **options)
    plan = choose(card.precision, _parameters(config))
    if plan.quantised:
        _require(card, "bitsandbytes")
        options |= {"quantization_config": _quantisation(plan), "device_map": {"": plan.device}}
    model: Any = AutoModelForCausalLM.from_pretrained(source, dtype=plan.dtype, attn_implementation="sdpa", use_safetensors=True, **options)
    if not plan.quantised:
        model = model.to(plan.device)
    if card.adapter:
        model = _adapted(model, card, card.adapter, folder, merge=not plan.quantised)
    longest = int(getattr(config, "max_position_embeddings", 0) or card.context)
    return Local(model.eval(), tokenizer, plan, min(card.context, longest) if card.context else longest)


def _without_loading_bars() -> None:
    """No bar for reading weights into memory; the hub's bars for a download, which may take minutes, stay."""
    quiet: Any = transformers_logging
    quiet.set_tqdm_hook(lambda _bar, args, kwargs: quiet.EmptyTqdm(*args, **kwargs))


def choose(precision: str, parameters: int) -> Plan:
    """What runs here: a card's precision, or with "auto" the best that the device and its free memory allow.

    CUDA: bf16, fp16 before Ampere, nf4 where 16 bits do not fit. CPU: fp32 on one thread when small, else bf16.
    """
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    threads = 1 if device == "cpu" and parameters < SMALL else 0
    sixteen = _sixteen_bits(device)
    if precision == "auto":
        precision = "nf4" if device == "cuda" and not _fits(parameters) else "fp32" if threads else sixteen
    compute = ("fp32" if threads else sixteen) if precision in ("nf4", "int8") else precision
    return Plan(device, precision, DTYPES[compute], threads)


def _sixteen_bits(device: str) -> str:
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    if device == "mps":
        return "bf16" if torch.backends.mps.is_macos_or_newer(14, 0) else "fp16"
    return "bf16"


def _fits(parameters: int) -> bool:
    """Whether 16-bit weights leave about 2 GB for the key/value states; unknown free memory counts as enough."""
    try:
        free, _ = torch.cuda.mem_get_info()
    except RuntimeError:
        return True
    return bool(2 * parameters * 1.1 + 2 * GIGABYTE < free)


def _parameters(config: Any) -> int:
    build: Any = AutoModelForCausalLM
    with torch.device("meta"):
        return sum(p.numel() for p in build.from_config(config, trust_remote_code=False).parameters())


def _quantisation(plan: Plan) -> Any:
    """Double quantisation always: without it bitsandbytes 0.50 corrupts weights that are saved after a forward pass on CPU."""
    make: Any = BitsAndBytesConfig
    if plan.precision == "int8":
        logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)  # else a line for every layer of every token
        return make(load_in_8bit=True)
    return make(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=plan.dtype)


def _require(card: ModelCard, package: str) -> None:
    if find_spec(package) is None:
        raise ModelUnavailable(f"Model {card.name} needs the package {package}; install it with `pip install {package}`.")


def _source(card: ModelCard, weights: Weights, folder: Path) -> str:
    """A folder beside the card if there is one, else the id as the hub knows it."""
    beside = (folder / weights.id).resolve()
    if not beside.is_dir() and not (weights.id.startswith(".") or Path(weights.id).is_absolute()):
        return weights.id
    if not any(beside.glob("*.safetensors")):
        train, copy = "train it with `python -m nl2sql_arena train mini`", "download them into it or correct the id in card.toml"
        step = train if card.kind == "mini" else copy
        raise ModelUnavailable(f"Model {card.name} has no safetensors weights in the folder {beside}; {step}.")
    return str(beside)


def _adapted(base: Any, card: ModelCard, adapter: Weights, folder: Path, merge: bool) -> Any:
    """The base with its LoRA adapter, whose every tensor must have its place. Raises ModelUnavailable naming what differs."""
    _require(card, "peft")
    import peft

    source = _source(card, adapter, folder)
    if not Path(source).is_dir():
        files = ["adapter_config.json", "adapter_model.safetensors"]
        source = snapshot_download(source, revision=adapter.revision or None, allow_patterns=files)
    config = peft.PeftConfig.from_pretrained(source)
    config.inference_mode = True
    config.base_model_name_or_path = base.name_or_path  # else peft warns that it had another name in training
    found = load_file(Path(source) / "adapter_model.safetensors")
    try:
        model: Any = peft.get_peft_model(base, config)
    except ValueError as error:
        raise ModelUnavailable(_misfit(card, adapter, str(error).splitlines()[0])) from error
    expected = peft.get_peft_model_state_dict(model, save_embedding_layers=False)
    if difference := _difference(expected, found):
        raise ModelUnavailable(_misfit(card, adapter, difference))
    peft.set_peft_model_state_dict(model, found)
    return model.merge_and_unload(safe_merge=True) if merge else model


def _misfit(card: ModelCard, adapter: Weights, difference: str) -> str:
    return (
        f"The adapter {adapter.id} of model {card.name} does not fit its base {card.base.id}: {difference.rstrip('.')}; "
        "correct base or adapter in card.toml, or train the adapter again."
    )


def _difference(expected: dict[str, torch.Tensor], found: dict[str, torch.Tensor]) -> str:
    """What keeps an adapter's tensors from fitting, in words; empty when they fit."""
    missing, surplus = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    shapes = [name for name in sorted(expected.keys() & found.keys()) if expected[name].shape != found[name].shape]
    parts = []
    if missing:
        parts.append(f"it lacks {len(missing)} tensors such as {missing[0]}")
    if surplus:
        parts.append(f"it has {len(surplus)} tensors without a place such as {surplus[0]}")
    if shapes:
        mine, theirs = tuple(found[shapes[0]].shape), tuple(expected[shapes[0]].shape)
        parts.append(f"{len(shapes)} tensors differ in shape such as {shapes[0]}, {mine} for {theirs}")
    return ", ".join(parts)


def _cause(error: BaseException, card: ModelCard) -> str:
    """One clause with the cause and the next step, from what libraries raise."""
    chain = [error]
    while (earlier := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(earlier)
    weights = card.base.id + (f" or {card.adapter.id}" if card.adapter else "")
    known = next((sentence for sign, sentence in CAUSES if any(map(sign, chain))), "")
    if not known and BITS.get(card.precision, 16) < 16 and any("CUDA" in str(link) or "GPU" in str(link) for link in chain):
        known = f"{card.precision} needs a CUDA device here; set precision auto in card.toml."
    first = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
    return known.format(weights=weights) or f"{first}; check the weights {weights}."


def _is(*kinds: type[BaseException]) -> Callable[[BaseException], bool]:
    return lambda error: isinstance(error, kinds)


def _disk_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno == errno.ENOSPC


def _out_of_memory(error: BaseException) -> bool:
    """Torch reports a full CPU memory as a plain RuntimeError."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (isinstance(error, RuntimeError) and "allocate memory" in str(error))


CAUSES: tuple[tuple[Callable[[BaseException], bool], str], ...] = (
    (_is(hub_errors.GatedRepoError), "{weights} is gated; accept its licence on huggingface.co and run `hf auth login`."),
    (_is(hub_errors.RevisionNotFoundError), "{weights} has no such revision; correct it in card.toml."),
    (
        _is(hub_errors.RepositoryNotFoundError),
        "{weights} is not on the hub or is private; correct the id in card.toml or run `hf auth login`.",
    ),
    (_disk_full, "the disk is full; free some space or set HF_HOME to a larger disk."),
    (
        _is(hub_errors.LocalEntryNotFoundError, hub_errors.OfflineModeIsEnabled, ConnectionError),
        "{weights} is not on this machine and the hub cannot be reached; go online once or copy the weights beside the card.",
    ),
    (_out_of_memory, "there is not enough free memory; set precision nf4 in card.toml, unload another model or choose a smaller one."),
    (_is(hub_errors.EntryNotFoundError), "{weights} has no safetensors weights; choose a revision that has."),
    (_is(SafetensorError), "the weights of {weights} are damaged; download them again."),
)
"""What to look for in a chain of errors, the more special first, and what to say."""


class _NotFinite(ArithmeticError):
    """Scores that are NaN or infinite."""


@dataclass
class _Text:
    """Token ids -> text, a token at a time, up to the first stop string; looks back only at the last few tokens."""

    tokenizer: Any
    stops: tuple[str, ...]
    text: str = ""
    ids: list[int] = field(default_factory=list)
    _start: int = 0
    _read: int = 0

    def add(self, token: int) -> bool:
        """Whether the text is complete because a stop string appeared; that string and what follows are cut off."""
        self.ids.append(token)
        before, after = self._decode(self.ids[self._start : self._read]), self._decode(self.ids[self._start :])
        if after.endswith("\ufffd"):
            return False  # the first bytes of a character; the rest comes with the next token
        old = len(self.text)
        self.text += after[len(before) :]
        self._start, self._read = self._read, len(self.ids)
        return self._cut(old)

    def finish(self) -> str:
        """The whole text, with what a character left unfinished at the end."""
        self.text += self._decode(self.ids[self._start :])[len(self._decode(self.ids[self._start : self._read])) :]
        self._start = self._read = len(self.ids)
        return self.text

    @property
    def shown(self) -> str:
        """The text without an end that may turn out to be the beginning of a stop string."""
        held = (size for stop in self.stops for size in range(len(stop) - 1, 0, -1) if self.text.endswith(stop[:size]))
        return self.text[: len(self.text) - max(held, default=0)]

    def _cut(self, old: int) -> bool:
        found = [at for stop in self.stops if (at := self.text.find(stop, max(0, old - len(stop) + 1))) >= 0]
        if found:
            self.text = self.text[: min(found)]
            self._start = self._read = len(self.ids)
        return bool(found)

    def _decode(self, ids: list[int]) -> str:
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text


class _Halt(StoppingCriteria):
    """Ends a beam at a stop string, and all of them on cancel."""

    def __init__(self, tokenizer: Any, stops: tuple[str, ...], prompt_tokens: int, cancelled: Cancelled) -> None:
        self._tokenizer, self._stops, self._from, self._cancelled = tokenizer, stops, prompt_tokens, cancelled
        self._tail = 1 + max(map(len, stops), default=0)

    def __call__(self, input_ids: torch.Tensor, scores: Any, **_: Any) -> Any:  # noqa: ARG002
        rows = [self._cancelled()] * input_ids.shape[0]
        if self._stops and not rows[0]:
            tails = self._tokenizer.batch_decode(input_ids[:, self._from :][:, -self._tail :], skip_special_tokens=True)
            rows = [any(stop in tail for stop in self._stops) for tail in tails]
        return torch.tensor(rows, device=input_ids.device)


class _Finite(LogitsProcessor):
    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        if not bool(torch.isfinite(scores).any(-1).all()) or bool(torch.isnan(scores).any()):
            raise _NotFinite
        return scores


@dataclass(eq=False)
class _Row:
    """One request on its way to its completion: `ids` is its prompt, `prefix` what is kept of that, `cap` the most tokens to write."""

    request: GenerationRequest
    ids: list[int]
    prefix: tuple[int, ...]
    cap: int
    text: _Text
    on_token: OnToken | None
    start: float = 0.0
    first: float = 0.0

    @property
    def unread(self) -> list[int]:
        """What must be read after the prefix: the prompt's rest, and what was written before memory made the row leave a batch."""
        return self.ids[len(self.prefix) :] + self.text.ids

    def begin(self) -> None:
        self.start = self.start or time.perf_counter()

    def heard(self) -> None:
        """Note the time of the first token; every few tokens tell the text."""
        self.first = self.first or time.perf_counter() - self.start
        if self.on_token and self.text.ids and (len(self.text.ids) - 1) % TOKENS_PER_EVENT == 0:
            self.on_token(self.request, self.text.shown)

    def end(self, reason: FinishReason = "stop", failure: str = "") -> Completion:
        request, text = self.request, self.text.finish()
        if self.on_token and self.text.ids and not failure:
            self.on_token(request, text)
        seconds = time.perf_counter() - self.start if self.start else 0.0
        tokens = len(self.text.ids)
        return Completion(request.id, request.model, text, len(self.ids), tokens, self.first or seconds, seconds, reason, failure)


class _Batch:
    """Rows that decode together, and those that wait for a place.

    Keys and values in `cache` are [rows, heads, columns, size]; `mask` [rows, columns] is true where a column holds a token of its row
    and false where it only fills up. It is no tensor, so that looking at it makes no GPU wait.
    """

    def __init__(self, waiting: Sequence[_Row], limit: int) -> None:
        self.limit = limit
        order = {prefix: place for place, prefix in enumerate(dict.fromkeys(row.prefix for row in waiting))}
        self.waiting = deque(sorted(waiting, key=lambda row: order[row.prefix]))
        self.rows: list[_Row] = []
        self.cache, self.mask = DynamicCache(), np.ones((0, 0), bool)

    @property
    def open(self) -> list[_Row]:
        return [*self.rows, *self.waiting]

    def coming(self) -> list[_Row]:
        """Takes from the waiting rows those to read in now: of one prefix, and not before a quarter of the places is free."""
        room = self.limit - len(self.rows)
        if not self.waiting or room < max(1, self.limit // 4):
            return []
        taken = [self.waiting.popleft()]
        while self.waiting and len(taken) < room and self.waiting[0].prefix == taken[0].prefix:
            taken.append(self.waiting.popleft())
        return taken

    def join(self, rows: list[_Row], cache: DynamicCache, mask: Mask) -> None:
        """Put rows that have been read below the others, all filled up on the left to the longest."""
        if self.rows:
            columns = max(self.mask.shape[1], mask.shape[1])
            for mine, theirs in zip(self.cache.layers, cache.layers, strict=True):
                theirs.keys = torch.cat([_filled(mine.keys, columns), _filled(theirs.keys, columns)])
                theirs.values = torch.cat([_filled(mine.values, columns), _filled(theirs.values, columns)])
            mask = np.concatenate([np.pad(each, ((0, 0), (columns - each.shape[1], 0))) for each in (self.mask, mask)])
        self.rows, self.cache, self.mask = [*self.rows, *rows], cache, mask

    def leave(self, rows: Sequence[_Row]) -> None:
        """Forget rows, and once they are an eighth the columns in which no row has a token."""
        stay = [place for place, row in enumerate(self.rows) if row not in rows]
        self.rows, self.mask = [self.rows[place] for place in stay], self.mask[stay]
        if not stay:
            self.cache = DynamicCache()
            return
        self._select(0, stay)
        used = self.mask.any(0)
        if used.mean() < 7 / 8:
            self._select(2, np.flatnonzero(used).tolist())
            self.mask = self.mask[:, used]

    def _select(self, dim: int, places: list[int]) -> None:
        for layer in self.cache.layers:
            index = torch.tensor(places, device=layer.keys.device)
            layer.keys, layer.values = layer.keys.index_select(dim, index), layer.values.index_select(dim, index)

    def halve(self, rows: list[_Row]) -> None:
        """After running out of memory: these rows wait again, to go on in a batch of half their number."""
        self.leave(self.rows)
        self.waiting.extendleft(reversed(rows))
        self.limit = max(1, len(rows) // 2)


def _filled(states: torch.Tensor, columns: int) -> torch.Tensor:
    return pad(states, (0, 0, columns - states.shape[-2], 0))


class Local:
    """One loaded model. A lock lets one thread decode at a time and is free between completions, so that no caller waits for a whole batch.

    Seconds count from the moment a request is being read, with all that decode beside it, and not while the caller holds back the next
    completion: they say how long an answer takes, and those of a batch add up to more than the batch took.
    """

    def __init__(self, model: Any, tokenizer: Any, plan: Plan, context: int) -> None:
        self.precision = str(plan)
        self.context = context
        self._model, self._tokenizer, self._plan = model, tokenizer, plan
        self._eos = _eos_ids(model, tokenizer)
        self._prefixes: OrderedDict[tuple[int, ...], DynamicCache] = OrderedDict()
        self._lock = threading.Lock()

    def count_tokens(self, text: str) -> int:
        return len(self._encode(text))

    def generate(
        self, requests: Sequence[GenerationRequest], on_token: OnToken | None = None, cancelled: Cancelled | None = None
    ) -> Iterator[Completion]:
        """See `Backend.generate`; running out of memory alone and scores that are not finite are failures of the completion."""
        stop = cancelled or (lambda: False)
        rows = [self._row(request, on_token) for request in requests]
        greedy = [row for row in rows if row.request.generation.num_beams == 1]
        batch = _Batch(greedy, self._most_rows(greedy))
        left = time.perf_counter()
        while batch.open:
            with self._alone(stop) as alone:
                waited = time.perf_counter() - left
                for row in batch.open:
                    row.start += waited if row.start else 0.0
                done = self._greedy(batch, stop) if alone else self._end(batch)
            left = time.perf_counter()
            yield from done
        for row in rows:
            if row.request.generation.num_beams > 1:
                with self._alone(stop) as alone:
                    completion = self._beams(row, stop) if alone else row.end("cancelled")
                yield completion

    @contextmanager
    def _alone(self, cancelled: Cancelled) -> Iterator[bool]:
        """The model for this thread alone, with its number of threads; False when a cancel came first."""
        alone = False
        while not (alone := self._lock.acquire(timeout=0.05)) and not cancelled():
            pass
        try:
            if alone and self._plan.threads:
                torch.set_num_threads(self._plan.threads)
            with torch.inference_mode():
                yield alone
        finally:
            if alone:
                self._lock.release()

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text)["input_ids"]
        return ids

    def _row(self, request: GenerationRequest, on_token: OnToken | None) -> _Row:
        """Without a prefix where that is short or ends inside a token."""
        ids = self._encode(request.prompt.text)
        if len(ids) >= self.context:
            raise ValueError(f"The prompt of {request.id} has {len(ids)} tokens; {request.model} reads at most {self.context - 1}.")
        prefix = tuple(self._encode(request.prompt.prefix)) if request.prompt.prefix else ()
        if not SHORTEST_PREFIX <= len(prefix) < len(ids) or tuple(ids[: len(prefix)]) != prefix:
            prefix = ()
        cap = min(request.generation.max_new_tokens, self.context - len(ids))
        return _Row(request, ids, prefix, cap, _Text(self._tokenizer, request.prompt.stop), on_token)

    def _most_rows(self, rows: Sequence[_Row]) -> int:
        """How many rows' keys and values fit half of the free memory, up to MOST_ROWS; 1 where a layer keeps only a window of them."""
        if len(rows) < 2 or any(type(layer) is not DynamicLayer for layer in DynamicCache(config=self._model.config).layers):
            return 1
        config = self._model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        token = 2 * config.num_hidden_layers * heads * size * self._plan.dtype.itemsize
        fit = int(_free_bytes(self._plan.device) / (2 * token * max(len(row.ids) + row.cap for row in rows)))
        return max(1, min(MOST_ROWS, len(rows), fit))

    def _greedy(self, batch: _Batch, cancelled: Cancelled) -> list[Completion]:
        """Decode until at least one row is done, and let those go."""
        while not cancelled():
            coming = batch.coming()
            ended: dict[_Row, Completion] = {}
            together = [*batch.rows, *coming]
            try:
                rows, scored = (coming, self._read(batch, coming)) if coming else (batch.rows, self._step(batch))
                ended = {row: end for row, (score, token) in zip(rows, scored, strict=True) if (end := self._heard(row, score, token))}
                if ended:
                    batch.leave([*ended])
            except (MemoryError, RuntimeError) as error:
                if not _out_of_memory(error):
                    raise
                self._free()
                batch.halve([row for row in together if row not in ended])
                if len(together) == 1 and not ended:
                    return [batch.waiting.popleft().end(failure=OUT_OF_MEMORY)]
            if ended:
                return [*ended.values()]
        return self._end(batch)

    def _end(self, batch: _Batch) -> list[Completion]:
        """Everything open, cancelled."""
        rows = batch.open
        batch.leave(batch.rows)
        batch.waiting.clear()
        return [row.end("cancelled") for row in rows]

    def _heard(self, row: _Row, score: float, token: int) -> Completion | None:
        """The completion when this token, which had this score, is the last."""
        if not math.isfinite(score):
            return row.end(failure=NOT_FINITE)
        stopped = token in self._eos or row.text.add(token)
        row.heard()
        if stopped:
            return row.end()
        return row.end("length") if len(row.text.ids) >= row.cap else None

    def _read(self, batch: _Batch, rows: list[_Row]) -> list[tuple[float, int]]:
        """Read rows of one prefix and let them join; what follows each, as `_next` has it."""
        for row in rows:
            row.begin()
        prefix = rows[0].prefix
        cache = self._begun(prefix, len(rows))
        scored, mask = self._next([row.unread for row in rows], cache, np.ones((len(rows), len(prefix)), bool))
        batch.join(rows, cache, mask)
        return scored

    def _step(self, batch: _Batch) -> list[tuple[float, int]]:
        scored, batch.mask = self._next([row.text.ids[-1:] for row in batch.rows], batch.cache, batch.mask)
        return scored

    def _next(self, fresh: list[list[int]], cache: DynamicCache, mask: Mask) -> tuple[list[tuple[float, int]], Mask]:
        """For each row the best score and its token after the cached tokens and `fresh`, and the mask with the new columns."""
        width = max(map(len, fresh))
        gaps = [width - len(ids) for ids in fresh]
        mask = np.concatenate([mask, np.arange(width) >= np.array(gaps)[:, None]], axis=1)
        inputs = {"input_ids": self._tensor([ids[:1] * gap + ids for ids, gap in zip(fresh, gaps, strict=True)])}
        if not mask.all():  # without a mask torch has a faster attention
            positions = (mask.cumsum(1) - 1).clip(min=0)[:, -width:]
            inputs |= {"attention_mask": self._tensor(mask), "position_ids": self._tensor(positions)}
        scores = self._model(**inputs, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
        best, tokens = scores.max(-1)
        return list(zip(best.tolist(), tokens.tolist(), strict=True)), mask

    def _begun(self, prefix: tuple[int, ...], rows: int) -> DynamicCache:
        """A cache in which every row already holds the prefix."""
        if not prefix:
            return DynamicCache(config=self._model.config)
        if prefix not in self._prefixes:
            cache = DynamicCache(config=self._model.config)
            self._next([[*prefix]], cache, np.ones((1, 0), bool))
            self._prefixes[prefix] = cache
            if len(self._prefixes) > KEPT_PREFIXES:
                self._prefixes.popitem(last=False)
        self._prefixes.move_to_end(prefix)
        cache = deepcopy(self._prefixes[prefix])
        if rows > 1:
            cache.batch_repeat_interleave(rows)
        return cache

    def _beams(self, row: _Row, cancelled: Cancelled) -> Completion:
        """Beam search; the whole text comes at once."""
        if cancelled():
            return row.end("cancelled")
        row.begin()
        try:
            written = self._search(row, cancelled)
        except _NotFinite:
            return row.end(failure=NOT_FINITE)
        except (MemoryError, RuntimeError) as error:
            if not _out_of_memory(error):
                raise
            self._free()
            return row.end(failure=OUT_OF_MEMORY)
        stopped = any(token in self._eos or row.text.add(token) for token in written)
        row.heard()
        if cancelled():
            return row.end("cancelled")
        return row.end("stop" if stopped or len(row.text.ids) < row.cap else "length")

    def _search(self, row: _Row, cancelled: Cancelled) -> list[int]:
        """The tokens of the best beam."""
        inputs = self._tensor([row.ids])
        output = self._model.generate(
            input_ids=inputs,
            attention_mask=torch.ones_like(inputs),
            num_beams=row.request.generation.num_beams,
            do_sample=False,
            max_new_tokens=row.cap,
            eos_token_id=sorted(self._eos) or None,
            pad_token_id=self._tokenizer.pad_token_id,
            stopping_criteria=[_Halt(self._tokenizer, row.request.prompt.stop, len(row.ids), cancelled)],
            logits_processor=[_Finite()],
        )
        tokens: list[int] = output[0, len(row.ids) :].tolist()
        return tokens

    def _tensor(self, values: Any) -> torch.Tensor:
        return torch.tensor(values, device=self._plan.device)

    def _free(self) -> None:
        self._prefixes.clear()
        if self._plan.device == "cuda":
            torch.cuda.empty_cache()


def _free_bytes(device: str) -> int:
    """Memory that is free where the model is, with what torch holds of a GPU's without using it."""
    if device == "cuda":
        free, _ = torch.cuda.mem_get_info()
        return int(free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated())
    return int(psutil.virtual_memory().available)


def _eos_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    configured = model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)
