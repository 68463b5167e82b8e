"""What `train adapt` gives on a database that is no sample: free-form questions before and after, and what the sample databases lose."""

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import record

from nl2sql_arena.benchmark import figures, runner
from nl2sql_arena.database import Database
from nl2sql_arena.services import MINI_PAIR, open_services
from nl2sql_arena.settings import ROOT, load
from nl2sql_arena.training.minis import adapt

FOLDER = ROOT / "benchmarks" / "databases" / "cinema"
MINUTES = 4.0
ADAPTED = "mini-p-lora-cinema"


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        models = Path(home) / "models"
        models.mkdir()
        for name in ("mini-p", *MINI_PAIR):
            (models / name).symlink_to(ROOT / "models" / name)
        settings = replace(load(), models=models)
        own = Database("cinema", FOLDER, settings.data / "databases")
        services = open_services(settings, own)
        known = {name: each for name, each in services.databases.items() if name != own.name}
        began = time.monotonic()
        card = services.cards["mini-p-lora"]
        adapted = adapt.Adapted(card, models, own, known, models / ADAPTED, Path(home) / "work")
        generated = adapt.adapt(adapted, MINUTES, 0, lambda line: print(line, file=sys.stderr))
        seconds = time.monotonic() - began
        services.close()

        services = open_services(settings, own)  # with the new model's card
        asked = {
            "cinema": [example for example in own.examples() if example.gold_sql],
            "sample databases, dev": [e for name in known for e in services.examples(name, "dev") if e.gold_sql],
        }
        found = {
            name: figures.as_json(figures.accuracy(list(runner.run(services, (*MINI_PAIR, ADAPTED), examples))))
            for name, examples in asked.items()
        }
        services.close()
    record.save(
        "adapting",
        {"minutes_of_training": MINUTES, "seconds_in_all": round(seconds), "execution_accuracy": found, "generated_questions": generated},
    )


if __name__ == "__main__":
    main()
