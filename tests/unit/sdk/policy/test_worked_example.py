"""The worked example of docs/risk_control.md, computed."""

from client.sdk.screening import Asset, EligibilityRule, Limit, Policy, Reason, screen

PD_PPM = tuple(5_000 + 3_000 * score for score in range(1, 101))
MARGIN_PPM = (1_050_000,) * 7 + (1_100_000,) * 3
LOANS = (
    # name, score, age band, class, term class, region
    ("A", 12, 0, 10, 0, 0),
    ("B", 18, 0, 12, 0, 1),
    ("C", 25, 0, 8, 0, 0),
    ("D", 31, 1, 15, 0, 2),
    ("E", 44, 0, 10, 0, 1),
    ("F", 52, 0, 9, 0, 0),
    ("G", 63, 0, 20, 0, 2),
    ("H", 71, 0, 6, 0, 1),
    ("I", 85, 0, 5, 0, 3),
    ("J", 0, 0, 7, 0, 2),
    ("K", 38, 0, 11, 1, 0),
    ("L", 92, 0, 4, 0, 3),
)


def test_worked_example_of_the_documentation_comes_out() -> None:
    policy = Policy(
        expected_bad_rate_ppm=120_000,
        layout_id=1,
        age_factor_ppm=(1_100_000, 1_200_000, 1_300_000),
        eligible=(EligibilityRule(0, 0b1),),
        limits=(Limit(dimension=1, limit_ppm=400_000),),
    )
    assets = [
        Asset(report_word=band << 8 | score, principal_class=size, buckets=bytes([term, region]))
        for _, score, band, size, term, region in LOANS
    ]
    result = screen(assets, policy, PD_PPM, MARGIN_PPM)
    by_reason = {
        reason: "".join(loan[0] for loan, each in zip(LOANS, result.reasons, strict=True) if each == reason)
        for reason in Reason
    }
    assert by_reason == {
        Reason.KEPT: "ABCDE",
        Reason.NOT_ELIGIBLE: "K",
        Reason.NO_RECORD: "J",
        Reason.CONCENTRATION: "F",
        Reason.SCREENED: "GHIL",
        Reason.BROUGHT_DOWN: "",
    }
    assert result.before.bad_rate_by_balance_ppm == 148_313
    assert result.after.bad_rate_by_balance_ppm == 90_587
    assert result.after.bad_rate_by_count_ppm == 89_208
    assert (result.before.tally.class_sum, result.after.tally.class_sum) == (99, 55)
    assert result.round_count == 2
