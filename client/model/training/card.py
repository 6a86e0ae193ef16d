"""Renders the model card; no dates, machines or times, so that the same training gives the same bytes."""

from collections.abc import Sequence

from client.model.arithmetic import PPM
from client.model.training.assessment import Assessment, Comparison
from client.model.training.evaluation import PACK_DRAWS, PACK_SIZE, PackPromise

_INTRO = """# Model card: lendingclub, version 1

Predicts whether an unsecured consumer loan will ever be charged off, from what an originator and a credit bureau know
when it is made. Three-layer integer network (8-bit weights), distilled from boosted trees; score 1 to 100, higher is
riskier; level = ceil(score / 10). Every executor computes the same integers.

- **Data**: LendingClub loans, every loan terminal. Trained on loans issued 2007-2010 ({train} loans), tested out of
  time on loans issued in 2011 ({test} loans, {bad} defaulted).
- **Left out on purpose**: grade, sub-grade, interest rate and installment (they carry the platform's own opinion),
  state (proxies the vintage), everything that happened after the loan was made. There is no bureau score in the data.
- **Use**: comparing and screening loans of one pack. Not for deciding on a person's application.
"""

_LIMITS = """## Limits

- **Label hindsight.** A loan of 2010 resolves years later: of {all_defaults} defaults among the training loans only
  {known} were on the books at the end of 2010. The committed model is trained with *hindsight labels*; nobody could
  have trained it on 1 January 2011. *Knowable at the time* is the same recipe on the {seasoned} loans that were at
  least 12 months old on that day, with the defaults booked by then. Calling younger loans good as well would turn the
  ranking around (LightGBM: AUC {unseasoned:.3f}): 60-month loans were new in 2010 and had had no time to fail.
- **Margins come from hindsight labels too**: the walk-forward trains on earlier years with their final outcome.
- **Regime change.** Early years were another business: a model trained before 2010 promises other rates than came.
- **Risk can rise at equal score.** The stability index sees only a change in who applies. Watch observed against
  expected, too.
- **Approved loans only.** Whoever was refused is in no file.
- **Term carries much of it**: 60-month loans default far more often.
- Missing `bankruptcies` marks the early years of this data, not a kind of borrower: it has no missing flag.
- Default means charged off at any time during the contractual life (36 or 60 months), for loans new at the cut-off;
  a seasoned loan defaults less often than this PD says.
- US loans of one platform, 2007-2011. Elsewhere it must be trained again.
"""


def render(figures: Assessment, *, train_loans: int, test_loans: int) -> str:
    """Return the card as Markdown."""
    sections = [
        _INTRO.format(train=train_loans, test=test_loans, bad=_percent(figures.observed_ppm)),
        _discrimination(figures),
        _levels(figures),
        _margins(figures),
        _promises(figures),
        _months(figures),
        _LIMITS.format(
            known=figures.known_defaults,
            all_defaults=figures.all_defaults,
            seasoned=figures.seasoned_loans,
            unseasoned=figures.unseasoned.auc,
        ),
    ]
    return "\n".join(sections)


def _discrimination(figures: Assessment) -> str:
    rows = [
        *_comparison_rows("hindsight labels", figures.hindsight),
        *_comparison_rows("knowable at the time", figures.knowable),
    ]
    return (
        "## Out of time, 2011\n\nIntervals: 95 %, bootstrap over test loans. All models see the same columns, logistic "
        "regression as encoded features.\nPD of the knowable models is their raw output; labels cut off early make "
        "it too low, which Brier shows.\n\n" + _table(["labels", "model", "AUC", "KS", "Brier"], rows)
    )


def _comparison_rows(labels: str, comparison: Comparison) -> list[list[str]]:
    models = [
        ("integer network", comparison.network),
        ("LightGBM", comparison.lightgbm),
        ("logistic regression", comparison.logistic),
    ]
    return [
        [labels, name, f"{m.auc:.4f} [{m.auc_low:.3f}, {m.auc_high:.3f}]", f"{m.ks:.3f}", f"{m.brier:.4f}"]
        for name, m in models
    ]


def _levels(figures: Assessment) -> str:
    rows = [
        [str(r.level), str(r.loans), _percent(r.expected_ppm), _percent(r.observed_ppm), f"{r.margin_ppm / PPM:.3f}"]
        for r in figures.levels
    ]
    rows.append(["all", "", _percent(figures.expected_ppm), _percent(figures.observed_ppm), ""])
    return (
        "## Calibration by level, 2011\n\nPD per score: monotone regression of the defaults of 2007-2010 loans, each "
        "scored by a network that was trained without it.\n\n"
        + _table(["level", "loans", "expected", "observed", "margin on PD"], rows)
    )


def _margins(figures: Assessment) -> str:
    rows = []
    for year in figures.walk_forward:
        ratios = [o / e if e else 0.0 for o, e in zip(year.observed, year.expected, strict=True)]
        rows.append([str(year.year), str(sum(year.loans)), *(f"{ratio:.2f}" for ratio in ratios)])
    header = ["year", "loans", *(str(level) for level in range(1, 11))]
    return (
        "## Prudence margin, walk-forward on training years\n\nObserved / expected defaults per level, for each year "
        "by a model trained and calibrated on the years before it. The margin of a level is the largest of 1.05, the "
        "worst ratio, and that ratio's upper 95 % bound (exact Poisson, one-sided).\n\n" + _table(header, rows)
    )


def _promises(figures: Assessment) -> str:
    rows = [
        *_promise_rows("by count, margins above", figures.by_count),
        *_promise_rows("by balance, margins above", figures.by_balance),
        *_promise_rows("by count, margin 1.05 only", figures.least_margin),
        *_promise_rows("by count, no margin", figures.no_margin),
    ]
    header = ["bad rate", "target", "loans removed", "observed", "5 % to 95 %", "promise broken"]
    return (
        f"## How often the promise would have been broken\n\n{PACK_DRAWS} packs of {PACK_SIZE} loans drawn from 2011, "
        "screened with `whole_pack`. This measures **sampling noise of one year alone**: another year can be worse for "
        "every pack at once. A wide margin keeps the promise and pays for it in loans removed.\n\n"
        + _table(header, rows)
    )


def _promise_rows(name: str, promises: Sequence[PackPromise]) -> list[list[str]]:
    return [
        [
            name,
            f"{p.target_ppm / 10_000:.0f} %",
            f"{p.removed_share:.1%}",
            f"{p.observed:.2%}",
            f"{p.low:.1%} to {p.high:.1%}",
            f"{p.broken_share:.1%}",
        ]
        for p in promises
    ]


def _months(figures: Assessment) -> str:
    rows = [
        [
            f"{1970 + r.month // 12}-{r.month % 12 + 1:02}",
            str(r.loans),
            f"{r.stability:.4f}",
            _percent(r.expected_ppm),
            _percent(r.observed_ppm),
            f"{r.observed_ppm / r.expected_ppm:.2f}",
        ]
        for r in figures.months
    ]
    header = ["issued", "loans", "PSI", "expected", "observed", "observed / expected"]
    return (
        f"## Stability by month\n\nPopulation stability index of the ten levels against training; whole year "
        f"{figures.stability:.4f}.\n\n" + _table(header, rows)
    )


def _percent(ppm: int) -> str:
    return f"{ppm / 10_000:.2f} %"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
