"""The cases of the source documents, computed by the product's own code: `python scripts/source_cases.py [CASE]`.

Each prints what the source says and what comes out here; the exit code is 1 when a figure differs. The inputs are the
small files of examples/source_documents, whose README says which case is where.
"""

import argparse
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import numpy as np  # noqa: E402
import source_borrowers  # noqa: E402
import source_pool  # noqa: E402
import typer  # noqa: E402

from chain_node.node.cli import app as node_app  # noqa: E402
from client.cli.app import build  # noqa: E402
from client.model.calibration import levels_of, monotone_pd_ppm  # noqa: E402
from client.model.manifest import ModelPackage  # noqa: E402
from client.sdk.measures.types import MeasureKind  # noqa: E402
from client.sdk.monitoring import Asset as PoolAsset  # noqa: E402
from client.sdk.monitoring import Entry, Pool, State, Terms, Totals, TriggerKind  # noqa: E402
from client.sdk.pack.report import NO_RECORD, age_band, word  # noqa: E402
from client.sdk.pack.status import PackStatus  # noqa: E402
from client.sdk.screening import Asset, Figures, Mode, Policy, Reason, RiskTable, curve, screen  # noqa: E402

CASES = ROOT / "examples" / "source_documents"
PPM = 1_000_000
WITHOUT_MARGIN = (PPM,) * 10
LEVELS = 10


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a case."""

    what: str
    expected: object
    got: object

    @property
    def holds(self) -> bool:
        """Whether it comes out."""
        return self.expected == self.got


def levels() -> Iterator[Figure]:
    """Ten bands of ten scores; flipped in reports only."""
    for each in _case("levels")["level"]:
        level = int(levels_of(np.array([each["score"]], dtype=np.uint8))[0])
        yield Figure(f"level of score {each['score']}", each["level"], level)
        yield Figure(f"flipped level of score {each['score']}", each["flipped"], LEVELS + 1 - level)


def bad_rate_of_a_level() -> Iterator[Figure]:
    """1,000 assets in a band, 100 defaulted: 10 %."""
    case = _case("bad_rate_of_a_level")
    totals, defaults = [case["assets"] // 10] * 10, [case["defaults"] // 10] * 10
    yield Figure("bad rate of the band, ppm", case["bad_rate_ppm"], monotone_pd_ppm(totals, defaults)[0])


def bad_rate_of_a_pack() -> Iterator[Figure]:
    """Levels at 5, 7 and 10 %, weighted 0.2, 0.3, 0.5: 8.1 %."""
    case = _case("bad_rate_of_a_pack")
    counts, rates = [0] * LEVELS, [0] * LEVELS
    for level, pd in zip(case["levels"], case["pd_ppm"], strict=True):
        counts[level - 1], rates[level - 1] = case["assets_per_level"], pd
    policy = Policy(expected_bad_rate_ppm=PPM, emphasis=tuple(case["emphasis"]))
    yield Figure(
        "bad rate of the pack, ppm", case["bad_rate_ppm"], _figures(counts, rates, policy).bad_rate_by_balance_ppm
    )


def distribution() -> Iterator[Figure]:
    """A pack by its distribution over ten levels: 1.2 %."""
    case = _case("distribution")
    figures = _figures(case["counts"], case["pd_ppm"], Policy(expected_bad_rate_ppm=PPM))
    yield Figure("bad rate of the pack, ppm", case["bad_rate_ppm"], figures.bad_rate_by_balance_ppm)


def screening_whole_pack() -> Iterator[Figure]:
    """8.1 % to at most 5 %, riskiest first: the shortest prefix is the riskiest 30 %."""
    case = _case("screening")
    assets, pd_ppm = _pack([case["assets_per_level"]] * LEVELS, case["pd_ppm"])
    policy = Policy(expected_bad_rate_ppm=case["expected_bad_rate_ppm"])
    result = screen(assets, policy, pd_ppm, WITHOUT_MARGIN)
    removed = result.reasons.count(Reason.SCREENED)
    yield Figure("bad rate before, ppm", case["before_ppm"], result.before.bad_rate_by_balance_ppm)
    yield Figure("removed", case["removed"], removed)
    yield Figure("bad rate after is at most the target", True, result.after.bad_rate_by_balance_ppm <= 50_000)
    points = curve(assets, policy, pd_ppm, WITHOUT_MARGIN, point_count=len(assets) + 1)
    first = next(place for place, point in enumerate(points) if point.bad_rate_by_balance_ppm <= 50_000)
    yield Figure("first point of the curve at the target, share removed in ppm", 300_000, first * PPM // len(assets))


def screening_per_level() -> Iterator[Figure]:
    """A standard for each level: low levels are filtered too; the plain rule does not lower the rate."""
    case = _case("screening")
    assets, pd_ppm = _pack([case["assets_per_level"]] * LEVELS, case["pd_ppm"])
    rules = case["per_level"]
    target = case["expected_bad_rate_ppm"]
    profiled = Policy(expected_bad_rate_ppm=target, mode=Mode.PER_LEVEL, profile_ppm=tuple(rules["profile_ppm"]))
    result = screen(assets, profiled, pd_ppm, WITHOUT_MARGIN)
    low = [reason for asset, reason in zip(assets, result.reasons, strict=True) if asset.report_word <= 30]
    yield Figure("reached with the profile", True, result.reached)
    yield Figure("bad rate after is at most the target", True, result.after.bad_rate_by_balance_ppm <= target)
    yield Figure("levels 1 to 3 are filtered too", True, Reason.SCREENED in low)
    plain = screen(assets, Policy(expected_bad_rate_ppm=target, mode=Mode.PER_LEVEL), pd_ppm, WITHOUT_MARGIN)
    yield Figure("reached with the same share of every level", rules["plain_is_reached"], plain.reached)


def no_data() -> Iterator[Figure]:
    """No data: out before scoring. Older data: a higher pd. Related people's: only where allowed, with a factor."""
    case = _case("no_data")
    policy = Policy(
        expected_bad_rate_ppm=PPM,
        fresh_days=case["fresh_days"],
        age_days_max=case["age_days_max"],
        age_factor_ppm=tuple(case["age_factor_ppm"]),
        relation_factor_ppm=case["relation_factor_ppm"],
    )
    strict = Policy(expected_bad_rate_ppm=PPM, age_factor_ppm=policy.age_factor_ppm)
    for each in case["borrower"]:
        report_word = _word_of(each, policy)
        yield Figure(f"pd of {each['what']}, ppm", each.get("pd_ppm"), _pd_of(report_word, policy, case["pd_ppm"]))
        if each.get("by_relation"):
            yield Figure("the same where relations are not allowed", None, _pd_of(report_word, strict, case["pd_ppm"]))
        if "pd_ppm" not in each:
            result = screen([Asset(report_word=report_word, principal_class=1)], policy, [1] * 100, WITHOUT_MARGIN)
            yield Figure(f"reason of {each['what']}", Reason.NO_RECORD, Reason(result.reasons[0]))


def monitoring() -> Iterator[Figure]:
    """The three riskiest levels above 10 % of a pool that is scored again every month."""
    case = _case("monitoring")
    count = case["assets"]
    pool = Pool(
        terms=Terms(first_month=0, arrears_limit_ppm=PPM, loss_curve_ppm=(PPM,)),
        cut_off_balance_cents=count * 100,
        class_unit=1,
        assets=[PoolAsset(score, 1) for score in _scores(case["top_at_closing"], count)],
    )
    totals = Totals(beginning_cents=count * 100, ending_cents=count * 100)
    for number, month in enumerate(case["month"], start=1):
        entries = [Entry(State.CURRENT, 0, 1)] * count
        period = pool.close_period(totals, entries, _scores(month["top"], count))
        trigger = period.triggers[TriggerKind.TOP_LEVELS]
        share = month["top"] * PPM // count
        yield Figure(f"month {number}, share of levels 8 to 10 in ppm", share, trigger.value_ppm)
        yield Figure(f"month {number}, limit in ppm", case["limit_ppm"], trigger.limit_ppm)
        yield Figure(f"month {number}, measures are due", month["is_fired"], trigger.is_fired)


def measures() -> Iterator[Figure]:
    """What follows a trigger: more reminders, other assets, other schedules."""
    for each in _case("measures")["measure"]:
        word = MeasureKind(each["kind"]).name.lower().replace("_", " ")
        yield Figure(f"measure for: {each['source']}", each["word"], word)
    yield from _commands("measures", ["tranchain measure order", "tranchain measure carry-out"])


def sale() -> Iterator[Figure]:
    """Sold to the SPV before it is issued: the states of a pack, in their order."""
    case = _case("sale")
    statuses = [status.name.lower().replace("_", " ") for status in PackStatus if status in range(3, 12)]
    yield Figure("states from submission on", case["states"], statuses)
    yield from _commands("commands of the sale", case["commands"])


def chain_modules() -> Iterator[Figure]:
    """The chain modules of the source, as commands."""
    for module in _case("chain_modules")["module"]:
        yield from _commands(module["source"], module["commands"])


def model() -> Iterator[Figure]:
    """The three-layer network of income, deposits and loans, in integers, equal in both executors."""
    folder = source_borrowers.PACKAGE
    package, reference = ModelPackage.load(folder), ModelPackage.load(folder, executor="numpy")
    columns = source_borrowers.columns()
    scores = package.score(columns)
    yield Figure("features", 3, len(package.feature_spec.features))
    yield Figure("onnxruntime and numpy differ in", 0, int((scores != reference.score(columns)).sum()))
    order = np.argsort(columns["other_loans_cents"] / columns["income_cents"])
    third = len(order) // 3
    riskier = float(scores[order[-third:]].mean()) > float(scores[order[:third]].mean())
    yield Figure("more loans for the income make a higher score", True, riskier)


def pool() -> Iterator[Figure]:
    """The pool Baixin 2017-1: generated loans with the margins that the source prints."""
    margins = tomllib.loads((CASES / "pool_2017_1.toml").read_text())
    tape = source_pool.generate(margins)
    small = int((tape["original_principal_cents"] <= 25_000_000).sum())
    yield Figure("loans", 6_069, tape.height)
    yield Figure("loans up to 250,000 CNY, in hundredths of a percent", 8_972, round(small * 10_000 / tape.height))
    largest = source_pool.by_region(tape)["band"][:3].to_list()
    yield Figure("leading provinces: Shandong, Henan, Beijing", ["CN-37", "CN-41", "CN-11"], largest)
    others = source_pool.by_region(tape)["loans"][3:]
    yield Figure("the other provinces differ by at most one loan", True, others.max() - others.min() <= 1)
    ages = int(tape["borrower_age_years"].is_between(20, 50).sum())
    yield Figure("most borrowers are 20 to 50", True, ages * 2 > tape.height)


RUNS: dict[str, Callable[[], Iterator[Figure]]] = {
    each.__name__: each
    for each in (
        *(levels, bad_rate_of_a_level, bad_rate_of_a_pack, distribution, screening_whole_pack, screening_per_level),
        *(no_data, monitoring, measures, sale, chain_modules, model, pool),
    )
}


def _scores(top: int, count: int) -> list[int]:
    return [75] * top + [35] * (count - top)


def _commands(what: str, lines: Sequence[str]) -> Iterator[Figure]:
    groups = {"tranchain": typer.main.get_command(build()), "tranchain-node": typer.main.get_command(node_app)}
    for line in lines:
        program, *names = line.split()
        command: Any = groups[program]
        for name in names:
            command = getattr(command, "commands", {}).get(name)
        yield Figure(f"{what}: `{line}` exists", True, command is not None)


def _case(name: str) -> dict[str, Any]:
    return tomllib.loads((CASES / f"{name}.toml").read_text())


def _pack(counts: Sequence[int], pd_by_level: Sequence[int]) -> tuple[list[Asset], list[int]]:
    """Return assets of class 1 with the middle score of their levels, and the pd of scores 1 to 100."""
    assets = [
        Asset(report_word=word(level * 10 + 5), principal_class=1)
        for level, count in enumerate(counts)
        for _ in range(count)
    ]
    return assets, [pd for pd in pd_by_level for _ in range(10)]


def _figures(counts: Sequence[int], pd_by_level: Sequence[int], policy: Policy) -> Figures:
    assets, pd_ppm = _pack(counts, pd_by_level)
    return screen(assets, policy, pd_ppm, WITHOUT_MARGIN).before


def _word_of(borrower: dict[str, Any], policy: Policy) -> int:
    if "age_days" not in borrower:
        return NO_RECORD
    limits = {"fresh_days": policy.fresh_days, "age_days_max": policy.age_days_max}
    band = age_band(borrower["age_days"], **limits)
    return NO_RECORD if band is None else word(50, band, borrower.get("by_relation", False))


def _pd_of(report_word: int, policy: Policy, pd_ppm: int) -> int | None:
    table = RiskTable.build(policy, [pd_ppm] * 100, WITHOUT_MARGIN)
    slot = table.slot_of(report_word)
    return None if slot < 0 else table.pd_ppm_by_slot[slot]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="?", choices=sorted(RUNS), help="one case; default: all")
    chosen = parser.parse_args().case
    differs = False
    for name, run in RUNS.items():
        if chosen in (None, name):
            print(f"\n{name}: {run.__doc__}")
            for figure in run():
                differs |= not figure.holds
                print(f"  {'=' if figure.holds else 'DIFFERS'} {figure.what}: {figure.expected}, here {figure.got}")
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
