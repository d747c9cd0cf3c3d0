"""Writing activation dumps: every gate, cell and hidden value of complete sentences, streamed.

Each distinct prefix is read once: the sentences form a trie (`prefix_trie`), and its walk keeps
only the states that still have children. What has been read goes to one Parquet file per layer and
variable, row group by row group, so memory does not grow with the activations. What does grow with
the number of items: the trie and the index (some hundred bytes a word), and the list of row groups
that Parquet keeps for the end of each file, about a twentieth of the activations in float32. The
list counts towards the memory that a dump may use; trie and index do not.

`reader` reads what is written here.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import Tensor

from lstm_units.activations.layout import first_units, variable_path
from lstm_units.errors import ConfigurationError, NotRun, UserError
from lstm_units.interventions.context_states import States
from lstm_units.interventions.known_items import require_known_forms
from lstm_units.interventions.model_inputs import Context, intact_states
from lstm_units.interventions.prefix_trie import PrefixTrie, Tile, Walk, build_trie, plan_walk
from lstm_units.io.files import INDEX, atomic_folder, make_metadata, with_metadata, write_parquet
from lstm_units.io.wording import words_listed
from lstm_units.models.cell import update
from lstm_units.models.language_model import LanguageModel
from lstm_units.models.variables import VARIABLES
from lstm_units.models.vocabulary import Vocabulary
from lstm_units.runtime.console import progress
from lstm_units.stimuli.table import scored_sha256

log = logging.getLogger(__name__)

FLOAT_TYPES = {"float16": pa.float16(), "float32": pa.float32(), "float64": pa.float64()}
ROW_GROUP = 4096  # nodes: reading a unit on some of the nodes loads little else
_CHUNK = 1024  # parents, and children, that are read together
_NAMED = 20  # unknown words in the log
_LISTED = 900  # bytes that Parquet keeps of each column of a row group until the file is closed
# Measured on the 2 x 650 default model, nounPP, float32, all variables: 359 MB uncompressed, 283 MB
# with zstd, 243 MB with zstd on split bytes, where the alike exponents stand together; a higher
# level of zstd gains nothing. Writing takes about as long in each case, and so does reading a unit.
_COMPRESSION = {"compression": "zstd", "compression_level": 1}


@dataclass(frozen=True)
class DumpSize:
    """How much is kept in memory at a time; it changes the row groups, and no value.

    Parameters
    ----------
    row_group : int
        Nodes that are written together.
    walk : Walk
        The order in which the trie is read.
    """

    row_group: int
    walk: Walk


@dataclass(frozen=True)
class Sentences:
    """Complete sentences, each of an item of one task.

    Parameters
    ----------
    item : ndarray of int, shape (items,)
        Item numbers, ascending.
    tokens : sequence of sequences of str
        All words of each item.
    sha256 : str
        Version of the stimuli: the hash of what is scored of them.
    """

    task: str
    item: np.ndarray
    condition: Sequence[str]
    tokens: Sequence[Sequence[str]]
    sha256: str


def sentences_of(stimuli: pa.Table, task: str, vocabulary: Vocabulary) -> Sentences:
    """Return the sentences of a task; words that the model does not know are logged.

    Raises
    ------
    UserError
        If a verb form is not in `vocabulary`.
    """
    require_known_forms({task: stimuli}, vocabulary)
    tokens = stimuli["tokens"].to_pylist()
    unknown = sorted({word for words in tokens for word in words if word not in vocabulary})
    if unknown:
        log.info(
            "the model does not know %d words of %s, which it reads as %s: %s",
            len(unknown),
            task,
            vocabulary.unk,
            words_listed(unknown, _NAMED),
        )
    item, condition = stimuli["item"].to_numpy(), stimuli["condition"].to_pylist()
    return Sentences(task, item, condition, tokens, scored_sha256({task: stimuli}))


@torch.inference_mode()
def dump_activations(
    model: LanguageModel,
    sentences: Sentences,
    context: Context,
    folder: str | Path,
    *,
    variables: Sequence[str] = VARIABLES,
    layers: str | Sequence[int] = "all",
    float_type: str = "float32",
    memory: float = 1.0,
    **further: Any,
) -> None:
    """Write the activations of complete sentences as a folder, whole or not at all.

    Parameters
    ----------
    model : LanguageModel
        In the precision of `precision_for`.
    sentences : Sentences
        Words that the model lacks are read as its unknown word.
    context : Context
        Read before each sentence.
    folder : path
        Replaced if it exists. Its layout is described in `lstm_units.activations.layout`.
    variables : sequence of str
        Of `lstm_units.models.variables.VARIABLES`.
    layers : "all" or sequence of int
        1-based.
    float_type : {"float16", "float32", "float64"}
        How values are stored; float16 is computed in float32 and rounded.
    memory : float
        GiB to use beyond the model.
    **further
        What else the metadata record.

    Raises
    ------
    ConfigurationError
        If the model has no such layer or is of another precision, or a variable or float type is
        unknown.
    UserError
        If `memory` is too little for one prefix, or the folder cannot be written.
    """
    variables, layers = _choose_variables(variables), _choose_layers(layers, len(model.layers))
    if model.precision != precision_for(float_type):
        raise ConfigurationError(
            f"float_type {float_type} needs a model in {precision_for(float_type)}, but this one "
            f"is in {model.precision}; load it in the other precision, or store another type"
        )
    trie = build_trie([model.vocabulary.ids(words) for words in sentences.tokens])
    size = plan_dump(model, trie, variables, layers, float_type, memory * 2**30)
    config = {
        "precision": model.precision,
        "variables": list(variables),
        "layers": list(layers),
        "layer_sizes": list(model.layer_sizes),
        "float_type": float_type,
        **context.metadata(model.vocabulary),
        **model.origin,
    }
    metadata = make_metadata(
        kind="activations",
        task=sentences.task,
        config=config,
        checkpoint_sha256=model.sha256,
        stimuli_sha256=sentences.sha256,
        tokens_sha256=tokens_sha256(sentences.item.tolist(), sentences.tokens),
        n_nodes=trie.n_nodes,
        **further,
    )
    row_of = np.full(trie.n_nodes, -1, dtype=np.int32)
    done = 0
    with (
        progress(total=trie.n_nodes, description="activations", unit="prefixes") as bar,
        atomic_folder(folder) as temporary,
    ):
        with ExitStack() as stack:
            files = {}
            for layer in layers:
                (temporary / f"layer={layer}").mkdir()
                first = first_units(model.layer_sizes)[layer]
                units = range(first, first + model.layer_sizes[layer - 1])
                for variable in variables:
                    path = variable_path(temporary, layer, variable)
                    file = _VariableFile(path, units, float_type, size.row_group, metadata)
                    files[layer, variable] = stack.enter_context(file)
            for nodes, values in read_variables(
                model, trie, intact_states(model, context), size.walk
            ):
                row_of[nodes] = np.arange(done, done + len(nodes))
                done += len(nodes)
                for (layer, variable), file in files.items():
                    file.add(values[layer - 1][variable])
                bar.update(len(nodes))
        write_parquet(make_index(trie, row_of, sentences), temporary / INDEX, metadata)


def precision_for(float_type: str) -> str:
    """Return the precision in which values of a float type are computed.

    Raises
    ------
    ConfigurationError
        If the float type is unknown.
    """
    if float_type not in list(FLOAT_TYPES):
        raise ConfigurationError(
            f"float_type is {float_type!r}; expected one of {', '.join(FLOAT_TYPES)}"
        )
    return "float64" if float_type == "float64" else "float32"


def tokens_sha256(items: Sequence[int], sentences: Sequence[Sequence[str]]) -> str:
    """Hash item numbers and complete sentences, which the version of the stimuli leaves out."""
    digest = hashlib.sha256()
    for row in zip(items, sentences, strict=True):
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def _choose_layers(layers: str | Sequence[int], n_layers: int) -> tuple[int, ...]:
    known = range(1, n_layers + 1)
    chosen = sorted(set(known if layers == "all" else layers))
    if not chosen or not set(chosen) <= set(known):
        raise NotRun(
            f"layers is {layers!r}, but the model's layers are {', '.join(map(str, known))}; name "
            "some of them, or all"
        )
    return tuple(chosen)


def _choose_variables(variables: Sequence[str]) -> tuple[str, ...]:
    if not variables or not set(variables) <= set(VARIABLES):
        raise ConfigurationError(
            f"variables is {list(variables)!r}; expected some of {', '.join(VARIABLES)}"
        )
    return tuple(name for name in VARIABLES if name in variables)


def read_variables(
    model: LanguageModel, trie: PrefixTrie, states: States, walk: Walk
) -> Iterator[tuple[np.ndarray, list[dict[str, Tensor]]]]:
    """Walk a trie with the intact model and give all variables of all layers, block by block.

    Parameters
    ----------
    states : States
        One row: the state after the context.
    walk : Walk
        Over `trie`.

    Yields
    ------
    nodes : ndarray of int64, shape (nodes,)
        Every node once, parents before children.
    values : list of dict of str to Tensor of shape (nodes, units of the layer)
        `lstm_units.activations.layout.VARIABLES` of each layer.
    """
    device = model.device
    hidden = [model.embedding.new_empty(walk.n_slots, size) for size in model.layer_sizes]
    cell = [torch.empty_like(stored) for stored in hidden]
    for depth in range(len(model.layers)):
        hidden[depth][0], cell[depth][0] = states.hidden[depth][0], states.cell[depth][0]
    words = torch.as_tensor(trie.word)
    for step in walk.steps:
        slots = torch.as_tensor(step.parent_slots, device=device)
        # Siblings share the recurrent half of their gates. The cells are copies: children may be
        # stored in the slots of their parents.
        recurrent = [
            torch.addmm(layer.bias, stored[slots], layer.weight_hh.T)
            for layer, stored in zip(model.layers, hidden, strict=True)
        ]
        parent_cell = [stored[slots] for stored in cell]
        for block in step.blocks:
            nodes, parent_of = _flatten(block)
            parents = torch.as_tensor(parent_of, device=device)
            below = model.embedding[words[torch.as_tensor(nodes)].to(device)]
            values = []
            for depth, layer in enumerate(model.layers):
                gates = torch.addmm(recurrent[depth][parents], below, layer.weight_ih.T)
                values.append(update(gates, parent_cell[depth][parents]))
                below = values[-1]["hidden"]
            kept = [place for place, node in enumerate(nodes.tolist()) if node in step.child_slots]
            into = [step.child_slots[node] for node in nodes[kept].tolist()]
            for depth, computed in enumerate(values):
                hidden[depth][into] = computed["hidden"][kept]
                cell[depth][into] = computed["cell"][kept]
            yield nodes, values


def _flatten(block: Sequence[Tile]) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes of a block and the place of each one's parent in the step."""
    nodes = np.concatenate([tile.nodes.ravel() for tile in block])
    parents = [
        np.repeat(np.arange(tile.parents.start, tile.parents.stop), tile.nodes.shape[1])
        for tile in block
    ]
    return nodes, np.concatenate(parents)


def plan_dump(
    model: LanguageModel,
    trie: PrefixTrie,
    variables: Sequence[str],
    layers: Sequence[int],
    float_type: str,
    memory: float,
) -> DumpSize:
    """Choose row groups and walk so that a dump keeps within its memory.

    Parameters
    ----------
    layers : sequence of int
        1-based.
    memory : float
        Bytes.

    Raises
    ------
    UserError
        If reading one prefix at a time needs more than `memory`.
    """
    dumped = sum(model.layer_sizes[layer - 1] for layer in layers) * len(variables)
    per_row = dumped * FLOAT_TYPES[float_type].bit_width // 8 + 4 * len(layers) * len(variables)
    row_group, chunk = min(ROW_GROUP, trie.n_nodes), min(_CHUNK, trie.n_nodes)
    while True:
        walk = plan_walk(trie, chunk, chunk)
        reading, buffered = walk_bytes(model, walk), row_group * per_row
        listed = -(-trie.n_nodes // row_group) * dumped * _LISTED
        needed = reading + buffered + listed
        if needed <= memory:
            return DumpSize(row_group, walk)
        # Row groups of half the size make the list of them twice as long.
        smaller_groups = row_group > 1 and buffered > 2 * listed
        if smaller_groups and (buffered > reading or chunk == 1):
            row_group //= 2
        elif chunk > 1:
            chunk //= 2
        else:
            raise UserError(
                f"the activations of {trie.n_nodes:,} distinct prefixes cannot be written within "
                f"{memory / 2**30:.3g} GiB: they need {needed / 2**30:.3g} GiB, most of it for "
                "Parquet's list of row groups where there are many prefixes. Give more memory, or "
                "name fewer variables or layers"
            )


def walk_bytes(model: LanguageModel, walk: Walk) -> int:
    """Bytes that `read_variables` allocates."""
    total, largest = sum(model.layer_sizes), max(model.layer_sizes)
    per_slot = 2 * total
    per_parent = 5 * total + largest  # recurrent products, cells, hidden values on their way
    per_child = len(VARIABLES) * total + 12 * largest + model.embedding.shape[1]
    values = walk.n_slots * per_slot + walk.max_parents * per_parent
    values += walk.max_children * per_child
    return values * model.embedding.element_size()


def make_index(trie: PrefixTrie, row_of: np.ndarray, sentences: Sentences) -> pa.Table:
    """Say which node each word is: ``item, position, token, node, condition``.

    Parameters
    ----------
    trie : PrefixTrie
        Of the sentences.
    row_of : ndarray of int32, shape (nodes,)
        The row at which each node of the trie was written: its number in the dump.

    Returns
    -------
    pyarrow.Table
        One row per word, in the order of items and positions.
    """
    length = np.array([len(words) for words in sentences.tokens])
    end = np.cumsum(length)
    position = np.arange(end[-1]) - np.repeat(end - length, length)
    node = np.empty(end[-1], dtype=np.int32)
    at = trie.item_node.copy()
    for back in range(1, int(length.max()) + 1):  # from the last word of each sentence to its first
        here = np.flatnonzero(length >= back)
        node[end[here] - back] = row_of[at[here]]
        at[here] = trie.parent[at[here]]
    conditions = np.repeat(np.asarray(sentences.condition, dtype=object), length)
    tokens = pa.array([word for words in sentences.tokens for word in words], pa.string())
    return pa.table(
        {
            "item": pa.array(np.repeat(sentences.item, length), pa.int32()),
            "position": pa.array(position, pa.int16()),
            "token": tokens.dictionary_encode(),
            "node": pa.array(node),
            "condition": pa.array(conditions, pa.string()).dictionary_encode(),
        }
    )


class _VariableFile:
    """One Parquet file that grows by a row group whenever its buffer is full."""

    def __init__(
        self,
        path: Path,
        units: Sequence[int],
        float_type: str,
        row_group: int,
        metadata: dict[str, Any],
    ) -> None:
        kind = FLOAT_TYPES[float_type]
        fields = [pa.field("node", pa.int32(), nullable=False)]
        fields += [pa.field(str(unit), kind, nullable=False) for unit in units]
        self._schema = with_metadata(pa.schema(fields), metadata)
        self._path = path
        self._half = float_type == "float16"
        self._buffer = np.empty((len(units), row_group), dtype=kind.to_pandas_dtype())
        self._filled = 0
        self._first_node = 0

    def __enter__(self) -> "_VariableFile":
        self._writer = pq.ParquetWriter(
            self._path,
            self._schema,
            **_COMPRESSION,
            # Split bytes of half floats are too new for many readers.
            use_byte_stream_split=False if self._half else self._schema.names[1:],
            use_dictionary=False,  # hardly any two values are equal
            write_statistics=False,
            write_page_checksum=True,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        try:
            if kind is None and self._filled:
                self._write()
        finally:
            self._writer.close()

    def add(self, values: Tensor) -> None:
        """Append the values of the next nodes, of shape (nodes, units)."""
        columns = values.cpu().numpy().T
        while columns.shape[1]:
            n = min(columns.shape[1], self._buffer.shape[1] - self._filled)
            self._buffer[:, self._filled : self._filled + n] = columns[:, :n]
            self._filled += n
            columns = columns[:, n:]
            if self._filled == self._buffer.shape[1]:
                self._write()

    def _write(self) -> None:
        nodes = np.arange(self._first_node, self._first_node + self._filled, dtype=np.int32)
        columns = [pa.array(nodes), *(pa.array(row[: self._filled]) for row in self._buffer)]
        table = pa.Table.from_arrays(columns, schema=self._schema)
        self._writer.write_table(table, row_group_size=self._filled)
        self._first_node += self._filled
        self._filled = 0
