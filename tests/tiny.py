"""Tiny random models on disk, built from configurations alone: the same files and loading path as real ones.

Layer widths are multiples of 32, which bitsandbytes' CPU kernels need; special ids are set because a configuration's defaults are others.
"""

import random
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PhiConfig,
    PhiForCausalLM,
    PreTrainedTokenizerFast,
)

from nl2sql_arena.types import ModelCard, Weights

CONTEXT = 192
TEXT = "select from where group by order limit count sum avg name city total orders customers id date > < = 'Oslo' 42 ; ``` -- ( ) , é 東京"


def tokenizer(folder: Path, adds_bos: bool = False) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer with its own pad, bos and eos ids; any text survives it."""
    rng = random.Random(0)
    words = TEXT.split()
    texts = [" ".join(rng.choices(words, k=12)) + "\n" for _ in range(400)]
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    specials = ["<pad>", "<bos>", "<eos>"]
    trainer = trainers.BpeTrainer(
        vocab_size=384, special_tokens=specials, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    inner.train_from_iterator(texts, trainer)
    if adds_bos:
        inner.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    build: Any = PreTrainedTokenizerFast
    made: PreTrainedTokenizerFast = build(tokenizer_object=inner, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>")
    made.save_pretrained(folder)
    return made


def phi(folder: Path, seed: int = 0, hidden: int = 64) -> Path:
    """A two-layer PhiForCausalLM with its tokenizer."""
    size = len(tokenizer(folder))
    config = PhiConfig(
        vocab_size=size + -size % 32, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=CONTEXT, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    return _save(PhiForCausalLM(config), folder, seed)


def llama(folder: Path, seed: int = 0, hidden: int = 64) -> Path:
    """A two-layer LlamaForCausalLM whose tokenizer adds a bos token."""
    size = len(tokenizer(folder, adds_bos=True))
    config = LlamaConfig(
        vocab_size=size + -size % 32, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=CONTEXT, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    return _save(LlamaForCausalLM(config), folder, seed)


def mistral(folder: Path, seed: int = 0, hidden: int = 64, window: int = 32) -> Path:
    """A two-layer MistralForCausalLM, whose layers see only a window and share keys between heads, as SQLCoder-7B's do."""
    size = len(tokenizer(folder, adds_bos=True))
    config = MistralConfig(
        vocab_size=size + -size % 32, hidden_size=hidden, intermediate_size=2 * hidden, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=CONTEXT, sliding_window=window, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    return _save(MistralForCausalLM(config), folder, seed)


def lora(base: Path, folder: Path, seed: int = 1, modules: tuple[str, ...] = ("q_proj", "v_proj", "fc1", "fc2")) -> Path:
    """A LoRA adapter for the model in `base` whose two halves are both random, so that it changes every answer."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    adapted = get_peft_model(model, LoraConfig(r=4, lora_alpha=8, target_modules=list(modules), task_type="CAUSAL_LM"))
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(parameter, std=0.2)
    adapted.save_pretrained(str(folder))
    return folder


def card(name: str, base: str = ".", adapter: str = "", precision: str = "fp32", backend: str = "local") -> ModelCard:
    """A card whose weights are folders relative to the card's own."""
    return ModelCard(
        name=name, title=name, kind="mini", family="tiny", backend=backend, format="mini", dialect="duckdb", base=Weights(base),
        licence="MIT", context=CONTEXT, adapter=Weights(adapter) if adapter else None, precision=precision,
    )  # fmt: skip


def _save(model: Any, folder: Path, seed: int) -> Path:
    """Random weights wide enough that greedy text varies instead of repeating one token."""
    torch.manual_seed(seed)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    model.save_pretrained(folder)
    return folder
