"""The offline benchmark: contestants over questions with golds, scored by what their queries return."""
