"""NL2SQL Arena: put one question to two text-to-SQL models, run both answers, and vote."""

__version__ = "0.1.0"
