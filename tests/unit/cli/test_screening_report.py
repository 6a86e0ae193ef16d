"""The report of a screening: bridge, modes and levels from exact cents."""

from client.cli.screening_report import report_of
from client.roles.risk_control.screening import ScreenedPack
from client.sdk.pack.asset_row import principal_class
from client.sdk.pack.reader import PackFile
from client.sdk.screening import Asset, Mode, Policy, compare_modes, screen
from tests.unit.sdk.pack.samples import row

PD_PPM = tuple(score * 5_000 for score in range(1, 101))
MARGIN_PPM = (1_050_000,) * 10
SCORES = [0, 3, 12, 25, 38, 47, 55, 66, 78, 89, 95, 100]
BALANCES = [100_050, 250_001, 300_000, 410_000, 99_999, 1_200_000, 55_000, 730_000, 640_000, 120_000, 90_000, 1_000_000]


def screened(target_ppm: int) -> tuple[ScreenedPack, Policy, PackFile]:
    rows = tuple(
        row(number, balance_cents=cents, rate_ppm=100_000 + number) for number, cents in enumerate(BALANCES, start=1)
    )
    pack = PackFile(
        pack_id=1,
        root=bytes(32),
        originator="0x" + "11" * 20,
        cut_off_day=15_339,
        class_unit=1_000,
        row_key=bytes(32),
        rows=rows,
        receipts=(b"",) * len(rows),
    )
    assets = tuple(
        Asset(report_word=score, principal_class=principal_class(cents, 1_000))
        for score, cents in zip(SCORES, BALANCES, strict=True)
    )
    policy = Policy(expected_bad_rate_ppm=target_ppm)
    result = screen(assets, policy, PD_PPM, MARGIN_PPM)
    by_mode = compare_modes(assets, policy, PD_PPM, MARGIN_PPM)
    return ScreenedPack(run_id=5, policy_id=2, result=result, by_mode=by_mode, assets=assets), policy, pack


def test_bridge_adds_up_in_count_and_exact_cents() -> None:
    done, policy, pack = screened(150_000)
    report = report_of(done, policy, pack)
    offered, *steps = report["bridge"]
    assert offered == {"step": "offered", "assets_count": len(BALANCES), "principal_cents": sum(BALANCES)}
    assert sum(step["assets_count"] for step in steps) == len(BALANCES)
    assert sum(step["principal_cents"] for step in steps) == sum(BALANCES)
    by_name = {step["step"]: step for step in steps}
    assert by_name["- no usable record"] == {
        "step": "- no usable record",
        "assets_count": 1,
        "principal_cents": BALANCES[0],
    }
    kept = list(done.result.kept_indices())
    assert steps[-1] == {
        "step": "kept",
        "assets_count": len(kept),
        "principal_cents": sum(BALANCES[index] for index in kept),
    }
    assert 0 < len(kept) < len(BALANCES) - 1


def test_modes_stand_beside_each_other_with_the_yield_of_what_stays() -> None:
    done, policy, pack = screened(150_000)
    modes = {mode["mode"]: mode for mode in report_of(done, policy, pack)["modes"]}
    assert set(modes) == {mode.name.lower().replace("_", "-") for mode in Mode}
    kept = list(done.by_mode[Mode.WHOLE_PACK].kept_indices())
    cents = sum(BALANCES[index] for index in kept)
    interest = sum(BALANCES[index] * (100_001 + index) for index in kept)
    said = modes["whole-pack"]
    assert (said["kept_count"], said["kept_cents"], said["removed_cents"]) == (len(kept), cents, sum(BALANCES) - cents)
    assert said["yield_ppm"] == interest // cents


def test_levels_before_and_after_are_those_of_the_result() -> None:
    done, policy, pack = screened(150_000)
    levels = report_of(done, policy, pack)["levels"]
    assert [level["level"] for level in levels] == list(range(1, 11))
    assert [level["before_count"] for level in levels] == [t.count for t in done.result.before.level_tallies]
    assert sum(level["after_count"] for level in levels) == done.result.after.tally.count


def test_target_out_of_reach_is_said_with_what_binds() -> None:
    done, policy, pack = screened(1)
    report = report_of(done, policy, pack)
    assert not done.result.reached
    assert report["outcome"] == f"target not met: {done.result.binding.name.lower()}"
    assert report["lowest_reachable_ppm"] == done.result.lowest_reachable_ppm
    assert report["bad_rate_after_ppm"] == report["bad_rate_before_ppm"]
