"""Headers of a signed request, parsed and checked against the body. No I/O. Source: docs/protocol.md, 9."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chain_node.core.crypto import SIGNATURE_SIZE_BYTES, recover_address
from chain_node.core.errors import BadSignatureError
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.vault.errors import VaultError
from chain_node.vault.limits import DEADLINE_SECONDS_MAX
from chain_node.vault.typed_data import Request, request_digest

_HEADERS = ("account", "nonce", "deadline", "signature")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the headers claim; nothing of it is proven before `verify_claim`."""

    account: Address
    nonce: int
    deadline: int
    signature: bytes
    """65 bytes, recovery id 0 or 1."""


def parse_claim(headers: Mapping[str, str], now: int) -> Claim:
    """Read the four headers and refuse a deadline that has passed or lies too far ahead.

    Raises:
        VaultError: 401, with code `unsigned` or `deadline`.
    """
    texts = {name: headers.get(f"x-tranchain-{name}", "") for name in _HEADERS}
    missing = [name for name in _HEADERS if not texts[name]]
    if missing:
        raise _unsigned(f"header X-Tranchain-{missing[0].capitalize()} is missing; sign the request")
    claim = Claim(
        account=Address(_parse_hex(texts["account"], 20, "Account")),
        nonce=_parse_uint256(texts["nonce"], "Nonce"),
        deadline=_parse_uint256(texts["deadline"], "Deadline"),
        signature=_parse_signature(texts["signature"]),
    )
    if not now <= claim.deadline <= now + DEADLINE_SECONDS_MAX:
        raise VaultError(
            401,
            "deadline",
            f"deadline {claim.deadline} is not between now ({now}) and {DEADLINE_SECONDS_MAX} s ahead; "
            "sign again, and check the clock",
        )
    return claim


def verify_claim(claim: Claim, *, domain: Hash32, service: Hash32, path: str, body: bytes) -> None:
    """Check that the claimed account signed exactly this call of exactly this service.

    Raises:
        VaultError: 401 `bad_signature`.
    """
    request = Request(
        account=claim.account,
        service=service,
        path=path,
        body_hash=keccak(body),
        nonce=claim.nonce,
        deadline=claim.deadline,
    )
    try:
        signer = recover_address(request_digest(domain, request), claim.signature)
    except BadSignatureError as error:
        raise VaultError(401, "bad_signature", str(error)) from error
    if signer != claim.account:
        raise VaultError(
            401,
            "bad_signature",
            f"the signature is of 0x{signer.hex()} over what this service got, expected 0x{claim.account.hex()}: "
            "another key, service, network, path or body was signed",
        )


def _parse_hex(text: str, size_bytes: int, name: str) -> bytes:
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != size_bytes:
        raise _unsigned(f"header X-Tranchain-{name}: expected {size_bytes} bytes in hex")
    return value


def _parse_uint256(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 78) or int(text) >= 2**256:
        raise _unsigned(f"header X-Tranchain-{name}: expected a decimal number below 2^256")
    return int(text)


def _parse_signature(text: str) -> bytes:
    signature = _parse_hex(text, SIGNATURE_SIZE_BYTES, "Signature")
    # Ethereum's tools write 27 or 28 where the curve library writes 0 or 1
    return signature[:64] + bytes([signature[64] - 27]) if signature[64] in (27, 28) else signature


def _unsigned(message: str) -> VaultError:
    return VaultError(401, "unsigned", message)
