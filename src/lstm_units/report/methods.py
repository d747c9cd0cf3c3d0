"""What was done, with the settings of this run, beside what the paper did."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lstm_units.config.analysis_plan import (
    analyses,
    connectivity_task,
    controls,
    finds_short_range,
    finds_syntax,
)
from lstm_units.io.wording import listing, percent
from lstm_units.report.tables import ReportTable, make_table

_MODES = {
    "zero": "`zero` sets a unit's hidden state to 0 wherever it is read: recurrence, next layer, "
    "decoder",
    "legacy": "`legacy` cuts only its column in the recurrent weights of its layer, as the paper's "
    "code did in the first layer",
    "mean": "`mean` holds it at its mean",
}


def methods_table(
    config: Mapping[str, Any], labels: Mapping[str, str] | None = None
) -> ReportTable:
    """Set the methods with the settings of a configuration beside those of the paper.

    Parameters
    ----------
    config : mapping
        The whole configuration with its defaults, as `lstm_units.config.validate.validate_config`
        returns it. Analyses that it leaves out are not listed.
    labels : mapping of str to str, optional
        Names of tasks in print.

    Returns
    -------
    ReportTable
        Topic, here, in the paper (Lakretz et al. 2019 with its supplement and released code).
    """
    printed = _with_labels(config, labels or {})
    rows = []
    for topic, here, paper, sections in _ROWS:
        if _RUN.get(topic, lambda config: True)(config):
            rows.append((topic, here(*(printed[section] for section in sections)), paper))
    return make_table(
        "methods-table", "Methods beside the paper's", ("topic", "here", "in the paper"), rows
    )


def _with_labels(config: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    """Put the printed names in place of the tasks that a row names."""
    printed = dict(config)
    for section, key in (("discovery", "tasks"), ("syntax_units", "structures")):
        names = [labels.get(task, task) for task in config[section][key]]
        printed[section] = {**config[section], key: names}
    task = config["connectivity"]["task"]
    printed["connectivity"] = {**config["connectivity"], "task": labels.get(task, task)}
    return printed


# Whether a configuration asks for an analysis; the others are always run.
_RUN: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "decoding over time": lambda config: bool(analyses(config)),
    "short-range units": finds_short_range,
    "tree depth": lambda config: config["depth"]["run"],
    "syntax units": finds_syntax,
    "random sets": lambda config: bool(controls(config)),
    "connections": lambda config: connectivity_task(config) is not None,
}


def _ablation(ablation: Mapping[str, Any]) -> str:
    modes = "; ".join(_MODES[mode] for mode in ablation["modes"])
    return f"{modes}. Ablation is on while the context is read, too."


def _context(context: Mapping[str, Any]) -> str:
    case = {"true": "as written", "lower": "lower-cased"}.get(
        context["case"], "as in the paper: lower-cased for the intact model only"
    )
    return (
        f"The same sentences (`{context['file']}`, {case}) are read from a zero state before each "
        "stimulus; nothing carries over between stimuli."
    )


def _stimuli(
    stimuli: Mapping[str, Any], tasks: Sequence[str], definitions: Mapping[str, Any]
) -> str:
    matched = (
        "each lexical frame in all conditions of its task"
        if stimuli["matched"]
        else "lexical frames drawn for each condition"
    )
    used = [definitions[task] for task in tasks]
    folders = dict.fromkeys(d["language"] for d in used if d["format"] == "generated")
    if not folders:
        return "All imported."
    named = listing(f"`{folder}`" for folder in folders)
    return f"Generated from {named}, seed {stimuli['seed']}: {matched}."


def _answers(statistics: Mapping[str, Any]) -> str:
    return (
        "Right if log p(correct form) > log p(wrong form); a tie is wrong. Items with a margin "
        f"below {statistics['near_tie']:g} nats are counted as near ties. Intervals of one "
        f"accuracy are Wilson's, at {percent(statistics['confidence'], 0)}; ablated and intact "
        "answers are compared by the exact McNemar test, adjusted "
        f"({statistics['correction'].replace('_', '-')})."
    )


def _discovery(discovery: Mapping[str, Any]) -> str:
    return (
        f"Found on {percent(discovery['discovery_fraction'], 0)} of the lexical frames: loss "
        f"(full - ablated) / (full - 0.5) of at least {discovery['minimum_loss']:g} at q < "
        f"{discovery['maximum_q']:g} in an incongruent condition of each of "
        f"{listing(discovery['tasks'])}, for one subject number. Measured again on the other "
        f"frames, with a bootstrap crossed over subject and verb lemmas "
        f"({discovery['bootstrap_samples']:,} samples, seed {discovery['seed']}). Conditions in "
        f"which the lower bound of the intact accuracy is at most {discovery['minimum_intact']:g} "
        "take no part."
    )


def _decoding(decoding: Mapping[str, Any]) -> str:
    return (
        f"{decoding['splits']} cross-validation splits of nouns, both forms together, "
        f"{percent(decoding['test_fraction'], 0)} of them each; random items beside them. "
        f"References: labels permuted over nouns ({decoding['permutations']} times) and "
        f"{decoding['untrained']} untrained networks. Linear support vector classifier, C = "
        f"{decoding['regularization']:g}, seed {decoding['seed']}."
    )


def _short_range(short_range: Mapping[str, Any]) -> str:
    return (
        f"Efferent weights tell singular from plural verb forms (AUC of at least "
        f"{short_range['minimum_efferent_auc']:g}); the unit's cell alone tells the subject's "
        f"number at the subject (at least {short_range['minimum_subject_auc']:g}) and the "
        f"attractor's at the attractor (at most {short_range['maximum_attractor_auc']:g})."
    )


def _depth(depth: Mapping[str, Any]) -> str:
    procedure = (
        f"{depth['folds']} outer and {depth['inner_folds']} inner folds of whole sentences, "
        "features scaled on the training words of each fit, log frequency as covariate (included, "
        "its coefficient set to 0, and absent)"
        if depth["procedure"] == "nested"
        else "the procedure of the paper's code (`procedure: paper`)"
    )
    return (
        f"Ridge regression of open nodes on the {depth['variable']} values of all units: "
        f"{procedure}. Baselines: position and frequency, the last two words, the embedding, each "
        f"layer, {depth['untrained']} untrained network(s). Seed {depth['seed']}."
    )


def _syntax(syntax: Mapping[str, Any], depth: Mapping[str, Any]) -> str:
    origin = "0" if syntax["deviations_from"] == "zero" else "their mean"
    return (
        f"Coefficient beyond {syntax['threshold']:g} SD from {origin} on average and in at least "
        f"{syntax['minimum_folds']} of {depth['folds']} folds; their number is compared with "
        f"{depth['permutations']:,} refits with depth permuted within positions. Ranked by how "
        f"their cell tells words inside the subject-verb dependency from those outside in "
        f"{listing(syntax['structures'])}; a unit spans it at an AUC of at least "
        f"{syntax['minimum_auc']:g} in each."
    )


def _controls(controls: Mapping[str, Any]) -> str:
    drawn = "as many units of each layer" if controls["match"] == "layer" else "of any layers"
    return (
        f"{controls['sets']:,} random sets, {drawn}, seed {controls['seed']}. p = (sets with at "
        "most as many right items + 1) / (sets + 1): ties count against the tested set. Holm's "
        "correction over the testable conditions. Differences to the intact model and to the sets "
        "are both given."
    )


def _connectivity(connectivity: Mapping[str, Any]) -> str:
    return (
        "Weight times mean hidden value of the source from the subject to the word before the "
        f"verb ({connectivity['task']}), in SD over the sources of a layer; beyond "
        f"{connectivity['threshold']:g} it is an outlier. Four other readings beside it."
    )


def _claims(claims: Mapping[str, Any]) -> str:
    return (
        "Criteria with fixed thresholds, evaluated by code; a star marks a threshold that is "
        "ours. A unit's sign is arbitrary (negating its states and weights gives the same "
        f"network), so no verdict depends on it. Intervals: {claims['bootstrap_samples']:,} "
        f"resamples, seed {claims['seed']}."
    )


_ROWS: Sequence[tuple] = (
    (
        "ablation",
        _ablation,
        "Activation fixed to zero. Its code cut a first-layer unit only from its own layer's "
        "recurrence, so that it went on driving the second layer.",
        ("ablation",),
    ),
    (
        "context",
        _context,
        "Five sentences of 133 tokens; lower-cased for the intact model, in true case for the "
        "ablated ones.",
        ("context",),
    ),
    (
        "stimuli",
        _stimuli,
        "Frames are not matched across conditions in the released nounPP files; 300 to 900 items "
        "per condition.",
        ("stimuli", "tasks", "task_definitions"),
    ),
    ("answers", _answers, "The same rule, without intervals or tests.", ("statistics",)),
    (
        "long-range units",
        _discovery,
        "Searched and measured on the same items: a relative drop of more than 10 %.",
        ("discovery",),
    ),
    (
        "decoding over time",
        _decoding,
        "Five random cross-validation splits of the items, 20 % tested, so that the same nouns are "
        "in training and test; no reference curves.",
        ("decoding",),
    ),
    (
        "short-range units",
        _short_range,
        "The same in words, with an AUC of .9 for the first two; the ten units are not listed.",
        ("short_range",),
    ),
    (
        "tree depth",
        _depth,
        "Features scaled on training and test words together, inner folds over words, raw counts "
        "as covariate; no untrained network.",
        ("depth",),
    ),
    (
        "syntax units",
        _syntax,
        "Mean coefficient beyond 3 SD from the mean of all units; no permutation. The unit that "
        "spans the dependency was picked by eye.",
        ("syntax_units", "depth"),
    ),
    (
        "random sets",
        _controls,
        "1,000 sets drawn from both layers together; only strictly worse sets count for p, so "
        "that ties are evidence.",
        ("controls",),
    ),
    (
        "connections",
        _connectivity,
        "Weight times the largest signed value of the source, which misses a unit that is "
        "negative throughout.",
        ("connectivity",),
    ),
    ("claims", _claims, "Stated in the text, few with a number.", ("claims",)),
)
