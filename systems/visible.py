"""Signs that are not seen and change how the text around them reads: written out, so that nobody is misled."""

from __future__ import annotations

import re

# Control characters other than tab, line ends and the escape of terminal colours (which the log reader takes out);
# overrides, embeddings, isolates and marks of direction; what has no width; line and paragraph separators; tags
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""The text with each such sign as its number, like `\u202e`. What has none stays as it is, and twice is once."""
    return UNSEEN.sub(lambda found: _number(ord(found[0])), text)


def _number(code: int) -> str:
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
