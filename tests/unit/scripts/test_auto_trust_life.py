"""The first year of the auto trust by the integer reference of monitoring: its own model, its months, every total."""

import datetime as dt
from itertools import islice
from pathlib import Path

import polars as pl
import pytest

from client.model.manifest import ModelPackage
from client.model.records import columns_of
from client.model.schema import ASSET_FIELDS, CREDIT_FIELDS
from client.sdk.monitoring import Asset, Entry, Pool, State, Terms, Totals, TriggerKind
from client.sdk.monitoring.entries import band_of
from client.sdk.monitoring.months import parse_month
from client.tapes.detect import FormatName
from client.tapes.importer import import_tapes
from scripts.auto_trust_data import TRUST, period_rows, totals_of

CLASS_UNIT = 100
MONTHS = 12
NOT_OF_TOTALS = ("balance_cents",)


def class_of(cents: int) -> int:
    return max(1, round(cents / (100 * CLASS_UNIT)))


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    out = tmp_path_factory.mktemp("trust")
    static = [TRUST / "static.csv.gz"]
    _, tables = import_tapes(static, out, form=FormatName.SEC_CSV, today=dt.date(2026, 1, 1), progress=lambda _: None)
    assert tables is not None
    assert tables.credit_files is not None
    loans, credit = _read(tables.loans), _read(tables.credit_files)
    assets = [[row[field.name] for field in ASSET_FIELDS] for row in loans.iter_rows(named=True)]
    records = [[row[field.name] for field in CREDIT_FIELDS] for row in credit.iter_rows(named=True)]
    scores = ModelPackage.load(TRUST / "model").score(columns_of(assets, records)).tolist()
    balances = loans["balance_cents"].to_list()
    terms = Terms(first_month=parse_month("2017-06"), arrears_limit_ppm=20_000, loss_curve_ppm=(20_000,))
    return _live(
        Pool(
            terms=terms,
            cut_off_balance_cents=sum(balances),
            class_unit=CLASS_UNIT,
            assets=[Asset(score, class_of(cents)) for score, cents in zip(scores, balances, strict=True)],
        ),
        loans["loan_id"].to_list(),
    )


def _live(pool: Pool, loan_ids: list[str]) -> Pool:
    scores = [asset.closing_score for asset in pool.assets]
    for _, rows in islice(period_rows(), MONTHS):
        reported = {row["loan_id"]: row for row in rows}
        before = pool.periods[-1]
        entries = []
        for loan_id, old in zip(loan_ids, before.entries, strict=True):
            row = reported.get(loan_id)
            if row is None:
                entries.append(Entry(old.state))
                continue
            state = State[row["state"].upper()]
            balance_class = class_of(row["balance_cents"]) if state.is_live else 0
            entries.append(
                Entry(
                    state,
                    band_of(row["days_past_due"]),
                    old.balance_class if state is State.DEFAULTED else balance_class,
                )
            )
        money = totals_of(rows)
        totals = Totals(
            beginning_cents=before.totals.ending_cents,
            ending_cents=money["balance_cents"],
            **{name: cents for name, cents in money.items() if name not in NOT_OF_TOTALS},
        )
        pool.close_period(totals, entries, scores)
    return pool


def _read(path: Path) -> pl.DataFrame:
    texts = {"loan_id": pl.String, "subject_id": pl.String}
    return pl.read_csv(path, infer_schema_length=None, schema_overrides=texts)


def test_a_year_of_real_months_is_accepted_and_balances(pool: Pool) -> None:
    assert len(pool.periods) == MONTHS + 1
    last = pool.periods[-1]
    assert last.totals.ending_cents == 4_307_982_102
    assert last.cumulative_gross_cents > last.cumulative_recovered_cents > 0


def test_defaults_only_grow_and_are_more_than_write_offs(pool: Pool) -> None:
    counts = [period.cumulative_defaults.count for period in pool.periods]
    assert counts == sorted(counts)
    written_off = sum(period.tallies.charged_off.count for period in pool.periods)
    assert counts[-1] >= written_off > 10


def test_one_late_month_end_makes_the_top_levels_fire_only_above_their_start(pool: Pool) -> None:
    at_closing = pool.periods[0].tallies.top.class_sum * 1_000_000 // pool.periods[0].tallies.live.class_sum
    limits = {period.triggers[TriggerKind.TOP_LEVELS].limit_ppm for period in pool.periods[1:]}
    assert limits == {max(100_000, at_closing + 50_000)}
