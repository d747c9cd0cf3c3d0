"""What the section ``training`` of the configuration asks for, and what is wrong with it.

Standard library only: it is imported when the Snakefile is parsed.
"""

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lstm_units.config.faults import NOTHING, Fault, show, unknown_names
from lstm_units.config.training_settings import kept_steps


def run_steps(run: Mapping[str, Any]) -> list[int]:
    """Return after how many updates the weights of a training run are kept, ascending from 0.

    Parameters
    ----------
    run : mapping
        An entry of ``training.runs``.
    """
    return kept_steps(run["steps"], run["checkpoints"], run["first_checkpoint"])


def trained_entries(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the entries that the training runs add to ``checkpoints``.

    Parameters
    ----------
    config : mapping
        With the defaults of the schema filled in.

    Returns
    -------
    dict of str to dict
        ``training_run`` and ``training_step`` of ``RUN_step_N`` for each kept step, and of ``RUN``
        for the last one.
    """
    entries = {}
    for name, run in config["training"]["runs"].items():
        if "steps" in run:
            *earlier, last = run_steps(run)
            for step in earlier:
                entries[f"{name}_step_{step}"] = {"training_run": name, "training_step": step}
            entries[name] = {"training_run": name, "training_step": last}
    return entries


def trained_by(config: Mapping[str, Any], model: str) -> str | None:
    """Return the training run that makes a checkpoint, or None if it comes from elsewhere.

    Parameters
    ----------
    config : mapping
        From `lstm_units.config.validate.validate_config`.
    model : str
        An entry of ``checkpoints``.
    """
    entry = config["checkpoints"][model]
    if entry.get("source") is not None or entry.get("untrained_like") is not None:
        return None
    run = entry.get("training_run")
    return run if run in config["training"]["runs"] else None


def corpus_file(config: Mapping[str, Any], run: str, name: str) -> str:
    """Return a file of the corpus that a training run reads."""
    return f"<results>/corpora/{config['training']['runs'][run]['corpus']}/{name}"


def unfinished_run(config: Mapping[str, Any], model: str) -> bool:
    """Whether a name or pattern among the models is of a training run whose steps are unknown.

    Parameters
    ----------
    config : mapping
        Fits the schema, less its faulty keys.
    """
    runs = config["training"]["runs"]
    lacking = [name for name, run in runs.items() if "steps" not in run]
    return any(model == name or model.startswith((f"{name}_step_", f"{name}*")) for name in lacking)


def matching_models(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Replace each pattern among names of models by the names that it matches.

    Parameters
    ----------
    patterns : sequence of str
        Names, or patterns in which ``*`` stands for any characters.
    names : sequence of str
        Those of ``checkpoints``.

    Returns
    -------
    list of str
        Each name once. A pattern that matches nothing stays as it is.
    """
    found: list[str] = []
    for pattern in patterns:
        matches = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
        found += matches if "*" in pattern and matches else [pattern]
    return list(dict.fromkeys(found))


def training_faults(config: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield what is wrong between the keys of training runs, and with checkpoints made by them.

    Parameters
    ----------
    config : mapping
        Fits the schema; the entries of `trained_entries` are in.

    Yields
    ------
    Fault
    """
    training, checkpoints = config["training"], config.get("checkpoints", {})
    for name, run in training["runs"].items():
        path = ("training", "runs", name)
        if name == "corpora":
            yield Fault(path, "this name is taken; choose another than corpora")
        if "corpus" in run:
            corpora = list(training["corpora"])
            for fault in unknown_names(
                (*path, "corpus"), [run["corpus"]], ("training", "corpora"), corpora
            ):
                write = ((*path, "corpus"), corpora[0]) if corpora else NOTHING
                yield Fault((*path, "corpus"), fault.problem, write, fault.reads)
        size, last = run["embedding"], run["layers"][-1]
        if run["tied"] and size not in (None, last):
            problem = (
                f"found {size}, but the decoder is tied and the last layer has {last} units; leave "
                "it out, or set tied: false"
            )
            reads = ((*path, "tied"), (*path, "layers"))
            yield Fault((*path, "embedding"), problem, ((*path, "tied"), False), reads)
        initial = run["initial"]
        own = [n for n in checkpoints if trained_by(config, n) == name]
        if initial is not None and (initial not in checkpoints or initial in own):
            what = "a network of the same run" if initial in own else "no entry of checkpoints"
            problem = f"found {show(initial)}, which is {what}; expected another trained network"
            yield Fault((*path, "initial"), problem, reads=(("checkpoints", initial),))
        yield from _cycles(config, name)
    yield from _double_names(config)
    for name, entry in trained_entries(config).items():
        given = checkpoints.get(name, {})
        run = entry["training_run"]
        same = all(given.get(key) == value for key, value in entry.items())
        if not same or given.get("source") is not None or given.get("untrained_like") is not None:
            problem = f"training.runs.{run} makes a checkpoint of this name; rename one of the two"
            yield Fault(("checkpoints", name), problem, reads=(("training", "runs", run),))
    for name in checkpoints:
        run = trained_by(config, name)
        if run is None or "steps" not in training["runs"][run]:
            continue
        steps, step = run_steps(training["runs"][run]), checkpoints[name].get("training_step")
        if step is not None and step not in steps:
            kept = ", ".join(map(str, steps))
            path = ("checkpoints", name, "training_step")
            problem = f"found {step}, but training.runs.{run} keeps the steps {kept}"
            yield Fault(path, problem, (path, steps[-1]), (("training", "runs", run),))


def _double_names(config: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield a fault if two runs make a checkpoint of the same name, as m_step_10 and m may."""
    made: dict[str, str] = {}
    for run, entry in config["training"]["runs"].items():
        for name in trained_entries({"training": {"runs": {run: entry}}}):
            other = made.setdefault(name, run)
            if other != run:
                problem = f"training.runs.{other} makes the checkpoint {name} too; rename one run"
                yield Fault(("training", "runs", run), problem)


def _cycles(config: Mapping[str, Any], name: str) -> Iterator[Fault]:
    """Yield a fault if a run goes on, over others, from itself."""
    runs, checkpoints = config["training"]["runs"], config.get("checkpoints", {})
    seen = [name]
    while True:
        initial = runs[seen[-1]]["initial"]
        initial = checkpoints.get(initial, {}).get("untrained_like") or initial
        before = trained_by(config, initial) if initial in checkpoints else None
        if before not in runs or (before == seen[-1] and initial == runs[before]["initial"]):
            return  # from itself: said elsewhere
        if before == name:
            chain = " from ".join([*seen, name])
            yield Fault(("training", "runs", name, "initial"), f"goes round in a circle: {chain}")
            return
        if before in seen:
            return
        seen.append(before)
