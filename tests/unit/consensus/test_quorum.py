"""Quorum, fault bound and whose turn it is."""

import pytest

from chain_node.consensus.qbft.quorum import compute_fault_bound, compute_proposer, compute_quorum

A, B, C, D = (bytes((value,)) * 20 for value in (0x10, 0x20, 0x30, 0x40))


def test_quorum_and_fault_bound_follow_the_table() -> None:
    """4.1: quorum(n) = ceil(2n/3) = (2n-1)//3 + 1; f(n) = (n-1)//3.

    4.1: | quorum | 1 | 2 | **2** | 3 | 4 | 4 | 5 | 6 | 6 | 7 |.
    4.1: | Byzantine f | 0 | 0 | **0** | 1 | 1 | 1 | 2 | 2 | 2 | 3 |.
    """
    assert [compute_quorum(n) for n in range(1, 11)] == [1, 2, 2, 3, 4, 4, 5, 6, 6, 7]
    assert [compute_fault_bound(n) for n in range(1, 11)] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]


@pytest.mark.parametrize("n", range(1, 200))
def test_two_quorums_share_more_validators_than_may_lie(n: int) -> None:
    assert compute_quorum(n) == (2 * n - 1) // 3 + 1
    assert 2 * compute_quorum(n) - n > compute_fault_bound(n)
    assert n - compute_fault_bound(n) >= compute_quorum(n)


@pytest.mark.parametrize(
    ("parent", "expected"),
    [
        (A, [B, C, D, A, B]),
        (D, [A, B, C, D, A]),
        (bytes(20), [A, B, C, D, A]),  # "so block 1 round 0 is v[0] for the usual zero genesis coinbase"
        (b"\x25" * 20, [C, D, A, B, C]),  # removed: the first with a greater address
        (b"\xff" * 20, [A, B, C, D, A]),  # "or v[0] if none"
    ],
)
def test_proposer_follows_the_parents_author_round_by_round(parent: bytes, expected: list[bytes]) -> None:
    """4.2: proposer(r) = v[(i + 1 + r) mod n]; if not in the set, v[(idx(base) + r) mod n]."""
    assert [compute_proposer((A, B, C, D), parent, round_number) for round_number in range(5)] == expected
