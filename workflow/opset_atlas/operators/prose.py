"""Parse a schema's prose: sentences, and the condition under which a parameter is read."""

from __future__ import annotations

import re

_SENTENCE_END = re.compile(
    r"(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)(?<=[.!?])\s+(?=[A-Z0-9-]|[\"'`(\[*]+\w)"
)

# How schemas say "is read", next to "only".
_READ = r"(?:takes? effect|appl(?:y|ies)|used|valid|considered|relevant|meaningful|be set)"
_LINK = r"(?:when|if|unless|while|in case|for|by|with|in|to)\b"
_ONLY_READ = re.compile(
    rf"\bonly\s+{_READ}\b[^.;]*?\b{_LINK}|\b{_READ}\s+only\s+{_LINK}", re.IGNORECASE
)
_IGNORED = re.compile(
    r"\bthis (?:attribute|input|parameter|value) (?:is|will be) ignored\b", re.IGNORECASE
)
_WHEN = re.compile(r"\b(?:when|if|unless)\b", re.IGNORECASE)
_EQUALS = re.compile(r"[\"'`]?(\w+)[\"'`]?\s+is\s+(?:set to\s+)?[\"'`](\w+)[\"'`]")


def collapse(text: str) -> str:
    """`text` on one line, without the HTML line breaks that some descriptions contain."""
    return " ".join(text.replace("<br>", " ").split())


def sentences(text: str) -> list[str]:
    """The sentences of a text, white space collapsed; abbreviations do not end a sentence."""
    flat = collapse(text)
    return _SENTENCE_END.split(flat) if flat else []


def condition_sentence(description: str) -> str | None:
    """The sentence that says when a parameter is read; None if there is none.

    One that names a case ("when", "if") is preferred to one that names a use ("only used for …").
    """
    found = [
        sentence
        for sentence in sentences(description)
        if _ONLY_READ.search(sentence) or _IGNORED.search(sentence)
    ]
    return next((text for text in found if _WHEN.search(text)), found[0] if found else None)


def equality(sentence: str) -> tuple[str, str] | None:
    """The attribute and value that a condition names: `mode is "cubic"` → (mode, cubic)."""
    found = _EQUALS.search(sentence)
    return (found[1], found[2]) if found else None
