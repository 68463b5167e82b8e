"""Synthetic training pairs: composed by a grammar, and filled from phrasebooks."""
