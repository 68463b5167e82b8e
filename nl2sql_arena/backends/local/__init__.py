"""Models that run in this process: transformers, peft and bitsandbytes behind one loading path and one decoding loop."""

from nl2sql_arena.backends.local.decoding import NOT_FINITE, Local
from nl2sql_arena.backends.local.fetching import BASE_FILES
from nl2sql_arena.backends.local.fetching import LEFT_OUT as ADAPTER_FILES
from nl2sql_arena.backends.local.loading import load
from nl2sql_arena.backends.local.plan import SMALL, Plan, choose

__all__ = ["ADAPTER_FILES", "BASE_FILES", "NOT_FINITE", "SMALL", "Local", "Plan", "choose", "load"]
