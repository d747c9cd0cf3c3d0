"""Open nodes, the sample of uncorrelated positions and depths, and the corpus as it ships."""

from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import pearsonr
from support.scripts import run_script

from lstm_units.depth_corpus.corpus import depth_sentences, read_source
from lstm_units.depth_corpus.grammar_file import read_grammar
from lstm_units.depth_corpus.positions import (
    choose_positions,
    depth_positions,
    scaled_covariance,
)
from lstm_units.depth_corpus.sentences import (
    open_nodes,
    read_depth_sentences,
    without_duplicates,
)
from lstm_units.errors import StimuliError
from lstm_units.io.files import read_metadata
from lstm_units.io.results import read_result

POSITIONS, DEPTHS = (7, 12), (3, 8)
RELEASED = "tree_depth_2019/filtered_sentences.txt"


def tree_of(bracketing):
    """The bracketing as nested lists, the label of each bracket first."""
    stack = [[]]
    for piece in bracketing.split():
        if piece.startswith("["):
            stack.append([piece[1:]])
        elif piece == "]":
            node = stack.pop()
            stack[-1].append(node)
        else:
            stack[-1].append(piece)
    return stack[0][0]


def count_by_definition(tree):
    """Open nodes at each word, by recursion over the tree.

    What a phrase leaves open when its last word has been read: its parts' words, less one for each
    phrase that is complete. The count at a word is what was open before it, and itself.
    """

    def visit(node, before):
        if isinstance(node, str):
            return [before + 1], before + 1
        if len(node) == 2 and isinstance(node[1], str):  # a bracket around one word is that word
            return visit(node[1], before)
        counts = []
        for part in node[1:]:
            found, before = visit(part, before)
            counts += found
        return counts, before - 1

    return tuple(visit(tree, 0)[0])


@pytest.fixture(scope="module")
def grammar_path(project):
    return project / "stimuli" / "english" / "depth_grammar.txt"


@pytest.fixture(scope="module")
def corpus(grammar_path):
    """The shipped grammar's corpus at its default size, with its sample and the report."""
    source = read_source(grammar_path, "generated")
    sentences = depth_sentences(source, per_length=300, lengths=(2, 25), seed=1)
    settings = {"per_cell": 112, "order": "shuffled", "seed": 1}
    positions = depth_positions(sentences, positions=POSITIONS, open_nodes=DEPTHS, **settings)
    return sentences, *positions


@pytest.fixture(scope="module")
def rows(corpus):
    return corpus[0].content.to_pylist()


# Open nodes


@pytest.mark.parametrize(
    ("bracketing", "expected"),
    [
        ("[N boys ]", (1,)),
        ("[S [N boys ] [V run ] ]", (1, 2)),
        ("[S [NP [D the ] [N boys ] ] [V run ] ]", (1, 2, 2)),
        ("[S [NP [D the ] [AP [Deg very ] [A old ] ] [N boys ] ] [V run ] ]", (1, 2, 3, 3, 3)),
        # A bracket over another bracket closes as any other; words without pre-terminals count.
        ("[S [NP [NP [D the ] [N boys ] ] ] [V run ] ]", (1, 2, 1)),
        ("[S [NP the boys ] run ]", (1, 2, 2)),
    ],
)
def test_open_nodes_by_hand(bracketing, expected):
    words, counts = open_nodes(bracketing)
    assert counts == expected
    assert counts == count_by_definition(tree_of(bracketing))
    assert " ".join(words) == " ".join(p for p in bracketing.split() if p[0] not in "[]")


def test_open_nodes_match_the_definition_on_generated_trees(rows):
    for row in rows[::9]:
        assert tuple(row["open_nodes"]) == count_by_definition(tree_of(row["bracketing"]))
        assert row["length"] == len(row["tokens"]) == len(row["open_nodes"])


@pytest.mark.golden
def test_open_nodes_reproduce_the_released_annotations(published_data):
    sentences = read_depth_sentences(published_data / RELEASED)  # refuses any difference
    assert len(sentences) == 1303
    for sentence in sentences:
        assert sentence.open_nodes == count_by_definition(tree_of(sentence.bracketing))


@pytest.mark.parametrize(
    ("bracketing", "message"),
    [
        ("[S [N boys ] [V run ]", "1 brackets are not closed, the innermost is '\\[S'"),
        ("[S [N boys ] ] ]", "']' stands after the end"),
        ("] [S boys ]", "']' closes nothing"),
        ("[S [N ] [V run ] ]", "the bracket '\\[N' is empty"),
        ("[S [N boys] [V run ] ]", "'boys\\]' is neither a word nor a bracket"),
        ("[S [N[V run ] ]", "'\\[N\\[V' is no label"),
        ("[ [N boys ] ]", "'\\[' is no label"),
        ("boys run", "the word 'boys' stands outside"),
        ("", "there is no word"),
    ],
)
def test_broken_brackets_are_refused(bracketing, message):
    with pytest.raises(StimuliError, match=message):
        open_nodes(bracketing)


# The released format

LINE = "The boys run | [S [NP [D the ] [N boys ] ] [V run ] ]"


def test_fields_after_the_bracketing_may_be_left_out(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text(f"{LINE}\n\n{LINE} | 1 2 2\n{LINE} | 1 2 2 | 1 1 1\\n'\n")
    read = read_depth_sentences(path)
    assert [sentence.open_nodes for sentence in read] == [(1, 2, 2)] * 3
    assert read[0].tokens == ("The", "boys", "run")
    assert len(without_duplicates(read)) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("The boys run", "line 2: 1 fields; expected 2 to 4"),
        (f"{LINE} | 1 2 3", "line 2: the open nodes are given as 1 2 3, .* gives 1 2 2"),
        (f"{LINE} | 1 2", "line 2: the open nodes are given as 1 2, "),
        (LINE.replace("The boys", "The girls"), "line 2: the sentence is 'The girls run', but"),
        (LINE.replace("The boys", "The Boys"), "line 2: the sentence is 'The Boys run', but"),
        (LINE + " ]", "line 2: ']' stands after the end"),
    ],
)
def test_faulty_lines_are_named(tmp_path, line, message):
    path = tmp_path / "a.txt"
    path.write_text(f"{LINE}\n{line}\n")
    with pytest.raises(StimuliError, match=rf"a\.txt, {message}"):
        read_depth_sentences(path)


# The sample


@pytest.mark.golden
def test_the_released_file_gives_the_papers_4032_words(published_data):
    sentences = depth_sentences(read_source(published_data / RELEASED, "released"))
    places, report = depth_positions(
        sentences, positions=POSITIONS, open_nodes=DEPTHS, per_cell=112, order="file", seed=0
    )
    cells = places.frame.groupby(["position", "open_nodes"])
    assert set(cells.size()) == {112}
    expected = {"sentences_in_file": 1303, "duplicates": 1, "places": 4032}
    assert expected.items() <= report.content.items()
    assert report.content["sentences_with_places"] == len(sentences.content) == 1302
    assert report.content["correlation"]["sample"] == 0


def random_depths(n=3000, seed=0):
    """Depths that grow with the position, as in sentences."""
    generator = np.random.default_rng(seed)
    return [
        np.maximum(1, np.arange(14) * 0.5 - 2 + generator.binomial(6, 0.5, 14)).astype(int).tolist()
        for _ in range(n)
    ]


@pytest.mark.parametrize("order", ["file", "shuffled"])
def test_cells_are_equal_and_the_correlation_is_exactly_zero(order):
    depths = random_depths()
    sample = choose_positions(depths, (4, 8), (2, 6), 40, order, 3)
    places = sample.places
    assert (places.groupby(["position", "open_nodes"]).size() == 40).all()
    assert len(places) == 5 * 5 * 40
    assert scaled_covariance(places["position"], places["open_nodes"]) == 0
    assert abs(pearsonr(places["position"], places["open_nodes"]).statistic) < 1e-12
    for row in places.itertuples():
        assert depths[row.sentence][row.position] == row.open_nodes
    assert not places.duplicated(["sentence", "position"]).any()
    assert places.equals(places.sort_values(["sentence", "position"], ignore_index=True))
    words = [(p, d) for counts in depths for p, d in enumerate(counts)]
    inside = [(p, d) for p, d in words if 4 <= p <= 8 and 2 <= d <= 6]
    for name, some in (("all_words", words), ("range", inside)):
        expected = pearsonr(*np.array(some).T).statistic
        assert sample.correlations[name] == pytest.approx(expected)
    assert sample.correlations["range"] > 0.1
    assert sample.available == {cell: inside.count(cell) for cell in sample.available}


def test_in_the_order_of_the_file_the_first_words_of_each_cell_are_taken():
    depths = random_depths(400)
    places = choose_positions(depths, (4, 5), (3, 4), 7, "file", 0).places
    expected = []
    for cell in ((p, d) for p in (4, 5) for d in (3, 4)):
        having = [s for s, counts in enumerate(depths) if counts[cell[0]] == cell[1]]
        expected += [(s, *cell) for s in having[:7]]
    assert sorted(expected) == list(places.itertuples(index=False, name=None))


def test_shuffling_spreads_the_sample_and_depends_on_the_seed_alone():
    depths = random_depths()
    args = (depths, (4, 8), (2, 6), 30)
    first, again, other, in_file = (
        choose_positions(*args, order, seed).places
        for order, seed in (("shuffled", 1), ("shuffled", 1), ("shuffled", 2), ("file", 1))
    )
    assert first.equals(again)
    assert not first.equals(other)
    assert in_file["sentence"].mean() < 0.25 * len(depths)
    assert abs(first["sentence"].mean() / len(depths) - 0.5) < 0.05


def test_the_smallest_cell_sets_the_size():
    depths = random_depths(500)
    counts = Counter((p, d) for row in depths for p, d in enumerate(row))
    smallest = min(counts[p, d] for p in range(4, 9) for d in range(2, 7))
    sample = choose_positions(depths, (4, 8), (2, 6), "smallest", "file", 0)
    assert sample.per_cell == smallest
    with pytest.raises(StimuliError, match=rf"per_cell to smallest \(it would be {smallest}\)"):
        choose_positions(depths, (4, 8), (2, 6), smallest + 1, "file", 0)


def test_too_few_words_and_impossible_numbers_are_refused():
    depths = [[1, 2, 3]] * 5
    with pytest.raises(
        StimuliError,
        match=r"3 of 4 cells .* position 0 with 2 open nodes has 0; .*position 1 with 1 open nodes",
    ):
        choose_positions([*depths, [1, 1]], (0, 1), (1, 2), 6, "file", 0)
    with pytest.raises(StimuliError, match=r"where 1 are needed.*more sentences") as raised:
        choose_positions(depths, (0, 0), (2, 2), "smallest", "file", 0)
    assert "per_cell" not in str(raised.value)  # an empty cell has no smallest number
    for args, message in (
        (((2, 1), (1, 2), 1, "file"), r"^positions is \[2, 1\]"),
        (((0, 1), (0, 2), 1, "file"), r"^open_nodes is \[0, 2\]"),
        (((0, 1), (1, 2), 0, "file"), r"^per_cell is 0"),
        (((0, 1), (1, 2), "most", "file"), r"^per_cell is 'most'"),
        (((0, 1), (1, 2), 1, "random"), r"^order is 'random'; write file or shuffled"),
    ):
        with pytest.raises(StimuliError, match=message):
            choose_positions(depths, *args, 0)


def test_a_sample_of_one_position_has_no_correlation():
    sample = choose_positions([[1, 2, 3]] * 5, (1, 1), (2, 2), 4, "file", 0)
    assert sample.correlations["sample"] is None
    assert len(sample.places) == 4


# The corpus that ships


def test_the_grammar_is_no_toy_and_puts_no_bracket_around_a_single_bracket(grammar_path):
    grammar = read_grammar(grammar_path)
    labelled = [production for production in grammar.productions if production.label is not None]
    assert len(grammar.word_types) >= 250
    assert len(labelled) >= 150
    assert all(len(production.right) > 1 for production in labelled)


def test_every_length_has_300_distinct_sentences_and_every_cell_room_to_spare(corpus, rows):
    assert Counter(row["length"] for row in rows) == dict.fromkeys(range(2, 26), 300)
    assert len({tuple(row["tokens"]) for row in rows}) == len(rows) == 7200
    assert [row["sentence"] for row in rows] == list(range(7200))
    report = corpus[2].content
    assert len(report["cells"]) == 36
    assert min(cell["before"] for cell in report["cells"]) >= 200
    assert {cell["after"] for cell in report["cells"]} == {112}
    assert report["correlation"]["all_words"] > 0.5
    assert report["mean_open_nodes"][:2] == [1, 2]
    assert report["correlation"]["sample"] == 0
    assert report["places"] == len(corpus[1].content) == 4032
    assert report["fewer_than_wanted"] == {}


# The corpus of the default model was made without the depth analysis, so these were not required.
UNKNOWN = ["Beside", "admiring", "cried", "laughed", "laughs", "remembering"]


def test_the_default_model_knows_all_but_six_words(project, grammar_path, rows):
    vocabulary = set((project / "models" / "wikipedia650" / "vocab.txt").read_text().split("\n"))
    grammar = read_grammar(grammar_path)
    assert sorted(grammar.word_types - vocabulary) == UNKNOWN[1:]  # in small letters
    assert {token for row in rows for token in row["tokens"]} - vocabulary == set(UNKNOWN)


def test_sentences_agree_and_repeat_no_lemma(grammar_path, rows):
    grammar = read_grammar(grammar_path)
    pairs = {
        (form, entry[0])
        for words in grammar.word_lists.values()
        if words.once
        for entry in words.entries
        for form in entry
    }
    lemmas = dict(pairs)
    assert len(lemmas) == len(pairs)  # no form of two lemmas, such as the noun and verb "building"
    nouns = {"singular": set(), "plural": set()}
    for words in grammar.word_lists.values():
        if words.label == "N":
            for entry in words.entries:
                nouns["singular"].add(entry[0])
                nouns["plural"].add(entry[1])
    determiners = {
        **dict.fromkeys(("this", "that", "every", "each", "another"), "singular"),
        **dict.fromkeys(("these", "those", "some", "many", "several", "few"), "plural"),
        **{entry[0]: "plural" for entry in grammar.word_lists["Numeral"].entries},
    }
    verbs = dict.fromkeys(("is", "was", "has"), "singular") | dict.fromkeys(
        ("are", "were", "have"), "plural"
    )
    for words in grammar.word_lists.values():
        if words.label == "V":
            verbs |= {third: "singular" for _, third, *_ in words.entries}
            # The base form is the plural of the present, unless it may be the past too.
            verbs |= {base: "plural" for base, _, past, *_ in words.entries if base != past}
    checked = Counter()
    for row in rows:
        words = open_nodes(row["bracketing"])[0]
        used = [lemmas[word] for word in words if word in lemmas]
        assert len(used) == len(set(used)), row["tokens"]
        assert row["tokens"] == [words[0][0].upper() + words[0][1:], *words[1:]]
        assert row["tokens"][-1] not in ".!?"
        # The noun that a determiner or numeral belongs to is the next noun.
        for place, word in enumerate(words):
            if word in determiners:
                noun = next(
                    w for w in words[place + 1 :] if w in nouns["singular"] | nouns["plural"]
                )
                assert noun in nouns[determiners[word]], row["tokens"]
                checked["determiner"] += 1
        # The head of a subject is the first noun of its phrase.
        for subject, verb in subjects_and_verbs(tree_of(row["bracketing"])):
            heads = [w for label, w in subject if label == "N"]
            if verb in verbs and heads:
                assert heads[0] in nouns[verbs[verb]], row["tokens"]
                checked["verb"] += 1
    assert checked["determiner"] > 5000
    assert checked["verb"] > 3000


def subjects_and_verbs(tree):
    """The labelled words of each subject, with the first verb or auxiliary after it."""

    def words(node):
        if len(node) == 2 and isinstance(node[1], str):
            return [(node[0], node[1])]
        return [pair for part in node[1:] for pair in words(part)]

    if isinstance(tree[1], str):
        return
    for part in tree[1:]:
        yield from subjects_and_verbs(part)
    if tree[0] == "S" and tree[1][0] in ("NP", "N", "N'", "Name", "Pro"):
        finite = next(word for label, word in words(tree[2]) if label in ("Be", "Have", "Aux", "V"))
        yield words(tree[1]), finite


# The files


def test_the_scripts_write_equal_bytes_for_a_seed_with_the_types_of_the_contract(
    grammar_path, tmp_path
):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        folder = tmp_path / name
        sentences = {"sentences": folder / "sentences.parquet"}
        run_script(
            "depth_corpus/depth_sentences",
            input={"source": grammar_path},
            params={
                "format": "generated",
                "sampling": {"per_length": 20, "lengths": [2, 15], "seed": seed},
            },
            output=sentences,
        )
        ranges = {"positions": [5, 6], "open_nodes": [3, 4], "per_cell": "smallest"}
        run_script(
            "depth_corpus/depth_positions",
            input=sentences,
            params={**ranges, "order": "shuffled", "seed": seed},
            output={"positions": folder / "p.parquet", "report": folder / "report.json"},
        )
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        assert path.read_bytes() != (tmp_path / "c" / path.name).read_bytes()
    first, places = tmp_path / "a" / "sentences.parquet", tmp_path / "a" / "p.parquet"
    assert [str(kind) for kind in pq.read_schema(first).types] == [
        *("int32", "list<element: string>", "string", "list<element: int16>", "int16")
    ]
    schema = pq.read_schema(places)
    assert dict(zip(schema.names, map(str, schema.types), strict=True)) == {
        "sentence": "int32", "position": "int16", "open_nodes": "int16"
    }  # fmt: skip
    rows = pq.read_table(first).to_pylist()
    for place in pq.read_table(places).to_pylist()[::5]:
        assert rows[place["sentence"]]["open_nodes"][place["position"]] == place["open_nodes"]
    made = [read_metadata(path) for path in (first, places, tmp_path / "a" / "report.json")]
    other = read_metadata(tmp_path / "c" / "sentences.parquet")
    assert len({metadata["stimuli_sha256"] for metadata in made}) == 1
    assert other["stimuli_sha256"] != made[0]["stimuli_sha256"]
    assert made[1] == made[2]
    assert made[2]["config"] == {**ranges, "order": "shuffled"}
    with pytest.raises(StimuliError, match="has the columns sentence, position, open_nodes; exp"):
        depth_positions(read_result(places), **ranges, order="file", seed=1)
