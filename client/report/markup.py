"""HTML elements as values: whatever is not an element is escaped when it is put into one. Pure: no I/O."""

import html
from collections.abc import Iterable
from typing import Final

_WITHOUT_CONTENT: Final = frozenset(("meta", "link", "br"))


class Markup(str):
    """Text that is HTML already. Made by `element`, and by `trusted` for what another library wrote."""

    __slots__ = ()


def element(tag: str, /, *children: str, **attributes: str | int | None) -> Markup:
    """Return an element. Attributes that are None are left out; `class_` is `class`, and `_` is `-`."""
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _WITHOUT_CONTENT:
        return Markup(f"<{tag}{named}>")
    return Markup(f"<{tag}{named}>{joined(children)}</{tag}>")


def joined(parts: Iterable[str], between: str = "") -> Markup:
    """Return the parts one after the other; those that are no markup are escaped."""
    escaped = (part if isinstance(part, Markup) else html.escape(part, quote=False) for part in parts)
    return Markup(between.join(escaped))


def lines(*parts: str) -> Markup:
    """Return the parts on lines of their own, empty ones left out."""
    return joined((part for part in parts if part), "\n")


def trusted(text: str) -> Markup:
    """Take text that is known to be HTML: our own style sheet, drawings, JSON with `<` escaped."""
    return Markup(text)
