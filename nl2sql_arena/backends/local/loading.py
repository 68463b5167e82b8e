"""A card -> a loaded model, or one sentence why not: safetensors only, never code from a repository.

A LoRA adapter is merged into a 16- or 32-bit base (served unmerged it costs 16 % a token and 2.6 times the prompt) and stays beside a
quantised one. fp16 attention is always sdpa: eager overflows in Phi-2. Of what a repository says of decoding only the ids of its marks
count: a request states the rest.
"""

import errno
import logging
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig
from transformers.utils import logging as transformers_logging

from nl2sql_arena import catalog, zero_gpu
from nl2sql_arena.backends.local import fetching
from nl2sql_arena.backends.local.decoding import Local, cache_name
from nl2sql_arena.backends.local.plan import (
    BITS,
    SMALL,
    Plan,
    choose,
    free_bytes,
    needed_bytes,
    out_of_memory,
    outline,
    parameters_of,
    quantisation_of,
)
from nl2sql_arena.errors import BadCard, ModelUnavailable, NoMemory
from nl2sql_arena.types import ModelCard, Weights

# bitsandbytes asks for an optional package when peft imports it, which nothing here uses.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
# peft asks transformers by a name that the next major version drops.
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")


def load(card: ModelCard, folder: Path) -> Local:
    """The card's model from its folder or the hub. Raises ModelUnavailable (cause and next step) or BadCard for an unknown precision."""
    if card.precision != "auto" and card.precision not in BITS:
        raise BadCard(f"Model {card.name} asks for precision '{card.precision}'; use auto, {', '.join(BITS)}.")
    try:
        return _load(card, folder)
    except (OSError, ValueError, RuntimeError, MemoryError, SafetensorError) as error:
        kind = NoMemory if any(map(out_of_memory, _chain(error))) else ModelUnavailable
        raise kind(f"Model {card.name} cannot be loaded: {_cause(error, card)}") from error


def _load(card: ModelCard, folder: Path) -> Local:
    _without_loading_bars()
    place = fetching.place(card, card.base, folder, fetching.BASE)
    adapter = fetching.place(card, card.adapter, folder, fetching.LORA) if card.adapter else None
    marks = tuple(catalog.mark(each) for each in (place, adapter) if each)
    source = str(place)
    options: dict[str, Any] = {"trust_remote_code": False}
    config = AutoConfig.from_pretrained(source, **options)
    tokenizer = _tokenizer(source, options)
    drawn = outline(config)
    if drawn._is_stateful or not cache_name(drawn):  # transformers' own mark of Mamba and its like
        raise ModelUnavailable(f"Model {card.name} keeps no keys and values of what it has read, which is needed here; choose another one.")
    parameters = parameters_of(drawn)
    plan = choose(card.precision, parameters)
    _check_memory(card, plan, parameters)
    attention = drawn.config._attn_implementation
    if plan.dtype is torch.float16 and attention == "eager":
        raise ModelUnavailable(f"Model {card.name} has no fused attention here and overflows in fp16; set precision fp32 in card.toml.")
    if plan.quantised:
        _require(card, "bitsandbytes")
        options |= {"quantization_config": quantisation_of(plan)}
    # Straight to the GPU: main memory need not hold the model, too. Not on ZeroGPU, whose GPU that is not there yet exists for the thread
    # alone that imported its package, while transformers reads weights in threads of its own.
    if plan.quantised or (plan.device == "cuda" and not zero_gpu.is_here()):
        options |= {"device_map": {"": plan.device}}
    model: Any = AutoModelForCausalLM.from_pretrained(
        source, dtype=plan.dtype, attn_implementation=attention, use_safetensors=True, **options
    )
    model.generation_config = _marks(model.generation_config)
    if card.adapter and adapter:
        model = _adapted(model, card, card.adapter, adapter, merge=not plan.quantised)
    if not plan.quantised:
        model = model.to(plan.device)
    longest = int(getattr(config, "max_position_embeddings", 0) or card.context)
    return Local(model.eval(), tokenizer, plan, min(card.context, longest) if card.context else longest, parameters, marks)


def _tokenizer(source: str, options: dict[str, Any]) -> Any:
    found: Any = AutoTokenizer.from_pretrained(source, clean_up_tokenization_spaces=False, **options)
    if getattr(found, "fill_token", None):
        found.fill_token = None  # CodeLlama's would split a question that holds its text, and raises where it stands twice
    return found


def _marks(stated: Any) -> Any:
    """Of what a repository states of decoding the ids of its marks: no penalties, no sampling, no other kind of result."""
    make: Any = GenerationConfig
    return make(bos_token_id=stated.bos_token_id, eos_token_id=stated.eos_token_id, pad_token_id=stated.pad_token_id)


def _without_loading_bars() -> None:
    """No bar for reading weights into memory; the hub's bars for a download, which may take minutes, stay."""
    quiet: Any = transformers_logging
    quiet.set_tqdm_hook(lambda _bar, args, kwargs: quiet.EmptyTqdm(*args, **kwargs))


def _require(card: ModelCard, package: str) -> None:
    if find_spec(package) is None:
        raise ModelUnavailable(f"Model {card.name} needs the package {package}; install it with `pip install {package}`.")


def _check_memory(card: ModelCard, plan: Plan, parameters: int) -> None:
    """Raises NoMemory where too little is free."""
    needed, free = needed_bytes(plan, parameters), free_bytes(plan.device)
    if parameters < SMALL or needed <= free:
        return
    smaller = "" if plan.quantised else "set precision nf4 in card.toml, "
    raise NoMemory(
        f"Model {card.name} cannot be loaded: its weights and answers need {needed / 1e9:.1f} GB of memory as {plan}, where "
        f"{free / 1e9:.1f} GB are free; {smaller}choose a smaller one or ask it beside a smaller one."
    )


def _adapted(base: Any, card: ModelCard, adapter: Weights, source: Path, merge: bool) -> Any:
    """The base with its LoRA adapter, whose every tensor must have its place. Raises ModelUnavailable naming what differs."""
    _require(card, "peft")
    import peft

    config = peft.PeftConfig.from_pretrained(str(source))
    config.inference_mode = True
    config.base_model_name_or_path = base.name_or_path  # else peft warns that it had another name in training
    if foreign := _foreign_modules(base, config):
        raise ModelUnavailable(_misfit(card, adapter, foreign))
    found = load_file(source / "adapter_model.safetensors")
    try:
        model: Any = peft.get_peft_model(base, config)
    except ValueError as error:
        raise ModelUnavailable(_misfit(card, adapter, str(error).splitlines()[0])) from error
    expected = peft.get_peft_model_state_dict(model, save_embedding_layers=False)
    if difference := _difference(expected, found):
        raise ModelUnavailable(_misfit(card, adapter, difference))
    peft.set_peft_model_state_dict(model, found)
    return model.merge_and_unload(safe_merge=True) if merge else model


def _foreign_modules(base: Any, config: Any) -> str:
    """The modules that an adapter is for and its base lacks, beside those that it has; empty when it has them all."""
    wanted = getattr(config, "target_modules", None)
    if not isinstance(wanted, set | list | tuple):
        return ""  # a pattern, or what peft usually takes for the architecture
    names = [name for name, _ in base.named_modules()]
    lacking = sorted(each for each in wanted if not any(name == each or name.endswith(f".{each}") for name in names))
    if not lacking:
        return ""
    linear = dict.fromkeys(name.rpartition(".")[2] for name, module in base.named_modules() if "Linear" in type(module).__name__)
    return f"it is for modules {', '.join(lacking)}, where the base has {', '.join(linear)}"


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


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what led to it."""
    chain = [error]
    while (earlier := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(earlier)
    return chain


def _cause(error: BaseException, card: ModelCard) -> str:
    """One clause with the cause and the next step, from what libraries raise."""
    chain = _chain(error)
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


CAUSES: tuple[tuple[Callable[[BaseException], bool], str], ...] = (
    (_disk_full, "the disk is full; free some space or set HF_HOME to a larger disk."),
    (
        out_of_memory,
        "there is not enough free memory; set precision nf4 in card.toml, choose a smaller one or ask it beside a smaller one.",
    ),
    (_is(SafetensorError), "the weights of {weights} are damaged; download them again."),
)
"""What to look for in a chain of errors, the more special first, and what to say."""
