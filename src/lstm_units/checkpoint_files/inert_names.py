"""Names that a checkpoint may mention, and why each is harmless and unneeded.

No name is imported and nothing is called, whatever the file says; an object of such a class is kept
as a `StandIn`. The list is here so that a file that names something else deserves a word: it is
refused, or its owner vouches for the name. It takes in what PyTorch's own safe loading takes
(``torch._weights_only_unpickler``, torch 2.13) and what training scripts of the field save
beside their weights.
"""

# Whole packages: a class or function directly in one of them, or in a package below.
PACKAGES = {
    "torch.nn": "modules, criteria and functions; the network is rebuilt from their tensors",
    "torch.optim": "optimisers and schedules: how training goes on, not what is computed",
    "torch.backends": "handles of cuDNN and THNN, such as the dropout state of torch 0.2 to 0.4",
    "torch.autograd": "variables of torch 0.2 and 0.3, which wrap a tensor",
    "torch.amp": "scaling of gradients in training",
    "torch.ao": "quantised modules; their tensors are named as quantised",
    "torch.cuda": "scaling of gradients, random generators; its storages are read onto the CPU",
    "torch.distributed": "how training was spread; its tensors are named for what they are",
    "torch.distributions": "random draws, which a trained network does not need",
    "torch.nested": "nested tensors, which are named for what they are",
    "torch.quantization": "quantised modules of older torch",
    "torch.sparse": "sparse tensors, which are named for what they are",
    "torch.utils.data": "loaders of the training text",
    "torch.utils.hooks": "handles of hooks; hooks are never run",
    "numpy.random": "states of random generators",
    "argparse": "options of the training script",
    "collections": "containers beyond those that are read as dict and list",
    "datetime": "when it was saved",
    "decimal": "numbers",
    "enum": "enumerations",
    "fractions": "numbers",
    "logging": "loggers of the training script",
    "pathlib": "paths of the training script; nothing is opened",
    "random": "states of random generators",
    "typing": "kinds of options",
    "uuid": "names of runs",
    "zoneinfo": "when it was saved",
    "accelerate": "how training was spread",
    "addict": "options of the training script",
    "allennlp": "options, vocabularies, models",
    "apex": "half precision in training, and its parallel wrapper",
    "attrdict": "options of the training script",
    "cloudpickle": "functions with their code, which is not run",
    "dill": "functions with their code, which is not run; torchtext's fields are saved so",
    "easydict": "options of the training script",
    "embed_regularize": "AWD-LSTM: dropout of whole words",
    "fairseq": "options, dictionaries, tasks",
    "fastai": "models, learners, callbacks; an export holds them whole",
    "fastcore": "what fastai is built of",
    "fastprogress": "bars of progress",
    "flair": "dictionaries and embeddings",
    "hydra": "options of the training script",
    "ignite": "training loops",
    "lightning": "options, callbacks, enumerations",
    "lightning_fabric": "options, enumerations",
    "lightning_utilities": "enumerations",
    "locked_dropout": "AWD-LSTM: one dropout mask for all words",
    "munch": "options of the training script",
    "nltk": "tokenisers",
    "omegaconf": "options of the training script",
    "onmt": "OpenNMT-py: options, vocabularies, models",
    "pandas": "tables of training history",
    "pytorch_lightning": "options, callbacks, enumerations",
    "sacremoses": "tokenisers",
    "sentencepiece": "tokenisers",
    "skorch": "training loops",
    "spacy": "tokenisers",
    "splitcross": "AWD-LSTM: its criterion",
    "tokenizers": "tokenisers",
    "torchmetrics": "scores during training",
    "torchtext": "vocabularies and fields",
    "transformers": "options, tokenisers, trainers",
    "wandb": "records of runs",
    "weight_drop": "AWD-LSTM: dropout of recurrent weights",
    "yacs": "options of the training script",
}

_TYPES = "Tensor LongTensor IntTensor ShortTensor CharTensor ByteTensor BoolTensor HalfTensor"
_DTYPES = (
    "bfloat16 bool complex32 complex64 complex128 float16 float32 float64 half float double int8"
    " int16 int32 int64 short int long uint8 uint16 uint32 uint64 float4_e2m1fn_x2 float8_e4m3fn"
    " float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu bits8 bits16 bits1x8 bits2x4"
    " bits4x2 qint8 qint32 quint8 quint2x4 quint4x2 int1 int2 int3 int4 int5 int6 int7 uint1 uint2"
    " uint3 uint4 uint5 uint6 uint7"
)
# Single names, by module.
SINGLE = {
    "torch": (
        f"{_TYPES} FloatTensor DoubleTensor BFloat16Tensor {_DTYPES} per_tensor_affine Size device"
        " per_tensor_symmetric per_channel_affine per_channel_symmetric strided sparse_coo"
        " per_channel_affine_float_qparams contiguous_format preserve_format channels_last"
        " Generator tanh sigmoid relu",
        "types, layouts and functions that an object mentions",
    ),
    "torch._C": ("Generator _VariableFunctions _VariableFunctionsClass", "activation functions"),
    "torch._C._nn": ("gelu elu hardtanh leaky_relu relu6 silu softplus", "activation functions"),
    "torch._dynamo.eval_frame": ("OptimizedModule", "the wrapper of torch.compile"),
    "torch.serialization": ("_get_layout", "the layout of a sparse tensor, by its name"),
    "torch.storage": ("TypedStorage", "a type that a storage mentions"),
    "torch.torch_version": ("TorchVersion", "text: which torch saved the file"),
    "numpy": (
        "bool_ float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 ndarray"
        " dtype str_ bytes_ object_ datetime64 timedelta64",
        "types that an array mentions",
    ),
    "numpy.core.multiarray": ("_reconstruct scalar", "arrays and single numbers"),
    "numpy.core.numeric": ("_frombuffer", "arrays of protocol 5"),
    "builtins": (
        "Ellipsis NotImplemented bool bytearray bytes complex dict float frozenset int list long"
        " object set slice str tuple type unicode range xrange getattr print len sum min max abs",
        "types, and functions that an object mentions; getattr is how methods are written",
    ),
    "copyreg": ("_reconstructor __newobj__ __newobj_ex__", "how protocols 0 and 1 write objects"),
    "_codecs": ("encode", "how protocol 2 writes bytes"),
    "array": ("array _array_reconstructor", "numbers"),
    "functools": ("partial", "a function with some arguments; neither is called"),
    "itertools": ("count repeat chain cycle islice", "counters of data loaders"),
    "operator": ("itemgetter attrgetter", "keys of sorting"),
    "re": ("_compile", "patterns of tokenisers, as text"),
    "time": ("struct_time", "when it was saved"),
    "types": ("SimpleNamespace MethodType FunctionType", "options; types of attributes"),
    "yaml": ("Loader SafeLoader FullLoader", "readers of options, which are not used"),
    "model": (
        "RNNModel",
        "the model of PyTorch's word language model, AWD-LSTM and others",
    ),
    "model.rnn": ("RNNModel", "the same, in a package"),
    "data": ("Corpus Dictionary SentenceLoader", "the training text of these scripts"),
    "dictionary_corpus": ("Corpus Dictionary", "the training text of Gulordava et al. 2018"),
    "utils": ("Corpus Dictionary Vocab Vocabulary", "the training text of such scripts"),
    "__main__": (
        "RNNModel WeightDrop LockedDropout SplitCrossEntropyLoss Corpus Dictionary Vocab"
        " Vocabulary",
        "the same classes, where the script itself has them",
    ),
}
_SINGLE = frozenset(
    f"{module}.{name}" for module, (names, _) in SINGLE.items() for name in names.split()
)
_RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg", "Queue": "queue"}


def today(module: str) -> str:
    """Return the name that a module has in Python 3 and in the tables."""
    if module.startswith("numpy._core."):
        return module.replace("_core", "core", 1)
    return _RENAMED.get(module, module)


def is_inert(module: str, name: str) -> bool:
    """Say whether a checkpoint may mention ``module.name``; `module` as `today` writes it."""
    if f"{module}.{name}" in _SINGLE:
        return True
    # A dotted name would be a walk through attributes, to whatever a package has imported.
    parts = module.split(".")
    above = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
    return name.isidentifier() and any(package in PACKAGES for package in above)
