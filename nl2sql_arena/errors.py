"""Our own mistakes and a user's unusable input: each message is one sentence with the cause and the next step."""


class ArenaError(Exception):
    """Base of all errors whose message may be shown to a user as it is."""


class BadInput(ArenaError):
    """A question, name or setting that cannot be used."""


class BadDatabase(ArenaError):
    """A database folder that cannot be built or read."""


class BadCard(ArenaError):
    """A model card that cannot be used."""


class ModelUnavailable(ArenaError):
    """A model that cannot be loaded here and now."""


class NoMemory(ModelUnavailable):
    """A model that does not fit the memory that other loaded models leave."""


class Infrastructure(ArenaError):
    """Our own machinery failed; never counted for or against a model."""


class BadVote(ArenaError):
    """A vote that is refused."""


class StoreError(ArenaError):
    """The vote store cannot be written; nothing was recorded."""
