"""The in-process backend on tiny random models, through the one path that real models take."""

import errno
import json
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub.utils import enable_progress_bars
from huggingface_hub.utils import tqdm as hub_bar
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    BloomForCausalLM,
    GenerationConfig,
    MambaConfig,
    MambaForCausalLM,
    PhiForCausalLM,
)

from nl2sql_arena import backends, settings
from nl2sql_arena.backends.local import NOT_FINITE, Local, choose, decoding, loading
from nl2sql_arena.engine import Engine
from nl2sql_arena.errors import BadCard, ModelUnavailable
from nl2sql_arena.loaded import Loaded
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.services import Services
from nl2sql_arena.types import Completion, Generation, GenerationRequest, Prompt
from tests import tiny

SCHEMA = "customers(id int, name text, city text)\norders(id int, customer_id int > customers, total num)\n-- "
QUESTIONS = ("how many orders ?", "avg total by city ?", "name from 'Oslo' ?", "é 東京 ?")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("models")
    tiny.phi(root / "phi")
    tiny.phi(root / "wide-phi", hidden=128)
    tiny.llama(root / "llama")
    tiny.mistral(root / "mistral")
    tiny.lora(root / "phi", root / "phi-lora")
    return root


@pytest.fixture(scope="module")
def phi(models: Path) -> Local:
    return load(models, "phi")


@pytest.fixture(scope="module")
def llama(models: Path) -> Local:
    return load(models, "llama")


def load(models: Path, name: str, base: str = ".", adapter: str = "", precision: str = "fp32") -> Local:
    backend = backends.load(tiny.card(name, base, adapter, precision), models)
    assert isinstance(backend, Local)
    return backend


def ask(
    backend: Local, question: str = QUESTIONS[0], cap: int = 24, stop: tuple[str, ...] = (), beams: int = 1, prefix: str = SCHEMA
) -> Completion:
    request = GenerationRequest("1", "m", Prompt(prefix, question + "\n", stop), Generation(cap, beams))
    (completion,) = backend.generate([request])
    return completion


def greedy(backend: Local) -> list[int]:
    """The ids that transformers' own greedy search gives for the first question."""
    inputs = torch.tensor([backend._encode(SCHEMA + QUESTIONS[0] + "\n")])
    output = backend._model.generate(input_ids=inputs, attention_mask=torch.ones_like(inputs), max_new_tokens=24, do_sample=False)
    ids: list[int] = output[0, inputs.shape[1] :].tolist()
    return ids


def scores(backend: Local) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = backend._model(input_ids=torch.arange(5, 60)[None]).logits
    return logits.float()


@pytest.mark.parametrize("name", ["phi", "llama", "mistral"])
def test_it_writes_what_transformers_own_greedy_search_writes(models: Path, name: str) -> None:
    backend = load(models, name)
    assert ask(backend).text == backend._tokenizer.decode(greedy(backend), skip_special_tokens=True)


@pytest.mark.parametrize("name", ["phi", "llama", "mistral"])
def test_a_kept_prefix_changes_no_answer(models: Path, name: str) -> None:
    kept, plain = load(models, name), load(models, name)
    for question in (*QUESTIONS, *QUESTIONS):
        assert ask(kept, question).text == ask(plain, SCHEMA + question, prefix="").text
    assert len(kept._prefixes) == 1
    assert not plain._prefixes


def test_a_prefix_that_ends_inside_a_token_is_not_kept(phi: Local) -> None:
    whole = SCHEMA + "customers"
    joined = ask(phi, "rs", prefix=whole[:-2])
    assert joined.text == ask(phi, whole, prefix="").text
    assert tuple(phi._encode(whole[:-2])) not in phi._prefixes


def test_only_the_last_prefixes_are_kept(models: Path) -> None:
    backend = load(models, "phi")
    for number in range(7):
        ask(backend, prefix=f"{number}{SCHEMA}", cap=1)
    assert len(backend._prefixes) == 4


def test_an_adapter_is_merged_and_equals_the_unmerged_one(models: Path) -> None:
    from peft import PeftModel

    merged = load(models, "phi-lora", "../phi", ".")
    unmerged = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(models / "phi"), models / "phi-lora").eval()
    assert not any("lora" in name for name, _ in merged._model.named_modules())
    with torch.inference_mode():
        expected = unmerged(input_ids=torch.arange(5, 60)[None]).logits
    torch.testing.assert_close(scores(merged), expected, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(scores(merged), scores(load(models, "phi")), atol=0.1)


def test_four_bits_on_a_cpu_stay_close_to_the_whole_weights(models: Path, phi: Local) -> None:
    small = load(models, "phi", precision="nf4")
    assert small.precision.startswith("nf4 on ")
    assert torch.cosine_similarity(scores(small).flatten(), scores(phi).flatten(), dim=0) > 0.9
    assert ask(small).tokens == 24


def test_an_adapter_stays_beside_a_four_bit_base(models: Path, phi: Local) -> None:
    adapted, bare = load(models, "phi-lora", "../phi", ".", "nf4"), load(models, "phi", precision="nf4")
    assert any("lora" in name for name, _ in adapted._model.named_modules())
    assert not torch.allclose(scores(adapted), scores(bare), atol=0.1)
    assert ask(adapted).tokens == 24


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_other_precisions_generate(models: Path, precision: str) -> None:
    backend = load(models, "phi", precision=precision)
    assert backend.precision.startswith(precision)
    assert ask(backend).tokens == 24


def test_a_stop_string_ends_the_text_and_is_cut_off(phi: Local, llama: Local) -> None:
    for backend in (phi, llama):
        whole = ask(backend).text
        for size in (1, 3):
            stop = whole[8 : 8 + size]
            completion = ask(backend, stop=("never", stop))
            assert completion.text == whole[: whole.index(stop)]
            assert completion.finish_reason == "stop"
            assert completion.tokens < 24


def test_the_beginning_of_a_stop_string_is_never_streamed(llama: Local) -> None:
    whole = ask(llama).text
    stop = whole[4:14]
    seen: list[str] = []
    request = GenerationRequest("1", "m", Prompt(SCHEMA, QUESTIONS[0] + "\n", (stop,)), Generation(24))
    (completion,) = llama.generate([request], lambda _, text: seen.append(text))
    assert all(completion.text.startswith(text) for text in seen)


def test_an_end_token_ends_the_text(tmp_path: Path, models: Path, phi: Local) -> None:
    tiny.phi(tmp_path / "phi")
    ids = greedy(phi)
    settings = tmp_path / "phi" / "generation_config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"eos_token_id": [ids[4], 2]}))
    completion = ask(load(tmp_path, "phi"))
    assert completion.finish_reason == "stop"
    assert completion.tokens == ids.index(ids[4])


def test_the_context_is_a_cap_too(phi: Local) -> None:
    room = phi.context - phi.count_tokens(SCHEMA + QUESTIONS[0] + "\n")
    completion = ask(phi, cap=10_000)
    assert completion.finish_reason == "length"
    assert completion.tokens == room


def test_questions_to_a_model_with_a_window_are_answered_one_by_one(models: Path) -> None:
    backend = load(models, "mistral")
    assert backend.count_tokens(SCHEMA + QUESTIONS[0]) > 32, "more than the window"
    requests = [GenerationRequest(each, "m", Prompt(SCHEMA, each + "\n"), Generation(24)) for each in QUESTIONS]
    together = {each.id: each.text for each in backend.generate(requests)}
    assert together == {each: ask(backend, each).text for each in QUESTIONS}


@pytest.mark.parametrize("name", ["phi", "llama"])
def test_beams_find_a_text_and_obey_stop_and_cap(models: Path, name: str) -> None:
    backend = load(models, name)
    whole = ask(backend, beams=3)
    assert whole.tokens == 24
    assert whole.finish_reason == "length"
    stops = tuple(set(whole.text[4:]) - {"\ufffd"})
    stopped = ask(backend, beams=3, stop=stops)
    assert not any(stop in stopped.text for stop in stops)
    assert stopped.finish_reason == "stop"
    assert stopped.tokens < 24


def test_what_a_repository_says_of_decoding_changes_no_beam_search(tmp_path: Path, models: Path) -> None:
    folder = tiny.phi(tmp_path / "phi")
    GenerationConfig(
        bos_token_id=1, eos_token_id=2, pad_token_id=0, do_sample=True, temperature=3.0, repetition_penalty=5.0, no_repeat_ngram_size=1,
        return_dict_in_generate=True, max_length=20,
    ).save_pretrained(folder)  # fmt: skip
    assert ask(load(tmp_path, "phi"), beams=4).text == ask(load(models, "phi"), beams=4).text


def test_a_publisher_s_beams_are_asked_for_only_where_the_decoding_says_so(models: Path) -> None:
    """Through the services, whose log and reports take the number of beams from the same place."""
    (models / "beamed").mkdir(exist_ok=True)
    card = replace(tiny.card("beamed", "../llama"), published_beams=4, generation=Generation(16))
    services = Services(settings.load({}), {"beamed": card}, {}, *[None] * 3)  # type: ignore[list-item]
    with Sandbox(workers=1) as sandbox:
        greedy = replace(services, sandbox=sandbox, engine=Engine({"beamed": card}, models, {}, sandbox))
        beams = greedy.decoded("card")
        assert beams.cards["beamed"].generation == Generation(16, 4)
        assert greedy.decoded("greedy").cards["beamed"].generation == Generation(16, 1)
        assert beams.engine.backend("beamed") is greedy.engine.backend("beamed")


def test_a_cancel_ends_a_beam_search(phi: Local) -> None:
    calls = iter([False, False, False])
    request = GenerationRequest("1", "m", Prompt(SCHEMA, QUESTIONS[0] + "\n"), Generation(100, 3))
    (completion,) = phi.generate([request], cancelled=lambda: next(calls, True))
    assert completion.finish_reason == "cancelled"
    assert completion.tokens < 100


def test_a_waiting_request_can_be_cancelled(phi: Local) -> None:
    with phi._lock:
        (completion,) = phi.generate([GenerationRequest("1", "m", Prompt("", "select"))], cancelled=lambda: True)
    assert completion.finish_reason == "cancelled"


@pytest.mark.parametrize("beams", [1, 3])
def test_scores_that_are_not_finite_are_a_failure_not_an_answer(models: Path, beams: int) -> None:
    backend = load(models, "phi")
    with torch.no_grad():
        backend._model.model.layers[1].self_attn.dense.weight.fill_(float("nan"))
    assert ask(backend, beams=beams).failure == NOT_FINITE


FULL = (
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("MPS backend out of memory (MPS allocated: 17.9 GB, max allowed: 18.1 GB). Tried to allocate 1.0 GB on private pool."),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:119] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
)
"""What torch raises where a memory is full."""


@pytest.mark.parametrize("error", FULL, ids=lambda error: str(error)[:30])
@pytest.mark.parametrize("beams", [1, 3])
def test_running_out_of_memory_is_a_failure_and_the_model_lives_on(
    models: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, beams: int
) -> None:
    backend = load(models, "phi")
    before = ask(backend).text

    def full(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(backend._model, "forward", full)
        assert "memory" in ask(backend, beams=beams).failure
    assert ask(backend).text == before


@pytest.mark.parametrize("beams", [1, 3])
def test_kept_prefixes_are_given_up_before_a_question_is(models: Path, monkeypatch: pytest.MonkeyPatch, beams: int) -> None:
    backend = load(models, "phi")
    expected = ask(backend, beams=beams).text
    ask(backend, prefix=f"2{SCHEMA}")
    forward, asked = backend._model.forward, []

    def tight(*arguments: object, **options: object) -> object:
        asked.append(len(backend._prefixes))
        if backend._prefixes:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(*arguments, **options)

    monkeypatch.setattr(backend._model, "forward", tight)
    found = ask(backend, beams=beams)
    assert not found.failure
    assert found.text == expected
    assert asked[0] > 0


def test_prefixes_take_no_more_memory_than_is_left_free_beside_them(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = load(models, "phi")
    ask(backend, prefix=f"0{SCHEMA}", cap=1)
    room = int(2.5 * backend._kept_bytes())
    monkeypatch.setattr(decoding, "free_bytes", lambda _: room)
    for number in range(1, 4):
        ask(backend, prefix=f"{number}{SCHEMA}", cap=1)
    assert len(backend._prefixes) == 2


def test_threads_share_one_model(phi: Local) -> None:
    expected = {question: ask(phi, question).text for question in QUESTIONS}
    found: dict[str, str] = {}

    def work(question: str) -> None:
        found[question] = ask(phi, question).text

    threads = [threading.Thread(target=work, args=(question,)) for question in QUESTIONS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == expected


def test_auto_means_one_thread_for_a_small_model_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert str(choose("auto", 4_000_000)) == "fp32 on cpu, 1 thread"
    assert str(choose("auto", 2_800_000_000)) == "bf16 on cpu"
    assert choose("nf4", 2_800_000_000).dtype == torch.bfloat16


PHI, SQLCODER = 2_779_683_840, 6_738_546_688
"""Parameters of the pair."""


@pytest.mark.parametrize("given", [("llama",), ("phi-lora", "../phi", "."), ("phi-lora", "../phi", ".", "nf4")])
def test_weights_that_are_released_leave_memory(models: Path, given: tuple[str, ...]) -> None:
    backend = load(models, *given)
    assert ask(backend).text
    weights = weakref.ref(next(backend._model.parameters()))
    backend.release()
    assert weights() is None


def test_a_model_that_has_no_room_beside_an_unused_one_takes_its_place(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded(models)
    first = loaded.get(tiny.card("phi"))
    assert isinstance(first, Local)
    weights = weakref.ref(next(first._model.parameters()))
    monkeypatch.setattr(loading, "SMALL", 0)
    monkeypatch.setattr(loading, "free_bytes", lambda _: 0 if weights() is not None else 1 << 40)
    second = loaded.get(tiny.card("llama"))
    assert loaded.find("phi") is None
    assert isinstance(second, Local)
    assert ask(second).text


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Gives this machine a GPU with so many GB (10^9 bytes) free of so many, of which this process holds so many."""

    def have(free: float, total: float, bf16: bool = True, held: float = 0.0) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (int(free * 1e9), int(total * 1e9)))
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: bf16)
        for amount in ("memory_reserved", "memory_allocated"):
            monkeypatch.setattr(torch.cuda, amount, lambda: int(held * 1e9))

    return have


@pytest.mark.parametrize(
    ("total", "bf16", "held"),
    [(15.6, False, "nf4 on cuda"), (16.9, True, "nf4 on cuda"), (23.6, True, "bf16 on cuda"), (80, True, "bf16 on cuda")],
)
def test_auto_holds_both_of_the_pair_alike(gpu: Callable[..., None], total: float, bf16: bool, held: str) -> None:
    gpu(total - 0.3, total, bf16)
    assert str(choose("auto", PHI)) == held
    taken = (2 if held.startswith("bf16") else 0.65) * PHI / 1e9
    gpu(total - taken - 0.6, total, bf16, held=taken)
    assert str(choose("auto", SQLCODER)) == held


def test_before_ampere_four_bits_compute_in_fp16_and_a_small_model_is_not_quantised(gpu: Callable[..., None]) -> None:
    gpu(15, 15.6, bf16=False)
    assert choose("auto", PHI).dtype == torch.float16
    assert str(choose("auto", 5_000_000)) == "fp16 on cuda"


@pytest.mark.parametrize(("others", "held"), [(2.5, "bf16 on cuda"), (4.5, "nf4 on cuda"), (15, "nf4 on cuda")])
def test_what_another_program_holds_of_a_gpu_counts_for_both_of_the_pair(gpu: Callable[..., None], others: float, held: str) -> None:
    gpu(25.4 - others, 25.4)
    assert str(choose("auto", PHI)) == held
    taken = (2 if held.startswith("bf16") else 0.65) * PHI / 1e9
    gpu(25.4 - others - taken, 25.4, held=taken)
    assert str(choose("auto", SQLCODER)) == held


def test_what_torch_keeps_of_a_gpu_without_using_it_is_free(gpu: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    gpu(10, 40, held=28)
    assert str(choose("auto", SQLCODER)) == "nf4 on cuda"
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: int(20e9))
    assert str(choose("auto", SQLCODER)) == "bf16 on cuda"


def test_on_a_mac_models_run_in_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda major, minor: True)
    assert str(choose("auto", PHI)) == "bf16 on mps"
    assert str(choose("auto", 5_000_000)) == "fp32 on cpu, 1 thread"


@pytest.mark.parametrize("precision", ["fp16", "bf16", "fp32", "nf4"])
def test_attention_is_never_eager(models: Path, precision: str) -> None:
    assert load(models, "phi", precision=precision)._model.config._attn_implementation == "sdpa"


@pytest.fixture(scope="module")
def eager_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models with a BLOOM, for which transformers has no fused attention."""
    root = tmp_path_factory.mktemp("eager")
    size = len(tiny.tokenizer(root / "bloom"))
    config = BloomConfig(vocab_size=size, hidden_size=64, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2)
    BloomForCausalLM(config).save_pretrained(root / "bloom")
    return root


def test_a_model_that_only_has_eager_attention_answers_but_is_refused_in_fp16(eager_only: Path) -> None:
    backend = load(eager_only, "bloom", precision="bf16")
    assert backend._model.config._attn_implementation == "eager"
    assert ask(backend).tokens == 24
    with pytest.raises(ModelUnavailable, match=r"overflows in fp16; set precision fp32"):
        load(eager_only, "bloom", precision="fp16")


def test_a_model_that_keeps_no_keys_and_values_is_refused(tmp_path: Path) -> None:
    size = len(tiny.tokenizer(tmp_path / "mamba"))
    MambaForCausalLM(MambaConfig(vocab_size=size, hidden_size=32, state_size=4, num_hidden_layers=1)).save_pretrained(tmp_path / "mamba")
    with pytest.raises(ModelUnavailable, match=r"keeps no keys and values .*; choose another"):
        load(tmp_path, "mamba")


def test_before_a_call_on_zero_gpu_weights_are_read_and_adapted_in_main_memory(
    models: Path, gpu: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers reads in threads of its own, for which that GPU does not exist; the move goes last, by the loading thread."""
    read, moved = AutoModelForCausalLM.from_pretrained, []

    def watched(*arguments: object, **options: object) -> object:
        assert "device_map" not in options
        return read(*arguments, **options)

    def to(model: torch.nn.Module, device: str) -> torch.nn.Module:
        moved.append((device, any("lora" in name for name, _ in model.named_modules())))
        return model

    gpu(79, 80)
    monkeypatch.setattr(loading.zero_gpu, "is_here", lambda: True)
    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", watched)
    monkeypatch.setattr(PhiForCausalLM, "to", to)
    load(models, "phi-lora", "../phi", ".")
    assert moved == [("cuda", False)]


def test_an_adapter_of_another_width_is_refused_with_what_differs(models: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"does not fit its base \.\./wide-phi: .*differ in shape"):
        load(models, "phi-lora", "../wide-phi", ".")


def test_an_adapter_of_another_architecture_is_refused_with_what_differs(models: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"does not fit its base \.\./llama: it is for modules fc1, fc2, where the base has q_proj"):
        load(models, "phi-lora", "../llama", ".")


def test_an_adapter_for_more_layers_is_refused_with_what_differs(models: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    tiny.phi(tmp_path / "phi")
    weights = tiny.lora(tmp_path / "phi", tmp_path / "phi-lora") / "adapter_model.safetensors"
    save_file({name: tensor for name, tensor in load_file(weights).items() if "layers.1." not in name}, weights)
    with pytest.raises(ModelUnavailable, match=r"it lacks 8 tensors such as .*layers.1"):
        load(tmp_path, "phi-lora", "../phi", ".")


def test_reading_weights_draws_no_bar_and_a_download_still_does(models: Path, capfd: pytest.CaptureFixture[str]) -> None:
    enable_progress_bars()
    load(models, "phi")
    assert "Loading weights" not in capfd.readouterr().err
    with hub_bar(total=2, desc="model.safetensors") as bar:
        bar.update(1)
    assert "model.safetensors" in capfd.readouterr().err


def test_two_cards_of_the_same_weights_are_loaded_once(models: Path) -> None:
    first, second, other = tiny.card("one", "../phi"), tiny.card("two", "../phi"), tiny.card("three", "../llama")
    for card in (first, second, other):
        (models / card.name).mkdir()
    with Sandbox(workers=1) as sandbox:
        engine = Engine({card.name: card for card in (first, second, other)}, models, {}, sandbox)
        assert engine.backend("one") is engine.backend("two")
        assert engine.backend("one") is not engine.backend("three")
        assert engine.on({}).backend("two") is engine.backend("one")


def test_damaged_weights_say_so(tmp_path: Path) -> None:
    weights = tiny.phi(tmp_path / "phi") / "model.safetensors"
    weights.write_bytes(b"\xff" * 1000)
    with pytest.raises(ModelUnavailable, match="damaged"):
        load(tmp_path, "phi")


def test_an_unknown_precision_lists_the_known_ones(models: Path) -> None:
    with pytest.raises(BadCard, match="nf4"):
        load(models, "phi", precision="fp7")


def failures() -> Iterator[tuple[BaseException, str]]:
    yield OSError(errno.ENOSPC, "No space left on device"), "disk is full"
    yield torch.OutOfMemoryError("CUDA out of memory."), "not enough free memory"
    yield MemoryError(), "not enough free memory"
    yield RuntimeError("No GPU found. A GPU is needed for quantization."), "needs a CUDA device"


@pytest.mark.parametrize(("error", "sentence"), list(failures()), ids=str)
def test_what_libraries_raise_becomes_a_cause_and_a_next_step(
    models: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, sentence: str
) -> None:
    def fail(*_: object, **__: object) -> Callable[[], None]:
        raise error

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fail)
    with pytest.raises(ModelUnavailable, match=f"Model phi cannot be loaded: .*{sentence}.*; "):
        load(models, "phi", precision="nf4")


def test_a_question_with_the_mark_where_code_llama_fills_in_is_read_as_text(tmp_path: Path) -> None:
    folder = tiny.llama(tmp_path / "llama")
    edited = json.loads((folder / "tokenizer_config.json").read_text()) | {"tokenizer_class": "CodeLlamaTokenizer", "unk_token": "<pad>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(edited))
    backend = load(tmp_path, "llama")
    assert type(backend._tokenizer).__name__ == "CodeLlamaTokenizer"
    assert backend.count_tokens("a <FILL_ME> b <FILL_ME> c") > 5


def test_a_missing_package_is_named(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nl2sql_arena.backends.local.loading.find_spec", lambda name: None)
    with pytest.raises(ModelUnavailable, match="pip install bitsandbytes"):
        load(models, "phi", precision="nf4")


def test_a_package_that_is_there_and_cannot_start_is_not_called_missing(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("Could not import module 'validate_bnb_backend_availability'. Are this object's requirements defined?")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", fail)
    with pytest.raises(
        ModelUnavailable, match=r"cannot be loaded: Could not import module 'validate_bnb[^.]*; install requirements.txt anew"
    ):
        load(models, "phi", precision="nf4")


def test_keys_and_values_go_under_the_name_that_the_model_s_version_of_transformers_has() -> None:
    class Until523:
        def forward(self, input_ids: Any, past_key_values: Any = None) -> None: ...

    class From524:
        def forward(self, input_ids: Any, cache: Any = None) -> None: ...

    class Adapted:
        def forward(self, *args: Any, **kwargs: Any) -> None: ...

        def get_base_model(self) -> From524:
            return From524()

    assert [decoding.cache_name(each()) for each in (Until523, From524, Adapted)] == ["past_key_values", "cache", "cache"]
