"""Screenings of packs of any size on revm: what other contracts would have stored is put into their storage."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

from eth_abi import encode
from eth_utils import keccak
from pyrevm import AccountInfo
from web3 import Web3

from client.sdk.pack.on_chain import ASSETS_PER_CHUNK, policy_struct
from client.sdk.pack.report import report_chunks, report_of
from client.sdk.screening import Asset, Policy, ScreeningResult, bridge, histogram
from tests.contracts.journey import CALIBRATION, FAR_FUTURE, HASH
from tests.contracts.revm import RevmSuite
from tests.contracts.screening_scene import AGES, STEP_GAS, Phase, figures_of, run_names, tallies

LAYOUT = Path(__file__).parent / "storage_layout.json"
SCORED, ROUND_FINAL = 5, 3


@dataclass
class Stepped:
    """A run at its end."""

    run_id: int
    run: dict[str, Any]
    step_gas: list[int] = field(default_factory=list)
    seconds: float = 0.0


class RevmScreening(RevmSuite):
    """What a screening needs: a model, a pack, its scores."""

    def __init__(self, pd_ppm: tuple[int, ...], margin_ppm: tuple[int, ...]) -> None:
        super().__init__(
            "RiskModelRegistry",
            "AssetPackRegistry",
            "ScoringRounds",
            "ScreeningTerms",
            "ScreeningEngine",
            "ScreeningOutcome",
            "Screening",
        )
        self.send("AccessManager", "grantRole", 0, self.place["Screening"], 0)
        model = {"modelHash": HASH, "manifestHash": HASH, "featureSpecHash": HASH, "programHash": HASH}
        tables = {"pdPpm": b"".join(pd.to_bytes(4) for pd in pd_ppm), "marginPpm": list(margin_ppm)}
        rest = {"calibration": CALIBRATION, "validUntil": FAR_FUTURE}
        self.send("RiskModelRegistry", "propose", model | tables | rest)
        self._codes = count(1)

    def put_pack(self, classes: bytes, buckets: bytes, report: bytes, scored_by: Policy = AGES) -> tuple[int, int]:
        """A scored pack in storage; ids of pack and round."""
        asset_count = len(report) // 2
        dimension_count = len(buckets) // asset_count
        self.send("AssetPackRegistry", "defineLayout", dimension_count, b"made up")
        (layout_id,) = self.call("AssetPackRegistry", "layoutCount")
        policy_id = self.define_policy(scored_by)
        packs, rounds = Storage(self, "AssetPackRegistry"), Storage(self, "ScoringRounds")
        pack = {"status": SCORED, "count": asset_count, "added": asset_count, "layoutId": layout_id}
        packs.put("packs", layout_id, **pack)
        chunk_count = -(-asset_count // ASSETS_PER_CHUNK)
        packs.put_length("chunks", layout_id, chunk_count)
        for index in range(chunk_count):
            first, end = index * ASSETS_PER_CHUNK, min(asset_count, (index + 1) * ASSETS_PER_CHUNK)
            data = classes[2 * first : 2 * end] + buckets[dimension_count * first : dimension_count * end]
            packs.put_item("chunks", layout_id, index, pointer=self._put_code(data), count=end - first)
        scored = {"packId": layout_id, "modelId": 1, "policyId": policy_id}
        rounds.put("rounds", layout_id, **scored, assetCount=asset_count, status=ROUND_FINAL, kind=1)
        for index, data in enumerate(report_chunks(report)):
            rounds.put_nested("pointers", layout_id, index, self._put_code(data))
        return layout_id, layout_id

    def define_policy(self, policy: Policy) -> int:
        """Define it; its id."""
        self.send("Screening", "definePolicy", policy_struct(policy))
        return int(self.call("Screening", "policyCount")[0])

    def put_assets(self, assets: Sequence[Asset], scored_by: Policy = AGES) -> tuple[int, int]:
        """A scored pack of these assets in storage; ids of pack and round."""
        return self.put_pack(
            b"".join(asset.principal_class.to_bytes(2) for asset in assets),
            b"".join(asset.buckets for asset in assets),
            report_of(asset.report_word for asset in assets),
            scored_by,
        )

    def start(self, pack: int, round_id: int, policy: Policy) -> int:
        """Define the policy for the pack's layout and start; the run's id."""
        policy_id = self.define_policy(replace(policy, layout_id=pack))
        self.send("Screening", "start", pack, round_id, policy_id)
        return int(self.call("Screening", "runCount")[0])

    def finish(self, run_id: int, gas_in_phase: Callable[[Phase], int] = lambda _: STEP_GAS) -> Stepped:
        """Step to the end; `gas_in_phase` says how much gas the next call gets."""
        stepped = Stepped(run_id, self.read_run(run_id))
        begun = time.perf_counter()
        while (phase := Phase(stepped.run["phase"])) < Phase.DONE:
            stepped.step_gas.append(self.gas("Screening", "step", run_id, gas=gas_in_phase(phase)))
            stepped.run = self.read_run(run_id)
        stepped.seconds = time.perf_counter() - begun
        return stepped

    def read_run(self, run_id: int) -> dict[str, Any]:
        """The run struct by the names of its fields."""
        (values,) = self.call("Screening", "run", run_id)
        return dict(zip(run_names(), values, strict=True))

    def reasons(self, run_id: int, asset_count: int) -> bytes:
        """Reasons of all assets."""
        chunks = range(-(-asset_count // ASSETS_PER_CHUNK))
        return b"".join(self.call("Screening", "reasons", run_id, index)[0] for index in chunks)

    def assert_equal(self, stepped: Stepped, assets: Sequence[Asset], expected: ScreeningResult) -> None:
        """Compare an ended run with what the reference says, in every figure and asset."""
        run, run_id = stepped.run, stepped.run_id
        assert run["phase"] == (Phase.DONE if expected.reached else Phase.UNREACHABLE)
        assert self.reasons(run_id, len(assets)) == expected.reasons
        assert {name: run[name] for name in figures_of(expected)} == figures_of(expected)
        for after, figures in ((False, expected.before), (True, expected.after)):
            assert tallies(self.call("Screening", "levels", run_id, after)) == figures.level_tallies
            expected_scores = histogram(assets, expected.reasons, after=after)
            assert tallies(self.call("Screening", "histogram", run_id, after)) == expected_scores
        steps = bridge(assets, expected.reasons)
        assert tallies(self.call("Screening", "bridge", run_id)) == tuple(step.tally for step in steps)

    def _put_code(self, data: bytes) -> int:
        """Bytes as ChunkStore would keep them; the address."""
        address = int.from_bytes(keccak(next(self._codes).to_bytes(8))[12:])
        info = AccountInfo(nonce=1, code=b"\0" + data)
        self.evm.insert_account_info(Web3.to_checksum_address(address.to_bytes(20)), info)
        return address


class Storage:
    """Writes into the ERC-7201 namespace of one contract, by the names of storage_layout.json."""

    def __init__(self, suite: RevmSuite, contract: str) -> None:
        self._suite = suite
        self._address = suite.place[contract]
        namespace = f"tranchain.storage.{contract}"
        hashed = int.from_bytes(keccak((int.from_bytes(keccak(text=namespace)) - 1).to_bytes(32)))
        self._base = hashed & ~0xFF
        self._slot_by_member: dict[str, int] = {}
        self._fields_by_member: dict[str, list[str]] = {}
        self._places = self._read(json.loads(LAYOUT.read_text(encoding="utf-8"))[namespace])

    def put(self, member: str, key: int, **values: int) -> None:
        """Fields of a struct in a mapping."""
        self._put_struct(member, self._of_key(self._slot_by_member[member], key), values)

    def put_length(self, member: str, key: int, length: int) -> None:
        """Length of an array in a mapping."""
        self._write(self._of_key(self._slot_by_member[member], key), length)

    def put_item(self, member: str, key: int, index: int, **values: int) -> None:
        """Fields of a struct in an array in a mapping."""
        fields = self._fields_by_member[member]
        size = 1 + max(slot for slot, _ in _place_fields(fields).values())
        first = int.from_bytes(keccak(self._of_key(self._slot_by_member[member], key).to_bytes(32)))
        self._put_struct(member, first + size * index, values)

    def put_nested(self, member: str, key: int, inner: int, value: int) -> None:
        """A value in a mapping in a mapping."""
        self._write(self._of_key(self._of_key(self._slot_by_member[member], key), inner), value)

    def _read(self, members: list[Any]) -> None:
        plain = [member if isinstance(member, str) else member[0] for member in members]
        places = _place_fields(plain)
        for member, text in zip(members, plain, strict=True):
            name = text.split()[-1]
            self._slot_by_member[name] = self._base + places[name][0]
            if not isinstance(member, str):
                self._fields_by_member[name] = member[1]

    def _put_struct(self, member: str, first: int, values: dict[str, int]) -> None:
        words: dict[int, int] = {}
        places = _place_fields(self._fields_by_member[member])
        for name, value in values.items():
            if name in places:
                slot, offset = places[name]
                words[slot] = words.get(slot, 0) | value << 8 * offset
        for slot, word in words.items():
            self._write(first + slot, word)

    def _write(self, slot: int, value: int) -> None:
        self._suite.evm.insert_account_storage(self._address, slot, value)

    @staticmethod
    def _of_key(slot: int, key: int) -> int:
        return int.from_bytes(keccak(encode(["uint256", "uint256"], [key, slot])))


def _place_fields(fields: list[str]) -> dict[str, tuple[int, int]]:
    """Slot and offset in bytes of each field, as Solidity lays them out."""
    places: dict[str, tuple[int, int]] = {}
    slot = offset = 0
    for text in fields:
        size = _size_of(text)
        if offset + size > 32:
            slot, offset = slot + 1, 0
        places[text.split()[-1]] = (slot, offset)
        offset += size
    return places


def _size_of(text: str) -> int:
    """Bytes of a member; what is no value type has a slot of its own."""
    if text.startswith("address "):
        return 20
    if text.startswith(("bool ", "uint8 ")):
        return 1
    found = re.match(r"(uint|bytes)(\d+) ", text)
    if not found:
        return 32
    return int(found[2]) // 8 if found[1] == "uint" else int(found[2])
