"""The memory of what was signed."""

from pathlib import Path

import pytest

from chain_node.consensus.qbft.messages import COMMIT_CODE, PREPARE_CODE
from chain_node.consensus.qbft.record import SignedVote, encode_entry
from chain_node.core.errors import ConfigError
from chain_node.core.types import Hash32, Height, Round
from chain_node.node.votes import Votes


def vote(height: int, kind: int = PREPARE_CODE) -> SignedVote:
    return SignedVote(height=Height(height), round=Round(0), kind=kind, digest=Hash32(bytes((height,)) * 32))


def test_votes_come_back_after_reopening(tmp_path: Path) -> None:
    votes = Votes(tmp_path / "votes.log")
    assert votes.restore() is None
    for one in (vote(6), vote(7), vote(7, COMMIT_CODE)):
        votes.append(encode_entry(one, None))
    votes.close()
    record = Votes(tmp_path / "votes.log").restore()
    assert record is not None
    assert (record.height, record.votes) == (7, (vote(7), vote(7, COMMIT_CODE)))


def test_votes_of_decided_heights_are_cut_off_when_the_log_has_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    votes = Votes(tmp_path / "votes.log")
    for height in (6, 7, 8):
        votes.append(encode_entry(vote(height), None))
    assert not votes.has_grown
    monkeypatch.setattr("chain_node.storage.vote_record.COMPACTION_SIZE_BYTES", 1)
    assert votes.has_grown
    votes.forget_up_to(Height(7))
    votes.close()
    reopened = Votes(tmp_path / "votes.log")
    record = reopened.restore()
    assert record is not None
    assert record.height == 8
    assert len(reopened._log.payloads) == 1


def test_entry_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    votes = Votes(tmp_path / "votes.log")
    votes.append(b"\xc0")
    votes.close()
    with pytest.raises(ConfigError, match=r"votes\.log holds an entry that cannot be read"):
        Votes(tmp_path / "votes.log").restore()
