"""Battles and votes, kept on disk before anyone is told so. Not covered: who may see them, and what may be exported."""

from nl2sql_arena.votes.store import Store

__all__ = ["Store"]
