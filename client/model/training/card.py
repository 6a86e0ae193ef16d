"""Renders the model card; no dates, machines or times, so that the same training gives the same bytes."""

from collections.abc import Sequence
from functools import partial
from textwrap import fill as wrap

from client.model.arithmetic import PPM
from client.model.training.assessment import Assessment, Comparison
from client.model.training.evaluation import PACK_DRAWS, Discrimination
from client.model.training.feature_file import FeatureFile
from client.model.training.margins import Promise

_fill = partial(wrap, width=118, break_on_hyphens=False)
_METHOD = (
    "Three-layer integer network (8-bit weights), distilled from boosted trees; score 1 to 100, higher is riskier; "
    "level = ceil(score / 10). Every executor computes the same integers."
)
_HINDSIGHT_MARGINS = """**Margins come from hindsight labels**: the walk-forward trains on earlier years with their
final outcome. With what was knowable, the promises would have been off by the ratios of the second table."""
_RISING_RISK = """**Risk can rise at equal score.** The stability index sees only a change in who applies. Watch
observed against expected, too."""
_NO_TIME = """**No time column.** Training and test loans are a seeded random split of one period, so the test and the
margins measure sampling noise alone: nothing here says what another year brings."""


def render(file: FeatureFile, figures: Assessment) -> str:
    """Return the card as Markdown."""
    sections = [
        _intro(file, figures),
        _discrimination(file, figures),
        _levels(file, figures),
        _margins(file, figures),
        _promises(file, figures),
        _months(figures) if figures.months else "",
        _limits(file, figures),
    ]
    return "\n".join(section for section in sections if section)


def _intro(file: FeatureFile, figures: Assessment) -> str:
    bad = _percent(figures.observed_ppm)
    if file.time:
        data = (
            f"Trained on loans issued {file.time.trained_on} ({figures.train_loans} loans), tested out of "
            f"time on loans issued {file.time.tested_on} ({figures.test_loans} loans, {bad} bad)."
        )
    else:
        data = (
            f"No time column: trained on a seeded random {1 - file.test_share:.0%} ({figures.train_loans} loans), "
            f"tested on the rest ({figures.test_loans} loans, {bad} bad)."
        )
    use = (
        "It scores the assets of packs."
        if file.schema_version is not None
        else "It reads fields of its own, so it scores records of this kind and no asset of a pack."
    )
    paragraphs = [file.about.strip(), _METHOD, data, use, f"Bad means: {file.default_definition}."]
    text = "\n\n".join(_fill(" ".join(each.split())) for each in paragraphs)
    return f"# Model card: {file.name}, version {file.version}\n\n{text}\n"


def _discrimination(file: FeatureFile, figures: Assessment) -> str:
    rows = [
        *_comparison_rows("hindsight" if file.time else "all", figures.hindsight),
        *(_comparison_rows("knowable at the time", figures.knowable.comparison) if figures.knowable else []),
        ["out of fold", "integer network", *_measures(figures.out_of_fold)],
    ]
    text = (
        "Intervals: 95 %, bootstrap over loans. All models see the same columns, logistic regression as encoded "
        "features. The last line is the network on the training loans, each scored by one trained without it."
    )
    if figures.knowable:
        text += " PD of the knowable models is their raw output; labels cut off early make it too low, as Brier shows."
    table = _table(["labels", "model", "AUC", "KS", "Brier"], rows)
    return f"## {_test_name(file)}\n\n{_fill(text)}\n\n{table}"


def _comparison_rows(labels: str, comparison: Comparison) -> list[list[str]]:
    models = [
        ("integer network", comparison.network),
        ("LightGBM", comparison.lightgbm),
        ("logistic regression", comparison.logistic),
    ]
    return [[labels, name, *_measures(measured)] for name, measured in models]


def _measures(measured: Discrimination) -> list[str]:
    interval = f"{measured.auc:.4f} [{measured.auc_low:.3f}, {measured.auc_high:.3f}]"
    return [interval, f"{measured.ks:.3f}", f"{measured.brier:.4f}"]


def _levels(file: FeatureFile, figures: Assessment) -> str:
    rows = [
        [str(r.level), str(r.loans), _percent(r.expected_ppm), _percent(r.observed_ppm), f"{r.margin_ppm / PPM:.3f}"]
        for r in figures.levels
    ]
    rows.append(["all", "", _percent(figures.expected_ppm), _percent(figures.observed_ppm), ""])
    text = (
        "PD per score: monotone regression of the bad among the training loans, each scored by a network that was "
        "trained without it."
    )
    return f"## Calibration by level: {_test_name(file).lower()}\n\n{_fill(text)}\n\n" + _table(
        ["level", "loans", "expected", "observed", "margin on PD"], rows
    )


def _margins(file: FeatureFile, figures: Assessment) -> str:
    rule = (
        "The margin of a level is the largest of 1.05, the worst ratio, and that ratio's upper 95 % bound (exact "
        "Poisson, one-sided)."
    )
    if not file.time:
        text = f"Observed / expected bad loans per level: each fold by the PD of the other folds. {rule}"
        return f"## Prudence margin\n\n{_fill(text)}\n\n" + _promise_table(figures.promises)
    text = (
        "Observed / expected bad loans per level, for each year by a model trained and calibrated on the years before "
        f"it. {rule}"
    )
    card = f"## Prudence margin, walk-forward on training years\n\n{_fill(text)}\n\n"
    card += "Hindsight labels, which the margins come from:\n\n" + _promise_table(figures.promises)
    if file.time.known:
        card += "\nKnowable at the time, only defaults on the books when the year began:\n\n"
        card += _promise_table(figures.knowable_promises) if figures.knowable_promises else "Too few in every year.\n"
    return card


def _promise_table(promises: Sequence[Promise]) -> str:
    rows = []
    for each in promises:
        pairs = zip(each.observed, each.expected, strict=True)
        ratios = [observed / expected if expected else 0.0 for observed, expected in pairs]
        rows.append([each.name, str(sum(each.loans)), *(f"{ratio:.2f}" for ratio in ratios)])
    return _table(["tested on", "loans", *(str(level) for level in range(1, 11))], rows)


def _promises(file: FeatureFile, figures: Assessment) -> str:
    if not file.packs:
        return ""
    rows = [
        [
            name,
            f"{p.target_ppm / 10_000:.0f} %",
            f"{p.removed_share:.1%}",
            f"{p.observed:.2%}",
            f"{p.low:.1%} to {p.high:.1%}",
            f"{p.broken_share:.1%}",
        ]
        for name, promises in figures.packs
        for p in promises
    ]
    header = ["bad rate", "target", "loans removed", "observed", "5 % to 95 %", "promise broken"]
    text = (
        f"{PACK_DRAWS} packs of {file.packs.loans} loans drawn from the test loans, screened with `whole_pack`. This "
        "measures **sampling noise of one period alone**: another year can be worse for every pack at once. A wide "
        "margin keeps the promise and pays for it in loans removed."
    )
    return f"## How often the promise would have been broken\n\n{_fill(text)}\n\n" + _table(header, rows)


def _months(figures: Assessment) -> str:
    rows = [
        [
            f"{1970 + r.month // 12}-{r.month % 12 + 1:02}",
            str(r.loans),
            f"{r.stability:.4f}",
            _percent(r.expected_ppm),
            _percent(r.observed_ppm),
            f"{r.observed_ppm / max(r.expected_ppm, 1):.2f}",
        ]
        for r in figures.months
    ]
    header = ["issued", "loans", "PSI", "expected", "observed", "observed / expected"]
    text = f"Population stability index of the ten levels against training; whole test {figures.stability:.4f}."
    return f"## Stability by month\n\n{text}\n\n" + _table(header, rows)


def _limits(file: FeatureFile, figures: Assessment) -> str:
    limits = [*file.limits, *((_HINDSIGHT_MARGINS, _RISING_RISK) if file.time else (_NO_TIME,))]
    if file.time and figures.knowable:
        knowable = figures.knowable
        limits.insert(
            0,
            f"**Label hindsight.** Of {figures.train_defaults} bad training loans only {knowable.known_defaults} were "
            f"on the books at the end of {file.time.train_years[1]}. The package is trained with *hindsight labels*; "
            "nobody could have trained it on the day after. *Knowable at the time* is the same recipe on the "
            f"{knowable.seasoned_loans} loans that were at least {file.time.seasoned_months} months old on that day, "
            "with the defaults booked by then. Calling younger loans good as well gives LightGBM an AUC of "
            f"{knowable.unseasoned.auc:.3f}.",
        )
    items = [_fill(" ".join(each.split()), initial_indent="- ", subsequent_indent="  ") for each in limits]
    return "## Limits\n\n" + "\n".join(items) + "\n"


def _test_name(file: FeatureFile) -> str:
    return f"Out of time, {file.time.tested_on}" if file.time else "Held out"


def _percent(ppm: int) -> str:
    return f"{ppm / 10_000:.2f} %"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
