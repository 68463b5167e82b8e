"""`train sft` for real, on tiny random Phi models: from rows to a contestant that answers in the arena's own engine."""

import errno
import gc
import json
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from safetensors.torch import load_file
from tokenizers import Tokenizer, models
from transformers import AutoTokenizer, PhiConfig, PreTrainedTokenizerFast

pytest.importorskip("datasets", reason="datasets is not installed (pip install -c constraints.txt -r requirements-train.txt)")
pytest.importorskip("trl", reason="trl is not installed (pip install -c constraints.txt -r requirements-train.txt)")

from datasets import Dataset as Rows
from trl import SFTConfig, SFTTrainer

from nl2sql_arena import catalog, cli, prompts, settings
from nl2sql_arena.backends.local import Local
from nl2sql_arena.backends.local import load as load_local
from nl2sql_arena.database import Database
from nl2sql_arena.errors import BadCard, BadInput, Infrastructure, ModelUnavailable
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.training import recipe
from nl2sql_arena.training.pairs import TrainingPair
from nl2sql_arena.training.recipe import Evaluation, Schedule
from nl2sql_arena.training.sets.datasets import Source
from nl2sql_arena.training.tuning import checkpoints, contestant, estimate, steps, student, tune
from nl2sql_arena.training.tuning.prompted import Prompted, Room, completion, prompt_hash, prompted
from nl2sql_arena.types import Generation, GenerationRequest, Weights
from tests import tiny
from tests.training import tuned

CPU = student.Place("cpu", torch.float32)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """Threads of so small a model only wait for each other on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return tuned.towns(tmp_path_factory.mktemp("towns"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the tiny Phi."""
    home = tmp_path_factory.mktemp("models")
    tuned.phi(home)
    return home


def folders(home: Path, name: str, work: Path) -> tune.Folders:
    return tune.Folders(home / name, home / name, work / name)


@pytest.fixture(scope="module")
def made(home: Path, towns: Database, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[str]]:
    """`models/tuned`, which has learned two questions by heart; its figures and what was said."""
    lines: list[str] = []
    places = folders(home, "tuned", tmp_path_factory.mktemp("work"))
    report = tune.sft(tuned.recipe(), lambda _folder: tuned.dataset(towns), places, sandbox, lines.append)
    assert not places.work.exists()
    return report, lines


def test_it_is_a_contestant_that_answers_what_it_learned(home: Path, towns: Database, sandbox: Sandbox, made: object) -> None:
    for question, sql in tuned.LEARNED:
        answer = tuned.ask(home, "tuned", question, towns, sandbox)
        assert (answer.prepared.sql, answer.outcome, answer.completion.finish_reason) == (sql, "ok", "stop")


def test_it_has_learned_to_stop_without_being_stopped(home: Path, towns: Database, made: object) -> None:
    backend = load_local(catalog.read(home / "tuned" / "card.toml"), home / "tuned")
    prompt = replace(prompts.phi2_sql(tuned.LEARNED[0][0], towns.schema()), stop=())
    (answer,) = backend.generate([GenerationRequest("1", "tuned", prompt, Generation(60))])
    assert (answer.text, answer.finish_reason) == (f"\n{tuned.LEARNED[0][1]}\n```", "stop")


def test_what_is_kept_is_chosen_by_execution_accuracy_and_says_so(home: Path, made: tuple[dict[str, Any], list[str]]) -> None:
    report, lines = made
    assert json.loads(json.dumps(report)) == json.loads((home / "tuned" / "training.json").read_text())
    accuracy = {entry["step"]: entry["eval_execution_accuracy"] for entry in report["evaluations"]}
    assert list(accuracy) == [0, 30, 60]
    assert report["kept"]["step"] == max(accuracy, key=lambda step: (accuracy[step], step))
    assert report["kept"]["because"] == "the best execution accuracy: 100.0% of 1 held-out questions"
    assert "the best execution accuracy" in lines[-1]
    history = [json.loads(line) for line in (home / "tuned" / "training.jsonl").read_text().splitlines()]
    assert [entry["step"] for entry in history if "eval_execution_accuracy" in entry] == [0, 30, 60]
    assert "held-out execution accuracy" in (home / "tuned" / "report.html").read_text()


def test_counts_memory_and_time_are_said_before_it_starts(made: tuple[dict[str, Any], list[str]]) -> None:
    said = " ".join(made[1][: next(i for i, line in enumerate(made[1]) if line.startswith("step"))])
    for part in (
        "28,672 parameters are trained, 116,352 stay frozen",
        "computed from shapes",
        "for 60 steps",
        "one forward and backward pass",
    ):
        assert part in said


def test_what_public_data_are_not_kept_apart_from_is_said_before_it_starts_and_kept(
    home: Path, towns: Database, sandbox: Sandbox, tmp_path: Path
) -> None:
    lines: list[str] = []
    asked = tuned.short(data=(Source("gretelai/synthetic_text_to_sql"), Source("generator")))
    report = tune.sft(asked, lambda _folder: tuned.dataset(towns), folders(home, "public", tmp_path), sandbox, lines.append)
    said = "overlap of gretelai/synthetic_text_to_sql with the dev questions of Spider and BIRD is not checked"
    assert said in lines[2]
    assert said in report["data"]["overlap_not_checked"]


def test_only_the_adapter_is_trained_and_named_as_the_card_names_its_base(home: Path, towns: Database, made: object) -> None:
    config = json.loads((home / "tuned" / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "../phi"
    assert {name.split(".")[-3] for name in load_file(home / "tuned" / "adapter" / "adapter_model.safetensors")} == set(
        config["target_modules"]
    )
    assert catalog.read(home / "tuned" / "card.toml").training_prompt_hash == prompt_hash("phi2-sql")


def test_a_finished_training_is_not_thrown_away_by_running_it_again(
    home: Path, towns: Database, sandbox: Sandbox, tmp_path: Path, made: object
) -> None:
    with pytest.raises(BadInput, match="holds a finished training already; give --again"):
        tune.sft(tuned.recipe(), lambda _folder: tuned.dataset(towns), folders(home, "tuned", tmp_path), sandbox, print)


def test_a_card_that_describes_another_model_stops_it_before_it_starts(
    home: Path, towns: Database, sandbox: Sandbox, tmp_path: Path
) -> None:
    (home / "other").mkdir()
    card = contestant.card_text(replace(tiny.card("other", "../phi", "adapter"), format="phi2-sql"))
    (home / "other" / "card.toml").write_text(card)
    with pytest.raises(BadInput, match=r"card\.toml describes another model: context is 192 there and would be 384"):
        tune.sft(tuned.recipe(), lambda _folder: tuned.dataset(towns), folders(home, "other", tmp_path), sandbox, print)
    (home / "other" / "card.toml").unlink()


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16], ids=str)
def test_four_bits_below_the_adapter(
    home: Path, towns: Database, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: torch.dtype
) -> None:
    """Also in bf16, mixed as on a GPU."""
    monkeypatch.setattr(student, "here", lambda: student.Place("cpu", precision))
    name = f"four-bits-{precision.itemsize}"
    made = tune.sft(
        tuned.short(quantisation="nf4"), lambda _folder: tuned.dataset(towns), folders(home, name, tmp_path), sandbox, lambda _line: None
    )  # fmt: skip
    losses = [entry["eval_loss"] for entry in made["evaluations"]]
    assert losses == sorted(losses, reverse=True)
    assert {weight.dtype for weight in load_file(home / name / "adapter" / "adapter_model.safetensors").values()} == {torch.float32}
    assert tuned.ask(home, name, "how many shops ?", towns, sandbox).completion.tokens > 0


def test_held_out_questions_are_answered_in_the_arena_s_precision_and_leave_nothing_behind(
    home: Path, towns: Database, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trainer's autocast would keep keys and values in fp32 on a GPU; kept prefixes would fill it while the training goes on."""
    mixed: list[bool] = []
    lived: list[weakref.ref[Local]] = []

    class Watched(Local):
        def __init__(self, model: Any, *arguments: Any) -> None:
            gc.collect()
            assert [each for each in lived if each() is not None] == []
            lived.append(weakref.ref(self))
            super().__init__(model, *arguments)

        def _next(self, *arguments: Any) -> Any:
            handle = self._model.lm_head.register_forward_pre_hook(lambda *_: mixed.append(torch.is_autocast_enabled("cpu")))
            found = super()._next(*arguments)
            handle.remove()
            return found

    monkeypatch.setattr(tune, "Local", Watched)
    monkeypatch.setattr(student, "here", lambda: student.Place("cpu", torch.bfloat16))
    tune.sft(
        tuned.short(quantisation="nf4"), lambda _folder: tuned.dataset(towns), folders(home, "watched", tmp_path), sandbox, lambda _: None
    )  # fmt: skip
    assert len(lived) == 3
    assert mixed
    assert not any(mixed)


def test_of_several_gpus_the_first_is_trained_on(home: Path, tmp_path: Path) -> None:
    """trl refuses one process that sees more than one, as a rented machine with two cards has it."""
    tokenizer = student.tokenizer(Weights("../phi"), home / "tuned", 384)
    model = student.with_adapter(student.base(Weights("../phi"), home / "tuned", "none", CPU), tuned.short().lora)
    options = SFTConfig(max_length=384, **steps.settings(tmp_path, 0, 1e-3, 1, CPU))
    options._n_gpu = 2
    rows = Rows.from_list([{"prompt": "a", "completion": "b"}])
    ready = steps.trainer(SFTTrainer, model, tmp_path, args=options, train_dataset=rows, processing_class=tokenizer)
    assert (ready.args.n_gpu, ready.args.train_batch_size) == (1, ready.args.per_device_train_batch_size)


def test_a_base_that_does_not_fit_the_memory_is_said_to_be_that(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(student, "_whole", full)
    with pytest.raises(ModelUnavailable, match=r"\.\./phi does not fit the free memory; close what else uses it"):
        student.base(Weights("../phi"), home / "tuned", "none", CPU)


def test_four_bit_layers_compute_in_bf16_though_a_norm_under_autocast_gives_them_fp32(home: Path) -> None:
    """bitsandbytes would keep to the precision of the first input: after a resume to fp32, many times slower on a GPU."""
    base = student.base(Weights("../phi"), home / "tuned", "nf4", student.Place("cpu", torch.bfloat16))
    layers = [module for module in base.modules() if isinstance(module, Linear4bit)]
    for layer in layers:
        layer(torch.zeros(2, layer.in_features))
    assert {layer.compute_dtype for layer in layers} == {torch.bfloat16}


@pytest.fixture
def trainer(home: Path, towns: Database, tmp_path: Path) -> Callable[..., Any]:
    """A trainer over rows of different lengths."""

    def build(**changes: object) -> Any:
        wanted = replace(tuned.short(), **changes)  # type: ignore[arg-type]
        tokenizer = student.tokenizer(wanted.base, home / "tuned", 384)
        base = student.base(wanted.base, home / "tuned", wanted.quantisation, CPU)
        texts, _ = tune.texts_of(tuned.dataset(towns), wanted, tokenizer, lambda _line: None)
        learned = [Prompted(f"{each.prompt[-20 * n :]}", each.completion) for n, each in enumerate(texts.train, 2)]
        return tune.trainer_of(wanted, student.with_adapter(base, wanted.lora), tokenizer, tune.Texts(learned, ()), tmp_path, CPU)

    return build


def test_the_loss_counts_the_answer_and_its_end_alone(trainer: Callable[..., Any]) -> None:
    ready = trainer(packing=False)
    for row in ready.train_dataset:
        learned = [token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label != -100]
        assert learned[-1] == ready.processing_class.eos_token_id == row["input_ids"][-1]
        assert ready.processing_class.decode(learned[:-1]) in {f"\n{sql}\n```" for _, sql in tuned.LEARNED}


@pytest.mark.parametrize("quantisation", ["none", "nf4"])
def test_pairs_packed_into_one_row_do_not_see_each_other(trainer: Callable[..., Any], quantisation: str) -> None:
    ready = trainer(quantisation=quantisation)
    batch = ready.data_collator(list(ready.train_dataset))
    starts = [*(batch["position_ids"][0] == 0).nonzero().flatten().tolist(), batch["input_ids"].shape[1]]
    assert len(starts) == 5
    model = ready.model.eval()
    with torch.inference_mode():
        together = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits[0]
        for begin, end in pairwise(starts):
            alone = model(input_ids=batch["input_ids"][:, begin:end]).logits[0]
            torch.testing.assert_close(together[begin:end], alone, atol=1e-4, rtol=1e-4)


def test_training_and_serving_prune_a_prompt_alike(home: Path, towns: Database, sandbox: Sandbox, made: object) -> None:
    tokenizer = AutoTokenizer.from_pretrained(home / "phi")

    def count(text: str) -> int:
        return len(tokenizer(text)["input_ids"])

    whole = count(prompts.phi2_sql("how many shops ?", towns.schema()).text)
    card = replace(catalog.read(home / "tuned" / "card.toml"), context=whole + 60)
    (text,), counts = prompted(
        [TrainingPair("how many shops ?", "SELECT COUNT(*) FROM shops", towns.schema(), "test")], "phi2-sql", count, Room(whole - 4, 64)
    )
    assert counts == {"kept": 1, "pruned": 1}
    from nl2sql_arena.engine import Engine
    from nl2sql_arena.types import Request

    (answer,) = Engine({"tuned": card}, home, {"towns": towns}, sandbox).answers([Request("1", "tuned", "towns", "how many shops ?")])
    assert answer.prompt.pruned
    assert answer.prompt.text == text.prompt


def test_pairs_that_do_not_fit_are_left_out_and_counted(towns: Database) -> None:
    rows = [
        TrainingPair("word " * 400, "SELECT 1", towns.schema(), "test"),
        TrainingPair("long ?", "SELECT 1" + " + 1" * 90, towns.schema(), "test"),
    ]
    assert prompted(rows, "phi2-sql", lambda text: len(text.split()), Room(60, 60)) == (
        [], {"kept": 0, "question too long": 1, "answer too long": 1}
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(prompts.FORMATS))
def test_a_completion_begins_and_ends_as_the_format_asks(name: str, towns: Database) -> None:
    prompt = prompts.FORMATS[name]("how many shops ?", towns.schema(), True)
    text = prompt.text + completion(prompt, "SELECT 1")
    end = "SELECT 1" if name.startswith("mini") else f"SELECT 1\n{prompt.stop[0]}"
    assert text.endswith(f"\n{end}")
    assert not text.endswith(f"\n\n{end}")


def test_a_pad_token_is_added_where_there_is_none_and_takes_a_free_row(tmp_path: Path) -> None:
    """As with Phi-2, whose tokenizer has 50,295 tokens and whose model has 51,200 rows."""
    vocabulary = {f"w{i}": i for i in range(50_294)} | {"<|endoftext|>": 50_294}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="w0"))
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|endoftext|>").save_pretrained(tmp_path)
    PhiConfig(vocab_size=51_200).save_pretrained(tmp_path)
    made = student.tokenizer(Weights("."), tmp_path, 51_200)
    assert (made.pad_token_id, made.eos_token_id) == (50_295, 50_294)
    with pytest.raises(ModelUnavailable, match="has no free row for a pad token among its 50295 embeddings"):
        student.tokenizer(Weights("."), tmp_path, 50_295)


def test_a_pad_token_that_is_also_the_end_is_replaced(tmp_path: Path) -> None:
    tokenizer = tiny.tokenizer(tmp_path)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(tmp_path)
    tiny.PhiConfig(vocab_size=512).save_pretrained(tmp_path)
    made = student.tokenizer(Weights("."), tmp_path, 512)
    assert made.pad_token_id not in (None, made.eos_token_id)


def test_the_kept_checkpoint_answers_most_and_of_equals_has_the_lower_loss() -> None:
    history = [
        {"step": step, "eval_execution_accuracy": accuracy, "eval_loss": loss}
        for step, accuracy, loss in ((10, 0.2, 1.0), (20, 0.4, 0.9), (30, 0.4, 0.8), (40, 0.3, 0.1))
    ]
    assert checkpoints.best(history, [10, 20, 30, 40]) == 30
    assert checkpoints.best(history, [10, 20, 40]) == 20
    assert checkpoints.best([], [10, 20]) == 20


def test_half_a_checkpoint_is_removed_and_the_best_is_never_let_go(tmp_path: Path) -> None:
    history = [{"step": 10, "eval_execution_accuracy": 0.5}, {"step": 20, "eval_execution_accuracy": 0.1}]
    for step in (10, 20, 30):
        (tmp_path / f"checkpoint-{step}").mkdir()
        checkpoints.saved(tmp_path, step, history)
    assert list(checkpoints.by_step(tmp_path)) == [10, 30]
    (tmp_path / "checkpoint-40").mkdir()
    assert checkpoints.last_whole(tmp_path) == tmp_path / "checkpoint-30"
    assert list(checkpoints.by_step(tmp_path)) == [10, 30]


def test_another_recipe_does_not_continue_a_run(tmp_path: Path) -> None:
    assert checkpoints.begin(tmp_path / "run", {"rate": 1}, again=False) is None
    assert checkpoints.begin(tmp_path / "run", {"rate": 1}, again=False) is None
    with pytest.raises(BadInput, match="holds an unfinished run of another recipe"):
        checkpoints.begin(tmp_path / "run", {"rate": 2}, again=False)
    assert checkpoints.begin(tmp_path / "run", {"rate": 2}, again=True) is None


DYING = """
import os, signal, sys
from nl2sql_arena import cli
from nl2sql_arena.training.tuning.progress import Keeper

def on_log(keeper, arguments, state, *rest, **more):
    logged(keeper, arguments, state, *rest, **more)
    if state.global_step > int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)

logged, Keeper.on_log = Keeper.on_log, on_log
cli.main(sys.argv[2:])
"""


def command(path: Path, data: Path, *start: str) -> "subprocess.CompletedProcess[str]":
    arguments = [sys.executable, *start, "--data", str(data), "train", "sft", "--recipe", str(path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.run(arguments, cwd=settings.ROOT, env=environment, text=True, capture_output=True, check=False)


def killed_after(path: Path, data: Path, step: int) -> None:
    """Runs the command, which is killed as soon as it has told of the step after the checkpoint of `step`."""
    done = command(path, data, "-c", DYING, str(step))
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (data / "training" / path.parent.name / f"checkpoint-{step}" / checkpoints.MARK).exists(), done.stderr


def finish(path: Path, data: Path) -> None:
    done = command(path, data, "-m", "nl2sql_arena")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_one_command_from_raw_rows_to_a_contestant_though_it_was_killed(
    towns: Database, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned.phi(tmp_path / "models")
    path = tuned.raw(tmp_path / "models")
    killed_after(path, tmp_path / "data", 16)
    (tmp_path / "data" / "training" / "tuned" / "checkpoint-999").mkdir()  # as a kill while it is written leaves one
    cli.main(["--data", str(tmp_path / "data"), "train", "sft", "--recipe", str(path)])  # in this process, which has torch loaded
    out, said = capsys.readouterr()
    assert out == ""
    assert "continuing from step" in said
    history = [json.loads(line) for line in (path.parent / "training.jsonl").read_text().splitlines()]
    report = json.loads((path.parent / "training.json").read_text())
    assert [entry["step"] for entry in history if "loss" in entry] == list(range(1, report["kept"]["of"] + 1))
    assert 0 < report["data"]["pairs"]["kept"] < 30
    assert [entry["step"] for entry in report["evaluations"]] == [0, 8, 16, 24, 28]
    assert tuned.ask(tmp_path / "models", "tuned", "how many shops ?", towns, sandbox).completion.tokens > 0


@pytest.mark.long
def test_a_killed_training_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    ends = []
    for name in ("killed", "undisturbed"):
        tuned.phi(tmp_path / name / "models")
        path = tuned.raw(tmp_path / name / "models")
        if name == "killed":
            killed_after(path, tmp_path / name / "data", 16)
        finish(path, tmp_path / name / "data")
        ends.append(load_file(path.parent / "adapter" / "adapter_model.safetensors"))
    for name in ends[0]:
        torch.testing.assert_close(ends[0][name], ends[1][name], atol=1e-5, rtol=1e-5)


def test_a_killed_training_that_was_done_already_only_becomes_a_contestant(
    home: Path, towns: Database, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(contestant, "publish", full)
        with pytest.raises(OSError, match="disk"):
            tune.sft(tuned.short(), lambda _folder: tuned.dataset(towns), folders(home, "late", tmp_path), sandbox, lambda _line: None)

    def never(_folder: Path) -> Any:
        raise AssertionError("the data were checked already")

    lines: list[str] = []
    report = tune.sft(tuned.short(), never, folders(home, "late", tmp_path), sandbox, lines.append)
    assert "continuing from step 6 of 6" in lines
    assert [entry["step"] for entry in report["evaluations"]] == [0, 3, 6]
    assert catalog.read(home / "late" / "card.toml").adapter


def test_without_an_examination_the_last_weights_are_kept(home: Path, towns: Database, sandbox: Sandbox, tmp_path: Path) -> None:
    wanted = replace(tuned.short(), schedule=Schedule(accumulate=1, steps=4), evaluation=Evaluation(every=3, questions=0))
    report = tune.sft(wanted, lambda _folder: tuned.dataset(towns), folders(home, "unexamined", tmp_path), sandbox, lambda _line: None)
    assert report["kept"] == {"step": 4, "of": 4, "because": "the last weights; none were examined"}


def test_nothing_to_learn_or_to_choose_by_is_said(home: Path, towns: Database, sandbox: Sandbox, tmp_path: Path) -> None:
    long = [TrainingPair("word " * 400, "SELECT 1", towns.schema(), "test")]
    for data, message in ((tuned.dataset(towns, long), "No pair is left"), (tuned.dataset(towns, held_out=()), "No question is held out")):
        with pytest.raises(BadInput, match=message):
            tune.sft(
                tuned.short(), lambda _folder, data=data: data, folders(home, "empty", tmp_path / message), sandbox, lambda _line: None
            )


def test_rows_longer_than_the_base_can_read_are_refused(home: Path, towns: Database, sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="max_length = 513 is more than the 512 positions of the base"):
        tune.sft(
            tuned.short(max_length=513), lambda _folder: tuned.dataset(towns), folders(home, "long", tmp_path), sandbox, lambda _line: None
        )  # fmt: skip


def test_steps_are_counted_as_the_trainer_counts_them(trainer: Callable[..., Any]) -> None:
    """A pass that leaves less than a step ends with a smaller one."""
    ready = trainer(packing=False, schedule=Schedule(epochs=3, accumulate=3, rate=0.0), evaluation=Evaluation(every=50, questions=0))
    assert len(ready.get_train_dataloader()) == 4
    ready.train()
    assert ready.state.max_steps == steps.of_epochs(4, 3, 3.0) == 6


def test_modules_that_the_base_lacks_are_named(home: Path, towns: Database, sandbox: Sandbox, tmp_path: Path) -> None:
    wanted = replace(tuned.short(), lora=replace(tuned.short().lora, modules=("Wqkv",)))
    with pytest.raises(ModelUnavailable, match=r"Wqkv.*correct \[lora\] modules"):
        tune.sft(wanted, lambda _folder: tuned.dataset(towns), folders(home, "misfit", tmp_path), sandbox, lambda _line: None)


def test_a_base_that_is_not_there_is_named(towns: Database, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    wanted = replace(tuned.short(), base=Weights("./lost"))
    with pytest.raises(ModelUnavailable, match=r"The base model \./lost cannot be loaded: .*; check its id in the recipe"):
        tune.sft(wanted, lambda _folder: tuned.dataset(towns), folders(tmp_path, "lost", tmp_path / "work"), sandbox, print)


PHI_2 = settings.ROOT / "models" / "phi-2-nl2sql"


def test_the_recipe_for_phi_2_makes_what_its_card_describes() -> None:
    wanted = recipe.read_tuning(PHI_2 / "recipe.toml")
    contestant.check_target(PHI_2, tune.card_of(wanted, tune.Folders(PHI_2, PHI_2, PHI_2), "phi"), again=True)
    assert "phi-2-nl2sql" not in recipe.load(settings.ROOT / "models")


def test_figures_for_phi_2_are_known_before_its_weights_are(tmp_path: Path) -> None:
    """Parameters as its published configuration has them; memory as docs/fine-tuning.md states it."""
    shape = PhiConfig(
        vocab_size=51_200, hidden_size=2560, intermediate_size=10_240, num_hidden_layers=32, num_attention_heads=32,
        max_position_embeddings=2048, partial_rotary_factor=0.4,
    )  # fmt: skip
    shape.save_pretrained(tmp_path)
    wanted = replace(recipe.read_tuning(PHI_2 / "recipe.toml"), base=Weights("."))
    counts = estimate.parameters(wanted.base, tmp_path, lambda model: student.with_adapter(model, wanted.lora))
    assert (counts.frozen, counts.trained) == (2_779_683_840, 23_592_960)
    gpu = student.Place("cuda", torch.bfloat16)
    assert str(estimate.memory(counts, shape, gpu, "nf4", 2048)) == "about 3.43 GB (weights 1.82, adapter 0.38, activations 1.23)"
    assert (wanted.quantisation, wanted.schedule.batch * wanted.max_length) == ("nf4", 2048)
    whole = estimate.memory(counts, shape, gpu, "none", 2048)
    assert str(whole) == "about 6.83 GB (weights 5.56, adapter 0.38, activations 0.89)"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("", "is not a usable recipe .*base"),
        ('trainer = "jax"', "asks for the trainer 'jax'; use one of trl, scratch"),
        ('format = "phi3"', "format = 'phi3', not one of"),
        ("max_new_tokens = 400", "leaves no room for a prompt"),
        ('quantisation = "int2"', "quantisation = 'int2', not one of nf4, none"),
        ("lora = { rank = 0 }", "rank = 0, not above 0"),
        ("lora = { dropout = 1.0 }", "dropout = 1.0, not a share"),
        ("schedule = { warmup = 30 }", "warmup = 30, not a share from 0 to below 1"),
        ("measured = [{ path = 'spider' }]", "is not a usable recipe .*source"),
        ("base = 'phi'", "is not a usable recipe"),
        ("colour = 1", "is not a usable recipe .*colour"),
        ("adapter = { id = '../other/adapter' }", r"\[lora\] beside an adapter that is continued"),
        ("data = []", "no .*data.* to learn from"),
    ],
)
def test_a_recipe_that_cannot_be_followed_says_why(tmp_path: Path, change: str, message: str) -> None:
    lines = [line for line in tuned.RAW.format(rows="x.jsonl").splitlines() if line and line.split()[0] != change.partition(" ")[0]]
    if not change:
        lines = ['trainer = "trl"']
    (tmp_path / "recipe.toml").write_text("\n".join([*lines, change]))
    with pytest.raises(BadCard, match=message):
        recipe.read_tuning(tmp_path / "recipe.toml")


def test_a_recipe_of_a_mini_is_handed_to_the_trainer_of_the_minis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[Any] = []
    monkeypatch.setattr("nl2sql_arena.training.minis.mini.train_minis", lambda *arguments: handed.extend(arguments))
    path = settings.ROOT / "models" / "mini-p-lora" / "recipe.toml"
    cli.main(["--data", str(tmp_path), "train", "sft", "--recipe", str(path), "--out", str(tmp_path / "models" / "mini-p-lora")])
    assert handed[0] == tmp_path / "models"
    assert list(handed[-1]) == ["mini-p", "mini-p-lora"]


@pytest.mark.parametrize(
    ("problem", "raised", "message"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), BadInput, "does not fit the memory; lower batch or max_length"),
        (OSError(errno.ENOSPC, "No space left on device"), Infrastructure, "is full; free some space and give the same command again"),
        (OSError(errno.EIO, "Input/output error"), OSError, "Input/output error"),
    ],
)
def test_what_ends_a_training_is_one_sentence(tmp_path: Path, problem: Exception, raised: type[Exception], message: str) -> None:
    with pytest.raises(raised, match=message), steps.understood(tmp_path):
        raise problem


def test_missing_trl_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tuned.phi(tmp_path / "models")
    monkeypatch.setattr(cli, "find_spec", lambda package: None if package == "trl" else package)
    with pytest.raises(SystemExit, match=r"Fine-tuning needs the package trl; install it with `pip install -r requirements-train\.txt`\."):
        cli.main(["--data", str(tmp_path), "train", "sft", "--recipe", str(tuned.raw(tmp_path / "models"))])
