"""Commit seals: signatures of validators over the seal hash, inside the header. No I/O.

Source: Besu BftCommitSealsValidationRule: no duplicate, every seal from a validator, at least a quorum.
"""

from __future__ import annotations

from chain_node.consensus.qbft.errors import BadSealError
from chain_node.consensus.qbft.extra_data import decode_extra_data
from chain_node.consensus.qbft.hashes import seal_hash
from chain_node.consensus.qbft.quorum import compute_quorum
from chain_node.core.crypto import recover_address
from chain_node.core.errors import BadSignatureError
from chain_node.core.types import Address, Header


def recover_sealers(header: Header) -> tuple[Address, ...]:
    """Who sealed the header, in the order of the seals; whether they may is not looked at.

    A high s is accepted here, as other implementations do in headers.

    Raises:
        DecodeError: extraData is not QBFT's.
        BadSealError: a seal recovers to no key.
    """
    digest = seal_hash(header)
    sealers = []
    for index, seal in enumerate(decode_extra_data(header.extra_data).seals):
        try:
            sealers.append(recover_address(digest, seal, is_low_s_required=False))
        except BadSignatureError as error:
            raise BadSealError(index=index, got=seal, expected=f"a signature ({error.reason})") from error
    return tuple(sealers)


def validate_seals(header: Header, validators: tuple[Address, ...]) -> tuple[Address, ...]:
    """Check that at least a quorum of validators sealed the header, each once, and nobody else did.

    Returns:
        The sealers in the order of the seals.

    Raises:
        DecodeError: extraData is not QBFT's.
        BadSealError: malformed, foreign, double, or too few.
    """
    sealers = recover_sealers(header)
    for index, sealer in enumerate(sealers):
        if sealer not in validators:
            raise BadSealError(index=index, got=sealer, expected="a validator")
        if sealer in sealers[:index]:
            raise BadSealError(index=index, got=sealer, expected="one seal of each validator")
    quorum = compute_quorum(len(validators))
    if len(sealers) < quorum:
        raise BadSealError(index=None, got=len(sealers), expected=f"at least {quorum}")
    return sealers
