"""Attention over one schema and many questions about it, laid out one after the other: [schema | pair | pair | ... | padding].

Every pair reads the schema and itself, so it sees exactly what it would see alone, and the schema is computed once for all of them. Pairs
are padded to one length, which keeps the two products dense: no mask of a whole row is ever made. Registered with transformers as
"shared_prefix"; models are called with `prefix` (tokens of the schema), `pairs` and `length` (tokens of each pair).
"""

from typing import Any

import torch
from torch.nn import functional
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

NAME = "shared_prefix"
HIDDEN = -1e9


def shared_prefix(
    _module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, _mask: Any, scaling: float, prefix: int, pairs: int,
    length: int, **_: Any,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """query, key, value: [1, heads, tokens, width], tokens >= prefix + pairs * length; returns [1, tokens, heads, width] and no weights.

    What is read for the padding is nothing.
    """
    if key.shape[1] != query.shape[1]:
        repeats = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
    schema = functional.scaled_dot_product_attention(
        query[:, :, :prefix], key[:, :, :prefix], value[:, :, :prefix], is_causal=True, scale=scaling
    )
    heads, width = query.shape[1], query.shape[3]
    end = prefix + pairs * length
    of_schema_key, of_schema_value = key[0, :, :prefix], value[0, :, :prefix]
    asking, own_key, own_value = (each[0, :, prefix:end].reshape(heads, pairs, length, width) for each in (query, key, value))
    on_schema = asking.reshape(heads, pairs * length, width) @ of_schema_key.transpose(1, 2)
    later = torch.full((length, length), HIDDEN, dtype=on_schema.dtype, device=query.device).triu(1)  # half precision stays half
    on_own = (asking @ own_key.transpose(2, 3) + later).reshape(heads, pairs * length, length)
    weights = torch.softmax(torch.cat((on_schema, on_own), -1) * scaling, -1).to(value.dtype)
    read = weights[..., :prefix] @ of_schema_value
    read = read + (weights[..., prefix:].reshape(heads, pairs, length, length) @ own_value).reshape(heads, pairs * length, width)
    padding = query.new_zeros(heads, query.shape[2] - end, width)
    return torch.cat((schema[0], read, padding), 1).transpose(0, 1)[None], None


ALL_ATTENTION_FUNCTIONS.register(NAME, shared_prefix)
