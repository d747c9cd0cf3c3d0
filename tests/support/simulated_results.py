"""Result files of a simulated network, with the effect of every unit known."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lstm_units.io.files import make_metadata, with_metadata, write_parquet
from lstm_units.io.results import Result, read_result
from lstm_units.statistics.margins import Margins, open_margins
from lstm_units.stimuli.congruence import COLUMNS
from lstm_units.stimuli.table import make_stimuli

NUMBER = {"S": "singular", "P": "plural"}
SUBJECTS = [f"subject{i}" for i in range(20)]
NOUNS = [f"noun{i}" for i in range(10)]
VERBS = [f"verb{i}" for i in range(15)]
# Intact accuracy is high, and lower with an incongruent attractor.
BASE = {"S": 4.0, "P": 4.0, "SS": 4.0, "SP": 2.2, "PS": 2.2, "PP": 4.0}


@dataclass(frozen=True)
class Results:
    """Paths of what was written, as the workflow lays them out."""

    folder: Path
    intact: dict[str, Path]
    stimuli: dict[str, Path]
    shards: list[Path]
    layer_sizes: tuple[int, ...]

    @property
    def units(self) -> range:
        return range(1, sum(self.layer_sizes) + 1)

    @property
    def margins(self) -> Margins:
        return open_margins(self.shards)

    @cached_property
    def scores(self) -> dict[str, Result]:
        return {task: read_result(path) for task, path in self.intact.items()}

    @cached_property
    def items(self) -> dict[str, Result]:
        """The stimuli of each task."""
        return {task: read_result(path) for task, path in self.stimuli.items()}


def stimuli_table(conditions, frames, seed, with_lemmas=True) -> pa.Table:
    """Matched stimuli: the same lexical frames in every condition."""
    rng = np.random.default_rng(seed)
    rows = []
    lexical = [(rng.choice(SUBJECTS), rng.choice(NOUNS), rng.choice(VERBS)) for _ in range(frames)]
    for condition in conditions:
        for frame, (subject, noun, verb) in enumerate(lexical):
            attractors = condition[1:]
            words = ["The", f"{subject}{condition[0]}"]
            words += ["near", "the", f"{noun}{attractors}"] if attractors else []
            correct, wrong = (verb + "s", verb) if condition[0] == "S" else (verb, verb + "s")
            rows.append(
                {
                    "tokens": [*words, correct, "the", "dog", "."],
                    "verb_position": len(words),
                    "correct": correct,
                    "wrong": wrong,
                    "condition": condition,
                    "subject_number": NUMBER[condition[0]],
                    "attractor_numbers": [NUMBER[a] for a in attractors],
                    "subject_lemma": subject if with_lemmas else None,
                    "attractor_lemmas": [noun] * len(attractors) if with_lemmas else None,
                    "verb_lemma": verb if with_lemmas else None,
                    "frame": frame,
                    "n_attractors": len(attractors),
                }
            )
    return make_stimuli(rows)


def stimulus_numbers(conditions) -> pa.Table:
    """One item of each condition, of which S and P name the numbers; others say nothing of them."""
    rows = [
        {
            "condition": name,
            "subject_number": NUMBER.get(name[0]),
            "attractor_numbers": [NUMBER[letter] for letter in name[1:]],
        }
        for name in conditions
    ]
    kinds = (pa.string(), pa.string(), pa.list_(pa.string()))
    return pa.Table.from_pylist(rows, schema=pa.schema(zip(COLUMNS, kinds, strict=True)))


def intact_rows(item, condition, margin) -> pa.Table:
    margin = np.asarray(margin, np.float32)
    return pa.table(
        {
            "item": pa.array(item, pa.int32()),
            "condition": pa.array(list(condition)).dictionary_encode(),
            "margin": margin,
            "logp_correct": margin - 10,
            "logp_wrong": np.full(len(margin), -10, np.float32),
            "right": margin > 0,
        }
    )


def write_shard(path, blocks, key="unit", **metadata) -> Path:
    """Write blocks (key, {task: (items, margins)}) with one row group each."""
    tasks = sorted({task for _, by_task in blocks for task in by_task})
    schema = pa.schema(
        [
            (key, pa.int16() if key == "unit" else pa.int32()),
            ("task", pa.dictionary(pa.int32(), pa.string())),
            ("item", pa.int32()),
            ("margin", pa.float32()),
        ]
    )
    schema = with_metadata(schema, make_metadata(**metadata))
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, schema) as writer:
        for number, by_task in blocks:
            sizes = [len(by_task[task][0]) for task in by_task]
            codes = np.repeat([tasks.index(task) for task in by_task], sizes)
            writer.write_table(
                pa.table(
                    [
                        pa.array(np.full(sum(sizes), number), schema.field(0).type),
                        pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), tasks),
                        pa.array(np.concatenate([by_task[t][0] for t in by_task]), pa.int32()),
                        pa.array(np.concatenate([by_task[t][1] for t in by_task]), pa.float32()),
                    ],
                    schema=schema,
                )
            )
    return path


def write_results(
    folder: Path,
    *,
    tasks=None,
    frames=300,
    layer_sizes=(20, 30),
    planted=None,
    noise=0.3,
    seed=0,
    shard_size=25,
    units=None,
    with_lemmas=True,
    base=BASE,
    mode="zero",
    shuffled=0.0,
) -> Results:
    """Simulate a network and write stimuli, intact margins and shards.

    A unit adds noise to the margins, which flips items near 0 at random. A planted unit takes
    `shift` from the margins of the conditions named: {unit: (set of conditions, shift)}, in all
    tasks, or {unit: {task: (conditions, shift)}}. `shuffled` is the share of items of a condition
    that trade margins under each ablation: right and wrong change places, accuracy stays.
    """
    tasks = tasks or {
        "simple": (["S", "P"], "short"),
        "nounpp": (["SS", "SP", "PS", "PP"], "noun"),
        "nounpp_adv": (["SS", "SP", "PS", "PP"], "noun"),
    }
    planted = planted or {}
    rng = np.random.default_rng(seed)
    tables, margins, intact, stimuli = {}, {}, {}, {}
    for place, (task, (conditions, _)) in enumerate(tasks.items()):
        table = stimuli_table(conditions, frames, seed + place, with_lemmas)
        names = np.array(table.column("condition").to_pylist())
        # Items that share a subject or a verb are alike, as in a real network.
        effect = {word: rng.normal(0, 0.5) for word in (*SUBJECTS, *VERBS)}
        words = table.select(["tokens", "correct"]).to_pylist()
        of_item = np.array(
            [effect[w["tokens"][1][:-1]] + effect[w["correct"].rstrip("s")] for w in words]
        )
        margin = np.array([base[name] for name in names]) + of_item
        margin = (margin + rng.normal(0, 1, len(names))).astype(np.float32)
        stimuli[task] = folder / "stimuli" / f"{task}.parquet"
        write_parquet(table, stimuli[task], make_metadata(seed=seed))
        intact[task] = folder / "model" / "intact" / f"{task}.parquet"
        rows = intact_rows(np.arange(len(names)), names, margin)
        write_parquet(rows, intact[task], make_metadata(seed=seed))
        tables[task], margins[task] = names, margin
    shards = []
    total = sum(layer_sizes)
    groups = {}
    for task, (_, group) in tasks.items():
        groups.setdefault(group, []).append(task)
    units = list(units or range(1, total + 1))
    for group, members in groups.items():
        for first in range(0, len(units), shard_size):
            blocks = []
            for unit in units[first : first + shard_size]:
                by_task = {}
                for task in sorted(members):
                    margin = margins[task] + rng.normal(0, noise, len(margins[task]))
                    for condition in set(tables[task]) if shuffled else ():
                        here = np.flatnonzero(tables[task] == condition)
                        here = here[rng.random(len(here)) < shuffled]
                        margin[here] = rng.permutation(margin[here])
                    plan = planted.get(unit, (set(), 0))
                    plan = plan.get(task, (set(), 0)) if isinstance(plan, dict) else plan
                    margin = margin - plan[1] * np.isin(tables[task], list(plan[0]))
                    by_task[task] = np.arange(len(margin)), margin.astype(np.float32)
                blocks.append((unit, by_task))
            last = blocks[-1][0]
            name = f"units_{blocks[0][0]:04d}-{last:04d}.parquet"
            path = folder / "model" / "ablation" / mode / group / name
            shards.append(write_shard(path, blocks))
    return Results(folder, intact, stimuli, shards, tuple(layer_sizes))
