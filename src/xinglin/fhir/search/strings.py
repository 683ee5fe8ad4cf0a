"""How strings compare in a search (FHIR R4, Search, 3.1.1.5.3: without case, accents and
surplus white space; Unicode NFKD and full case folding, Unicode standard chapters 3.11, 5.18)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache


@lru_cache(maxsize=16_384)  # names of people and places repeat
def normalise(text: str) -> str:
    """The form of a text in which two spellings of the same words are equal.

    >>> normalise("  José  MÜLLER ")
    'jose muller'
    """
    if not text.isascii():
        # Folding may undo decomposition and the reverse, so marks are dropped between them.
        bare = (c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
        text = unicodedata.normalize("NFKD", "".join(bare).casefold())
        text = "".join(c for c in text if not unicodedata.combining(c))
    return " ".join(text.casefold().split())
