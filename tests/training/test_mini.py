"""The minis' making, for real: tokenizer, rows, a few steps of every recipe, saved, loaded through the local backend, measured."""

import io
import json
import queue
import random
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from nl2sql_arena import backends, catalog, prompts, settings
from nl2sql_arena.backends.local import Local
from nl2sql_arena.database import Database, connect_trusted, opened
from nl2sql_arena.errors import BadCard, BadDatabase, BadInput
from nl2sql_arena.training import apart, recipe
from nl2sql_arena.training.generator import grammar
from nl2sql_arena.training.minis import adapt, bars, data, evaluate, mini, pools, tokenizer
from nl2sql_arena.training.recipe import Adapter, Architecture, Recipe, Stage
from nl2sql_arena.types import Generation, GenerationRequest, ModelCard

SCHEMA = """
CREATE TABLE cities (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, country VARCHAR NOT NULL, people INTEGER);
CREATE TABLE shops (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, city_id INTEGER REFERENCES cities (id), opened DATE, rent DECIMAL(8,2));
"""
CITIES = "id,name,country,people\n1,Oslo,Norway,700000\n2,Łódź,Poland,650000\n3,Turin,Italy,850000\n4,Bergen,Norway,290000\n"
SHOPS = "id,name,city_id,opened,rent\n" + "".join(
    f"{i},Shop {i},{1 + i % 4},20{10 + i}-0{1 + i % 9}-15,{100 * i}.50\n" for i in range(1, 10)
)
QUESTION = {
    "id": "q1",
    "question": "How many cities?",
    "gold_sql": ["SELECT COUNT(*) FROM cities"],
    "category": "aggregate",
    "split": "dev",
}
ARCHITECTURES = {"phi": Architecture("phi", 64, 2, 2, 64), "llama": Architecture("llama", 64, 2, 2, 64)}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """Threads of so small a model only wait for each other on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Database:
    folder = tmp_path_factory.mktemp("towns") / "towns"
    (folder / "data").mkdir(parents=True)
    (folder / "schema.sql").write_text(SCHEMA)
    (folder / "data" / "cities.csv").write_text(CITIES)
    (folder / "data" / "shops.csv").write_text(SHOPS)
    (folder / "questions.jsonl").write_text(json.dumps(QUESTION) + "\n")
    return Database("towns", folder, folder.parent / "cache")


@pytest.fixture(scope="module")
def made() -> Any:
    return tokenizer.build(data.texts(data.Ground((), frozenset()), random.Random(0), 40), 2048)


@pytest.fixture(scope="module")
def asked() -> list[tuple[Any, list[grammar.Pair]]]:
    """Random schemas the tokenizer has not seen, with pairs."""
    rng = random.Random(99)
    worlds = [grammar.random_world(rng) for _ in range(20)]
    return [(world.schema, list(grammar.pairs(world, rng, 12))) for world in worlds]


def pool_of(made: Any, asked: list[tuple[Any, list[grammar.Pair]]]) -> pools.Pool:
    packer = pools.Packer(made)
    for schema, pairs in asked:
        packer.add(schema, [(pair.question, pair.sql, ()) for pair in pairs])
    return packer.pool()


@pytest.mark.parametrize(
    "text",
    [
        "WHERE name = 'Zażółć  gęślą'",
        "東京 and 'O''Brien' \t at 12.50%\r\n",
        "  two  blanks ; the end ",
        "identifiers_id numbering dates_id",
    ],
)
def test_any_text_survives_the_tokenizer(made: Any, tmp_path: Path, text: str) -> None:
    from transformers import AutoTokenizer

    made.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.decode(again(text)["input_ids"]) == text
    assert (again.pad_token_id, again.bos_token_id, again.eos_token_id) == (0, 1, 2)


def test_schema_question_and_sql_meet_at_token_boundaries(made: Any, asked: list[tuple[Any, list[grammar.Pair]]]) -> None:
    for schema, pairs in asked:
        for pair in pairs:
            prompt = prompts.mini(pair.question, schema)
            parts = [made(part)["input_ids"] for part in (prompt.prefix, prompt.suffix, pair.sql)]
            assert made(prompt.text + pair.sql)["input_ids"] == [token for part in parts for token in part]


@pytest.mark.parametrize("family", ["phi", "llama"])
def test_a_pair_in_a_block_is_read_as_if_it_were_alone(made: Any, asked: list[tuple[Any, list[grammar.Pair]]], family: str) -> None:
    torch.manual_seed(0)
    model = mini._from_nothing(ARCHITECTURES[family], made).eval()
    plain = mini._from_nothing(ARCHITECTURES[family], made).eval()
    plain.load_state_dict(model.state_dict())
    plain.set_attn_implementation("eager")
    schema, pairs = asked[0]
    packed = pool_of(made, [(schema, pairs)])
    block = pools.block(packed, np.arange(len(packed)), made.pad_token_id)
    laid_out = {"attention_mask": torch.zeros(1, 1, 1, 1), "prefix": block.prefix, "pairs": block.pairs, "length": block.length}
    with torch.inference_mode():
        together = model(input_ids=block.tokens, position_ids=block.positions, **laid_out).logits[0]
        of_pairs = together[block.prefix : block.prefix + block.pairs * block.length].unflatten(0, (block.pairs, -1))
        for number, pair in enumerate(pairs):
            ids = packed.pair(number).astype(np.int64)
            alone = plain(input_ids=torch.from_numpy(np.concatenate([packed.prefix(0), ids]))[None].long()).logits[0]
            torch.testing.assert_close(of_pairs[number, : len(ids)], alone[block.prefix :], atol=1e-4, rtol=1e-4)
            answer = ids[packed.asked[number] :].tolist()
            assert made.decode(answer) == pair.sql + made.eos_token


def test_only_answers_and_their_end_are_learned(made: Any, asked: list[tuple[Any, list[grammar.Pair]]]) -> None:
    packed = pool_of(made, asked)
    for numbers in pools.epoch(packed, np.random.default_rng(0)):
        block = pools.block(packed, numbers, made.pad_token_id)
        learned = block.tokens[:, 1:][block.learn].tolist()
        assert learned == [token for number in numbers for token in packed.pair(int(number))[packed.asked[number] :].tolist()]


def test_an_epoch_reads_every_pair_once_in_blocks_about_one_schema(made: Any, asked: list[tuple[Any, list[grammar.Pair]]]) -> None:
    packed = pool_of(made, asked)
    blocks = list(pools.epoch(packed, np.random.default_rng(1)))
    assert sorted(np.concatenate(blocks)) == list(range(len(packed)))
    assert all(len(set(packed.schema[numbers])) == 1 for numbers in blocks)
    assert all(pools.block(packed, numbers, 0).tokens.numel() == pools.BLOCK for numbers in blocks)


def test_joined_pools_hold_the_pairs_of_all_their_parts(made: Any, asked: list[tuple[Any, list[grammar.Pair]]]) -> None:
    parts = [pool_of(made, asked[:3]), pool_of(made, asked[3:])]
    both, whole = pools.joined(parts), pool_of(made, asked)
    assert np.array_equal(both.tokens, whole.tokens)
    assert np.array_equal(both.ends, whole.ends)
    assert [both.prefix(i).tolist() for i in both.schema] == [whole.prefix(i).tolist() for i in whole.schema]


def test_prompts_that_are_too_long_are_left_out(made: Any, asked: list[tuple[Any, list[grammar.Pair]]]) -> None:
    schema, _ = asked[0]
    packer = pools.Packer(made)
    packer.add(schema, [("word " * 300, "SELECT 1", ())])
    assert len(packer) == 0
    packer.add(schema, [("word " * 300, "SELECT 1", ()), ("short", "SELECT 2", ())])
    assert len(packer) == 1


def test_what_is_measured_is_never_learned(database: Database) -> None:
    hashes = apart.measured_on({"towns": database})
    pairs = [
        grammar.Pair("how many  CITIES", "SELECT 1", "s", "c", "easy"),
        grammar.Pair("Count the cities", "select count(*)\nfrom cities;", "s", "c", "easy"),
        grammar.Pair("Count cities", "SELECT COUNT(*) FROM cities AS c", "s", "c", "easy"),
        grammar.Pair("Count the shops", "SELECT COUNT(*) FROM shops", "s", "c", "easy"),
    ]
    assert [pair.question for pair in data.unseen(pairs, hashes)] == ["Count the shops"]


GOLD = "SELECT c.name, COUNT(*) AS n FROM cities AS c JOIN shops s ON s.city_id = c.id WHERE c.country = 'Norway' GROUP BY c.name"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT COUNT(*) FROM cities", "select  count( * )\nfrom Cities ;"),
        ("SELECT name FROM cities WHERE people > 5", "SELECT c.name /* all */ FROM cities AS c WHERE c.people > 5 -- done"),
        ('SELECT "name" FROM cities WHERE people <> 5', "SELECT name FROM cities WHERE people != 5"),
        (GOLD, GOLD.replace("c.", "cities.").replace("s.city_id", "Shops.city_id").replace(" AS c", "").replace(" s ", " ")),
        (GOLD, GOLD.replace("c.", "x.").replace("AS c ", "x ").replace("s.city", "y.city").replace(" s ", " AS y ")),
        ("SELECT nothing (", "select NOTHING\n("),
        ("SELECT now() - INTERVAL 1 DAY FROM cities", "SELECT now() - INTERVAL '1 day' FROM cities"),
    ],
)
def test_one_query_written_in_two_ways_is_one_query(one: str, other: str) -> None:
    assert apart.sql_hash(one) == apart.sql_hash(other)
    assert apart.outline_hash(one) == apart.outline_hash(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SELECT name FROM cities WHERE people > 5", "SELECT name FROM cities WHERE people > 6"),
        ("SELECT name FROM cities", "SELECT name FROM shops"),
        (
            "SELECT a.name FROM cities a JOIN cities b ON a.people > b.people",
            "SELECT b.name FROM cities a JOIN cities b ON a.people > b.people",
        ),
        (GOLD, GOLD.replace("SELECT c.name", "SELECT s.name")),
    ],
)
def test_queries_that_ask_for_something_else_stay_apart(one: str, other: str) -> None:
    assert apart.sql_hash(one) != apart.sql_hash(other)


def test_held_out_combinations_are_never_learned(database: Database) -> None:
    world = grammar.sample_world(database)
    drawn = list(grammar.pairs(world, random.Random(1), 2_000))
    learned = {pair.combination for pair in data.for_training(drawn, frozenset())}
    measured = {q.pair.combination for q in evaluate.held_out({"towns": database}, 0, 20, frozenset())}
    assert measured
    assert learned.isdisjoint(measured)


def test_only_queries_that_find_something_are_kept(database: Database) -> None:
    finds = data.Finds(database.path())
    assert finds("SELECT name FROM cities WHERE country = 'Norway'")
    assert not finds("SELECT name FROM cities WHERE country = 'Atlantis'")
    assert not finds("SELECT nothing FROM cities")


@pytest.mark.parametrize("kind", data.KINDS)
def test_pairs_are_the_same_for_the_same_seed(made: Any, database: Database, kind: str) -> None:
    ground = data.Ground((data.Sample(database),), frozenset())
    draws = [data.pool(pools.Packer(made), ground, kind, seed, 30).tokens for seed in (1, 1, 2)]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


@pytest.mark.parametrize("family", ["phi", "llama"])
def test_steps_lower_the_loss(made: Any, asked: list[tuple[Any, list[grammar.Pair]]], family: str) -> None:
    torch.manual_seed(0)
    model = mini._from_nothing(ARCHITECTURES[family], made)
    optimizers = mini._optimizers(model, Stage(1.0, {}, 8e-3, 4e-2))
    assert len(optimizers) == 2
    packed = pool_of(made, asked)
    blocks = [pools.block(packed, numbers, made.pad_token_id) for numbers in pools.epoch(packed, np.random.default_rng(0))]
    losses = [mini.step(model, blocks[i : i + 4], optimizers, 1.0) for i in range(16)]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("family", ["phi", "llama"])
def test_what_was_learned_is_what_the_backend_writes(made: Any, database: Database, tmp_path: Path, family: str) -> None:
    """Training and serving read the same prompt: a model that has memorised a few pairs gives their SQL word for word."""
    torch.manual_seed(0)
    pairs = [
        ("How many cities are there?", "SELECT COUNT(*) FROM cities"),
        ("Which cities are in Norway?", "SELECT name FROM cities WHERE country = 'Norway'"),
        ("Name the shops in Łódź", "SELECT shops.name FROM shops JOIN cities ON shops.city_id = cities.id WHERE cities.name = 'Łódź'"),
    ]
    made.save_pretrained(tmp_path / "tokenizer")
    job, learned = mini.Job(tmp_path, tmp_path, (), frozenset(), 0), Recipe("m", ARCHITECTURES[family], ())
    model = mini.new_model(learned, job)
    optimizers = mini._optimizers(model, Stage(1.0, {}, 8e-3, 4e-2))
    packer = pools.Packer(made)
    packer.add(database.schema(), [(question, sql, database.links(question)) for question, sql in pairs])
    block = pools.block(packer.pool(), np.arange(3), made.pad_token_id)
    for i in range(60):
        loss = mini.step(model, [block], optimizers, 1 - i / 60)
    assert loss < 0.1
    mini.save(model, learned, job)
    requests = [
        GenerationRequest(sql, "m", prompts.build("mini-linked", question, database.schema(), len, 10_000, database.links), Generation(60))
        for question, sql in pairs
    ]
    for completion in load(tmp_path, "m").generate(requests):
        assert (completion.text, completion.finish_reason) == (completion.id, "stop")


def test_rates_rise_shortly_and_fall_to_their_final_share() -> None:
    stage = Stage(1.0, {}, 1e-3, final=0.1, warmup=0.1)
    assert mini.rate(0.0, stage) < 0.05
    assert mini.rate(0.1, stage) == pytest.approx(1.0)
    assert mini.rate(1.0, stage) == pytest.approx(0.1)


def test_the_projects_recipes_form_two_chains() -> None:
    found = recipe.chains(recipe.load(Path(__file__).parents[2] / "models"))
    assert [[each.name for each in chain] for chain in found] == [["mini-l"], ["mini-p", "mini-p-lora"]]
    assert [sum(stage.share for each in chain for stage in each.stages) for chain in found] == [1.0, 1.0]


MINIS = [card for card in catalog.load(settings.ROOT / "models").values() if card.kind == "mini"]


@pytest.mark.parametrize("card", MINIS, ids=lambda card: card.name)
def test_a_mini_is_asked_nothing_longer_than_it_has_learned_to_read(card: ModelCard) -> None:
    assert card.generation.max_new_tokens == mini.LONGEST_ANSWER
    assert card.context == pools.LONGEST_PROMPT + card.generation.max_new_tokens == mini.CONTEXT <= mini.POSITIONS


@pytest.mark.parametrize("card", MINIS, ids=lambda card: card.name)
def test_a_mini_is_asked_in_the_words_it_has_learned(card: ModelCard) -> None:
    retrain = "the minis' prompt has changed: retrain them (python -m nl2sql_arena train mini), then write the new hash into their cards"
    assert card.training_prompt_hash == mini.prompt_hash(card.format), retrain


def test_a_broken_recipe_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("[architecture]\nfamily = 'phi'\n")
    with pytest.raises(BadCard, match=r"recipe\.toml is not a usable recipe"):
        recipe.read(tmp_path / "recipe.toml")
    with pytest.raises(BadCard, match="'lost', which has none"):
        recipe.chains({"a": Recipe("a", Adapter("lost", 4, 8, ("q_proj",)), ())})


def test_a_failing_process_ends_the_training(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="The process for int ended with code 1"):
        mini._together([(int, ("no number",))], lambda line: None, tmp_path)


@pytest.fixture(scope="module")
def minis(database: Database, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], list[str]]:
    """Three tiny models trained for a second or two."""
    folder, lines = tmp_path_factory.mktemp("minis"), []
    base, more = Stage(0.5, {"random": 1.0}, 4e-3, 2e-2), Stage(0.5, {"grammar": 1.0}, 4e-3)
    recipes = {
        "p": Recipe("p", ARCHITECTURES["phi"], (base,), blocks=1),
        "p-lora": Recipe("p-lora", Adapter("p", 4, 8, ("q_proj", "v_proj", "fc1", "fc2")), (more,), blocks=1),
        "l": Recipe("l", ARCHITECTURES["llama"], (base, more), blocks=1),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mini, "TOKENIZER_GROUPS", 10)
        work = tmp_path_factory.mktemp("work")
        reports = mini.train_minis(folder, {"towns": database}, 0.03, 0, lines.append, work, recipes, evaluated=4)
        assert not list(work.iterdir()), "what was kept to go on with is removed when all is done"
    return folder, reports, lines


def load(folder: Path, name: str) -> Local:
    adapter = name == "p-lora"
    backend = backends.load(mini.card(Recipe(name, Adapter("p", 4, 8, ()) if adapter else ARCHITECTURES["phi"], ())), folder)
    assert isinstance(backend, Local)
    return backend


def test_every_recipe_becomes_a_model_that_the_backend_runs(minis: tuple[Path, dict[str, Any], list[str]], database: Database) -> None:
    prompt = prompts.mini("How many shops are there?", database.schema())
    for name in ("p", "p-lora", "l"):
        (completion,) = load(minis[0], name).generate([GenerationRequest("1", name, prompt, Generation(20))])
        assert not completion.failure
        assert completion.prompt_tokens > 0


def test_every_model_says_how_it_was_made(minis: tuple[Path, dict[str, Any], list[str]]) -> None:
    folder, reports, lines = minis
    for name in ("p", "p-lora", "l"):
        report = json.loads((folder / name / "training.json").read_text())
        assert report == reports[name]
        assert report["prompt"] == mini.prompt_hash()
        assert report["data"]["grammar"]["pairs"] > 0
        assert all(stage["steps"] > 0 for stage in report["stages"])
        assert "training loss" in (folder / name / "report.html").read_text()
        assert any(line.startswith(f"{name}: {report['parameters']:,} parameters are trained, ") for line in lines)
        assert report["held_out_combinations"]["all"]["n"] == 4
    assert any("pairs ready" in line for line in lines)


def test_losses_of_all_stages_lie_on_one_line_of_steps() -> None:
    stages = [{"steps": 10, "loss": [3.0, 2.0]}, {"steps": 4, "loss": [1.0]}]
    assert mini.history(stages) == ([{"step": 5, "loss": 3.0}, {"step": 10, "loss": 2.0}, {"step": 14, "loss": 1.0}], 14)


def test_the_adapter_changes_its_base(minis: tuple[Path, dict[str, Any], list[str]]) -> None:
    ids = torch.arange(100, 150)[None]
    with torch.inference_mode():
        base, adapted = (load(minis[0], name)._model(input_ids=ids).logits for name in ("p", "p-lora"))
    assert not torch.allclose(base, adapted, atol=1e-3)


def test_weights_are_half_precision_safetensors_that_everyone_may_read(minis: tuple[Path, dict[str, Any], list[str]]) -> None:
    files = sorted(minis[0].glob("*/*.safetensors"))
    assert [file.name for file in files] == ["model.safetensors", "model.safetensors", "adapter_model.safetensors"]
    for file in files:
        assert {tensor.dtype for tensor in load_file(file).values()} == {torch.bfloat16}
        assert file.stat().st_mode & 0o044 == 0o044


def test_progress_goes_to_a_log_and_to_the_models_folder(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    reports: queue.Queue[dict[str, Any]] = queue.Queue()
    reports.put({"model": "m", "loss": 0.5})
    lines: list[str] = []
    with bars.Bars([[Recipe("m", ARCHITECTURES["phi"], ())]], lines.append) as shown:
        mini._pass_on(reports.get(), shown.put, tmp_path)
    assert lines == ["model m loss 0.5"]
    assert json.loads((tmp_path / "m" / "training.jsonl").read_text()) == {"model": "m", "loss": 0.5}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_each_chain_has_a_bar_over_all_of_its_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, lines = Terminal(), []
    monkeypatch.setattr(sys, "stderr", screen)
    half, quarter = Stage(0.5, {}, 1e-3), Stage(0.25, {}, 1e-3)
    chains = [[Recipe("l", ARCHITECTURES["llama"], (half, half))], [Recipe("p", ARCHITECTURES["phi"], (half,)), recipe_on("p", quarter)]]
    report = {"stage": 1, "done": 0.8, "loss": 1.5, "pairs_a_second": 90}
    with bars.Bars(chains, lines.append) as shown:
        shown.put(report | {"model": "l", "stage": 2})
        shown.put(report | {"model": "p"})
        shown.put(report | {"model": "p-lora"})
        seen = [text.strip() for text in re.split(r"[\r\n]|\x1b\[A", screen.getvalue())]
    said = [(text.split("|")[0], text.split(", ", 1)[1]) for text in seen if "loss" in text]
    assert list(dict.fromkeys(said)) == [
        (name, "loss 1.500, 90 pairs/s") for name in ("l stage 2  90%", "p stage 1  53%", "p-lora stage 1  93%")
    ]  # fmt: skip
    assert screen.getvalue().count("100%") >= 2
    assert lines == []


def recipe_on(base: str, stage: Stage) -> Recipe:
    return Recipe(f"{base}-lora", Adapter(base, 4, 8, ("q_proj",)), (stage,))


def test_the_work_of_an_earlier_run_makes_no_bar_promise_a_faster_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    report = {"model": "l", "stage": 1, "loss": 1.5, "pairs_a_second": 90}
    with bars.Bars([[Recipe("l", ARCHITECTURES["llama"], (Stage(1.0, {}, 1e-3),))]], print) as shown:
        shown.put(report | {"done": 0.6})
        (bar,) = shown._bars
        assert (bar.initial, bar.n) == (60, 60)
        shown.put(report | {"done": 0.7})
        assert (bar.initial, bar.n) == (60, pytest.approx(70))


def test_a_stage_goes_on_where_it_was_ended(tmp_path: Path) -> None:
    """A checkpoint holds weights, optimizers and how far the stage had come."""
    torch.manual_seed(0)
    stage = Stage(1.0, {}, 1e-2, 1e-2)
    models = [torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2)) for _ in range(2)]
    first = mini._optimizers(models[0], stage)
    for optimizer, _ in first:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad = torch.ones_like(parameter)
        optimizer.step()
    progress = mini.Progress(tmp_path / "m-1-checkpoint.pt", 100.0)
    progress.steps, progress.spent, progress.curve = 7, 25.0, [3.0, 2.0]
    progress.keep(models[0], first)
    again, second = mini.Progress(tmp_path / "m-1-checkpoint.pt", 200.0), mini._optimizers(models[1], stage)
    again.restore(models[1], second)
    assert (again.steps, again.spent, again.curve) == (7, 50.0, [3.0, 2.0])
    assert all(torch.equal(a, b) for a, b in zip(models[0].parameters(), models[1].parameters(), strict=True))
    assert second[0][0].state_dict()["state"][0]["step"] == 1


STREETS = """
CREATE TABLE streets (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, length INTEGER, district VARCHAR);
INSERT INTO streets SELECT i, 'Street ' || i, 100 * (i % 7), ['North', 'South', 'West'][1 + i % 3] FROM range(40) AS r(i);
CREATE TABLE trees (id INTEGER PRIMARY KEY, street_id INTEGER REFERENCES streets (id), kind VARCHAR, planted DATE);
INSERT INTO trees SELECT i, i % 40, ['oak', 'lime', NULL][1 + i % 3], DATE '2000-01-01' + CAST(30 * i AS INTEGER) FROM range(200) AS r(i);
"""


@pytest.fixture
def streets(tmp_path: Path) -> Path:
    """A database file of somebody's own."""
    path = tmp_path / "streets.duckdb"
    with connect_trusted(path, read_only=False) as connection:
        connection.execute(STREETS)
    return path


def test_a_mini_adapted_to_a_file_is_a_contestant_of_its_own(
    minis: tuple[Path, dict[str, Any], list[str]], database: Database, streets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = minis[0], minis[0] / "p-lora-streets"
    card = mini.card(Recipe("p-lora", Adapter("p", 4, 8, ()), ()))
    before = load_file(folder / "p-lora" / "adapter_model.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(adapt, "MIX", {"new": 0.7, "phrases": 0.0, "grammar": 0.3})
        patch.setattr(adapt, "STAGE", Stage(1.0, {"new": 0.7, "grammar": 0.3}, 1e-3))
        asked = adapt.Adapted(card, folder, opened(streets), {"towns": database}, out, tmp_path / "work")
        figures = adapt.adapt(asked, 0.05, 0, lambda line: None, asked=3)
    assert figures["held_out_combinations"]["after"]["new"]["all"]["n"] == 3
    assert figures["held_out_combinations"]["before"]["known"]["all"]["n"] == 3
    made = catalog.load(folder)["p-lora-streets"]
    assert made.kind == "mini"
    assert "streets" in made.title
    assert "streets" in made.notes
    after = load_file(out / "adapter_model.safetensors")
    assert any(not torch.equal(after[name], before[name]) for name in before)
    backend = backends.load(made, folder)
    prompt = prompts.mini("How many trees are there?", opened(streets).schema())
    (completion,) = backend.generate([GenerationRequest("1", made.name, prompt, Generation(20))])
    assert not completion.failure
    with pytest.raises(BadInput, match="holds a finished training already; give --again"):
        adapt.adapt(asked, 0.05, 0, lambda line: None, asked=3)
    monkeypatch.setattr(adapt, "_pools", lambda *_: pytest.fail("let go", pytrace=False))
    asked.work.mkdir(exist_ok=True)
    with pytest.raises(pytest.fail.Exception, match="let go"):
        adapt.adapt(asked, 0.05, 0, lambda line: None, again=True)
    assert not asked.work.exists()


def test_only_a_mini_with_an_adapter_can_be_adapted(database: Database, tmp_path: Path) -> None:
    whole = mini.card(Recipe("p", ARCHITECTURES["phi"], ()))
    with pytest.raises(
        BadInput, match="p is no mini with an adapter, nor does its folder hold a recipe for one; name mini-p-lora or phi-2-nl2sql"
    ):
        adapt.adapt(adapt.Adapted(whole, tmp_path, database, {}, tmp_path / "out", tmp_path / "work"), 1, 0, lambda line: None)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.duckdb").write_text("no database")
    with pytest.raises(BadDatabase, match=r"notes\.duckdb cannot be opened as a DuckDB database"):
        opened(tmp_path / "notes.duckdb")
    with connect_trusted(tmp_path / "empty.duckdb", read_only=False):
        pass
    with pytest.raises(BadDatabase, match="holds no table"):
        opened(tmp_path / "empty.duckdb")


@pytest.mark.parametrize("kind", sorted(set(data.KINDS) - {"random"}))
def test_without_a_database_nothing_is_drawn_about_one(kind: str) -> None:
    with pytest.raises(BadInput, match="no sample database"):
        next(data.groups(data.Ground((), frozenset()), kind, random.Random(0)))
