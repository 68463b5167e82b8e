"""Cards for weights that somebody names: in a folder, or on a hub that a server in this process stands in for."""

import json
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nl2sql_arena import adding, backends, catalog, cli
from nl2sql_arena.adding import Wishes
from nl2sql_arena.errors import ArenaError, BadCard, BadInput, ModelUnavailable
from nl2sql_arena.hub import Hub
from nl2sql_arena.settings import ROOT
from nl2sql_arena.types import Generation, GenerationRequest, Prompt, Server, Weights
from tests import tiny
from tests.backends.stand_in import StandIn
from tests.hub_stand_in import SHA, HubStandIn

PHI = {"model_type": "phi", "architectures": ["PhiForCausalLM"], "max_position_embeddings": 2048}
NOWHERE = Hub("http://127.0.0.1:9")


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubStandIn]:
    found = HubStandIn()
    found.answer_for_the_hub(monkeypatch, tmp_path / "cache")
    yield found
    found.close()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def test_a_model_on_disk_gets_a_card_that_loads_and_answers(models: Path, tmp_path: Path) -> None:
    folder = tiny.phi(tmp_path / "My Phi")
    added = adding.add(str(folder), models)
    card = added.card
    assert added.path == models / "my-phi" / "card.toml"
    assert (card.family, card.base, card.context, card.adapter) == ("phi", Weights(str(folder)), tiny.CONTEXT, None)
    assert (card.format, card.dialect, card.licence) == ("phi2-sql", "duckdb", "not stated")
    assert [guess.partition(":")[0] for guess in added.guesses] == ["format phi2-sql", "dialect duckdb", "licence"]
    assert all(guess in card.notes for guess in added.guesses)
    (completion,) = backends.load(card, models).generate([GenerationRequest("1", card.name, Prompt("", "select"), Generation(4))])
    assert completion.tokens == 4


def test_weights_that_lie_among_the_models_move_with_them(models: Path) -> None:
    tiny.phi(models / "own")
    assert adding.add(str(models / "own"), models).card.base == Weights(".")


def test_a_mini_under_another_name_stays_a_mini(models: Path) -> None:
    added = adding.add(str(ROOT / "models" / "mini-p-lora"), models, Wishes(name="other"))
    assert (added.card.kind, added.guesses[2].partition(":")[0]) == ("mini", "kind mini")
    assert adding.add(str(ROOT / "models" / "mini-l"), models, Wishes(name="third", kind="real")).card.kind == "real"


def test_an_adapter_on_disk_brings_its_base(models: Path, tmp_path: Path) -> None:
    base = tiny.phi(models / "base")
    tiny.lora(base, tmp_path / "tuned")
    card = adding.add(str(tmp_path / "tuned"), models).card
    assert (card.base, card.adapter) == (Weights("../base"), Weights(str(tmp_path / "tuned")))
    assert (card.family, card.context) == ("phi", tiny.CONTEXT)
    assert backends.load(card, models).precision


def test_a_base_that_moved_is_asked_for(models: Path, tmp_path: Path) -> None:
    base = tiny.phi(tmp_path / "base")
    tiny.lora(base, tmp_path / "tuned")
    moved = base.rename(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="--base"):
        adding.add(str(tmp_path / "tuned"), models, hub=NOWHERE)
    assert adding.add(str(tmp_path / "tuned"), models, Wishes(base=str(moved)), NOWHERE).card.base == Weights(str(moved))


def test_what_is_wished_is_not_guessed(models: Path, tmp_path: Path) -> None:
    folder = tiny.llama(tmp_path / "any")
    (folder / "README.md").write_text("---\ntags:\n- sql\nlicense: cc-by-sa-4.0\n---\n# Any\n")
    added = adding.add(str(folder), models, Wishes(name="mine", format="sqlcoder-7b-2", dialect="postgres", kind="mini"))
    assert (added.card.name, added.card.format, added.card.kind, added.card.licence) == ("mine", "sqlcoder-7b-2", "mini", "CC BY-SA 4.0")
    assert added.guesses == ()


@pytest.mark.parametrize(
    ("name", "format_name", "dialect"),
    [
        ("defog/sqlcoder-7b-2", "sqlcoder-7b-2", "postgres"),
        ("somebody/phi2-sqlcoder", "phi2-sqlcoder", "sqlite"),
        ("microsoft/phi-2", "phi2-base", "duckdb"),
        ("somebody/other", "phi2-sql", "duckdb"),
    ],
)
def test_a_model_on_the_hub_is_pinned_and_its_prompt_is_guessed_by_its_name(
    fake: HubStandIn, models: Path, name: str, format_name: str, dialect: str
) -> None:
    files = {"config.json": PHI, "tokenizer.json": 5, "tokenizer_config.json": {"model_max_length": 1500}}
    fake.repositories[name] = files | {"model-1.safetensors": 5_000_000_000, "model-2.safetensors": 600_000_000, "adapter_config.json": {}}
    fake.licences[name] = "mit"
    added = adding.add(name, models)
    card = added.card
    assert (card.base, card.adapter) == (Weights(name, SHA), None)
    assert (card.format, card.dialect) == (format_name, dialect)
    assert (card.context, card.licence, card.download_gb) == (1500, "MIT", 6)
    assert any(guess.startswith(f"format {format_name}") for guess in added.guesses)


def test_an_adapter_on_the_hub_is_pinned_with_its_base(fake: HubStandIn, models: Path) -> None:
    adapter = {"peft_type": "LORA", "base_model_name_or_path": "microsoft/phi-2"}
    fake.repositories["me/tuned"] = {"adapter_config.json": adapter, "adapter_model.safetensors": 90_000_000}
    fake.repositories["microsoft/phi-2"] = {"config.json": PHI, "vocab.json": 5, "model.safetensors": 5_600_000_000}
    card = adding.add("me/tuned", models).card
    assert (card.base, card.adapter) == (Weights("microsoft/phi-2", SHA), Weights("me/tuned", SHA))
    assert (card.context, card.download_gb) == (2048, 6)


WHOLE = {"config.json": PHI, "tokenizer.json": 5, "model.safetensors": 9}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({**WHOLE, "config.json": {"model_type": "own", "auto_map": {"AutoModel": "own.Model"}}}, "trust_remote_code"),
        ({**WHOLE, "config.json": {"model_type": "brandnew"}}, "architecture 'brandnew'"),
        ({**WHOLE, "config.json": {}}, "'not stated'"),
        ({**WHOLE, "config.json": {"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}}, "T5ForConditionalGeneration"),
        ({**WHOLE, "config.json": PHI | {"architectures": ["PhiForSequenceClassification"]}}, "PhiForSequenceClassification"),
        ({**WHOLE, "config.json": PHI | {"quantization_config": {"quant_method": "gptq"}}}, "gptq"),
        ({"config.json": PHI, "tokenizer.json": 5, "pytorch_model.bin": 9}, "pickled"),
        ({"config.json": PHI, "tokenizer.json": 5}, "no safetensors"),
        ({"config.json": PHI, "model.safetensors": 9}, "tokenizer"),
        ({"sqlcoder.gguf": 9}, "llama.cpp"),
        ({"adapter_config.json": {"peft_type": "IA3"}, "adapter_model.safetensors": 9}, "IA3"),
        ({"adapter_config.json": {"peft_type": "LORA"}, "adapter_model.safetensors": 9}, "--base"),
        ({"adapter_config.json": {"peft_type": "LORA", "base_model_name_or_path": "a/b"}, "adapter_model.bin": 9}, "adapter_model"),
    ],
)
def test_what_cannot_be_a_contestant_is_refused_in_one_sentence_and_leaves_nothing(
    fake: HubStandIn, models: Path, files: dict[str, Any], says: str
) -> None:
    fake.repositories |= {"some/thing": files, "a/b": WHOLE}
    with pytest.raises(BadInput) as caught:
        adding.add("some/thing", models)
    assert says in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert list(models.iterdir()) == []


def test_remote_code_that_is_not_needed_does_not_matter(fake: HubStandIn, models: Path) -> None:
    fake.repositories["old/phi"] = {**WHOLE, "config.json": PHI | {"auto_map": {"AutoModelForCausalLM": "x.Y"}}}
    assert adding.add("old/phi", models).card.family == "phi"


@pytest.mark.parametrize(
    ("named", "error", "says"),
    [
        ("nobody/nothing", BadInput, "not on the hub"),
        ("gated/model", ModelUnavailable, "accept its licence"),
        ("./missing", BadInput, "no folder"),
        ("two words/x", BadInput, "neither a folder"),
    ],
)
def test_what_is_not_there_says_so(fake: HubStandIn, models: Path, named: str, error: type[ArenaError], says: str) -> None:
    fake.gated.add("gated/model")
    with pytest.raises(error, match=says):
        adding.add(named, models)


def test_a_name_is_given_once(models: Path, tmp_path: Path) -> None:
    folder = tiny.phi(tmp_path / "twin")
    adding.add(str(folder), models)
    with pytest.raises(BadInput, match="--name"):
        adding.add(str(folder), models)
    with pytest.raises(BadInput, match="no name"):
        adding.add(str(folder), models, Wishes(name="../up"))
    with pytest.raises(BadInput, match="prompt format"):
        adding.add(str(folder), models, Wishes(name="other", format="poem"))


@pytest.mark.parametrize(
    "act", [lambda models: adding.add("microsoft/phi-2", models, hub=NOWHERE), lambda models: adding.pin(models, hub=NOWHERE)]
)
def test_offline_is_one_sentence(models: Path, act: Any) -> None:
    shutil.copytree(ROOT / "models" / "phi-2", models / "phi-2-copy")
    shutil.move(models / "phi-2-copy", models / "phi-2")
    with pytest.raises(ModelUnavailable, match=r"the hub cannot be reached; go online and run this again\.$"):
        act(models)


@pytest.fixture
def shipped(models: Path) -> Path:
    for name in ("phi-2", "phi-2-nl2sql", "sqlcoder-7b-2", "rules"):
        (models / name).mkdir()
        shutil.copy(ROOT / "models" / name / "card.toml", models / name)
    return models


def test_pin_writes_the_newest_revisions_and_nothing_else(fake: HubStandIn, shipped: Path) -> None:
    for name in ("microsoft/phi-2", "pavankumarbalijepalli/phi2-sqlcoder", "defog/sqlcoder-7b-2"):
        fake.repositories[name] = WHOLE
    before = catalog.load(shipped)
    lines = adding.pin(shipped)
    assert sorted(line.partition(":")[0] for line in lines) == ["phi-2", "phi-2-nl2sql", "sqlcoder-7b-2"]
    after = catalog.load(shipped)
    for name, card in before.items():
        revision = card.base.revision or SHA
        assert after[name] == replace(card, base=replace(card.base, revision=revision))
    comments = [line for line in (ROOT / "models/phi-2-nl2sql/card.toml").read_text().splitlines() if line.startswith("#")]
    assert all(comment in (shipped / "phi-2-nl2sql" / "card.toml").read_text() for comment in comments)
    fake.sha = "b" * 40
    assert adding.pin(shipped) == [], "what is pinned stays"
    assert adding.pin(shipped, ("phi-2",), move=True) == [f"phi-2: microsoft/phi-2 at {'b' * 40}"]
    assert catalog.load(shipped)["sqlcoder-7b-2"].base.revision == SHA


@pytest.mark.parametrize("base", ['base = { id = "a/b" }', '[base]\nid = "a/b"\nrevision = ""'])
def test_pin_finds_its_place_however_the_card_is_written(fake: HubStandIn, shipped: Path, base: str) -> None:
    fake.repositories["a/b"] = WHOLE
    path = shipped / "phi-2" / "card.toml"
    text = path.read_text().replace('base = { id = "microsoft/phi-2", revision = "" }\n', "")
    path.write_text(f"{text}\n{base}\n")
    adding.pin(shipped, ("phi-2",))
    assert tomllib.loads(path.read_text())["base"] == {"id": "a/b", "revision": SHA}


def test_pin_leaves_all_cards_alone_when_one_cannot_be_pinned(fake: HubStandIn, shipped: Path) -> None:
    fake.repositories |= {"microsoft/phi-2": WHOLE, "pavankumarbalijepalli/phi2-sqlcoder": WHOLE}
    texts = {path: path.read_text() for path in shipped.glob("*/card.toml")}
    with pytest.raises(BadInput) as caught:
        adding.pin(shipped)
    assert str(caught.value).startswith("No card was pinned, because of sqlcoder-7b-2: defog/sqlcoder-7b-2 is not on the hub")
    assert str(caught.value).endswith("or name the other cards, as in `models pin NAME`.")
    path = shipped / "sqlcoder-7b-2" / "card.toml"
    fake.repositories["defog/sqlcoder-7b-2"] = WHOLE
    path.write_text(texts[path].replace('base = { id = "defog/sqlcoder-7b-2", revision = "" }', 'base.id = "defog/sqlcoder-7b-2"'))
    with pytest.raises(BadCard, match="beside its id"):
        adding.pin(shipped)
    assert all(each.read_text() == text for each, text in texts.items() if each != path)
    with pytest.raises(BadInput, match="no model 'nobody'"):
        adding.pin(shipped, ("nobody",))


def test_the_command_says_where_the_card_is_and_what_it_guessed(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARENA_DATA", str(tmp_path / "data"))
    folder = tiny.phi(tmp_path / "newcomer")
    cli.main(["models", "add", str(folder), "--out", str(models)])
    first, *guesses = capsys.readouterr().out.splitlines()
    assert first == f"newcomer: {models / 'newcomer' / 'card.toml'}"
    assert [line.split()[1] for line in guesses] == ["format", "dialect", "licence:"]
    cli.main(["models", "add", str(folder), "--out", str(models), "--name", "again", "--format", "sqlcoder-7b-2", "--json"])
    said = json.loads(capsys.readouterr().out)
    assert (said["name"], len(said["guessed"])) == ("again", 2)
    with pytest.raises(SystemExit, match="There is no folder"):
        cli.main(["models", "pin", "--out", str(tmp_path / "nowhere")])


@pytest.fixture
def server() -> Iterator[StandIn]:
    found = StandIn({"which?": "SELECT 2"}, listed=[{"id": "sqlcoder-7b-2.Q4_K_M.gguf", "owned_by": "llamacpp", "meta": {"n_ctx": 3000}}])
    yield found
    found.close()


def test_the_only_model_of_a_server_gets_a_card_that_answers(server: StandIn, models: Path) -> None:
    added = adding.add(server.url, models)
    card = added.card
    assert (card.name, card.backend, card.format, card.dialect) == ("sqlcoder-7b-2.q4_k_m.gguf", "endpoint", "sqlcoder-7b-2", "postgres")
    assert card.server == Server(server.url, "sqlcoder-7b-2.Q4_K_M.gguf")
    assert (card.context, card.precision) == (3000, "q4_k_m")
    (completion,) = backends.load(card, models).generate([GenerationRequest("1", card.name, Prompt("", "which?"), Generation(9))])
    assert completion.text == "SELECT 2"


def test_of_several_one_must_be_named(server: StandIn, models: Path) -> None:
    server.listed = [{"id": "a"}, {"id": "b"}]
    with pytest.raises(BadInput, match=r"lists 2 models \(a, b\); name one with --server-model"):
        adding.add(server.url, models)
    wishes = Wishes(name="mine", server_model="b", api="chat", key_variable="B_KEY", format="phi2-sql")
    with pytest.raises(ModelUnavailable, match="B_KEY"):
        adding.add(server.url, models, wishes)
    card = adding.add(server.url, models, replace(wishes, key_variable="")).card
    assert card.server == Server(server.url, "b", "chat")
    assert "context 4096" in card.notes


@pytest.mark.parametrize(("url", "error"), [("http://127.0.0.1:9/v1", ModelUnavailable), ("http://me:word@127.0.0.1/v1", BadInput)])
def test_a_server_that_cannot_be_asked_gets_no_card(models: Path, url: str, error: type[ArenaError]) -> None:
    with pytest.raises(error) as caught:
        adding.add(url, models)
    assert "word" not in str(caught.value).replace("password", "")
    assert list(models.iterdir()) == []
