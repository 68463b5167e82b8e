"""What helps a mini at equal processor time: each variant of a recipe is trained from nothing and asked the `dev` questions.

    python benchmarks/ablations.py --minutes 20 --seeds 0,1,2 [--only width256,grammar_alone]

Two processes of one thread each at a time; pools of pairs are drawn once and shared. The `test` questions are never read here.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import record
import torch

from nl2sql_arena.benchmark import figures, runner
from nl2sql_arena.engine import Engine
from nl2sql_arena.services import open_services
from nl2sql_arena.settings import ROOT, load
from nl2sql_arena.training import recipe
from nl2sql_arena.training.apart import measured_on
from nl2sql_arena.training.minis import data, mini, pools
from nl2sql_arena.training.minis.pools import Packer
from nl2sql_arena.training.recipe import Architecture, Recipe

MINI = recipe.load(ROOT / "models")["mini-l"]
STAGE = replace(MINI.stages[0], share=1.0)
SHIPPED = replace(MINI, stages=(STAGE,))
AT_ONCE = 2


def with_mix(**mix: float) -> Recipe:
    return replace(SHIPPED, stages=(replace(STAGE, mix=mix),))


def with_rates(factor: float) -> Recipe:
    return replace(SHIPPED, stages=(replace(STAGE, rate=factor * STAGE.rate, matrices=factor * STAGE.matrices),))


VARIANTS: Mapping[str, Recipe] = {
    "shipped": SHIPPED,
    "all_kinds": with_mix(phrases=0.55, grammar=0.25, renamed=0.12, random=0.08),
    "phrases_alone": with_mix(phrases=1.0),
    "grammar_alone": with_mix(grammar=1.0),
    "double_rates": with_rates(2.0),
    "half_rates": with_rates(0.5),
    "width128": replace(SHIPPED, what=Architecture("llama", 128, 4, 2, 352)),
    "width256": replace(SHIPPED, what=Architecture("llama", 256, 4, 4, 704)),
    "six_layers": replace(SHIPPED, what=Architecture("llama", 192, 6, 3, 512)),
    "one_block": replace(SHIPPED, blocks=1),
    "four_blocks": replace(SHIPPED, blocks=4),
}


class Silent:
    """Progress that nobody reads."""

    def put(self, _report: object) -> None:
        pass


def train(job: mini.Job, each: Recipe, seconds: float) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(job.seed)
    (stage,) = each.stages
    sources = {kind: pools.load(job.pool(kind)) for kind in stage.mix}
    model = mini.new_model(each, job)
    figures = mini.train(model, stage, sources, seconds, each, 1, job, Silent())
    print(each.name, figures["pairs"], "pairs, loss", figures["loss"][-3:], file=sys.stderr)
    mini.save(model, each, job)


def trained(job: mini.Job, each: Recipe, seconds: float) -> Recipe:
    """In a process of its own, for its processor time is what counts."""
    process = multiprocessing.get_context("spawn").Process(target=train, args=(job, each, seconds))
    process.start()
    process.join()
    return each


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--minutes", type=float, default=20.0)
    wanted.add_argument("--seeds", default="0")
    wanted.add_argument("--only", default=",".join(VARIANTS))
    asked = wanted.parse_args()
    seeds, names = [int(seed) for seed in asked.seeds.split(",")], asked.only.split(",")
    services = open_services(load())
    examples = [e for name in services.databases for e in services.examples(name, "dev")]
    found: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as home:
        places = tuple((each.name, each.folder, each.cache) for each in services.databases.values())
        job = mini.Job(Path(home), Path(home) / "models", places, measured_on(services.databases), 0)
        mini.make_tokenizer(job)
        ground = job.ground
        for kind in data.KINDS:
            count = round(60 * 60 * asked.minutes * max(each.stages[0].mix.get(kind, 0.0) for each in VARIANTS.values()))
            data.pool(Packer(job.tokenizer), ground, kind, random.Random(kind).randrange(1 << 30), count).save(job.pool(kind))
        every = [(replace(job, seed=seed), replace(VARIANTS[name], name=f"{name}-{seed}")) for seed in seeds for name in names]
        with ThreadPoolExecutor(AT_ONCE) as both:
            for each in both.map(lambda one: trained(one[0], one[1], 60 * asked.minutes), every):
                cards = {each.name: mini.card(each)}
                engine = Engine(cards, job.models, services.databases, services.sandbox)
                here = replace(services, engine=engine, cards=cards, settings=replace(services.settings, models=job.models))
                found |= figures.as_json(figures.accuracy(list(runner.run(here, [each.name], examples, again=True))))
                record.save("ablations", {"minutes": asked.minutes, "split": "dev", "execution_accuracy": found})
    services.close()


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
