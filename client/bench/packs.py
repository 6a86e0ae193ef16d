"""Whole life cycles of small packs on a Tranchain network: invite, submit, query, score, screen; each pack one unit.

The roles' own code does the work, with the accounts' own keystores, and writes their databases to a directory of its
own. Every pack takes loans of its own from the tape, as no loan can be pledged twice.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from client.bench.resources import Meter, Usage, watch_in_background
from client.bench.statistics import per_second, spread_ms
from client.roles.originator.registrar_client import RegistrarClient
from client.roles.originator.store import SubmissionStore
from client.roles.originator.submission import PackSubmission, PackTerms
from client.roles.originator.tape import Loan
from client.roles.risk_control import models, scoring, screening
from client.roles.risk_control import query as queries
from client.roles.risk_control.invitation import invite
from client.roles.risk_control.store import PackKeyStore
from client.sdk.chain import ChainClient
from client.sdk.consent import Purpose
from client.sdk.database import open_engine
from client.sdk.errors import InvalidInputError, TranchainError
from client.sdk.keystore import Identity
from client.sdk.pack.reader import read_pack
from client.sdk.policy.on_chain import layout_of_pack
from client.sdk.policy.policy_file import PolicyDraft
from client.sdk.vault_client import VaultClient

STEPS = ("invite", "submit", "query", "score", "screen")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackPlan:
    """How many packs of what."""

    loans: Sequence[Loan]
    """All that packs are made of, in their order."""
    loans_per_pack: int
    pack_count: int
    parallel: int
    """Packs under way at once."""
    terms: PackTerms
    policy: PolicyDraft
    registrar_url: str
    directory: Path
    """Databases of the two roles go here."""
    timeout_s: float
    """How long to wait for bureaus and oracles, each."""

    def loans_of(self, number: int) -> Sequence[Loan]:
        """Return the loans of a pack; InvalidInputError where the tape has no more."""
        found = self.loans[number * self.loans_per_pack : (number + 1) * self.loans_per_pack]
        if len(found) < self.loans_per_pack:
            raise InvalidInputError(
                "tape",
                got=f"{len(self.loans):,} loans from the first on",
                expected=f"{self.pack_count} x {self.loans_per_pack} = {self.pack_count * self.loans_per_pack:,}",
                remedy="no loan is pledged twice: fewer packs, smaller ones, or a larger tape",
            )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """The accounts that act, and how they reach chain and vault."""

    chain: ChainClient
    risk_control: Identity
    originator: Identity
    risk_vault: VaultClient
    originator_vault: VaultClient


@dataclass(slots=True)
class Cycles:
    """What became of the packs."""

    seconds_by_step: dict[str, list[float]] = field(default_factory=lambda: {step: [] for step in STEPS})
    cycle_s: list[float] = field(default_factory=list)
    reached_count: int = 0
    """Packs whose screening reached the expected bad rate; the others ended without a removal that would."""
    failures: list[tuple[int, str, str]] = field(default_factory=list)
    """Number of the pack, step, why."""
    duration_s: float = 0.0
    usage: Sequence[Usage] = ()


def run_cycles(plan: PackPlan, parties: Parties, meters: list[Meter], *, tell: Callable[[], None]) -> Cycles:
    """Run all packs; one that fails is counted, and the others go on. `tell` is called after each."""
    portions = [plan.loans_of(number) for number in range(plan.pack_count)]
    cycles, lock = Cycles(usage=[meter.usage for meter in meters]), threading.Lock()

    def run_one(number: int) -> None:
        cycle = _Cycle(plan, parties, number)
        try:
            reached = cycle.run(portions[number])
        except TranchainError as error:
            with lock:
                cycles.failures.append((number, cycle.step, str(error)))
        else:
            with lock:
                cycles.reached_count += reached
                cycles.cycle_s.append(sum(cycle.seconds_by_step.values()))
                for step, seconds in cycle.seconds_by_step.items():
                    cycles.seconds_by_step[step].append(seconds)
        tell()

    started = time.perf_counter()
    with watch_in_background(meters), ThreadPoolExecutor(plan.parallel) as pool:
        list(pool.map(run_one, range(plan.pack_count)))
    cycles.duration_s = time.perf_counter() - started
    return cycles


class _Cycle:
    """One pack on its way."""

    def __init__(self, plan: PackPlan, parties: Parties, number: int):
        self._plan, self._parties, self._number = plan, parties, number
        self.step = STEPS[0]
        self.seconds_by_step: dict[str, float] = {}

    def run(self, loans: Sequence[Loan]) -> bool:
        """Do every step; returns whether the screening reached its target."""
        pack = self._timed("invite", self._invite)
        self._timed("submit", lambda: self._submit(pack, loans))
        query = self._timed("query", lambda: self._query(pack))
        round_id = self._timed("score", lambda: self._score(pack, query))
        return bool(self._timed("screen", lambda: self._screen(pack, round_id)))

    def _timed(self, step: str, work: Callable[[], int]) -> int:
        self.step = step
        started = time.perf_counter()
        found = work()
        self.seconds_by_step[step] = time.perf_counter() - started
        return found

    def _invite(self) -> int:
        parties = self._parties
        chain, identity = parties.chain, parties.risk_control
        engine = open_engine(str(self._plan.directory / f"risk_control_{self._number}.db"))
        store = PackKeyStore(engine, identity, chain_id=chain.chain_id, registry=chain.registry)
        layout = self._plan.policy.layout()
        originator = parties.originator.address
        return invite(chain, parties.risk_vault, identity, store, originator=originator, layout=layout)

    def _submit(self, pack: int, loans: Sequence[Loan]) -> int:
        parties, plan = self._parties, self._plan
        chain, identity = parties.chain, parties.originator
        registrar = RegistrarClient(
            plan.registrar_url, identity.account, chain_id=chain.chain_id, registry=chain.registry
        )
        store = SubmissionStore(open_engine(str(plan.directory / f"originator_{self._number}.db")), identity)
        submission = PackSubmission(chain, parties.originator_vault, registrar, identity, store)
        submission.run(pack, loans, plan.terms, report=lambda _: None)
        return pack

    def _query(self, pack: int) -> int:
        parties = self._parties
        chain, vault, identity = parties.chain, parties.risk_vault, parties.risk_control
        rows = read_pack(chain, vault, identity, pack, with_receipts=True)
        query_id = queries.open_query(chain, vault, identity, rows, Purpose.UNDERWRITING)
        answers = queries.wait_for_answers(chain, query_id, timeout_s=self._plan.timeout_s)
        return queries.finish_query(chain, vault, identity, query_id, answers).query_id

    def _score(self, pack: int, query_id: int) -> int:
        chain, identity = self._parties.chain, self._parties.risk_control
        terms = replace(self._plan.policy.base, expected_bad_rate_ppm=1_000_000)
        round_id = scoring.open_round(
            chain,
            identity,
            pack_id=pack,
            query_id=query_id,
            model_id=models.champion(chain),
            policy_id=scoring.ensure_policy(chain, identity, terms),
        )
        scoring.wait_until_final(chain, round_id, timeout_s=self._plan.timeout_s)
        return round_id

    def _screen(self, pack: int, round_id: int) -> bool:
        chain, identity = self._parties.chain, self._parties.risk_control
        policy = self._plan.policy.compile(*layout_of_pack(chain, pack))
        policy_id = scoring.ensure_policy(chain, identity, policy)
        run_id = screening.start_run(chain, identity, pack_id=pack, round_id=round_id, policy_id=policy_id)
        screening.finish_run(chain, identity, run_id, report=lambda _: None)
        return screening.check_run(chain, run_id, screening.compute_reference(chain, run_id)).result.reached


def make_pack_report(plan: PackPlan, cycles: Cycles) -> Mapping[str, object]:
    """Return the report: the whole cycle and each step as lines of the same shape."""
    done_count = len(cycles.cycle_s)
    rows = {"whole cycle": cycles.cycle_s} | cycles.seconds_by_step
    return {
        "workload": "pack",
        "meaning": "life cycles of packs: invite, submit, query, score, screen",
        "conditions": {
            "packs": plan.pack_count,
            "loans_per_pack": plan.loans_per_pack,
            "parallel": plan.parallel,
        },
        "succeeded": done_count,
        "failed": len(cycles.failures),
        "target_reached": cycles.reached_count,
        "duration_s": round(cycles.duration_s, 3),
        "packs_per_minute": round(60 * done_count / cycles.duration_s, 2),
        "loans_per_s": per_second(done_count * plan.loans_per_pack, cycles.duration_s),
        "steps": [{"step": step, "count": len(seconds), **spread_ms(seconds)} for step, seconds in rows.items()],
        "failures": [{"pack": number, "step": step, "reason": why} for number, step, why in cycles.failures],
        "nodes": [usage.summary() for usage in cycles.usage],
    }
