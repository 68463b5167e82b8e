"""Preference rows and what is refused among them; then DPO, KTO and merging for real, on a tiny Phi with a random adapter."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

pytest.importorskip("datasets", reason="datasets is not installed (pip install -c constraints.txt -r requirements-train.txt)")
pytest.importorskip("trl", reason="trl is not installed (pip install -c constraints.txt -r requirements-train.txt)")

from nl2sql_arena import catalog, cli, prompts, settings
from nl2sql_arena.database import Database
from nl2sql_arena.errors import BadInput, ModelUnavailable
from nl2sql_arena.sandbox import Sandbox
from nl2sql_arena.training.tuning import contestant, estimate, merge, prefer, preference, student
from nl2sql_arena.training.tuning.preference import Pair, Row, Verdict
from nl2sql_arena.training.tuning.progress import Keeper
from nl2sql_arena.training.tuning.prompted import completion
from nl2sql_arena.types import Execution, Generation, Limits, Weights
from nl2sql_arena.votes import Store
from tests import tiny
from tests.test_vote_exports import kept, written
from tests.training import tuned

NO_QUESTIONS: frozenset[str] = frozenset()


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """Threads of so small a model only wait for each other on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def towns(tmp_path_factory: pytest.TempPathFactory) -> Database:
    return tuned.towns(tmp_path_factory.mktemp("towns"))


def rows(count: int = 60) -> list[Row]:
    """Pairs that lean to no side: each model wins half, and the longer answer does."""
    made: list[Row] = []
    for number in range(count):
        good, bad = (
            f"SELECT COUNT(*) FROM cities WHERE id > {number}",
            "SELECT name FROM cities" + " WHERE id > 1 ORDER BY people" * (number % 2),
        )
        names = ("left", "right") if number % 3 else ("right", "left")
        made.append(Pair("towns", f"how many cities after {number} ?", "train", good, bad, "vote", *names))
    return made


def vote(**changes: object) -> dict[str, Any]:
    """A vote as `votes list --json` prints it."""
    return {
        "name": "v1", "winner": "model_a", "db": "towns", "question": "how many ?", "split": "none", "model_a": "left", "model_b": "right",
        "sql_a": "SELECT 1", "sql_b": "SELECT 2", "outcome_a": "ok", "outcome_b": "error",
    } | changes  # fmt: skip


def test_a_row_is_read_as_it_was_written() -> None:
    verdict = Verdict("towns", "how many ?", "train", "SELECT 1", True, "execution")
    for row in (rows(1)[0], verdict):
        assert preference.read(json.dumps(preference.as_json(row))) == [row]


def test_a_vote_is_a_pair_of_answers_by_whoever_wrote_them() -> None:
    (pair,) = preference.read(json.dumps([vote(winner="model_b", outcome_b="empty")]))
    assert pair == Pair("towns", "how many ?", "none", "SELECT 2", "SELECT 1", "vote", "right", "left")
    bad = preference.read(json.dumps(vote(winner="both_bad")))
    assert [(row.completion, row.label, row.by) for row in bad if isinstance(row, Verdict)] == [
        ("SELECT 1", False, "left"),
        ("SELECT 2", False, "right"),
    ]


@pytest.mark.parametrize(
    "change",
    [{"winner": "tie"}, {"outcome_a": "error"}, {"sql_b": ""}, {"sql_b": "SELECT 1"}, {"asks": "readability"}, {"chosen": "control"}],
)
def test_a_vote_that_prefers_nothing_that_runs_is_no_row(change: dict[str, str]) -> None:
    assert preference.read(json.dumps(vote(**change))) == []


def test_exported_votes_are_rows_as_they_are(tmp_path: Path) -> None:
    store = Store(tmp_path / "votes.sqlite")
    kept(store, "one", "model_a")
    kept(store, "two", "model_b", chosen="control")
    kept(store, "three", "both_bad")
    found = preference.read(written(store, "jsonl", tmp_path / "out").read_text())
    (whole,) = [row for row in found if isinstance(row, Pair)]
    assert (whole.question, whole.split, whole.chosen_by, whole.rejected_by, whole.rejected) == (
        "How many?", "arena", "alpha", "beta", "SELECT 2",
    )  # fmt: skip
    assert [row.label for row in found if isinstance(row, Verdict)] == [False, False]
    with pytest.raises(BadInput, match=r"Row 1 has a whole prompt, .* give the votes\.jsonl of `votes export --format jsonl`"):
        preference.read(written(store, "dpo", tmp_path / "dpo").read_text())


def test_a_query_that_a_voter_put_right_is_better_than_either_side() -> None:
    rows = preference.read(json.dumps(vote(winner="both_bad", fix_sql="SELECT 3", fix_side="a")))
    pairs = [row for row in rows if isinstance(row, preference.Pair)]
    assert [(pair.chosen, pair.rejected) for pair in pairs] == [("SELECT 3", vote()["sql_a"]), ("SELECT 3", vote()["sql_b"])]
    assert len(rows) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "are not JSON"),
        ("[1]", "Row 1 is no preference row"),
        ('{"db": "towns"}', 'it needs "db", "question"'),
        (json.dumps(preference.as_json(rows(1)[0]) | {"chosen": " "}), "Row 1 has no usable chosen"),
        (json.dumps(vote() | {"label": "yes"}).replace('"winner": "model_a", ', ""), "Row 1 is no preference row"),
        ('{"db":"d","question":"q","split":"s","completion":"c","label":"yes","source":"vote"}', "Row 1 has no usable label"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(text: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        preference.read(text)


def test_a_vote_without_its_queries_says_what_is_missing() -> None:
    lost = {key: value for key, value in vote().items() if not key.startswith("sql")}
    with pytest.raises(BadInput, match="Row 1 is a vote without sql_a, sql_b; export votes with `votes export --format jsonl`"):
        preference.read(json.dumps(lost))


def test_answers_are_judged_by_what_they_return(towns: Database, sandbox: Sandbox) -> None:
    questions = [
        {"id": 1, "db": "towns", "question": "how many cities ?", "gold_sql": ["SELECT COUNT(*) FROM cities"]},
        {"id": 2, "db": "towns", "question": "names by size ?", "gold_sql": ["SELECT name FROM cities ORDER BY people"], "split": "arena"},
        {"id": 3, "db": "towns", "question": "shops ?", "gold_sql": ["SELECT COUNT(*) FROM shops"]},
    ]
    answers = [
        {"id": 1, "model": "left", "sql": "SELECT 2"}, {"id": 1, "model": "right", "sql": "SELECT 3"}, {"id": 1, "sql": "SELECT nothing"},
        {"id": 2, "model": "left", "sql": "SELECT name FROM cities ORDER BY people DESC"}, {"id": 2, "model": "left", "sql": ""},
        {"id": 3, "model": "left", "sql": "SELECT SUM(1) FROM shops"},
    ]  # fmt: skip

    def run(_db: str, sql: str, limits: Limits) -> Execution:
        return sandbox.run(towns.path(), sql, limits)

    found = preference.judged(questions, answers, run)
    assert [(row.chosen, row.rejected, row.rejected_by) for row in found if isinstance(row, Pair)] == [
        ("SELECT 2", "SELECT 3", "right"), ("SELECT 2", "SELECT nothing", ""),
    ]  # fmt: skip
    assert [(row.split, row.label, row.by) for row in found if isinstance(row, Verdict)] == [
        ("arena", False, "left"),
        ("train", True, "left"),
    ]
    with pytest.raises(BadInput, match="has the id 9, which no question has"):
        preference.judged(questions, [{"id": 9, "sql": "SELECT 1"}], run)


@pytest.mark.parametrize("asked", ["Which city has most people?", "which CITY has   most people", "Which city has most people ?!"])
def test_a_question_that_models_are_measured_on_is_refused_however_it_was_typed(towns: Database, asked: str) -> None:
    measured = preference.measured_questions({"towns": towns})
    leak = replace(rows(1)[0], question=asked, split="none")
    with pytest.raises(BadInput, match=r"1 of 61 rows ask what models are measured on, such as .*remove every row"):
        preference.check([*rows(), leak], measured)
    assert preference.is_measured(leak, measured)
    assert not preference.is_measured(rows(1)[0], measured)


def test_every_measured_question_of_the_real_databases_is_refused(tmp_path: Path) -> None:
    from nl2sql_arena import database

    databases = database.catalogue(settings.load({"ARENA_DATA": str(tmp_path)}))
    measured = preference.measured_questions(databases)
    examples = [example for each in databases.values() for example in each.examples()]
    asked: dict[str, list[Row]] = {example.split: [] for example in examples}
    for example in examples:
        asked[example.split].append(replace(rows(1)[0], question=f"  {example.question.removesuffix('?')} ..."))
    for split in ("dev", "test"):
        assert asked[split]
        assert all(preference.is_measured(row, measured) for row in asked[split])


@pytest.mark.parametrize("split", ["dev", "test"])
def test_a_row_of_a_measured_split_is_refused_whatever_it_asks(split: str) -> None:
    with pytest.raises(BadInput, match="ask what models are measured on"):
        preference.check([*rows(), replace(rows(1)[0], split=split)], NO_QUESTIONS)


def one_sided() -> Iterator[tuple[list[Row], str]]:
    yield [replace(row, chosen_by="left", rejected_by="right") for row in rows()], "left beats right in 100% of them"
    yield [replace(row, chosen=row.chosen + " " * 200) for row in rows() if isinstance(row, Pair)], "the longer answer is the better one"
    yield [row for row in preference.verdicts(rows()) if row.label], "the answer is good in 100% of them"


@pytest.mark.parametrize(("given", "message"), one_sided())
def test_one_sided_rows_are_refused(given: list[Row], message: str) -> None:
    with pytest.raises(BadInput, match=f"The rows are one-sided: {message}"):
        preference.check(given, NO_QUESTIONS)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(BadInput, match=r"There are 49 usable rows, which is too few .*collect at least 50"):
        preference.check(rows(49), NO_QUESTIONS)
    preference.check(rows(50), NO_QUESTIONS)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Phi and a contestant that is a random adapter on it."""
    home = tmp_path_factory.mktemp("models")
    tuned.phi(home)
    tiny.lora(home / "phi", home / "old" / "adapter")
    card = replace(tiny.card("old", "../phi", "adapter"), format="phi2-sql", context=384, generation=Generation(64), title="Old")
    contestant.write_card(home / "old" / "card.toml", card)
    return home


def margin(models: Path, name: str, towns: Database) -> float:
    """How much more probable a model finds the better answers than the worse ones, in nats an answer."""
    card = catalog.read(models / name / "card.toml")
    assert card.adapter
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(models / "phi"), models / name / card.adapter.id).eval()
    tokenizer = AutoTokenizer.from_pretrained(models / "phi")

    def probability(row: Pair, sql: str) -> float:
        prompt = prompts.phi2_sql(row.question, towns.schema())
        begin = len(tokenizer(prompt.text)["input_ids"])
        ids = torch.tensor([tokenizer(prompt.text + completion(prompt, sql) + tokenizer.eos_token)["input_ids"]])
        with torch.inference_mode():
            scores = model(input_ids=ids).logits[0, begin - 1 : -1].log_softmax(-1)
        return float(scores.gather(1, ids[0, begin:, None]).sum())

    some = [row for row in rows(6) if isinstance(row, Pair)]
    return sum(probability(row, row.chosen) - probability(row, row.rejected) for row in some) / len(some)


@pytest.mark.parametrize(("method", "quantisation"), [("dpo", "none"), ("dpo", "nf4"), ("kto", "none")])
def test_preferences_continue_an_adapter_into_a_contestant_of_its_own(
    models: Path, towns: Database, sandbox: Sandbox, tmp_path: Path, method: prefer.Method, quantisation: Any
) -> None:
    name = f"{method}-{quantisation}"
    places = prefer.Places(models / "old", models / name, tmp_path / "work")
    before = (models / "old" / "adapter" / "adapter_model.safetensors").read_bytes()
    choices = prefer.Choices(method, rate=6e-3, quantisation=quantisation)
    lines: list[str] = []
    report = prefer.prefer(choices, rows(50), places, {"towns": towns}, lines.append)
    assert (models / "old" / "adapter" / "adapter_model.safetensors").read_bytes() == before
    assert sorted(path.name for path in (models / name / "adapter").iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
    card = catalog.read(models / name / "card.toml")
    assert (card.name, card.title, card.base) == (name, f"Old + {method.upper()}", Weights("../phi"))
    assert margin(models, name, towns) > margin(models, "old", towns) + 0.5
    assert report["continues"] == {"model": "old", "adapter": catalog.revision(catalog.read(models / "old" / "card.toml"), models)}
    assert not places.work.exists()
    said = "\n".join(lines)
    assert said.startswith(f"old: {report['trained_parameters']:,} parameters are trained, 116,352 stay frozen\nmemory: about 0.0")
    assert re.search(
        rf"time: about [\d.]+ \w+ for {report['kept']['of']} steps .* its reference included; one forward and backward pass", said
    )
    assert report["pass_seconds"] > 0
    assert tuned.ask(models, name, "how many shops ?", towns, sandbox).completion.tokens > 0


@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_on_a_four_bit_base_the_very_adapter_is_continued(models: Path, tmp_path: Path, method: prefer.Method) -> None:
    """trl would round it to bf16, by more than a small rate then moves it, and hold it to a copy that is not rounded."""
    card = catalog.read(models / "old" / "card.toml")
    place = student.Place("cpu", torch.float32)
    tokenizer = student.tokenizer(card.base, models / "old", 384)
    base = student.base(card.base, models / "old", "nf4", place)
    model = PeftModel.from_pretrained(base, models / "old" / "adapter", is_trainable=True)
    before = student.trained(model)
    texts: list[dict[str, Any]] = [{"prompt": "a", "chosen": "b", "rejected": "c"}, {"prompt": "b", "chosen": "c", "rejected": "a"}]
    if method == "kto":
        texts = [{"prompt": "a", "completion": "b", "label": True}, {"prompt": "b", "completion": "c", "label": False}]
    ready = prefer._trainer(prefer.Choices(method), model, tokenizer, texts, tmp_path, place, 1, 64)
    after = student.trained(ready.model)
    assert before
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(("method", "at_once"), [("dpo", 4), ("kto", 2)])
def test_memory_is_estimated_with_the_reference_that_is_held_and_for_all_that_is_read_at_once(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: prefer.Method, at_once: int
) -> None:
    """No second base: a frozen copy of the adapter, whose bytes are those of the estimate. What timing counts is not training's."""
    card = catalog.read(models / "old" / "card.toml")
    assert card.adapter
    place = student.Place("cpu", torch.float32)
    shape = student.config(card.base, models / "old")
    tokenizer = student.tokenizer(card.base, models / "old", 384)
    texts: list[dict[str, Any]] = [{"prompt": "a" * n, "chosen": "b", "rejected": "c"} for n in range(1, 9)]
    if method == "kto":
        texts = [{"prompt": "a" * n, "completion": "b", "label": n % 2 == 0} for n in range(1, 9)]
    model = student.continued(student.base(card.base, models / "old", "none", place), card.adapter, models / "old")
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    ready = prefer._trainer(prefer.Choices(method), model, tokenizer, texts, tmp_path, place, 1, 64)
    needed: list[estimate.Memory] = []
    monkeypatch.setattr(estimate, "announce", lambda _name, _counts, memory, *_: needed.append(memory))
    longest = prefer._longest(texts, tokenizer, 64)
    prefer.announce(prefer.Choices(method), card, models / "old", shape, longest, place, print)
    copy = [weight for name, weight in ready.model.named_parameters() if ".ref." in name]
    assert ready.ref_model is None
    assert needed[0].reference == sum(weight.nbytes for weight in copy) == 4 * sum(weight.numel() for weight in trained.values())
    (rows, tokens) = next(iter(torch.utils.data.DataLoader(ready.train_dataset, 8, collate_fn=ready.data_collator)))["input_ids"].shape
    assert (rows, tokens) == (8 * at_once // 2, longest)
    counts = estimate.parameters(card.base, models / "old", lambda made: student.shaped(made, card.adapter or Weights(""), models / "old"))
    assert needed[0].activations == estimate.memory(counts, shape, place, "none", at_once * longest).activations
    before = student.trained(ready.model)
    assert prefer.timed(ready, 1, place, print) > 0
    assert (ready._total_train_tokens, dict(ready._metrics["train"])) == (0, {})
    assert all(torch.equal(before[name], weight) for name, weight in student.trained(ready.model).items())


def test_an_adapter_that_is_not_there_is_named(models: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"The adapter \./lost cannot be loaded: .*; check its id in the card"):
        student.shaped(AutoModelForCausalLM.from_pretrained(models / "phi"), Weights("./lost"), models / "old")


@pytest.mark.long
@pytest.mark.parametrize("method", ["dpo", "kto"])
def test_a_killed_preference_training_ends_where_an_undisturbed_one_does(
    models: Path, towns: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: prefer.Method
) -> None:
    """Also the reference is the old adapter again, not what the killed run had made of it."""
    saved, lines = Keeper.on_save, []

    def train(name: str) -> dict[str, torch.Tensor]:
        places = prefer.Places(models / "old", models / f"{method}-{name}", tmp_path / name)
        prefer.prefer(prefer.Choices(method, rate=6e-3, seed=1), rows(), places, {"towns": towns}, lines.append)
        return load_file(places.out / "adapter" / "adapter_model.safetensors")

    def dies(keeper: Keeper, *arguments: Any, **named: Any) -> None:
        saved(keeper, *arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Keeper, "on_save", dies)
        with pytest.raises(KeyboardInterrupt):
            train("killed")
    resumed, undisturbed = train("killed"), train("undisturbed")
    assert any(line.startswith("continuing from step") for line in lines)
    for name, expected in undisturbed.items():
        torch.testing.assert_close(resumed[name], expected, atol=1e-5, rtol=1e-5)


def test_rows_about_an_unknown_database_or_a_model_without_an_adapter_are_refused(models: Path, towns: Database, tmp_path: Path) -> None:
    places = prefer.Places(models / "old", models / "new", tmp_path / "work")
    with pytest.raises(BadInput, match="about the database 'towns', which is not here; use rows about nothing"):
        prefer.prefer(prefer.Choices("dpo"), rows(), places, {"nothing": towns}, print)
    contestant.write_card(models / "phi" / "card.toml", tiny.card("phi"))
    with pytest.raises(BadInput, match="Model phi has no adapter to continue; make one with `train sft` first"):
        prefer.prefer(prefer.Choices("dpo"), rows(), replace(places, model=models / "phi"), {"towns": towns}, print)
    (models / "phi" / "card.toml").unlink()


def test_the_command_refuses_a_leak_before_it_loads_anything(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from nl2sql_arena import database

    examples = (
        example for each in database.catalogue(settings.load({})).values() for example in each.examples() if example.split == "test"
    )
    leak = replace(rows(1)[0], question=next(examples).question.lower())
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(preference.as_json(row)) + "\n" for row in [*rows(), leak]))
    arguments = ["--data", str(tmp_path), "train", "dpo", str(models / "old"), "--rows", str(tmp_path / "rows.jsonl")]
    with pytest.raises(SystemExit, match="1 of 61 rows ask what models are measured on"):
        cli.main(arguments)


def test_the_commands_make_rows_of_answers_and_hand_them_on(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From what `ask --jsonl` prints to `train rows` and `train dpo`, on a real sample database."""
    questions: list[dict[str, Any]] = [
        {"id": number, "db": "shop", "question": f"is {number} more than 2 ?", "gold_sql": [f"SELECT {number} > 2"]} for number in range(6)
    ]
    questions[0]["split"] = "test"
    answers = [{"id": number, "model": model, "sql": f"SELECT {model == 'left'}"} for number in range(6) for model in ("left", "right")]
    for name, lines in (("questions", questions), ("answers", answers)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    data = ["--data", str(tmp_path / "data"), "train"]
    cli.main([*data, "rows", "--answers", str(tmp_path / "answers.jsonl"), "--questions", str(tmp_path / "questions.jsonl")])
    printed = capsys.readouterr()
    assert "5 rows; 1 left out" in printed.err
    (tmp_path / "rows.jsonl").write_text(printed.out)
    handed: list[Any] = []
    monkeypatch.setattr(prefer, "prefer", lambda *arguments: handed.extend(arguments))
    cli.main([*data, "dpo", str(models / "old"), "--rows", str(tmp_path / "rows.jsonl"), "--beta", "0.2"])
    choices, read, places = handed[:3]
    assert choices == prefer.Choices("dpo", beta=0.2)
    assert [(row.question, row.chosen_by) for row in read] == [(f"is {n} more than 2 ?", "right" if n < 3 else "left") for n in range(1, 6)]
    assert (places.model, places.out) == (models / "old", models / "old-dpo")


def test_a_merged_model_says_what_its_adapter_says(models: Path, towns: Database, sandbox: Sandbox) -> None:
    lines: list[str] = []
    found = merge.merge(models / "old", models / "old-merged", lines.append)
    assert 0 < found.largest < merge.TOLERANCE * found.scale
    assert "scores differ by at most" in lines[0]
    weights = load_file(models / "old-merged" / "model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    card = catalog.read(models / "old-merged" / "card.toml")
    assert (card.base, card.adapter, card.title) == (Weights("."), None, "Old (merged)")
    assert json.loads((models / "old-merged" / "training.json").read_text())["agreement"]["largest"] == found.largest
    assert tuned.ask(models, "old-merged", "how many shops ?", towns, sandbox).completion.tokens > 0


def test_merged_weights_that_differ_by_more_than_rounding_are_not_kept(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other(folder: Path, place: Any) -> Any:
        weights = load_file(folder / "model.safetensors")
        save_file({name: tensor * 1.2 for name, tensor in weights.items()}, folder / "model.safetensors", {"format": "pt"})
        return read(folder, place)

    read = merge._read
    monkeypatch.setattr(merge, "_read", other)
    with pytest.raises(BadInput, match="The merged weights were not kept, since scores differ by at most"):
        merge.merge(models / "old", models / "wrong", lambda _line: None)
    assert not (models / "wrong").exists()


def test_a_quantised_base_is_not_merged_into(models: Path) -> None:
    config = models / "phi" / "config.json"
    whole = config.read_text()
    config.write_text(json.dumps(json.loads(whole) | {"quantization_config": {"load_in_4bit": True, "quant_method": "bitsandbytes"}}))
    with pytest.raises(BadInput, match="is quantised; merge into its 16-bit original"):
        merge.merge(models / "old", models / "no", print)
    config.write_text(whole)
