"""A model that is about to be tuned: a frozen base, 4-bit or whole, with a LoRA adapter whose weights alone are trained.

Precision: bf16 on a GPU that has it, fp16 on an older one, fp32 on a CPU; adapter weights are fp32 everywhere, because the small steps of a
small rate are lost in 16 bits. NF4 is always double-quantised: without it bitsandbytes 0.50 corrupts weights on a CPU.
Not covered: several GPUs, models whose code lies in their repository.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from nl2sql_arena.backends.local import ADAPTER_FILES, BASE_FILES, SMALL, Plan
from nl2sql_arena.errors import ModelUnavailable
from nl2sql_arena.training.recipe import Lora, Quantisation
from nl2sql_arena.types import Weights

PAD = "<|pad|>"
PRECISIONS = {torch.float32: "fp32", torch.float16: "fp16", torch.bfloat16: "bf16"}

# peft asks transformers by a name that the next major version drops.
warnings.filterwarnings("ignore", message="`is_gradient_checkpointing`")


@dataclass(frozen=True)
class Place:
    """Where and in what numbers a training computes."""

    device: str
    dtype: torch.dtype

    @property
    def on_gpu(self) -> bool:
        return self.device == "cuda"


def here() -> Place:
    """What this machine trains on."""
    if not torch.cuda.is_available():
        return Place("cpu", torch.float32)
    return Place("cuda", torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16)


def source(weights: Weights, folder: Path) -> str:
    """A folder relative to `folder` if there is one, else the id as the hub knows it."""
    beside = (folder / weights.id).resolve()
    return str(beside) if beside.is_dir() else weights.id


def config(weights: Weights, folder: Path) -> Any:
    """The base's configuration, without its weights. Raises ModelUnavailable."""
    return _fetched(AutoConfig.from_pretrained, weights, folder)


def tokenizer(weights: Weights, folder: Path, rows: int) -> Any:
    """The base's tokenizer with a pad token of its own, which must have a row among the base's `rows` embeddings: none is added to them.

    Were the end-of-text token the pad too, a model could not learn from it when to stop. Raises ModelUnavailable.
    """
    made = _fetched(AutoTokenizer.from_pretrained, weights, folder, clean_up_tokenization_spaces=False)
    if made.eos_token_id is None:
        raise ModelUnavailable(
            f"The tokenizer of {weights.id} has no end-of-text token, which an answer must end with; choose another base."
        )
    if made.pad_token_id in (None, made.eos_token_id):
        made.add_special_tokens({"pad_token": PAD})
    if made.pad_token_id >= rows:
        raise ModelUnavailable(f"The base {weights.id} has no free row for a pad token among its {rows} embeddings; choose another base.")
    return made


def base(weights: Weights, folder: Path, quantisation: Quantisation, place: Place) -> Any:
    """The base on its device. Raises ModelUnavailable."""
    options: dict[str, Any] = {"dtype": place.dtype, "attn_implementation": "sdpa", "use_safetensors": True}
    if quantisation == "nf4":
        make: Any = BitsAndBytesConfig
        four = make(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=place.dtype
        )  # fmt: skip
        options |= {"quantization_config": four, "device_map": {"": place.device}}
    model = _fetched(_whole, weights, folder, **options)
    if quantisation == "none":
        return model.to(place.device)
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # On a CPU an examination would repack the weights into a form that no gradient passes (bitsandbytes 0.50).
            module.support_avx512bf16_for_cpu = False
            # Else a layer computes for good in the precision of what it reads first: fp32 from a norm under autocast.
            module.compute_type_is_set = True
    return model


def with_adapter(model: Any, lora: Lora) -> Any:
    """The base with a new adapter, which changes nothing yet. Raises ModelUnavailable for modules that the base does not have."""
    wanted = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=list(lora.modules), task_type="CAUSAL_LM"
    )
    try:
        return get_peft_model(model, wanted)
    except ValueError as problem:
        raise ModelUnavailable(
            f"The adapter does not fit its base: {_first_line(problem)}; correct [lora] modules in the recipe."
        ) from problem


def continued(model: Any, adapter: Weights, folder: Path) -> Any:
    """The base with an adapter that is there already, to be trained on. Raises ModelUnavailable."""
    # Trainers look for an adapter called "default", which is the name that from_pretrained gives.
    return _adapter(lambda where, **pinned: PeftModel.from_pretrained(model, where, is_trainable=True, **pinned), adapter, folder)


def shaped(model: Any, adapter: Weights, folder: Path) -> Any:
    """The same by shapes alone, none of the adapter's weights read. Raises ModelUnavailable."""
    wanted = _adapter(PeftConfig.from_pretrained, adapter, folder)
    wanted.inference_mode = False
    return get_peft_model(model, wanted)


def _adapter(load: Callable[..., Any], adapter: Weights, folder: Path) -> Any:
    where = source(adapter, folder)
    revision = {"revision": adapter.revision} if adapter.revision and where == adapter.id else {}
    try:
        return load(where, **revision)
    except (OSError, ValueError, RuntimeError) as problem:
        raise ModelUnavailable(
            f"The adapter {adapter.id} cannot be loaded: {_first_line(problem)}; check its id in the card, or go online."
        ) from problem


def trained(model: Any) -> dict[str, torch.Tensor]:
    """A copy of what is trained, by name, in fp32."""
    return {name: weight.detach().float().clone() for name, weight in model.named_parameters() if weight.requires_grad}


def restore(model: Any, weights: dict[str, torch.Tensor]) -> None:
    """Puts the copy back, whatever a trainer made of it: trl rounds adapters on a 4-bit base to bf16."""
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            weight.data = weights[name].to(weight.device)


def plan(model: Any, quantisation: Quantisation, place: Place) -> Plan:
    """How the model is held, as the local backend says it; one thread where the model is small."""
    small = not place.on_gpu and model.num_parameters() < SMALL
    return Plan(place.device, "nf4" if quantisation == "nf4" else PRECISIONS[place.dtype], place.dtype, 1 if small else 0)


def _whole(where: str, revision: str | None = None, **options: Any) -> Any:
    """The model in a folder or on the hub, without an adapter that may lie beside it."""
    if not Path(where).is_dir():
        where = snapshot_download(where, revision=revision, allow_patterns=BASE_FILES, ignore_patterns=ADAPTER_FILES)
    return AutoModelForCausalLM.from_pretrained(where, **options)


def _fetched(load: Any, weights: Weights, folder: Path, **options: Any) -> Any:
    where = source(weights, folder)
    revision = {"revision": weights.revision} if weights.revision and where == weights.id else {}
    try:
        return load(where, trust_remote_code=False, **revision, **options)
    except (torch.OutOfMemoryError, MemoryError) as problem:
        raise ModelUnavailable(
            f"The base model {weights.id} does not fit the free memory; close what else uses it, or hold the base in nf4."
        ) from problem
    except (OSError, ValueError, RuntimeError) as problem:
        raise ModelUnavailable(
            f"The base model {weights.id} cannot be loaded: {_first_line(problem)}; check its id in the recipe, or go online."
        ) from problem


def _first_line(problem: BaseException) -> str:
    return next(iter(str(problem).strip().splitlines()), type(problem).__name__).rstrip(".")
