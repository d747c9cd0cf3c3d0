"""Which tensors of a checkpoint are the embedding, the LSTM layers and the decoder.

In a pickled module the classes of the modules say so; in a state dict, and inside classes of the
user's, the names do. What neither says is asked for: see `Choice`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lstm_units.errors import CheckpointError
from lstm_units.models.contents import MOST_COPIES, Choice, Contents, equal, listed, same_view
from lstm_units.models.lstm_layers import Layer, lstm_layers, refuse_networks_side_by_side

EMBEDDING_NAMES = re.compile(
    r"encoder|((word|token|input)_?)?(emb|embeds?|embeddings?|embedder)|embed_tokens|emb_luts"
    r"|lookup|wte"
)
DECODER_NAMES = re.compile(
    r"decoder|out|output(_layer|_projection)?|out_(layer|proj)|linear|fc(_out)?|(lm_)?head"
    r"|generator|proj|projection|softmax|(hidden2|to_)(words?|vocab)"
)
_HARMLESS = re.compile(
    r".*dropout\d?d?_?|(log_)?softmax|.*_loss|.*cross_entropy.*|linear|embedding"
)
_NUMBERED = re.compile(r"(?P<prefix>.*\.)?(?P<number>\d{1,9})\.weight")


@dataclass(frozen=True)
class Network:
    """The names of a language model's tensors in a checkpoint.

    Parameters
    ----------
    embedding : str
    layers : tuple of dict
        For each layer the names by kind and side, such as ``("weight", "ih")``.
    decoder, decoder_bias : str or None
    passed_over : dict of str to str
        The other tensors, with the reason why they are no part of it.
    """

    embedding: str
    layers: tuple[Layer, ...]
    decoder: str | None
    decoder_bias: str | None
    passed_over: dict[str, str]


def find_network(contents: Contents, vocabulary_size: int, choice: Choice) -> Network:
    """Find the language model in a checkpoint.

    Parameters
    ----------
    contents : Contents
    vocabulary_size : int
        Number of words.
    choice : Choice

    Returns
    -------
    Network

    Raises
    ------
    CheckpointError
        If a part is missing, there are two of it, or the file holds anything that would make
        another network of it.
    """
    _refuse_modules(contents)
    if contents.unreadable:
        held = listed(f"{n or 'all'} is {what}" for n, what in contents.unreadable.items())
        raise CheckpointError(
            f"{contents.where} has tensors that cannot be read here: {held}. Save a state_dict "
            "with plain tensors in their place, or without those that play no part in prediction"
        )
    passed = dict(contents.passed_over)
    modules, others = lstm_layers(contents, choice)
    passed |= others
    paths = [path for path, _ in modules]
    layers = [layer for _, stack in modules for layer in stack]
    used = {name for layer in layers for name in layer.values()}
    embeddings = _embeddings(contents, layers, choice)
    if choice.layers is None:
        refuse_networks_side_by_side(contents, paths, embeddings)
    embedding = _only_one(contents, embeddings, "embedding")
    if embedding is None:
        raise contents.lacks(
            "an embedding matrix such as encoder.weight (if it has another name, name it as "
            "embedding)"
        )
    rows = {vocabulary_size, len(contents.tensors[embedding])}
    decoders = _decoders(contents, layers, choice, rows, set(embeddings))
    decoder = _only_one(contents, decoders, "decoder")
    biases = _biases(contents, choice, rows, decoders)
    bias = _only_one(contents, biases, "decoder bias", "decoder")
    if choice.layers is None:
        refuse_networks_side_by_side(contents, paths, decoders)
    used |= {*embeddings, *decoders, *biases}
    passed |= _others(contents, used, contents.tensors.keys() - used - passed.keys())
    passed |= _unnamed(contents, choice, used, rows)
    left = contents.tensors.keys() - used - passed.keys()
    if left:
        raise CheckpointError(
            f"{contents.where} has tensors that are no part of an LSTM language model of "
            f"embedding, LSTM layers and decoder: {contents.listed(left)}. If they play no part in "
            "prediction, save a state_dict without them; if the network is one part of the file, "
            "name it as part; if one is the embedding or the decoder, name it as that"
        )
    return Network(embedding, tuple(layers), decoder, bias, passed)


def _refuse_modules(contents: Contents) -> None:
    """Refuse modules that compute something which is not done here."""
    bad = {path: module.class_name for path, module in contents.modules.items()}
    bad = {path: name for path, name in bad.items() if _changes_numbers(contents, path)}
    functions = contents.functions.items()
    bad |= {path: name for path, name in functions if not _HARMLESS.fullmatch(name)}
    if bad:
        held = listed(f"{path or 'the whole'} ({name})" for path, name in bad.items())
        raise CheckpointError(
            f"{contents.where} has modules or functions that are not applied here: {held}. A "
            "network without them gives other numbers. Only if its forward never calls them, save "
            "the weights alone, with torch.save(model.state_dict(), path)"
        )
    for path, module in contents.modules.items():
        hooks = [module.attributes.get(name) for name in ("_forward_hooks", "_forward_pre_hooks")]
        if any(hooks):
            raise CheckpointError(
                f"{contents.where}: {path or 'the network'} has a hook that changes what it "
                "computes (weight_norm, spectral_norm or one of your own). Remove it, such as with "
                "torch.nn.utils.remove_weight_norm, and save the checkpoint again"
            )


def _changes_numbers(contents: Contents, path: str) -> bool:
    module = contents.modules[path]
    if module.role != "softmax":
        return module.role == "other"
    # Over words a softmax changes nothing: log-probabilities are taken of what it gives. Elsewhere
    # it does; where it stands is known in a Sequential only.
    parent = contents.modules.get(module.parent or "")
    if parent is None or not parent.ordered:
        return False
    prefix = f"{module.parent}." if module.parent else ""
    place = [*parent.children, path.removeprefix(prefix)].index(path.removeprefix(prefix))
    after = [contents.modules.get(f"{prefix}{name}") for name in parent.children[place + 1 :]]
    return any(module is not None and module.role != "nothing" for module in after)


def _word(name: str) -> str:
    """Return the word that says what a tensor belongs to: ``generator`` for generator.0.weight."""
    parts = name.split(".")[:-1]
    while parts and (parts[-1].isdecimal() or parts[-1] == "module"):
        parts.pop()
    return re.sub(r"_?\d+$", "", parts[-1].lower()) if parts else ""


def _belonging(
    contents: Contents, last: str, dimensions: int, role: str, words: re.Pattern[str]
) -> Iterator[str]:
    """Yield the tensors of modules of a role, or under a name that stands for it."""
    for name, tensor in contents.tensors.items():
        if name.rpartition(".")[2] != last or tensor.dim() != dimensions:
            continue
        module = contents.owner(name)
        if module is None or module.role == "own":
            if words.fullmatch(_word(name)):
                yield name
        elif module.role == role:
            yield name


def _by_place(contents: Contents, layers: Sequence[Layer], after: bool) -> list[str]:
    """Return matrices that only a place names, before or after the layers.

    In the state dict of a Sequential the embedding is ``0.weight`` and the decoder ``2.weight``; in
    a list of two state dicts the decoder is ``1.weight``.
    """
    layer = layers[-1 if after else 0]["weight", "ih"].split(".")
    found = []
    for name, tensor in contents.tensors.items():
        match = _NUMBERED.fullmatch(name)
        if match is None or tensor.dim() != 2:
            continue
        prefix = (match["prefix"] or "").split(".")[:-1]
        here = layer[len(prefix) :][:1] if layer[: len(prefix)] == prefix else []
        numbers = [int(each) for each in (match["number"], *here) if re.fullmatch(r"\d{1,9}", each)]
        if len(numbers) == 2 and (numbers[0] > numbers[1] if after else numbers[0] < numbers[1]):
            found.append(name)
    return found


def _named(contents: Contents, name: str, what: str, choice: Choice, last: str = "weight") -> str:
    """Return the tensor that the user names, by its path or that of its module."""
    dimensions = {"weight": 2, "bias": 1}[last]
    for start in (name, f"{choice.part}.{name}"):
        for path in (start, f"{start}.{last}"):
            if path in contents.tensors and contents.tensors[path].dim() == dimensions:
                return path
    raise contents.lacks(f"{name}, which is named as {what}")


def _embeddings(contents: Contents, layers: Sequence[Layer], choice: Choice) -> list[str]:
    """Return the names of the embedding matrix, or of several."""
    if choice.embedding is not None:
        return [_named(contents, choice.embedding, "embedding", choice)]
    found = [*_belonging(contents, "weight", 2, "embedding", EMBEDDING_NAMES)]
    return found or _by_place(contents, layers, after=False)


def _decoders(
    contents: Contents,
    layers: Sequence[Layer],
    choice: Choice,
    rows: set[int],
    embeddings: set[str],
) -> list[str]:
    """Return the names of the decoder's matrix, or of several; none if it has no matrix."""
    if choice.decoder is not None:
        for path in (choice.decoder, f"{choice.part}.{choice.decoder}"):
            if f"{path}.bias" in contents.tensors and f"{path}.weight" not in contents.tensors:
                return []
        return [_named(contents, choice.decoder, "decoder", choice)]
    found = [*_belonging(contents, "weight", 2, "linear", DECODER_NAMES)]
    found = found or _by_place(contents, layers, after=True)
    # A matrix with other rows than words is another part, and is refused under its own name.
    return [n for n in found if len(contents.tensors[n]) in rows and n not in embeddings]


def _biases(
    contents: Contents, choice: Choice, rows: set[int], decoders: Sequence[str]
) -> list[str]:
    """Return the biases beside the decoder's matrix; a tied decoder may have only a bias."""
    if decoders:
        names = [f"{name.removesuffix('weight')}bias" for name in decoders]
        return [name for name in names if name in contents.tensors and name not in decoders]
    if choice.decoder is not None:
        return [_named(contents, choice.decoder, "decoder", choice, "bias")]
    found = _belonging(contents, "bias", 1, "linear", DECODER_NAMES)
    return [name for name in found if len(contents.tensors[name]) in rows]


def _only_one(
    contents: Contents, names: Sequence[str], what: str, option: str | None = None
) -> str | None:
    """Return the first of several names of one tensor.

    Raises
    ------
    CheckpointError
        If they are not equal.
    """
    tensors = contents.tensors
    views: list[str] = []
    for name in names:
        if not any(same_view(tensors[name], tensors[other]) for other in views[:MOST_COPIES]):
            views.append(name)
    many = len(views) > MOST_COPIES
    if many or any(not equal(tensors[views[0]], tensors[name]) for name in views[1:]):
        raise CheckpointError(
            f"{contents.where} has more than one {what}: {contents.listed(names)}. Name the one of "
            f"the language model as {option or what}, or its part of the file as part"
        )
    return names[0] if names else None


def _others(contents: Contents, used: set[str], others: set[str]) -> dict[str, str]:
    """Return those of the other tensors that add nothing to the network."""
    found = {}
    known = {contents.tensors[name].data_ptr(): name for name in used}
    for name in sorted(others):
        tensor, owner = contents.tensors[name], contents.owner(name)
        alias = known.get(tensor.data_ptr())
        if owner is not None and owner.role == "nothing":
            found[name] = f"of a {owner.class_name}"
        elif not tensor.numel():
            found[name] = "it is empty"
        elif alias is not None and same_view(tensor, contents.tensors[alias]):
            found[name] = f"another name of {alias}"
        elif name.rpartition(".")[2] in ("weight", "bias"):
            continue  # of any type, perhaps quantised
        elif not tensor.is_floating_point() and not tensor.is_complex():
            found[name] = "whole numbers"
    return found


def _unnamed(contents: Contents, choice: Choice, used: set[str], rows: set[int]) -> dict[str, str]:
    """Return the other embeddings or decoders where the user says which one is meant."""
    found: dict[str, str] = {}
    for option, role, words in (
        ("embedding", "embedding", EMBEDDING_NAMES),
        ("decoder", "linear", DECODER_NAMES),
    ):
        if getattr(choice, option) is None:
            continue
        names = [
            *_belonging(contents, "weight", 2, role, words),
            *_belonging(contents, "bias", 1, role, words),
        ]
        names = [name for name in names if len(contents.tensors[name]) in rows]
        found |= {name: f"not the {option} named" for name in names if name not in used}
    return found
