"""How a version's text is kept: compressed with a dictionary trained on its own type.

A body is the resource's `meta` (what the client wrote of it), a line feed, and its other
members, both compact JSON, in which no raw line feed can occur. Dictionaries are rows of the
database and stay for ever, since old versions need them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import zstandard

LEVEL = 3
SAMPLES = 400  # bodies of a type before its dictionary is trained
SAMPLE_BYTES = 16 << 10  # of each
DICTIONARY_BYTES = 32 << 10
NONE = 0  # the number of "no dictionary"


class Packer:
    """Compress, by the one writer. `keep(rt, content)` stores a new dictionary, and numbers it."""

    def __init__(self, newest: dict[int, tuple[int, bytes]]) -> None:
        """`newest`: type to the number and content of its latest dictionary."""
        self._plain = zstandard.ZstdCompressor(level=LEVEL)
        self._by_type = {rt: (number, _compressor(raw)) for rt, (number, raw) in newest.items()}
        self._samples: dict[int, list[bytes]] = defaultdict(list)

    def pack(self, rt: int, body: bytes, keep: Callable[[int, bytes], int]) -> tuple[int, bytes]:
        """The number of the dictionary used, and the compressed body."""
        known = self._by_type.get(rt)
        if known is None:
            self._learn(rt, body, keep)
            return NONE, self._plain.compress(body)
        number, compressor = known
        return number, compressor.compress(body)

    def _learn(self, rt: int, body: bytes, keep: Callable[[int, bytes], int]) -> None:
        samples = self._samples[rt]
        samples.append(body[:SAMPLE_BYTES])
        if len(samples) < SAMPLES:
            return
        del self._samples[rt]
        try:
            content = zstandard.train_dictionary(DICTIONARY_BYTES, list(samples)).as_bytes()
        except zstandard.ZstdError:
            return  # too much alike to learn from: try again with the next ones
        self._by_type[rt] = (keep(rt, content), _compressor(content))

    def forget(self, rt: int) -> None:
        """The dictionary just trained was rolled back with its transaction."""
        self._by_type.pop(rt, None)


class Unpacker:
    """Decompress; one a thread. `fetch(number)` gives a dictionary's content."""

    def __init__(self, fetch: Callable[[int], bytes]) -> None:
        self._fetch = fetch
        self._by_number = {NONE: zstandard.ZstdDecompressor()}

    def unpack(self, number: int, packed: bytes) -> bytes:
        decompressor = self._by_number.get(number)
        if decompressor is None:
            content = zstandard.ZstdCompressionDict(self._fetch(number))
            decompressor = zstandard.ZstdDecompressor(dict_data=content)
            self._by_number[number] = decompressor
        return decompressor.decompress(packed)


def _compressor(content: bytes) -> zstandard.ZstdCompressor:
    dictionary = zstandard.ZstdCompressionDict(content)
    dictionary.precompute_compress(level=LEVEL)
    # The row already says which dictionary.
    return zstandard.ZstdCompressor(
        dict_data=dictionary,
        level=LEVEL,
        write_dict_id=False,
    )
