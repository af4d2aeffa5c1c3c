"""A dense model of sentences in the ONNX form: a text is read in passages, each becomes a vector.

The folder holds beside `reranker.json` (`{"kind": "onnx"}`):

- `model.onnx`: takes `input_ids`, `attention_mask` and, if it likes, `token_type_ids`; gives a vector for
  each token or one for the text.
- `tokenizer.json`: of the `tokenizers` library.

The manifest may say more: `pooling` (`mean` or `cls`, how the tokens' vectors become one),
`question_prefix` and `passage_prefix` (what the model wants before each), `tokens` (the longest text, 8 to
512).

How well a text answers is the cosine of the question and its nearest passage, three parts of five for the
whole question and two for its first line. Passages are a text's first line, which is its title (measured:
.02 more of the answerable are answered than without it), and the title with each part of the rest. Vectors
are kept in memory for the texts that were asked for last, so that what is suggested often is read once. It
runs in one thread: a suggestion is worth no second core of a desk that watches.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

MODEL, TOKENIZER = "model.onnx", "tokenizer.json"
PASSAGE = 100  # words, or Han signs
PASSAGES = 2  # of a text, beside its title
TOGETHER = 8  # texts that the model reads at once
KEPT = 8_000  # texts whose vectors are kept; some 20 MB with vectors of 384
WHOLE, FIRST_LINE = 0.6, 0.4
_UNIT = re.compile(r"[\u3400-\u9fff]|[^\s\u3400-\u9fff]+\s*|\s+")

Vectors = NDArray[np.float32]


class BadModelError(Exception):
    """The files cannot be used; the text says which and why."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the manifest may say of a model of this kind."""

    kind: str
    pooling: Literal["mean", "cls"] = "mean"
    question_prefix: str = ""
    passage_prefix: str = ""
    tokens: int = 256


class SentenceModel:
    """A model of sentences; see the module. Raises BadModelError where the folder cannot be used."""

    def __init__(self, folder: Path, manifest: bytes) -> None:
        try:
            self._options = msgspec.json.decode(manifest, type=Options)
        except msgspec.MsgspecError as error:
            raise BadModelError(f"{folder}: its manifest says what is not known here: {error}") from error
        if not 8 <= self._options.tokens <= 512:
            raise BadModelError(f"{folder}: tokens are 8 to 512, not {self._options.tokens}")
        self._tokenizer, self._session = _opened(folder, self._options.tokens)
        self._wanted = {one.name for one in self._session.get_inputs()}
        self._kept: OrderedDict[bytes, NDArray[np.float16]] = OrderedDict()
        self._lock = threading.Lock()
        try:
            self._encoded(["a", "b c"])
        except Exception as error:  # the library has its own errors for each fault of a model
            raise BadModelError(f"{folder / MODEL}: it cannot be asked: {error}") from error

    def scores(self, question: str, texts: Sequence[str]) -> Sequence[float]:
        """How well each text answers, -1 to 1."""
        prefix = self._options.question_prefix
        whole, first = self._encoded([prefix + question, prefix + question.partition("\n")[0]])
        return [
            float(WHOLE * (told @ whole).max() + FIRST_LINE * (told @ first).max())
            for told in self._of_texts(texts)
        ]

    def _of_texts(self, texts: Sequence[str]) -> list[Vectors]:
        """The vectors of each text's passages; what was not kept is read."""
        names = [blake2b(text.encode(errors="replace"), digest_size=16).digest() for text in texts]
        with self._lock:
            known = {name: self._kept[name] for name in names if name in self._kept}
        fresh = {name: passages(text) for name, text in zip(names, texts, strict=True) if name not in known}
        told = [self._options.passage_prefix + one for parts in fresh.values() for one in parts]
        vectors = iter(self._encoded(told) if told else ())
        for name, parts in fresh.items():
            known[name] = np.stack(list(islice(vectors, len(parts)))).astype(np.float16)
        with self._lock:
            for name in names:
                self._kept[name] = known[name]
                self._kept.move_to_end(name)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return [known[name].astype(np.float32) for name in names]

    def _encoded(self, texts: Sequence[str]) -> Vectors:
        """A vector of length one for each text; texts of one length are read together."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        rows: dict[int, Vectors] = {}
        for start in range(0, len(order), TOGETHER):
            some = order[start : start + TOGETHER]
            rows |= dict(zip(some, self._read([texts[place] for place in some]), strict=True))
        return np.stack([rows[place] for place in range(len(texts))])

    def _read(self, texts: Sequence[str]) -> Vectors:
        read = self._tokenizer.encode_batch(list(texts))
        mask = np.asarray([one.attention_mask for one in read], dtype=np.int64)
        given = {
            "input_ids": np.asarray([one.ids for one in read], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.asarray([one.type_ids for one in read], dtype=np.int64),
        }
        told = self._session.run(None, {name: given[name] for name in self._wanted})[0]
        told = np.asarray(told, dtype=np.float32)
        if told.ndim == 3 and self._options.pooling == "cls":
            told = told[:, 0]
        elif told.ndim == 3:
            told = (told * mask[:, :, None]).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)[:, None]
        vectors: Vectors = told / np.maximum(np.linalg.norm(told, axis=1, keepdims=True), 1e-9)
        return vectors


def passages(text: str) -> list[str]:
    """A text's title, and the title with each of the first parts of the rest."""
    title, _line, rest = text.partition("\n")
    units = _UNIT.findall(rest.strip()[: PASSAGES * PASSAGE * 40])
    parts = ["".join(units[at : at + PASSAGE]).strip() for at in range(0, len(units), PASSAGE)][:PASSAGES]
    return [title, *(f"{title}\n{part}" for part in parts if part)]


def _opened(folder: Path, longest: int) -> tuple[Any, Any]:
    """The tokenizer and the session."""
    try:
        import onnxruntime  # noqa: PLC0415  an extra of a hundred megabytes that few desks install
        from tokenizers import Tokenizer  # noqa: PLC0415
    except ImportError as error:
        raise BadModelError(
            f"{folder}: models of this kind need onnxruntime and tokenizers; run ./watchdesk dense"
        ) from error
    try:
        tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        tokenizer.enable_truncation(longest)
        own = tokenizer.padding or {}  # a fixed length of its own is not wanted, its sign is
        tokenizer.enable_padding(**{name: own[name] for name in ("pad_id", "pad_token") if name in own})
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            str(folder / MODEL), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # both libraries have errors of their own for each fault of a file
        raise BadModelError(f"{folder}: {MODEL} or {TOKENIZER} cannot be read: {error}") from error
    return tokenizer, session
