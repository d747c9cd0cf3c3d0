"""Which files a run makes, and which of them the audit, the cards and the report read.

Paths begin with ``<results>``, for which Snakemake puts the folder of the results. Every function
takes a configuration from `lstm_units.config.validate.validate_config`. Standard library only: it
is imported when the Snakefile is parsed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lstm_units.config.analysis_plan import (
    controls,
    depth_regressors,
    finds_short_range,
    finds_syntax,
    syntax_unit,
    tasks_with,
)
from lstm_units.config.rooms import Products, each, rooms
from lstm_units.config.sweep_plan import groups, layer_range, shard_ranges, swept_modes
from lstm_units.config.training_runs import corpus_file
from lstm_units.errors import ConfigurationError

TABLE_FORMATS = ("csv", "md", "tex", "json")
FIGURE_FORMATS = ("pdf", "png")


def products(config: Mapping[str, Any], model: str) -> list[Products]:
    """Return what each room makes of a model."""
    return [room.products(config, model) for room in rooms()]


def of_model(model: str, names: Iterable[str]) -> list[str]:
    """Return paths relative to the folder of a model as the rules write them, each once."""
    return [f"<results>/{model}/{name}" for name in dict.fromkeys(names)]


def in_formats(figures: Iterable[str], tables: Iterable[str]) -> list[str]:
    """Return the files of figures and tables, relative to the folder of a model."""
    drawn = [f"figures/{name}.{suffix}" for name in figures for suffix in FIGURE_FORMATS]
    return drawn + [f"tables/{name}.{suffix}" for name in tables for suffix in TABLE_FORMATS]


def main_files(model: str) -> list[str]:
    """Return what every configuration makes of a model."""
    return of_model(model, ["claims.csv", "claims.md", "cards/notable.json"])


def dumped_tasks(config: Mapping[str, Any], model: str) -> list[str]:
    """Return the tasks of which a model is dumped: those that rooms read, and further ones."""
    wanted = {task for made in products(config, model) for task in made.dumped}
    wanted.update(config["activations"]["tasks"])
    return [task for task in config["tasks"] if task in wanted]


def analysis_files(config: Mapping[str, Any], model: str) -> list[str]:
    """Return what the analyses of a model end in, and its dumps."""
    names = list(each("activations/{}", dumped_tasks(config, model)))
    for made in products(config, model):
        names += [*made.files, *in_formats(made.figures, made.tables)]
    return of_model(model, names)


def lists_of_units(config: Mapping[str, Any], model: str) -> dict[str, str]:
    """Return the lists of discovered units: their files by their names."""
    names = ["long_range"]
    names += ["short_range"] if finds_short_range(config) else []
    names += ["syntax"] if finds_syntax(config) else []
    return {name: f"<results>/{model}/units/{name}.json" for name in names}


def top_syntax_list(config: Mapping[str, Any], model: str) -> str | None:
    """Return the list whose top unit is shown as the syntax unit; None where one is named."""
    if syntax_unit(config, model) is not None:
        return None
    return lists_of_units(config, model).get("syntax")


def _unit_files(config: Mapping[str, Any], model: str) -> list[str]:
    return [*lists_of_units(config, model).values(), f"<results>/{model}/units/shown.json"]


def shard_files(
    config: Mapping[str, Any], model: str, layer_sizes: Sequence[int], mode: str
) -> list[str]:
    """Return the margins of a model's sweep in one mode, group by group."""
    return [
        f"<results>/{model}/ablation/{mode}/{group}/units_{first:04d}-{last:04d}.parquet"
        for group in groups(config)
        for first, last in shard_ranges(config, layer_sizes, mode)
    ]


def all_shards(config: Mapping[str, Any], layer_sizes: Mapping[str, Sequence[int]]) -> list[str]:
    """Return the margins of all models in all modes, given the layer sizes of each model."""
    return [
        path
        for model, sizes in layer_sizes.items()
        for mode in swept_modes(config, sizes)
        for path in shard_files(config, model, sizes, mode)
    ]


def states_file(model: str, mode: str, layer_sizes: Sequence[int], unit: int) -> str:
    """Return the states after the context: one file for the whole layer of a unit."""
    first, last = layer_range(layer_sizes, unit)
    return f"<results>/{model}/ablation/{mode}/context/units_{first:04d}-{last:04d}.safetensors"


def means_file(model: str, mode: str) -> str | None:
    """Return the constants of mode ``mean``; other modes need none."""
    return f"<results>/{model}/ablation/mean/values.parquet" if mode == "mean" else None


def set_files(config: Mapping[str, Any], model: str, family: str) -> list[str]:
    """Return the margins of a control, group by group.

    Set 0 is the tested one; it goes with the first of the random ones.
    """
    mode, size = config["discovery"]["mode"], config["controls"]["shard_size"]
    last = config["controls"]["sets"]
    return [
        f"<results>/{model}/ablation_sets/{mode}/{group}/{family}_{first:04d}-{end:04d}.parquet"
        for group in controls(config)[family]
        for start in range(1, last + 1, size)
        for first, end in [(start if start > 1 else 0, min(start + size - 1, last))]
    ]


def single_unit_files(
    config: Mapping[str, Any], model: str, group_names: Iterable[str]
) -> list[str]:
    """Return the margins of discovered units on groups without a sweep: sets of one unit."""
    folder = f"<results>/{model}/ablation_sets/{config['discovery']['mode']}"
    return [f"{folder}/{group}/long_range_0001-1000.parquet" for group in group_names]


def _single_units(config: Mapping[str, Any], model: str, group_names: Iterable[str]) -> list[str]:
    """Return the same, and the file that says which unit each set is."""
    margins = single_unit_files(config, model, group_names)
    return margins and [f"<results>/{model}/controls/sets/long_range.parquet", *margins]


def tasks_of_sets(config: Mapping[str, Any], family: str, group: str) -> list[str]:
    """Return the tasks of a group that a family of sets is ablated on, sorted.

    Raises
    ------
    ConfigurationError
        If the control has no task of the group.
    """
    if family == "long_range":  # on tasks without a sweep, too
        return sorted({**groups(config), **groups(config, swept=False)}[group])
    tasks = controls(config)[family].get(group)
    if tasks is None:
        raise ConfigurationError(f"controls.tasks.{family} has no task of the group {group}")
    return tasks


def depth_predictions(config: Mapping[str, Any], model: str, n_layers: int) -> list[str]:
    """Return the predictions of depth from each of its regressors."""
    names = depth_regressors(config, n_layers)
    return [f"<results>/{model}/depth/predictions/{name}.parquet" for name in names]


def depth_dump(model: str, regressors: str) -> str | None:
    """Return the activations that a regression reads; those on words and positions read none."""
    kind, _, number = regressors.rpartition("_")
    folders = {"layer": model, "untrained": f"{model}/untrained/{number}"}
    return f"<results>/{folders[kind]}/depth/activations" if kind in folders else None


def compared_files(config: Mapping[str, Any], model: str) -> list[str]:
    """Return what the table of all models reads of each, beside its claims."""
    names = ["checkpoint/model.json", *each("intact/{}.parquet", config["tasks"])]
    names += [name for made in products(config, model) for name in made.compared]
    return [*of_model(model, names), *_unit_files(config, model)]


def audited_files(config: Mapping[str, Any], model: str, layer_sizes: Sequence[int]) -> list[str]:
    """Return what the audit of the claims reads of a model."""
    names = list(each("stimuli/{}.parquet", config["tasks"]))
    names += each("ablation/{}/accuracy.parquet", swept_modes(config, layer_sizes))
    names += [name for made in products(config, model) for name in made.audited]
    unswept, natural = groups(config, swept=False), set(tasks_with(config, "linzen"))
    natural_groups = [group for group, tasks in unswept.items() if natural & set(tasks)]
    return [
        *of_model(model, names),
        *compared_files(config, model),
        *_single_units(config, model, natural_groups),
    ]


def card_files(config: Mapping[str, Any], model: str, layer_sizes: Sequence[int]) -> list[str]:
    """Return what the cards of a model's units show."""
    names = list(each("checkpoint/{}", ("model.json", "model.safetensors", "vocab.txt")))
    names += each("ablation/{}/accuracy.parquet", swept_modes(config, layer_sizes))
    names += [name for made in products(config, model) for name in made.on_cards]
    unswept = groups(config, swept=False)
    names += each("intact/{}.parquet", [task for tasks in unswept.values() for task in tasks])
    ablated = {**groups(config, swept=True), **unswept}
    stimuli = each("stimuli/{}.parquet", [task for tasks in ablated.values() for task in tasks])
    return list(
        dict.fromkeys(
            [
                *of_model(model, [*names, *stimuli]),
                *_unit_files(config, model),
                *_single_units(config, model, unswept),
            ]
        )
    )


def identity_files(config: Mapping[str, Any]) -> list[str]:
    """Return the comparisons with a published network, of the models that claim to be one."""
    claiming = [m for m in config["models"] if config["checkpoints"][m]["identity"]]
    return [f"<results>/{model}/checkpoint/identity.csv" for model in claiming]


def training_runs(config: Mapping[str, Any]) -> list[str]:
    """Return the training runs of which several checkpoints are studied."""
    runs = [config["checkpoints"][model]["training_run"] for model in config["models"]]
    return sorted({run for run in runs if run and runs.count(run) > 1})


def training_figures(config: Mapping[str, Any]) -> list[str]:
    """Return the figures of models over training time."""
    runs = training_runs(config)
    return [f"<results>/training/{run}.{suffix}" for run in runs for suffix in FIGURE_FORMATS]


def training_inputs(config: Mapping[str, Any], run: str) -> dict[str, str | list[str]]:
    """Return what a training run reads: its corpus, and the network it goes on from, if any."""
    names = {"ids": "corpus.safetensors", "vocabulary": "vocab.txt", "counts": "counts.tsv"}
    corpus = {key: corpus_file(config, run, name) for key, name in names.items()}
    initial = config["training"]["runs"][run]["initial"]
    parts = ("model.json", "model.safetensors", "vocab.txt") if initial is not None else ()
    return corpus | {"initial": [f"<results>/{initial}/checkpoint/{part}" for part in parts]}


def stimulus_word_files(config: Mapping[str, Any], corpus: str) -> list[str]:
    """Return the files of stimuli whose words must be in the vocabulary of a corpus."""
    if not config["training"]["corpora"][corpus]["stimulus_words"]:
        return []
    depth = ["<results>/stimuli/depth/sentences.parquet"] if config["depth"]["run"] else []
    generated = each("<results>/stimuli/{}.parquet", tasks_with(config, "generated"))
    return [*generated, config["context"]["file"], *depth]


def trained_network_files(config: Mapping[str, Any]) -> list[str]:
    """Return what ``snakemake train`` ends in.

    Raises
    ------
    ConfigurationError
        If there is nothing to train.
    """
    runs = config["training"]["runs"]
    if not runs:
        raise ConfigurationError(
            "training.runs in the configuration is empty, so there is nothing to train. "
            "docs/training.md has an example"
        )
    names = ("model_card.md", *(f"learning_curve.{suffix}" for suffix in FIGURE_FORMATS))
    return [f"<results>/training/{run}/{name}" for run in runs for name in names]


def report_files(config: Mapping[str, Any], layer_sizes: Mapping[str, Sequence[int]]) -> list[str]:
    """Return all that the report shows or links to.

    Parameters
    ----------
    config : mapping
    layer_sizes : mapping of str to sequence of int
        Of every model.
    """
    files = ["<results>/models.json", "<results>/models.csv", "<results>/models.md"]
    files += each("<results>/stimuli/{}.parquet", config["tasks"])
    files += ["<results>/stimuli/balance.csv", *training_figures(config), *identity_files(config)]
    imported = set(config["tasks"]) - set(tasks_with(config, "generated"))
    for model in config["models"]:
        files += [f"<results>/{model}/claims.json", *main_files(model)]
        files += of_model(model, each("stimuli/{}.json", sorted(imported)))
        files += analysis_files(config, model)
        files += audited_files(config, model, layer_sizes[model])
        files += card_files(config, model, layer_sizes[model])
    return list(dict.fromkeys(files))


def places_of_results(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the files to open first, relative to the folder of results, by what they are."""
    summaries = {
        f"Model card of {run}": f"training/{run}/model_card.md"
        for run in config["training"]["runs"]
    }
    tables = {f"Table 2 of {model}": f"{model}/tables/table2.md" for model in config["models"]}
    return {**summaries, **tables, "Report": "report.html"}
