"""The author's signature under a page: over everything before it. Pure: no I/O. Source: docs/protocol.md, "Reports"."""

import json
import re
from dataclasses import dataclass
from typing import Final

from eth_account.signers.local import LocalAccount

from client.report.document import Head
from client.sdk import signing
from client.sdk.errors import DecodeError, TamperedError
from client.sdk.hashing import keccak

_ELEMENT: Final = re.compile(
    r'<script type="application/json" id="signature">'
    r'(\{"author":"0x[0-9a-fA-F]{40}","signature":"[0-9a-f]{130}"\})</script>\n\Z'
)


@dataclass(frozen=True, slots=True)
class SignedPage:
    """A page and who says that it is his."""

    page: str
    author: str
    signature: bytes

    def check(self, head: Head) -> None:
        """Raise TamperedError unless the author signed exactly this page."""
        if signing.recover(_digest(self.page, head), self.signature) != self.author:
            raise TamperedError(
                "signature of the report", got="one over another file", expected=f"{self.author}'s over this"
            )


def sign_page(page: str, head: Head, account: LocalAccount) -> str:
    """Return the page with the author's signature at its end."""
    signature = signing.sign_digest(account, _digest(page, head)).hex()
    content = json.dumps({"author": account.address, "signature": signature}, separators=(",", ":"))
    return f'{page}<script type="application/json" id="signature">{content}</script>\n'


def split_page(signed: str) -> SignedPage:
    """Take the signature off a page; DecodeError when there is none at its end."""
    found = _ELEMENT.search(signed)
    if found is None:
        raise DecodeError("report", got="a file without a signature at its end", expected="one by its author")
    content = json.loads(found.group(1))
    return SignedPage(signed[: found.start()], content["author"], bytes.fromhex(content["signature"]))


def _digest(page: str, head: Head) -> bytes:
    return signing.typed_digest(
        domain={
            "name": "Tranchain Report",
            "version": "1",
            "chainId": head.chain_id,
            "verifyingContract": head.registry,
        },
        primary="Report",
        fields=[("pack", "uint256"), ("block", "uint256"), ("page", "bytes32")],
        message={"pack": head.pack_id, "block": head.block, "page": keccak(page.encode())},
    )
