"""Result files of a planted network, made by the library in the layout of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from support.made_files import write_context_states, write_generated, write_intact, write_shard
from support.number_network import LAYER_SIZES, LONG_RANGE, save_checkpoint
from support.planted_network import lexicon_rows

from lstm_units.analyses.long_range_units.conditions import Criteria
from lstm_units.analyses.long_range_units.discovery import long_range_units
from lstm_units.claims.criteria import Audit, ClaimCriteria
from lstm_units.interventions.model_inputs import Compute, Context
from lstm_units.io.files import make_metadata, write_parquet
from lstm_units.io.published import PAPER_LABELS
from lstm_units.io.result_files import ResultFiles
from lstm_units.io.results import read_result, write_result
from lstm_units.io.verdict import Measure, Verdict
from lstm_units.models.language_model import LanguageModel
from lstm_units.statistics.agreement import unit_accuracy
from lstm_units.statistics.margins import open_margins

ENGLISH = Path(__file__).resolve().parents[2] / "stimuli" / "english"
CONTEXT = ENGLISH / "context.txt"
SINGULAR, PLURAL = (
    next(unit for unit, served in LONG_RANGE.items() if served == number)
    for number in ("singular", "plural")
)
COMPUTE = Compute(device="cpu", memory=0.2)
STATISTICS = {"confidence": 0.95, "correction": "benjamini_hochberg", "near_tie": 1e-4}
# Items per condition of each task.
TASKS: Mapping[str, int] = {
    "simple": 40,
    "adv": 40,
    "adv_adv": 40,
    "adv_conjunction": 40,
    "namepp": 40,
    "nounpp": 80,
    "nounpp_adv": 80,
}
CRITERIA = Criteria(bootstrap_samples=200)


def planted_results(
    folder: Path,
    model: LanguageModel,
    *,
    tasks: Mapping[str, int] = TASKS,
    modes: Sequence[str] = ("zero", "legacy"),
    criteria: Criteria = CRITERIA,
    language: Path = ENGLISH,
    seed: int = 7,
) -> ResultFiles:
    """Take a network from its weights to the list of long-range units.

    Written under `folder`, which stands for ``results/{model}``: the converted checkpoint, the
    stimuli of `tasks` (each a template of `language`, matched over conditions), the intact scores,
    every unit ablated in each of `modes`, the accuracies, and ``units/long_range.json``.
    """
    context = Context(str(language / "context.txt"))
    checkpoint = save_checkpoint(model, folder)
    stimuli = {task: folder / "stimuli" / f"{task}.parquet" for task in tasks}
    intact = {task: folder / "intact" / f"{task}.parquet" for task in tasks}
    for task, items in tasks.items():
        write_generated(language, task, items, True, seed, stimuli[task])
        write_intact(checkpoint, stimuli[task], context, COMPUTE, intact[task])
    scores = {task: read_result(path) for task, path in intact.items()}
    margins = {}
    for mode in modes:
        # As in the workflow: under legacy the last layer is that of zero, and is not run.
        last = model.n_units - (model.layer_sizes[-1] if mode == "legacy" else 0)
        if not last:
            continue
        units = range(1, last + 1)
        ablation = folder / "ablation" / mode
        states = ablation / "context" / f"units_0001-{last:04d}.safetensors"
        shard = ablation / "all" / f"units_0001-{last:04d}.parquet"
        write_context_states(checkpoint, context, mode, units, COMPUTE, states)
        write_shard(checkpoint, stimuli, states, units, COMPUTE, shard)
        margins[mode] = open_margins([shard])
        accuracy = unit_accuracy(
            margins[mode], scores, model.layer_sizes, units=units, **STATISTICS
        )
        write_result(accuracy, ablation / "accuracy.parquet")
    if set(criteria.tasks) <= set(tasks) and criteria.mode in margins:
        found = long_range_units(
            margins[criteria.mode],
            scores,
            {task: read_result(path) for task, path in stimuli.items()},
            model.layer_sizes,
            criteria,
            units=range(1, model.n_units + 1),
        )
        write_result(found, folder / "units" / "long_range.json")
    return ResultFiles(folder)


def planted_audit(tasks: Mapping[str, str] | None = None, **criteria) -> Audit:
    """Build the audit of such results; `tasks` maps a task to the paper's, others by their name."""
    known = {task: task for task in TASKS} if tasks is None else dict(tasks)
    audit = Audit(ClaimCriteria(bootstrap_samples=400), known, PAPER_LABELS)
    return replace(audit, criteria=replace(audit.criteria, **criteria))


def reread(
    model: LanguageModel, strength: Mapping[int, float], verbs: slice = slice(None)
) -> LanguageModel:
    """Change with what strength some verbs read units: the singular form +, the plural -."""
    decoder = model.decoder_weight.clone()
    index = {word: row for row, word in enumerate(model.vocabulary.words)}
    pairs = [(s, p) for kind, s, p in lexicon_rows(ENGLISH) if kind.endswith("verb") and s != p]
    for singular, plural in pairs[verbs]:
        for unit, value in strength.items():
            decoder[index[singular], unit - LAYER_SIZES[0] - 1] = value
            decoder[index[plural], unit - LAYER_SIZES[0] - 1] = -value
    return replace(model, decoder_weight=decoder)


def write_answers(
    files: ResultFiles, task: str, right: Mapping[str, np.ndarray], **columns
) -> None:
    """Write intact scores and stimuli of a task: by condition, whether each frame is right."""
    rows = [
        {"item": 0, "condition": condition, "right": bool(answer), "frame": frame}
        for condition, answers in right.items()
        for frame, answer in enumerate(answers)
    ]
    table = pd.DataFrame(rows)
    table["item"] = np.arange(len(table), dtype=np.int32)
    table["margin"] = np.where(table["right"], 1.0, -1.0).astype(np.float32)
    table["subject_lemma"] = [f"noun{frame % 7}" for frame in table["frame"]]
    table["verb_lemma"] = [f"verb{frame % 5}" for frame in table["frame"]]
    table = table.assign(**columns)
    stimuli = ["item", "frame", "subject_lemma", "verb_lemma"]
    for name, part in (("intact", table.drop(columns=stimuli[1:])), ("stimuli", table[stimuli])):
        path = files.folder / name / f"{task}.parquet"
        write_parquet(pa.Table.from_pandas(part, preserve_index=False), path, make_metadata())


def shares(n: int, **accuracy: float) -> dict[str, np.ndarray]:
    return {name: np.arange(n) < round(n * share) for name, share in accuracy.items()}


def measure(verdict: Verdict, name: str) -> Measure:
    (found,) = (measure for measure in verdict.measures if measure.name == name)
    return found
