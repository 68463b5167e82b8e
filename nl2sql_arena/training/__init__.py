"""Training: the generator of synthetic pairs and the trainer of the minis."""

import logging

# bitsandbytes asks for an optional package at import, which nothing here uses.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
