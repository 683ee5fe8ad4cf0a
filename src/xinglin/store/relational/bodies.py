"""How a version's text is kept: compressed with a dictionary of its own type.

The first dictionary is plain text of the type's first resources, so that small records are
small on disk; the second is trained when there is enough to learn from. Dictionaries are rows
of the database and stay for ever, since old versions need them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import zstandard

from xinglin.store.relational.attachments import fold, unfold

LEVEL = 3
STAGES = (32, 1000)  # bodies of a type after which its first and its second are made
SAMPLE_BYTES = 16 << 10  # of one body
ENOUGH_BYTES = 1 << 20  # to learn from, however few bodies it is
TRAINING_BYTES = 512 << 10  # more makes the training longer and hardly better
DICTIONARY_BYTES = 32 << 10
NONE = 0  # the number of "no dictionary"

Keep = Callable[[int, bytes], int]


class Packer:
    """Compresses, for the one writer."""

    def __init__(self, newest: dict[int, tuple[int, int, bytes]], keep: Keep) -> None:
        """
        Args:
            newest: by type: how many dictionaries it has, number and content of the latest.
            keep: stores a dictionary of a type, and gives its number.
        """
        self._keep = keep
        self._plain = zstandard.ZstdCompressor(level=LEVEL)
        self._stage = {rt: count for rt, (count, _, _) in newest.items()}
        self._by_type = {rt: (number, _compressor(raw)) for rt, (_, number, raw) in newest.items()}
        self._samples: dict[int, list[bytes]] = defaultdict(list)

    def pack(self, rt: int, bodies: Sequence[bytes]) -> tuple[int, list[bytes]]:
        """The number of the dictionary used, and the compressed bodies."""
        bodies = [fold(body) for body in bodies]
        if self._stage.get(rt, 0) < len(STAGES):
            self._learn(rt, bodies)
        number, compressor = self._by_type.get(rt, (NONE, self._plain))
        return number, [compressor.compress(body) for body in bodies]

    def _learn(self, rt: int, bodies: Sequence[bytes]) -> None:
        samples = self._samples[rt]
        samples += [body[:SAMPLE_BYTES] for body in bodies]
        stage = self._stage.get(rt, 0)
        if len(samples) < STAGES[stage] and (stage == 0 or sum(map(len, samples)) < ENOUGH_BYTES):
            return
        content = _text(samples) if stage == 0 else _trained(samples)
        if content is None:
            del self._samples[rt]  # too much alike to learn from: try again with the next ones
            return
        self._by_type[rt] = (self._keep(rt, content), _compressor(content))
        self._stage[rt] = stage + 1
        if stage + 1 == len(STAGES):
            del self._samples[rt]


class Unpacker:
    """Decompresses; one a thread. `fetch(number)` gives a dictionary's content."""

    def __init__(self, fetch: Callable[[int], bytes]) -> None:
        self._fetch = fetch
        self._by_number = {NONE: zstandard.ZstdDecompressor()}

    def unpack(self, number: int, packed: bytes) -> bytes:
        decompressor = self._by_number.get(number)
        if decompressor is None:
            content = zstandard.ZstdCompressionDict(self._fetch(number))
            decompressor = zstandard.ZstdDecompressor(dict_data=content)
            self._by_number[number] = decompressor
        return unfold(decompressor.decompress(packed))


def _text(samples: list[bytes]) -> bytes:
    """Samples from all over, one behind the other."""
    return b"".join(_spread(samples, DICTIONARY_BYTES))[:DICTIONARY_BYTES]


def _trained(samples: list[bytes]) -> bytes | None:
    chosen: list[Any] = _spread(samples, TRAINING_BYTES)
    try:
        return bytes(zstandard.train_dictionary(DICTIONARY_BYTES, chosen).as_bytes())
    except zstandard.ZstdError:
        return None


def _spread(samples: list[bytes], size: int) -> list[bytes]:
    """Every n-th, so that they come to about `size` bytes."""
    return samples[:: max(1, sum(map(len, samples)) // size)]


def _compressor(content: bytes) -> zstandard.ZstdCompressor:
    dictionary = zstandard.ZstdCompressionDict(content)
    dictionary.precompute_compress(level=LEVEL)
    # The row already says which dictionary.
    return zstandard.ZstdCompressor(dict_data=dictionary, level=LEVEL, write_dict_id=False)
