"""A loaded model that answers: greedy, the requests of one call together in a batch.

The key/value states of recent schema prefixes are kept by exact token ids. A batch writes what each request alone would, unless two tokens
score within rounding of each other. Beams go one request at a time and do not stream. Not covered: sampling, several GPUs for one model,
one stored prefix that the rows of a batch share (each row has a copy).
"""

import gc
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import replace
from inspect import signature
from typing import Any

import numpy as np
import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from nl2sql_arena.backends.local.batch import Batch, Mask, Row, bytes_of
from nl2sql_arena.backends.local.plan import Plan, free_bytes, out_of_memory
from nl2sql_arena.backends.local.text import Cancelled, Finite, Halt, NotFinite, Text
from nl2sql_arena.memory import trim
from nl2sql_arena.types import Completion, GenerationRequest, OnToken

KEPT_PREFIXES = 4
"""At most; fewer where they would take more memory than is free beside them, which other models need, too."""
SHORTEST_PREFIX = 16
"""Tokens below which keeping a prefix saves nothing."""
MOST_ROWS = 16
"""Requests that decode together when memory allows."""
NOT_FINITE = "The model's scores are not finite numbers, which in fp16 is an overflow; load it with precision bf16 or fp32."
OUT_OF_MEMORY = "The model ran out of memory; ask a shorter question, or start again with precision nf4 or with fewer models."


class Local:
    """One loaded model. A lock lets one thread decode at a time and is free between completions, so that no caller waits for a whole batch.

    Seconds count from the moment a request is being read, with all that decode beside it, and not while the caller holds back the next
    completion: they say how long an answer takes, and those of a batch add up to more than the batch took.
    """

    def __init__(self, model: Any, tokenizer: Any, plan: Plan, context: int, parameters: int = 0, marks: tuple[str, ...] = ()) -> None:
        self.precision = str(plan)
        self.marks = marks
        """See `backends.Weighed`; empty for weights that were never read from a folder as they are, such as those in training."""
        self.context = context
        self.parameters = parameters
        """Of the base as its configuration states it, whatever its weights are packed into; 0 is not counted."""
        self._model, self._tokenizer, self._plan = model, tokenizer, plan
        self._eos = _eos_ids(model, tokenizer)
        self._cache_name = cache_name(model)
        self._weight_bytes: int = sum(weights.nbytes for weights in (*model.parameters(), *model.buffers()))
        self._prefixes: OrderedDict[tuple[int, ...], DynamicCache] = OrderedDict()
        self._lock = threading.Lock()

    def release(self) -> None:
        """See `backends.Weighed`."""
        with self._lock:
            self._model = None
            gc.collect()  # its modules refer to each other
            self._free()
            trim()

    def count_tokens(self, text: str) -> int:
        return len(self._encode(text))

    def generate(
        self, requests: Sequence[GenerationRequest], on_token: OnToken | None = None, cancelled: Cancelled | None = None
    ) -> Iterator[Completion]:
        """See `Backend.generate`; running out of memory alone and scores that are not finite are failures of the completion."""
        stop = cancelled or (lambda: False)
        rows = [self._row(request, on_token) for request in requests]
        greedy = [row for row in rows if row.request.generation.num_beams == 1]
        batch = Batch(greedy, self._most_rows(greedy))
        self._forget_peak()
        left = time.perf_counter()
        while batch.open:
            with self._alone(stop) as alone:
                waited = time.perf_counter() - left
                for row in batch.open:
                    row.start += waited if row.start else 0.0
                done = self._greedy(batch, stop) if alone else self._end(batch)
            left = time.perf_counter()
            yield from (replace(completion, peak_memory=self._peak_memory(batch.most_bytes)) for completion in done)
        for row in rows:
            if row.request.generation.num_beams > 1:
                with self._alone(stop) as alone:
                    completion = self._beams(row, stop) if alone else row.end("cancelled")
                yield replace(completion, peak_memory=self._peak_memory(0))

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

    def _row(self, request: GenerationRequest, on_token: OnToken | None) -> Row:
        """Without a prefix where that is short or ends inside a token."""
        ids = self._encode(request.prompt.text)
        if len(ids) >= self.context:
            raise ValueError(f"The prompt of {request.id} has {len(ids)} tokens; {request.model} reads at most {self.context - 1}.")
        prefix = tuple(self._encode(request.prompt.prefix)) if request.prompt.prefix else ()
        if not SHORTEST_PREFIX <= len(prefix) < len(ids) or tuple(ids[: len(prefix)]) != prefix:
            prefix = ()
        cap = min(request.generation.max_new_tokens, self.context - len(ids))
        return Row(request, ids, prefix, cap, Text(self._tokenizer, request.prompt.stop), on_token)

    def _most_rows(self, rows: Sequence[Row]) -> int:
        """How many rows' keys and values fit half of the free memory, up to MOST_ROWS; 1 where a layer keeps only a window of them."""
        if len(rows) < 2 or any(type(layer) is not DynamicLayer for layer in DynamicCache(config=self._model.config).layers):
            return 1
        config = self._model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        token = 2 * config.num_hidden_layers * heads * size * self._plan.dtype.itemsize
        fit = int(free_bytes(self._plan.device) / (2 * token * max(len(row.ids) + row.cap for row in rows)))
        return max(1, min(MOST_ROWS, len(rows), fit))

    def _greedy(self, batch: Batch, cancelled: Cancelled) -> list[Completion]:
        """Decode until at least one row is done, and let those go."""
        while not cancelled():
            coming = batch.coming()
            ended: dict[Row, Completion] = {}
            together = [*batch.rows, *coming]
            try:
                rows, scored = (coming, self._read(batch, coming)) if coming else (batch.rows, self._step(batch))
                ended = {row: end for row, (score, token) in zip(rows, scored, strict=True) if (end := self._heard(row, score, token))}
                if ended:
                    batch.leave([*ended])
            except (MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                had_prefixes = self._free()
                batch.halve([row for row in together if row not in ended])
                if len(together) == 1 and not ended:
                    if not had_prefixes:
                        return [batch.waiting.popleft().end(failure=OUT_OF_MEMORY)]
                    together[0].prefix = ()  # once more, in the memory that the kept prefixes had
            if ended:
                return [*ended.values()]
        return self._end(batch)

    def _end(self, batch: Batch) -> list[Completion]:
        """Everything open, cancelled."""
        rows = batch.open
        batch.leave(batch.rows)
        batch.waiting.clear()
        return [row.end("cancelled") for row in rows]

    def _heard(self, row: Row, score: float, token: int) -> Completion | None:
        """The completion when this token, which had this score, is the last."""
        if not math.isfinite(score):
            return row.end(failure=NOT_FINITE)
        stopped = token in self._eos or row.text.add(token)
        row.heard()
        if stopped:
            return row.end()
        return row.end("length") if len(row.text.ids) >= row.cap else None

    def _read(self, batch: Batch, rows: list[Row]) -> list[tuple[float, int]]:
        """Read rows of one prefix and let them join; what follows each, as `_next` has it."""
        for row in rows:
            row.begin()
        prefix = rows[0].prefix
        cache = self._begun(prefix, len(rows))
        scored, mask = self._next([row.unread for row in rows], cache, np.ones((len(rows), len(prefix)), bool))
        batch.join(rows, cache, mask)
        return scored

    def _step(self, batch: Batch) -> list[tuple[float, int]]:
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
        scores = self._model(**inputs, **{self._cache_name: cache}, use_cache=True, logits_to_keep=1).logits[:, -1]
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
            while len(self._prefixes) > 1 and (len(self._prefixes) > KEPT_PREFIXES or self._kept_bytes() > free_bytes(self._plan.device)):
                self._prefixes.popitem(last=False)
        self._prefixes.move_to_end(prefix)
        cache = deepcopy(self._prefixes[prefix])
        if rows > 1:
            cache.batch_repeat_interleave(rows)
        return cache

    def _beams(self, row: Row, cancelled: Cancelled) -> Completion:
        """Beam search; the whole text comes at once."""
        if cancelled():
            return row.end("cancelled")
        row.begin()
        try:
            written = self._search(row, cancelled)
        except NotFinite:
            return row.end(failure=NOT_FINITE)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            return self._beams(row, cancelled) if self._free() else row.end(failure=OUT_OF_MEMORY)
        stopped = any(token in self._eos or row.text.add(token) for token in written)
        row.heard()
        if cancelled():
            return row.end("cancelled")
        return row.end("stop" if stopped or len(row.text.ids) < row.cap else "length")

    def _search(self, row: Row, cancelled: Cancelled) -> list[int]:
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
            stopping_criteria=[Halt(self._tokenizer, row.request.prompt.stop, len(row.ids), cancelled)],
            logits_processor=[Finite()],
        )
        tokens: list[int] = output[0, len(row.ids) :].tolist()
        return tokens

    def _forget_peak(self) -> None:
        if self._plan.device == "cuda":
            torch.cuda.reset_peak_memory_stats()

    def _peak_memory(self, state_bytes: int) -> float:
        """See `Completion.peak_memory`; 0 where keys and values were not seen, as those of beams are not."""
        if self._plan.device == "cuda":
            return round(int(torch.cuda.max_memory_allocated()) / 1e6, 3)
        held = self._weight_bytes + self._kept_bytes() + state_bytes
        return round(held / 1e6, 3) if state_bytes else 0.0

    def _tensor(self, values: Any) -> torch.Tensor:
        return torch.tensor(values, device=self._plan.device)

    def _kept_bytes(self) -> int:
        return sum(map(bytes_of, self._prefixes.values()))

    def _free(self) -> bool:
        """Gives up the kept prefixes; whether there were any."""
        had_prefixes = bool(self._prefixes)
        self._prefixes.clear()
        if self._plan.device == "cuda":
            torch.cuda.empty_cache()
        elif self._plan.device == "mps":
            torch.mps.empty_cache()
        return had_prefixes


def cache_name(model: Any) -> str:
    """The name of the argument with the keys and values: `cache` from transformers 5.24 on, where the older one ends with 5.40; empty for a
    model that takes none, such as Mamba.
    """
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model  # an adapter's own forward names nothing
    taken = signature(whole.forward).parameters
    return next((name for name in ("cache", "past_key_values") if name in taken), "")


def _eos_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    configured = model.generation_config.eos_token_id
    listed = configured if isinstance(configured, list) else [configured]
    return frozenset(token for token in (*listed, tokenizer.eos_token_id) if token is not None)
