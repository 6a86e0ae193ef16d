"""The accounts that send: from keystores and files of private keys, or made up for a chain that takes anybody."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coincurve import PrivateKey
from eth_account import Account
from eth_account.signers.local import LocalAccount

from client.bench.wire import Node
from client.sdk.errors import InvalidInputError, KeystoreError, RefusedError
from client.sdk.hashing import address_bytes, address_text, keccak
from client.sdk.keystore import unlock

_ASKED_AT_ONCE = 50
_NAMED_MAX = 3
_KEY_SIZE = 32
_ORGANISATION_OF = keccak(b"organisationOf(address)")[:4]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """An account that may send, and where its nonces are."""

    account: LocalAccount
    nonce: int
    balance_wei: int

    @property
    def address(self) -> str:
        """The checksummed address."""
        return str(self.account.address)


def read_accounts(path: Path, password: str | None) -> list[LocalAccount]:
    """Return the account of a keystore, or those of a text file with one private key in hex on each line.

    Raises:
        KeystoreError: the file cannot be read, is neither of both, or the password is missing or wrong.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise KeystoreError(str(path), got="a file that cannot be read") from error
    if text.lstrip().startswith("{"):
        if password is None:
            raise KeystoreError(str(path), got="a keystore without a password", remedy="give --password-file")
        return [unlock(path, password).account]
    lines = [line.strip() for line in text.splitlines()]
    return [_account(line, path, number) for number, line in enumerate(lines, 1) if line and not line.startswith("#")]


def make_accounts(count: int) -> list[LocalAccount]:
    """Return new accounts; nobody keeps their keys."""
    return [Account.from_key(secrets.token_bytes(32)) for _ in range(count)]


async def look_up(node: Node, accounts: Sequence[LocalAccount]) -> list[Sender]:
    """Ask the chain for nonces and balances."""
    senders: list[Sender] = []
    for start in range(0, len(accounts), _ASKED_AT_ONCE):
        asked = accounts[start : start + _ASKED_AT_ONCE]
        calls = [(method, each.address, "latest") for method in _METHODS for each in asked]
        found = [int(str(value), 16) for value in await node.ask_all(calls)]
        pairs = zip(asked, found[: len(asked)], found[len(asked) :], strict=True)
        senders += [Sender(account=each, nonce=nonce, balance_wei=balance) for each, nonce, balance in pairs]
    return senders


_METHODS = ("eth_getTransactionCount", "eth_getBalance")


def check_balances(senders: Sequence[Sender], needed_wei: int) -> None:
    """Refuse accounts that cannot pay for their transactions."""
    poor = [each for each in senders if each.balance_wei < needed_wei]
    if poor:
        raise InvalidInputError(
            f"balance of {_named([each.address for each in poor])}",
            got=f"{poor[0].balance_wei} wei",
            expected=f"at least {needed_wei} wei for gas and value",
            remedy="gas has a price on this chain: give --accounts with funds",
        )


async def find_strangers(node: Node, consortium: str, accounts: Sequence[LocalAccount]) -> list[str]:
    """Return the accounts that no organisation of the consortium has enrolled."""
    strangers: list[str] = []
    for start in range(0, len(accounts), _ASKED_AT_ONCE):
        asked = [str(each.address) for each in accounts[start : start + _ASKED_AT_ONCE]]
        calls = [
            ("eth_call", {"to": consortium, "data": f"0x{(_ORGANISATION_OF + bytes(12) + address_bytes(each)).hex()}"})
            for each in asked
        ]
        found = await node.ask_all([(*call, "latest") for call in calls])
        strangers += [each for each, answer in zip(asked, found, strict=True) if not int(str(answer), 16)]
    return strangers


def check_enrolled(strangers: Sequence[str]) -> None:
    """Refuse to send from accounts that are no members."""
    if strangers:
        raise RefusedError(
            "the consortium", f"not enrolled: {_named(strangers)}", "give --accounts with keys of enrolled accounts"
        )


def _account(line: str, path: Path, number: int) -> LocalAccount:
    try:
        key = bytes.fromhex(line.removeprefix("0x"))
        if len(key) != _KEY_SIZE:
            raise ValueError(f"{len(key)} bytes")
        PrivateKey(key)
    except ValueError as error:
        raise KeystoreError(f"{path}, line {number}", got="no private key", expected="64 hex digits") from error
    account: LocalAccount = Account.from_key(key)
    return account


def _named(addresses: Sequence[str]) -> str:
    shown = ", ".join(address_text(each) for each in addresses[:_NAMED_MAX])
    return shown if len(addresses) <= _NAMED_MAX else f"{shown} and {len(addresses) - _NAMED_MAX:,} more"
