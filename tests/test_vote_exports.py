"""What leaves the store, what does not, and which votes are flagged."""

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import duckdb
import pytest

from nl2sql_arena import database
from nl2sql_arena.cli import main
from nl2sql_arena.errors import BadInput
from nl2sql_arena.settings import load
from nl2sql_arena.types import Example, Winner
from nl2sql_arena.votes import Store, exports
from nl2sql_arena.votes.details import Detail, Fix, Note
from nl2sql_arena.votes.exports import Row, Samples
from nl2sql_arena.votes.flags import flags
from nl2sql_arena.votes.parquet import parquet
from nl2sql_arena.votes.study import Seat
from tests.test_votes import ANN, BOB, add, battle, cast

CONTENT, OTHER = "0123456789abcdef", "fedcba9876543210"
SHOP = Samples({"shop": CONTENT}, {("shop", "shop-002"): "How many?"})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "votes.sqlite")
    for name, winner in (("one", "model_a"), ("two", "model_b"), ("three", "tie"), ("four", "both_bad")):
        kept(store, name, winner)
    add(store, "practice", voter=BOB)
    cast(store, "practice", "model_a", BOB)
    typed = replace(battle("typed", profile="real"), example_id="", split="")
    store.add_battle(typed, BOB, "typed", ("r1", "r2"), "different", CONTENT)
    cast(store, "typed", "model_a", BOB)
    return store


def kept(store: Store, name: str, winner: Winner = "model_a", content: str = CONTENT, voter: str = ANN, **changes: Any) -> None:
    """A voted battle of the real models."""
    given = {"chosen": "example", "difference": "different"} | {key: changes.pop(key) for key in ("chosen", "difference") if key in changes}
    each = replace(battle(name, profile="real"), **changes)
    store.add_battle(each, voter, given["chosen"], ("r1", "r2"), given["difference"], content)
    cast(store, name, winner, voter)


def leaving(store: Store, profile: str = "real", comments: bool = False) -> list[Row]:
    return exports.rows(store.votes(), profile, SHOP, comments)


def written(store: Store, form: str, out: Path) -> Path:
    return exports.write(exports.export(leaving(store), form, "real", filtered=False, licences={"alpha": "MIT"}), out)


def test_practice_votes_other_databases_and_typed_texts_stay(store: Store) -> None:
    found = leaving(store)
    assert [row["id"] for row in found] == ["one", "two", "three", "four", "typed"]
    assert {found[-1][name] for name in ("question", *exports.TEXTS)} == {""}
    assert exports.rows(store.votes(), "real", Samples({"music": CONTENT}, {})) == []
    assert [row["id"] for row in leaving(store, "mini")] == ["practice"]


def test_a_visitor_s_own_database_with_a_sample_s_name_stays_at_home(store: Store) -> None:
    kept(store, "own", content=OTHER)
    kept(store, "own-typed", content=OTHER, example_id="")
    assert not {"own", "own-typed"} & {row["id"] for row in leaving(store)}


def test_of_battles_from_before_contents_were_kept_only_known_questions_leave(store: Store) -> None:
    kept(store, "old", content="")
    kept(store, "old-other", content="", question="How many of mine?")
    kept(store, "old-typed", content="", example_id="")
    assert [row["id"] for row in leaving(store) if row["id"].startswith("old")] == ["old"]


def test_voters_are_told_apart_but_their_ids_stay_since_they_erase_votes(store: Store) -> None:
    found = leaving(store)
    assert len({row["voter"] for row in found}) == 2
    assert found[0]["voter"] == found[1]["voter"]
    assert ANN not in str(found)
    assert BOB not in str(exports.arena_rank(found))


def test_a_field_of_the_store_that_no_card_describes_stays_at_home(store: Store) -> None:
    votes = [vote | {"address": "192.0.2.1"} for vote in store.votes()]
    assert "192.0.2.1" not in str(exports.rows(votes, "real", SHOP))


def test_rows_say_how_hard_their_question_is_and_of_unknown_ones_nothing(store: Store) -> None:
    gold = "SELECT country, COUNT(*) FROM customers JOIN orders USING (id) GROUP BY country ORDER BY 2 DESC LIMIT 3"
    about = {
        ("shop", "shop-002"): Example("shop-002", "shop", "How many?", (gold,), "top", "arena"),
        ("shop", "shop-003"): Example("shop-003", "shop", "How tall?", (), "unanswerable", "arena"),
    }
    kept(store, "tall", example_id="shop-003", question="How tall?")
    kept(store, "reworded", question="How many, then?")
    known = Samples(SHOP.contents, SHOP.questions, about)
    found = {row["id"]: (row["level"], row["features"], row["category"]) for row in exports.rows(store.votes(), "real", known)}
    assert found["one"] == ("extra", "aggregate,group,join,limit,order", "top")
    assert found["tall"] == ("unanswerable", "", "unanswerable")
    assert found["reworded"] == found["typed"] == ("", "", "")
    assert {row["gold_a"] for row in leaving(store)} == {""}, "nobody has asked the benchmark"


@pytest.mark.parametrize("form", exports.FORMATS)
def test_the_card_describes_each_field_and_counts_what_is_in_the_file(store: Store, form: str) -> None:
    made = exports.export(leaving(store), form, "real", filtered=False, licences={"alpha": "MIT", "beta": "CC BY-SA 4.0"})
    assert made.card.startswith("---\npretty_name: Votes of NL2SQL Arena (real)\nlicense: other\n")
    assert f"data_files: {made.name}\n" in made.card
    first = exports.FORMATS[form].shape(leaving(store))[0]
    fields = made.card.partition("## Fields")[2].partition("##")[0]
    assert [line.split("`")[1] for line in fields.splitlines() if line] == list(first)
    assert f"{made.count} rows from 5 votes of 2 voters" in made.card
    assert "verdicts: model_a 2, both_bad 1, model_b 1, tie 1" in made.card
    licences = made.card.partition("## Licences")[2]
    for each in ("- Questions and sample databases: Apache-2.0", "- Votes: no licence was asked", "- alpha: MIT", "- beta: CC BY-SA 4.0"):
        assert each in licences


def test_the_archive_holds_the_file_and_its_card(store: Store) -> None:
    made = exports.export(leaving(store), "csv", "real", filtered=False, licences={})
    with zipfile.ZipFile(io.BytesIO(exports.zipped(made))) as archive:
        assert archive.namelist() == ["votes.csv", "README.md"]
        assert archive.read("votes.csv") == made.content


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_whole_rows_are_read_back(store: Store, tmp_path: Path, form: str) -> None:
    datasets = pytest.importorskip("datasets")
    path = written(store, form, tmp_path / "out")
    loader = {"parquet": "parquet", "csv": "csv", "jsonl": "json"}[form]
    found = datasets.load_dataset(loader, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert found["winner"] == ["model_a", "model_b", "tie", "both_bad", "model_a"]
    assert found["revision_a"] == ["r1"] * 5
    card = (tmp_path / "out" / "README.md").read_text()
    assert "5 rows from 5 votes of 2 voters" in card
    assert "- alpha: MIT" in card


def test_preference_sets_say_what_votes_said(store: Store, tmp_path: Path) -> None:
    pairs = [json.loads(line) for line in written(store, "dpo", tmp_path).read_text().splitlines()]
    assert [(pair["chosen"], pair["rejected"]) for pair in pairs] == [("SELECT 1", "SELECT 2"), ("SELECT 2", "SELECT 1")]
    assert {pair["prompt"] for pair in pairs} == {"schema How many?"}
    verdicts = [json.loads(line)["label"] for line in written(store, "kto", tmp_path).read_text().splitlines()]
    assert verdicts == [True, False, False, True, False, False]


def added(store: Store, name: str, note: Note, voter: str = ANN) -> None:
    store.add_note(name, note, voter, store.token(name, voter))


def test_a_query_put_right_is_preferred_over_both_sides(store: Store, tmp_path: Path) -> None:
    added(store, "one", Fix("a", "SELECT 3", 1))
    added(store, "three", Fix("b", "SELECT 2", 1))
    pairs = [json.loads(line) for line in written(store, "dpo", tmp_path).read_text().splitlines()]
    assert [(pair["chosen"], pair["rejected"]) for pair in pairs] == [
        ("SELECT 1", "SELECT 2"), ("SELECT 3", "SELECT 1"), ("SELECT 3", "SELECT 2"),
        ("SELECT 2", "SELECT 1"), ("SELECT 2", "SELECT 1"),
    ]  # fmt: skip
    labels = [json.loads(line) for line in written(store, "kto", tmp_path).read_text().splitlines()]
    assert [(each["completion"], each["label"]) for each in labels[:3]] == [("SELECT 1", False), ("SELECT 2", False), ("SELECT 3", True)]


def test_what_a_voter_said_of_a_side_goes_before_what_the_vote_implies(store: Store, tmp_path: Path) -> None:
    added(store, "one", Detail(correct_a=False))
    added(store, "three", Detail(correct_a=True, correct_b=True))
    labels = [json.loads(line) for line in written(store, "kto", tmp_path).read_text().splitlines()]
    assert [(each["completion"], each["label"]) for each in labels] == [
        ("SELECT 1", False), ("SELECT 2", False), ("SELECT 1", False), ("SELECT 2", True),
        ("SELECT 1", True), ("SELECT 2", True), ("SELECT 1", False), ("SELECT 2", False),
    ]  # fmt: skip


def test_votes_on_readability_train_nothing_and_are_marked(store: Store) -> None:
    kept(store, "same", difference="same")
    added(store, "same", Detail(correct_a=True))
    found = leaving(store)[-1:]
    assert [row["asks"] for row in found] == ["readability"]
    assert exports.dpo(found) == exports.kto(found) == exports.arena_rank(found) == []


def test_details_leave_with_their_vote_but_comments_only_when_wanted_and_no_text_about_typed_questions(store: Store) -> None:
    said = Detail(correct_a=False, reasons_a=("wrong_join", "missing_rows"), comment="ask Zorbelina")
    added(store, "one", said)
    added(store, "typed", said, BOB)
    added(store, "typed", Fix("a", "SELECT 'Zorbelina'", 1), BOB)
    plain = leaving(store)
    wanted = leaving(store, comments=True)
    assert [(row["correct_a"], row["reasons_a"]) for row in (plain[0], plain[-1])] == [(False, "wrong_join,missing_rows")] * 2
    assert "Zorbelina" not in str(plain)
    assert [row["id"] for row in wanted if "Zorbelina" in str(row)] == ["one"]


def test_questions_that_are_measured_on_never_train(store: Store) -> None:
    found = [row | {"split": split} for row, split in zip(leaving(store), ("dev", "test"), strict=False)]
    assert exports.dpo(found) == exports.kto(found) == []


def test_a_repeated_battle_measures_its_voter_and_trains_nothing(store: Store) -> None:
    kept(store, "again", chosen="control")
    found = leaving(store)[-1:]
    assert found[0]["chosen"] == "control"
    assert exports.dpo(found) == exports.kto(found) == exports.arena_rank(found) == []


@pytest.mark.parametrize(("form", "method"), [("dpo", "dpo"), ("kto", "kto")])
def test_trl_s_trainers_take_a_step_on_the_exported_rows(store: Store, tmp_path: Path, form: str, method: str) -> None:
    """Read by `datasets` from the file as it is, without a hand on its columns."""
    pytest.importorskip("torch").set_num_threads(1)
    trl = pytest.importorskip("trl")
    import datasets
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tests import tiny

    rows = datasets.load_dataset(
        "json", data_files=str(written(store, form, tmp_path / "out")), split="train", cache_dir=str(tmp_path / "c")
    )
    home = tiny.phi(tmp_path / "phi")
    trainer, config = {"dpo": (trl.DPOTrainer, trl.DPOConfig), "kto": (trl.KTOTrainer, trl.KTOConfig)}[method]
    arguments = config(
        output_dir=str(tmp_path / "run"), max_steps=1, per_device_train_batch_size=2, learning_rate=1e-3, report_to=[], use_cpu=True,
        bf16=False, save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    model = AutoModelForCausalLM.from_pretrained(home)
    before = {name: each.detach().clone() for name, each in model.named_parameters()}
    trained = trainer(model=model, args=arguments, train_dataset=rows, processing_class=AutoTokenizer.from_pretrained(home))
    assert trained.train().global_step == 1
    after = dict(trained.model.named_parameters())
    assert any((after[name].cpu() != each).any() for name, each in before.items())


def test_arena_rank_gets_its_four_verdicts_by_revision(store: Store, tmp_path: Path) -> None:
    with written(store, "arena-rank", tmp_path).open(newline="") as file:
        found = list(csv.DictReader(file))
    assert {row["winner"] for row in found} == {"model_a", "model_b", "tie", "both_bad"}
    assert (found[0]["model_a"], found[0]["model_b"]) == ("alpha@r1", "beta@r2")


LOADER = """
import json, sys
import pandas
from arena_rank.models.bradley_terry import BradleyTerry
from arena_rank.utils.data_utils import PairDataset

read = PairDataset.from_pandas(pandas.read_csv(sys.argv[1]))
model = BradleyTerry(n_competitors=len(read.competitors))
model.fit(read)
outcomes = sorted(zip(map(float, read.outcomes), map(int, read.counts)))
print(json.dumps({"names": read.competitors, "outcomes": outcomes, "ratings": [float(each) for each in model.params["ratings"]]}))
"""


def test_arena_rank_s_own_loader_reads_the_file_and_its_model_fits(store: Store, tmp_path: Path) -> None:
    """It pins another numpy than ours and brings jax, so that it may be in an environment of its own."""
    python = sys.executable if find_spec("arena_rank") else os.environ.get("ARENA_RANK_PYTHON", "")
    if not python:
        pytest.skip("arena-rank is not installed (0.9 GB, another numpy); set ARENA_RANK_PYTHON to the python of an environment with it")
    kept(store, "five", "model_a")
    passed(store)
    file = written(store, "arena-rank", tmp_path)
    told = subprocess.run([python, "-c", LOADER, str(file)], capture_output=True, text=True, timeout=200, check=False)
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout.splitlines()[-1])
    assert found["names"] == ["alpha@r1", "beta@r2"]
    assert found["outcomes"] == [[0.0, 1], [0.5, 2], [1.0, 3]], "what was passed over is nobody's half win"
    assert found["ratings"][0] > found["ratings"][1]


# What ended without a verdict


def passed(store: Store) -> None:
    """A skipped battle, one that nobody could tell, and a vote that was taken back with all that was added to it."""
    for name in ("skipped", "puzzling"):
        store.add_battle(battle(name, profile="real"), ANN, "random", ("r1", "r2"), "different", CONTENT)
    store.pass_over("skipped", "skip", ANN, store.token("skipped", ANN))
    store.pass_over("puzzling", "cant_tell", ANN, store.token("puzzling", ANN))
    kept(store, "regretted", "tie", difference="same")
    added(store, "regretted", Detail(correct_a=True, comment="Zorbelina"))
    store.undo("regretted", ANN, store.token("regretted", ANN))


def passed_over(store: Store, profile: str = "real") -> list[Row]:
    return exports.rows(store.unvoted(), profile, SHOP, comments=True)


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_what_ended_without_a_verdict_is_a_configuration_of_its_own_with_the_same_fields(store: Store, tmp_path: Path, form: str) -> None:
    datasets = pytest.importorskip("datasets")
    passed(store)
    made = exports.export(leaving(store), form, "real", filtered=False, licences={}, events=passed_over(store))
    exports.write(made, tmp_path / "out")
    sets = {
        name: datasets.load_dataset(str(tmp_path / "out"), name, split="train", cache_dir=str(tmp_path / "cache"))
        for name in ("default", "events")
    }
    assert sets["default"]["event"] == ["vote"] * 5
    found = sets["events"]
    assert list(zip(found["id"], found["event"], strict=True)) == [("skipped", "skip"), ("puzzling", "cant_tell"), ("regretted", "undo")]
    assert {winner or "" for winner in found["winner"]} == {""}
    assert found["asks"] == ["better", "better", "readability"]
    assert found["model_a"] == ["alpha"] * 3
    assert list(found.column_names) == list(sets["default"].column_names)
    assert "Zorbelina" not in made.events.decode(errors="replace"), "what was taken back is not told"
    assert f"`events.{form}` (configuration `events`)" in made.card
    assert "cant_tell 1, skip 1, undo 1. These are no votes and never ties" in made.card
    with zipfile.ZipFile(io.BytesIO(exports.zipped(made))) as archive:
        assert archive.read(f"events.{form}") == made.events


@pytest.mark.parametrize("form", ["dpo", "kto", "arena-rank"])
def test_no_consumer_s_format_takes_anything_else_for_a_vote(store: Store, form: str) -> None:
    passed(store)
    events = passed_over(store)
    assert len(events) == 3
    assert exports.FORMATS[form].shape(events) == []
    made = exports.export([*leaving(store), *events], form, "real", filtered=False, licences={}, events=events)
    assert (made.content, made.events_name, made.events) == (
        exports.export(leaving(store), form, "real", filtered=False, licences={}).content, "", b""
    )  # fmt: skip
    assert "none of them is a tie" in made.card


def test_events_hold_to_the_rules_of_votes(store: Store) -> None:
    for name, content, example in (("own", OTHER, "shop-002"), ("typed too", CONTENT, "")):
        each = replace(battle(name, profile="real"), example_id=example)
        store.add_battle(each, BOB, "typed", ("r1", "r2"), "different", content)
        store.pass_over(name, "skip", BOB, store.token(name, BOB))
    (found,) = passed_over(store)
    assert (found["id"], {found[name] for name in ("question", "canonical_prompt", *exports.TEXTS)}) == ("typed too", {""})
    assert BOB not in str(found)
    assert passed_over(store, "mini") == []


def test_a_file_of_events_does_not_outlive_its_export(store: Store, tmp_path: Path) -> None:
    passed(store)
    exports.write(exports.export(leaving(store), "csv", "real", False, {}, passed_over(store)), tmp_path)
    assert (tmp_path / "events.csv").is_file()
    made = exports.export(leaving(store), "csv", "real", False, {})
    exports.write(made, tmp_path)
    assert not (tmp_path / "events.csv").exists()
    assert "there is no file of events" in made.card
    assert "config_name: events" not in made.card


def test_votes_of_a_study_and_others_are_never_in_one_file(store: Store) -> None:
    mixed = [row | {"study": study} for row, study in zip(leaving(store), ("", "7" * 64), strict=False)]
    for form in exports.FORMATS:
        with pytest.raises(BadInput, match="never in one file with public ones"):
            exports.export(mixed, form, "real", filtered=False, licences={})
    assert "- Votes of studies, each a data set of its own." in exports.export(mixed[:1], "csv", "real", False, {}).card
    assert "- Votes outside of this study." in exports.export(mixed[1:], "csv", "real", False, {}).card


TRUST, OTHERS = "7" * 64, "8" * 64
"""Hashes of two studies."""


@pytest.fixture
def exported(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[list[Row], str]]:
    """A function that exports from a store of 2 public votes and a skip, 3 of a study and a skip, 1 of another: rows, and what was said."""
    monkeypatch.setenv("ARENA_DATA", str(tmp_path))
    content = database.catalogue(load({}))["shop"].content
    store = Store(tmp_path / "votes.sqlite")
    for study, votes in (("", 2), (TRUST, 3), (OTHERS, 1)):
        for number in range(votes + (study != OTHERS)):
            name = f"{study[:1] or 'public'} {number}"
            seat = Seat(study, "", 1, ANN) if study else None
            each = replace(battle(name, profile="real"), example_id=f"shop-{number}")
            token = store.add_battle(each, ANN, "random", ("r1", "r2"), "different", content, seat=seat)
            if number < votes:
                store.vote(name, "model_a", ANN, token)
            else:
                store.pass_over(name, "skip", ANN, token)
    store.name_study(TRUST, "Whom do you trust?")

    def run(*options: str, form: str = "jsonl") -> tuple[list[Row], str]:
        main(["votes", "export", "--format", form, "--out", str(tmp_path / "out"), *options])
        file = tmp_path / "out" / exports.FORMATS[form].file
        told = capsys.readouterr()
        found = file.read_text().splitlines()
        return [json.loads(line) for line in found] if form == "jsonl" else list(csv.DictReader(found)), told.out + told.err

    return run


@pytest.mark.parametrize(
    ("options", "study", "count", "left"),
    [
        ((), "", 2, "Left out: 4 votes of 2 studies (--study with the file, hash or title of one).\n"),
        (("--study", "public"), "", 2, "Left out: 4 votes of 2 studies (--study"),
        (("--study", "Whom do you trust?"), TRUST, 3, "Left out: 2 public votes (--study public), 1 vote of 1 other study (--study"),
        (("--study", OTHERS), OTHERS, 1, "Left out: 2 public votes (--study public), 3 votes of 1 other study (--study"),
    ],
)
def test_public_votes_or_those_of_one_study_are_exported_and_what_is_left_out_is_said(
    exported: Callable[..., tuple[list[Row], str]], tmp_path: Path, options: tuple[str, ...], study: str, count: int, left: str
) -> None:
    rows, said = exported(*options)
    assert [row["study"] for row in rows] == [study] * count
    assert left in said
    events = tmp_path / "out" / "events.jsonl"
    skipped = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
    assert [(each["study"], each["event"]) for each in skipped] == ([] if study == OTHERS else [(study, "skip")])
    assert (", 1 without a verdict in events.jsonl" in said) == bool(skipped)
    ranked, _ = exported(*options, form="arena-rank")
    assert len(ranked) == count


def test_a_title_that_two_studies_have_names_none(exported: Callable[..., tuple[list[Row], str]], tmp_path: Path) -> None:
    Store(tmp_path / "votes.sqlite").name_study(OTHERS, "Whom do you trust?")
    with pytest.raises(SystemExit, match="2 studies here are called 'Whom do you trust\\?'; give the hash of one"):
        exported("--study", "Whom do you trust?")


# What rows say


def test_rows_say_how_each_side_was_written_and_what_its_result_was(store: Store) -> None:
    row = leaving(store)[0]
    assert row["schema_version"] == 6
    expected = {
        "decoding": "greedy", "beams": 1, "max_new_tokens": 300, "formatted": "SELECT 1", "error_kind": "", "truncated": False,
        "columns": '[{"name": "n", "type": "INTEGER"}]', "preview": "[[1]]", "only_rows": -1, "repairs": "",
    }  # fmt: skip
    assert {name: row[f"{name}_a"] for name in expected} == expected
    assert row["result_hash_a"] == row["result_hash_b"] == leaving(store)[1]["result_hash_a"] != ""


def test_rows_name_tables_and_rows_apart_and_ask_in_no_model_s_own_words(store: Store, tmp_path: Path) -> None:
    shop = database.catalogue(replace(load({}), data=tmp_path))["shop"]
    known = exports.samples({"shop": shop})
    example = next(each for each in shop.examples() if each.split == "arena")
    kept(store, "now", content=shop.content, example_id=example.id, question=example.question)
    kept(store, "before contents", content="", example_id=example.id, question=example.question)
    kept(store, "typed now", content=shop.content, example_id="")
    found = {row["id"]: row for row in exports.rows(store.votes(), "real", known)}
    now = found["now"]
    assert (now["ddl_hash"], now["data_hash"]) == (shop.ddl_hash, shop.data_hash)
    assert len({now["ddl_hash"], now["data_hash"], now["db_content"]}) == 3
    assert now["canonical_prompt"].startswith("CREATE TABLE ")
    assert now["canonical_prompt"].endswith(f"\n\n-- {example.question}\n")
    assert (found["before contents"]["ddl_hash"], found["before contents"]["canonical_prompt"]) == ("", "")
    assert (found["typed now"]["ddl_hash"], found["typed now"]["canonical_prompt"]) == (shop.ddl_hash, "")


def test_the_hash_of_tables_stays_when_rows_change(tmp_path: Path) -> None:
    for name, rows in (("one", "id\n1\n"), ("two", "id\n2\n")):
        (tmp_path / name / "data").mkdir(parents=True)
        (tmp_path / name / "schema.sql").write_text("CREATE TABLE t (id INTEGER);")
        (tmp_path / name / "data" / "t.csv").write_text(rows)
    one, two = (database.Database(name, tmp_path / name, tmp_path) for name in ("one", "two"))
    assert one.ddl_hash == two.ddl_hash != ""
    assert one.data_hash != two.data_hash
    assert one.content != two.content


def test_nothing_to_export_is_said() -> None:
    with pytest.raises(BadInput, match="No vote of the real models"):
        exports.export([], "dpo", "real", filtered=False, licences={})


START = datetime(2026, 1, 1, tzinfo=UTC)


def vote(number: int, winner: str, after: float = 20, every: float = 60, left: str = "alpha") -> dict[str, str]:
    shown = START + timedelta(seconds=number * every)
    return {
        "id": str(number), "created": shown.isoformat(), "voted": (shown + timedelta(seconds=after)).isoformat(), "voter": ANN,
        "winner": winner, "model_a": left, "model_b": "beta" if left == "alpha" else "alpha", "revision_a": "r", "revision_b": "r",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([vote(0, "tie", after=0.5)], {"too_fast"}),
        ([vote(0, "tie", after=2.5)], set()),
        ([vote(i, "tie", every=5) for i in range(8)], {"burst"}),
        ([vote(i, "tie", every=5) for i in range(7)], set()),
        ([vote(i, "model_a", left=("alpha", "beta")[i % 2]) for i in range(10)], {"side_bias"}),
        ([vote(i, ("model_a", "model_b")[i % 2], left=("alpha", "beta")[i % 2]) for i in range(10)], {"one_sided"}),
        ([vote(i, "model_a") for i in range(9)], set()),
    ],
)
def test_odd_votes_are_flagged(votes: list[dict[str, str]], expected: set[str]) -> None:
    found = flags(votes)
    assert {name for names in found.values() for name in names} == expected
    assert len(found) == len(votes)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between a battle and its vote no time passes."""
    monkeypatch.setattr("nl2sql_arena.votes.store.now", START.isoformat)


@pytest.mark.usefixtures("at_once")
def test_flagged_votes_are_in_the_raw_figure_only(store: Store) -> None:
    assert all("too_fast" in each["flags"] for each in store.votes())
    assert store.votes(filtered=True) == []
    assert [tally.wins for tally in store.tallies("mini")] == [1]
    assert store.tallies("mini", filtered=True) == []


def test_parquet_needs_no_further_package_and_keeps_every_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    texts = ("", "NULL", "a \"quoted\" 'value';\n\tDROP TABLE votes", "ñ 漢字 😀", '{"a": [1]}', "2026-11-28T15:27:16.551+00:00", "\x00")
    rows = [
        {"text": text, "number": 2**53 + 1 - at, "share": at / 3, "flag": at % 2 == 0, "maybe": None if at else True, "never": None}
        for at, text in enumerate(texts)
    ]
    file = tmp_path / "rows.parquet"
    file.write_bytes(parquet(rows))
    with duckdb.connect() as connection:
        read = connection.read_parquet(str(file))
        assert list(map(str, read.types)) == ["VARCHAR", "BIGINT", "DOUBLE", "BOOLEAN", "BOOLEAN", "BOOLEAN"]
        assert [dict(zip(read.columns, values, strict=True)) for values in read.fetchall()] == rows
