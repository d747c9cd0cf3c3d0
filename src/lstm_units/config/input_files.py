"""The files that a configuration names: where they are, and which are missing.

Imported when the Snakefile is parsed: standard library only.
"""

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lstm_units.config.analysis_plan import origin_of
from lstm_units.config.checkpoint_files import word_counts
from lstm_units.config.training_runs import trained_by
from lstm_units.config.validate import is_url
from lstm_units.errors import ConfigurationError

LANGUAGE_TABLES = ("lexicon.tsv", "tasks.yaml")


class MissingFile(NamedTuple):
    """A file that the configuration names and that does not exist."""

    key: str
    path: str
    description: str
    origin: str | None


def resolve(path: str | Path, project_root: Path, working_directory: Path) -> Path:
    """Find a file that the configuration names.

    A relative path is looked for in the working directory, then in the project, so that the
    shipped files are found from any directory. Where it is in neither, the path in the working
    directory is returned: that is where it should be put.

    Parameters
    ----------
    path : str or Path
        As in the configuration. A leading ``~`` is the home directory.
    project_root : Path
        Folder of the Snakefile.
    working_directory : Path
        Folder in which the workflow runs; ``Path()`` keeps relative paths relative.
    """
    path = Path(path).expanduser()
    here = working_directory / path
    if path.is_absolute() or here.exists():
        return here
    shipped = project_root / path
    return shipped if shipped.exists() else here


def matching_files(pattern: str, project_root: Path, working_directory: Path) -> list[str]:
    """Find the files that a path of the configuration means, in which ``*`` may stand.

    Parameters
    ----------
    pattern : str
        As in the configuration.
    project_root, working_directory : Path
        As for `resolve`.

    Returns
    -------
    list of str
        In alphabetical order.

    Raises
    ------
    ConfigurationError
        If there is no such file.
    """
    try:
        whole = resolve(pattern, project_root, working_directory)
    except RuntimeError as error:  # a home directory of nobody
        raise ConfigurationError(f"cannot read {pattern}: {error}; give another path") from error
    if whole.is_file():
        return [str(whole)]
    # Only * is special: brackets and question marks are parts of names.
    path = os.path.expanduser("*".join(map(glob.escape, pattern.split("*"))))  # noqa: PTH111
    for folder in (working_directory, project_root):
        found = sorted(glob.glob(os.path.join(folder, path)))  # noqa: PTH118, PTH207
        # As paths, for Snakemake warns of names that begin with "./".
        found = [str(Path(name)) for name in found if Path(name).is_file()]
        if found:
            return found
    raise ConfigurationError(
        f"no file matches {pattern}, in the working directory or the project; put the text there, "
        "or give another path"
    )


def golden_files(
    config: Mapping[str, Any], model: str, project_root: Path, working_directory: Path
) -> dict[str, str]:
    """Return ``golden``, the log-probabilities to compare with, and their ``context``.

    Nothing, where the entry of the model names none or the file is not there.
    """
    entry = config["checkpoints"][model]
    if entry["golden_log_probabilities"] is None:
        return {}
    names = {
        "context": entry["golden_context"] or config["context"]["file"],
        "golden": entry["golden_log_probabilities"],
    }
    files = {key: resolve(path, project_root, working_directory) for key, path in names.items()}
    return {key: str(path) for key, path in files.items()} if files["golden"].exists() else {}


def text_files(
    config: Mapping[str, Any], corpus: str, project_root: Path, working_directory: Path
) -> list[str]:
    """Return the text files of a corpus of ``training.corpora``, patterns filled in, each once.

    Raises
    ------
    ConfigurationError
        If a pattern matches none.
    """
    found: list[str] = []
    for pattern in config["training"]["corpora"][corpus]["files"]:
        try:
            found += matching_files(pattern, project_root, working_directory)
        except ConfigurationError as error:
            raise ConfigurationError(f"training.corpora.{corpus}.files: {error}") from error
    return list(dict.fromkeys(found))


def word_list(
    config: Mapping[str, Any], corpus: str, key: str, project_root: Path, working_directory: Path
) -> str | None:
    """Return the file of words that a corpus names, or None.

    Parameters
    ----------
    config : mapping
    corpus : str
        An entry of ``training.corpora``.
    key : {"required_words", "chosen_words"}
    project_root, working_directory : Path
        As for `resolve`.

    Raises
    ------
    ConfigurationError
        If there is no such file.
    """
    path = config["training"]["corpora"][corpus][key]
    if path is None:
        return None
    found = resolve(path, project_root, working_directory)
    if not found.is_file():
        raise ConfigurationError(
            f"training.corpora.{corpus}.{key}: there is no file {path}, in the working directory "
            "or the project; put it there, or leave the key out"
        )
    return str(found)


def _named_files(config: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str | None]]:
    """Yield key, path, description and origin of each file that a run needs."""
    for name in dict.fromkeys(origin_of(config, model) for model in config["models"]):
        entry = config["checkpoints"][name]
        if trained_by(config, name) is not None:
            continue  # made by the workflow
        for key, what in (("source", "weights"), ("vocabulary", "vocabulary")):
            if not is_url(entry[key]):
                yield (
                    f"checkpoints.{name}.{key}",
                    entry[key],
                    f"{what} of the model {name}",
                    entry["origin"],
                )
    for name in config["tasks"]:
        task = config["task_definitions"][name]
        for key, what in (("file", "stimuli"), ("gold", "gold file")):
            if key in task:
                what_of = f"{what} of the task {name}, format {task['format']}"
                yield f"task_definitions.{name}.{key}", task[key], what_of, task["origin"]
        if "language" in task:
            for table in LANGUAGE_TABLES:
                what = f"{table} of the language of the task {name}"
                own = task["language"] != config["stimuli"]["language"]
                key = f"task_definitions.{name}.language" if own else "stimuli.language"
                yield key, str(Path(task["language"]) / table), what, None
    context = config["context"]
    yield "context.file", context["file"], "the context before each stimulus", context["origin"]
    pairs = config["efferents"]["verb_pairs"]
    if pairs is not None:
        yield "efferents.verb_pairs", pairs, "singular and plural verb forms", None
    depth = config["depth"]
    if depth["run"]:
        sentences = depth["sentences"]
        what = f"sentences with bracketings, format {sentences['format']}"
        yield "depth.sentences.file", sentences["file"], what, sentences["origin"]
        for name in config["models"]:
            known = (name, origin_of(config, name))
            own = [n for n in known if config["checkpoints"][n]["word_counts"]]
            if not own and trained_by(config, known[1]) is not None:
                continue
            key = f"checkpoints.{own[0]}.word_counts" if own else "depth.word_counts"
            yield key, word_counts(config, name), f"word counts for the model {name}", None


def missing_files(
    config: Mapping[str, Any], project_root: Path, working_directory: Path
) -> list[MissingFile]:
    """List the files that the selected models and tasks need and that do not exist.

    Files behind a URL are not looked for, nor is ``golden_log_probabilities``, whose check runs
    only when the file is there.

    Parameters
    ----------
    config : mapping
        From `lstm_units.config.validate.validate_config`.
    project_root, working_directory : Path
        As for `resolve`.

    Returns
    -------
    list of MissingFile
        Key, path as it would be used, what the file is, and where it comes from (the key
        ``origin`` of its entry). Each path stands once.
    """
    missing: dict[str, MissingFile] = {}
    for key, path, what, origin in _named_files(config):
        found = resolve(path, project_root, working_directory)
        if not found.is_file() and str(found) not in missing:
            missing[str(found)] = MissingFile(key, str(found), what, origin)
    return list(missing.values())


def missing_files_message(missing: Sequence[MissingFile]) -> str:
    """Word the message that stops a run whose files are missing."""
    count = "1 file is" if len(missing) == 1 else f"{len(missing)} files are"
    lines = [f"{count} missing. Put each in its place, or change its key in the configuration:"]
    for origin in dict.fromkeys(file.origin for file in missing):
        for file in missing:
            if file.origin == origin:
                lines.append(f"  {file.path}  ({file.key}: {file.description})")
        if origin:
            lines.append(f"      from: {origin}")
    return "\n".join(lines)
