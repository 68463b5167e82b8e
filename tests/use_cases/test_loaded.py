"""Models share weights and memory: what is not used makes room, what is used stays."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from nl2sql_arena import backends
from nl2sql_arena.backends import Cancelled
from nl2sql_arena.errors import ModelUnavailable, NoMemory
from nl2sql_arena.loaded import Loaded
from nl2sql_arena.types import Completion, GenerationRequest, ModelCard, OnToken, Weights


class Heavy:
    """A model that takes its share of a memory."""

    precision, context, marks = "bf16 on cuda", 4096, ("mark",)

    def __init__(self, memory: "Memory", size: int) -> None:
        self._memory, self._size = memory, size
        memory.free -= size

    def release(self) -> None:
        self._memory.free += self._size

    def count_tokens(self, text: str) -> int:
        return len(text)

    def generate(
        self, requests: Sequence[GenerationRequest], on_token: OnToken | None = None, cancelled: Cancelled | None = None
    ) -> Iterator[Completion]:
        return iter(())


class Memory:
    """Room for two models of size 1; loads what fits."""

    def __init__(self) -> None:
        self.free = 2
        self.loads: list[str] = []
        self.slow_begun, self.slow_may_end = threading.Event(), threading.Event()

    def load(self, card: ModelCard, _models: Path) -> backends.Backend:
        if card.name == "slow":
            self.slow_begun.set()
            assert self.slow_may_end.wait(60)
        size = 3 if card.name == "huge" else 1
        if size > self.free:
            raise NoMemory(f"Model {card.name} cannot be loaded: there is not enough free memory.")
        if card.name == "gone":
            raise ModelUnavailable("Model gone cannot be loaded.")
        self.loads.append(card.name)
        return Heavy(self, size)


def card(name: str, weights: str = "") -> ModelCard:
    return ModelCard(name, name, "real", "llama", "local", "sqlcoder-7b-2", "postgres", Weights(weights or f"me/{name}"), "MIT", 4096)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    found = Memory()
    monkeypatch.setattr(backends, "load", found.load)
    return found


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    return Loaded(tmp_path)


def use(loaded: Loaded, *names: str) -> None:
    with loaded.in_use(map(card, names)) as found:
        assert list(found) == list(names)


def test_a_further_model_takes_the_room_of_the_one_unused_for_the_longest(memory: Memory, loaded: Loaded) -> None:
    use(loaded, "a", "b")
    use(loaded, "a")
    use(loaded, "c")
    assert (loaded.find("b"), memory.free) == (None, 0)
    use(loaded, "a", "c")
    use(loaded, "b")
    assert memory.loads == ["a", "b", "c", "b"]


def test_a_model_that_is_asked_stays_and_the_further_one_is_refused(memory: Memory, loaded: Loaded) -> None:
    with loaded.in_use([card("a"), card("b")]) as asked:
        with pytest.raises(NoMemory, match="Model c cannot"):
            loaded.get(card("c"))
        assert loaded.get(card("a")) is asked["a"]
    loaded.get(card("c"))
    assert memory.loads == ["a", "b", "c"]


def test_models_that_together_never_fit_are_refused_and_free_again_afterwards(memory: Memory, loaded: Loaded) -> None:
    with pytest.raises(NoMemory):
        use(loaded, "a", "b", "c")
    use(loaded, "c")
    assert memory.loads == ["a", "b", "c"]


def test_what_never_fits_is_refused_when_all_others_have_gone(memory: Memory, loaded: Loaded) -> None:
    use(loaded, "a", "b")
    with pytest.raises(NoMemory):
        loaded.get(card("huge"))
    assert memory.free == 2
    use(loaded, "a")


def test_another_failure_makes_nobody_go(memory: Memory, loaded: Loaded) -> None:
    use(loaded, "a")
    with pytest.raises(ModelUnavailable, match="Model gone"):
        loaded.get(card("gone"))
    assert loaded.find("a")


def test_one_that_was_given_stays_and_one_without_weights_frees_nothing(memory: Memory, loaded: Loaded) -> None:
    given = Heavy(memory, 1)
    loaded.add("given", given)
    use(loaded, "a", "given")
    use(loaded, "b")
    assert (loaded.find("given"), loaded.find("a")) == (given, None)


def test_two_cards_of_the_same_weights_share_them_and_lose_them_together(memory: Memory, loaded: Loaded) -> None:
    native, schema_first = card("native", "me/coder"), card("schema-first", "me/coder")
    assert loaded.get(native) is loaded.get(schema_first)
    with loaded.in_use([native]):
        use(loaded, "a")
        assert loaded.has(schema_first), "still in use under another name"
    use(loaded, "a", "b")
    assert not loaded.has(native)
    assert (loaded.find("native"), loaded.find("schema-first")) == (None, None)


def test_threads_that_ask_for_the_same_model_load_it_once(memory: Memory, loaded: Loaded) -> None:
    threads = [threading.Thread(target=use, args=(loaded, "a", "b")) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert memory.loads == ["a", "b"]


def test_who_asks_a_loaded_model_does_not_wait_for_one_that_is_being_loaded(memory: Memory, loaded: Loaded) -> None:
    use(loaded, "a")
    other = threading.Thread(target=use, args=(loaded, "slow"))
    other.start()
    assert memory.slow_begun.wait(60)
    use(loaded, "a")
    memory.slow_may_end.set()
    other.join()
    assert memory.loads == ["a", "slow"]
