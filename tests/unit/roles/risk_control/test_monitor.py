"""What risk control tells of a month, by hand on a pool of ten loans."""

from client.model.monitoring import Reference
from client.roles.risk_control.monitor import ModelView, history, month_report, score_counts
from client.sdk.monitoring import Asset, Entry, Pool, State, Terms, Totals

UNIT_CENTS = 100
REFERENCE = Reference(
    totals=(100,) * 100,
    defaults=tuple(range(100)),
    pd_ppm=tuple(5_000 * score for score in range(1, 101)),
    margin_ppm=(1_050_000,) * 10,
)
VIEW = ModelView(reference=REFERENCE, offered_by_score=(1,) * 100)


def pool_of_ten() -> Pool:
    """Nine kept loans of score 5 to 85 in steps of ten, one that screening removed; 10 units each."""
    assets = [Asset(score, 10) for score in range(5, 95, 10)] + [Asset(95, 10, is_kept=False)]
    terms = Terms(first_month=504, arrears_limit_ppm=50_000, loss_curve_ppm=(1_000, 2_000, 3_000))
    return Pool(terms=terms, cut_off_balance_cents=90 * UNIT_CENTS, class_unit=1, assets=assets)


def close_month(pool: Pool, changes: dict[int, Entry], **totals: int) -> None:
    before = pool.periods[-1]
    entries = [changes.get(index, old) for index, old in enumerate(before.entries)]
    beginning = before.totals.ending_cents
    ending = sum(entry.balance_class for entry in entries if entry.state.is_live) * UNIT_CENTS
    pool.close_period(Totals(beginning_cents=beginning, ending_cents=ending, **totals), entries, [0] * 10)


def pool_after_two_months() -> Pool:
    pool = pool_of_ten()
    close_month(pool, {8: Entry(State.CURRENT, 3, 10), 0: Entry(State.PREPAID)}, prepaid_cents=1_000)
    close_month(pool, {8: Entry(State.DEFAULTED, 4, 10), 7: Entry(State.CURRENT, 1, 10)}, defaulted_cents=1_000)
    return pool


def test_month_says_losses_speed_and_arrears() -> None:
    said = month_report(pool_after_two_months(), 2, VIEW)
    assert (said["period"], said["month"]) == (2, "2012-02")
    assert said["pool_factor_ppm"] == 777_777
    assert said["gross_loss_ppm"] == said["net_loss_ppm"] == 111_111
    assert said["promised_net_loss_ppm"] == 2_000
    assert said["prepayment_year_ppm"] == 0
    assert said["defaulted_count"] == 1


def test_levels_follow_arrears_and_stand_beside_those_at_closing() -> None:
    levels = {row["level"]: row for row in month_report(pool_after_two_months(), 2, VIEW)["levels"]}  # type: ignore[attr-defined]
    assert [levels[level]["closing_count"] for level in range(1, 11)] == [1] * 9 + [0]
    assert levels[8]["count"] == 1, "its own level, and what is 1 to 30 days past due is at least that"
    assert levels[9]["count"] == 0, "charged off"
    assert levels[1]["count"] == 0, "prepaid"


def test_triggers_have_value_limit_and_cushion() -> None:
    triggers = month_report(pool_after_two_months(), 2, VIEW)["triggers"]
    assert [row["trigger"] for row in triggers] == ["top levels", "rising", "loss", "arrears"]  # type: ignore[attr-defined]
    for row in triggers:  # type: ignore[attr-defined]
        assert row["cushion_ppm"] == row["limit_ppm"] - row["value_ppm"]


def test_observed_stands_beside_expected_by_level_and_defaults_never_leave() -> None:
    pool = pool_after_two_months()
    counts = score_counts(pool, 2)
    assert (counts.totals[84], counts.defaults[84], counts.open[84]) == (1, 1, 0)
    assert sum(counts.totals) == 9
    rows = {row["level"]: row for row in month_report(pool, 2, VIEW)["expected_and_observed"]}  # type: ignore[attr-defined]
    assert (rows[9]["observed_count"], rows[9]["open_count"]) == (1, 0)
    assert 10 not in rows, "nothing of it was kept"


def test_roll_shows_what_became_of_each_band() -> None:
    rows = {row["from"]: row for row in month_report(pool_after_two_months(), 2, VIEW)["roll"]}  # type: ignore[attr-defined]
    assert rows["61-90"]["charged off_ppm"] == 1_000_000
    assert rows["0"]["count"] == 7
    assert rows["0"]["1-30_ppm"] == 1_000_000 // 7


def test_history_has_a_line_for_each_month() -> None:
    lines = history(pool_after_two_months(), 2)
    assert [line["month"] for line in lines] == ["2012-01", "2012-02"]
    assert [line["defaulted_count"] for line in lines] == [0, 1]
