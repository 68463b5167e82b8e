"""Models that run in another process or on another host, behind an OpenAI-compatible server; how to run one: docs/endpoints.md."""

from nl2sql_arena.backends.endpoint.client import Endpoint, Patience
from nl2sql_arena.backends.endpoint.probe import load, offered

__all__ = ["Endpoint", "Patience", "load", "offered"]
