"""The second set of English words: as the first in everything but its words."""

from collections import Counter

import numpy as np
import pytest
import yaml
from support.configurations import shipped

from lstm_units.config.validate import validate_config
from lstm_units.stimuli.balance import check_balance
from lstm_units.stimuli.generation import generate

SHARED = {"preposition"}  # closed class
TASKS = (
    *("simple", "adv", "adv_adv", "adv_conjunction", "namepp", "nounpp", "nounpp_adv"),
    *("subject_relative", "double_subject_relative", "object_relative"),
    *("object_relative_without_that", "complement_clause"),
)


def forms(language, categories=None):
    """All forms and lemmas of open-class words, or those of some categories."""
    chosen = categories or set(language.lexicon.categories) - SHARED
    words = [w for w in language.lexicon.words if w.category in chosen]
    return {form for w in words for form in (w.lemma, w.singular, w.plural)}


def fixed_words(language):
    parts = [part for t in language.tasks.values() for part in (*t.template, *t.ending)]
    return {part for part in parts if isinstance(part, str)} | forms(language, SHARED)


def test_no_open_class_word_is_shared(english, english_second):
    assert not forms(english) & forms(english_second)
    assert forms(english, SHARED) == forms(english_second, SHARED)
    assert fixed_words(english) == fixed_words(english_second)


def test_no_word_stands_in_the_context(project, english_second):
    context = set((project / "stimuli" / "english" / "context.txt").read_text().split())
    assert len(context) > 40
    assert not forms(english_second) & context


@pytest.mark.golden
def test_no_open_class_word_is_in_the_published_stimuli_or_context(published_data, english_second):
    used = set((published_data / "context_2019.txt").read_text().split())
    for path in sorted((published_data / "na_tasks_2019").glob("*.txt")):
        used |= {w for line in path.read_text().splitlines() for w in line.split("\t")[0].split()}
    assert {"athlete", "greets", "overtly", "Pat"} <= used
    assert not forms(english_second) & used


def test_there_are_enough_words_and_each_form_is_one_word_of_one_number(english_second):
    counts = Counter(w.category for w in english_second.lexicon.words)
    assert counts["person"] + counts["place"] >= 40
    assert counts["verb"] >= 30
    inflected = [w for w in english_second.lexicon.words if w.singular != w.plural]
    assert {w.category for w in inflected} == {"person", "place", "verb", "matrix_verb"}
    assert len(inflected) == sum(counts[c] for c in ("person", "place", "verb", "matrix_verb"))
    every = [f for w in english_second.lexicon.words for f in {w.singular, w.plural}]
    assert len(every) == len(set(every))


def test_the_tasks_differ_in_words_and_labels_only(project):
    def structure(folder):
        tasks = yaml.safe_load((project / "stimuli" / folder / "tasks.yaml").read_text())
        for task in tasks.values():
            del task["label"]
            for slot in task["slots"].values():
                if slot["category"] not in SHARED:
                    slot.pop("lemmas", None)
        return tasks

    assert structure("english_second") == structure("english")
    assert set(structure("english")) == set(TASKS)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_made_and_balanced(english_second, task):
    table = generate(english_second, task, 150, True, 2019)
    assert table.num_rows == 150 * len(english_second.task(task).conditions)
    assert check_balance(table).empty
    tokens = {token for sentence in table["tokens"].to_pylist() for token in sentence}
    assert tokens <= forms(english_second) | fixed_words(english_second)


def test_one_run_has_both_sets_of_words():
    config = validate_config(shipped("second_lexicon.yaml"))
    definitions = config["task_definitions"]
    first = shipped()["tasks"]
    assert config["tasks"] == [*first, *(f"{task}_second" for task in first)]
    for task in first:
        one, other = definitions[task], definitions[f"{task}_second"]
        assert one["template"] == other["template"] == task
        assert (one["language"], other["language"]) == ("stimuli/english", "stimuli/english_second")
        assert not other["sweep"] and other["group"] == "second" != one["group"]


def test_the_frequencies_on_the_page_are_those_of_the_training_text(
    project, english, english_second
):
    lines = (project / "models" / "wikipedia650" / "counts.tsv").read_text().splitlines()
    counts = {word: int(n) for word, n in (line.split("\t") for line in lines)}
    page = (project / "stimuli" / "english" / "README.md").read_text()

    def printed(language, category, number):
        words = [w for w in language.lexicon.words if w.category == category]
        n = [counts[w.form(number)] for w in words]
        low, median, high = np.percentile(n, [25, 50, 75])
        return f"{len(words)} | {median:,.0f} ({low:,.0f} to {high:,.0f})"

    for category in english.lexicon.categories:
        inflected = category in ("person", "place", "verb", "matrix_verb")
        for number in ("singular", "plural") if inflected else ("singular",):
            name = number if inflected else "one form"
            cells = [printed(language, category, number) for language in (english, english_second)]
            assert f"| `{category}` | {name} | {' | '.join(cells)} |" in page
