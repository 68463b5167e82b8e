"""LoRA adapters for models of others, with trl: supervised, from preferences, merged."""
