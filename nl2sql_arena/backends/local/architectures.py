"""Which architectures transformers can load as causal language models with its own code."""

import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

VERSION: str = transformers.__version__


def is_known(model_type: str) -> bool:
    """Whether transformers has code of its own for it."""
    return model_type in CONFIG_MAPPING_NAMES


def causal_classes(model_type: str) -> tuple[str, ...]:
    """The classes that a causal language model of this type may have; none for other kinds of models."""
    found = MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.get(model_type, ())
    return (found,) if isinstance(found, str) else tuple(found)
