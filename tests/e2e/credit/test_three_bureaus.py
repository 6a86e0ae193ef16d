"""Three bureaus with different fields of the same people, on a real node: merged alike, withheld, told of, guarded."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from client.model.committed import DEFAULT_MODEL
from client.model.manifest import ModelPackage
from client.model.schema import CREDIT_FIELDS
from client.roles.bureau.daemon import Daemon, Handled
from client.roles.bureau.notices import tell_when_due
from client.roles.bureau.query import Policy, Refusal
from client.roles.risk_control.query import open_query
from client.roles.risk_control.scoring import ensure_policy
from client.roles.risk_control.sources import define_sources
from client.sdk.consent import Purpose
from client.sdk.pack.assessment import assess
from client.sdk.pack.credit_record import CreditValues, NoRecord, RecordRules
from client.sdk.pack.on_chain import read_policy, record_rules
from client.sdk.pack.reader import CreditRecords, PackFile, read_credit, read_pack, without_record
from client.sdk.pack.report import NO_RECORD, is_by_relation, words_of
from client.sdk.pack.sources import SourceOrder, read_sources
from client.sdk.screening import Policy as ScreeningPolicy
from tests.e2e.credit.credit_network import CreditNetwork
from tests.e2e.credit.test_query import EXAMPLE, free_port, wait_for

LOANS = 140
BUREAUS = ("bureau", "bureau_b", "bureau_c")
INDEX = {spec.name: index for index, spec in enumerate(CREDIT_FIELDS)}
BANK = {
    "credit_age_months": 100,
    "open_accounts": 5,
    "bankruptcies": 0,
    "revolving_balance_cents": 100_000,
    "income_cents": 6_000_000,
}
PAYMENTS = {"payments_late_12m": 2, "payment_volume_cents": 50_000, "open_accounts": 6, "bankruptcies": 0}
THIRD = {"credit_age_months": 90, "open_accounts": 7, "bankruptcies": 3, "revolving_balance_cents": 200_000}
"""What the bureaus say of everybody: they disagree about accounts, balances, and who went bankrupt."""

WITHOUT_CONSENT, NOWHERE, OLD, BY_RELATION = 0, 1, 2, 3
"""Places of borrowers: withdrew consent everywhere, known to nobody, known from long ago, known by a guarantor only."""
EXPLICIT = range(10, 40)
"""Borrowers who agreed expressly."""
CUT_OFF_DAY = 15_339
RULES = RecordRules(oldest_day=CUT_OFF_DAY - 730)


@dataclass
class Scene:
    """A submitted pack and the databases of three bureaus."""

    network: CreditNetwork
    directory: Path
    subjects: list[str]
    pack: int = 0
    query: int = 0
    registrar_url: str = ""
    answers: dict[str, Handled] = field(default_factory=dict)
    said: dict[str, Any] = field(default_factory=dict)
    """By `tranchain risk query`."""

    def database(self, name: str) -> Path:
        return self.directory / f"{name}.db"

    def file(self) -> PackFile:
        network = self.network
        return read_pack(
            network.chain(), network.vault("risk"), network.identities["risk"], self.pack, with_receipts=True
        )

    def ask(self, file: PackFile, purpose: Purpose) -> int:
        network = self.network
        return open_query(network.chain(), network.vault("risk"), network.identities["risk"], file, purpose)

    def step(self, name: str, query: int, **policy: Any) -> Handled:
        """Have one bureau's daemon deal with what there is; what it did with the query."""
        daemon = Daemon(self.network.bureau(self.database(name), name=name), Policy(**policy))
        return next(one for one in daemon.step() if one.query_id == query)

    def records(self, name: str, rules: RecordRules = RULES, query: int = 0) -> CreditRecords:
        network = self.network
        vault, identity = network.vault(name), network.identities[name]
        return read_credit(network.chain(), vault, identity, query or self.query, rules=rules)

    def handle_at(self, place: int) -> bytes:
        by_loan = {row.loan_id: row.handle for row in self.file().rows}
        return by_loan[f"L{place}"]


def upload(scene: Scene, name: str, values: dict[str, int], places: list[int], *, days: dict[int, int]) -> None:
    """Have a bureau upload its file of the borrowers at some places."""
    columns = {spec.name: [values.get(spec.name)] * len(places) for spec in CREDIT_FIELDS}
    columns["observed_day"] = [days.get(place, 15_300) for place in places]
    frame = pl.DataFrame({"subject_id": [scene.subjects[place] for place in places], **columns})
    path = scene.directory / f"{name}_{len(places)}.csv"
    frame.write_csv(path)
    scene.network.ask(name, "bureau", "upload", path, "--db", scene.database(name))


def write_pack_files(scene: Scene, name: str) -> list[str]:
    """Write a tape and its consents, some of them explicit; the options of `pack submit`."""
    loans = pl.read_csv(EXAMPLE / "loans.csv", infer_schema=False).unique("borrower_id", maintain_order=True)[:LOANS]
    loans = loans.with_columns(loan_id=pl.Series([f"L{place}" for place in range(LOANS)]))
    loans.write_csv(scene.directory / f"{name}.csv")
    papers = pl.read_csv(EXAMPLE / "consents.csv", infer_schema=False)
    explicit = [scene.subjects[place] for place in EXPLICIT]
    papers = papers.filter(pl.col("subject_id").is_in(scene.subjects)).with_columns(
        is_explicit=pl.col("subject_id").is_in(explicit).cast(pl.Int64)
    )
    papers.write_csv(scene.directory / "consents.csv")
    return [
        *(str(scene.directory / f"{name}.csv"), "--consents", str(scene.directory / "consents.csv")),
        *("--mapping", str(EXAMPLE / "mapping_loans.toml"), "--registrar", scene.registrar_url),
        *("--cut-off", "2011-12-31", "--closing", "2012-01-15"),
    ]


def invite(scene: Scene, originator: str) -> int:
    address = scene.network.identities[originator].address
    database = scene.directory / "risk.db"
    return int(scene.network.ask("risk", "risk", "invite", "--originator", address, "--db", database)["pack"])


@pytest.fixture(scope="module")
def scene(network: CreditNetwork, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("bureaus")
    loans = pl.read_csv(EXAMPLE / "loans.csv", infer_schema=False).unique("borrower_id", maintain_order=True)
    made = Scene(network, directory, loans["borrower_id"].to_list()[: LOANS + 1])
    known = [place for place in range(LOANS + 1) if place not in (NOWHERE, BY_RELATION)]
    upload(made, "bureau", BANK, known, days={OLD: 14_000})
    upload(made, "bureau_b", PAYMENTS, known[:-21], days={OLD: 14_000, 20: 15_250})
    upload(made, "bureau_c", THIRD, [place for place in known if place % 2], days={})
    relations = directory / "relations.csv"
    guarantor = made.subjects[LOANS]
    relations.write_text(
        "subject_id,related_id,kind,distance,consented_on,related_consented_on\n"
        f"{made.subjects[BY_RELATION]},{guarantor},guarantor,1,2011-10-01,2011-10-01\n"
        f"{made.subjects[NOWHERE]},{guarantor},contact,2,2011-10-01,\n"
    )
    related = network.ask("bureau", "bureau", "relate", relations, "--db", made.database("bureau"))
    assert (related["borrowers_count"], related["without_consent_count"], related["uploaded_count"]) == (1, 1, 1)
    for name in BUREAUS[:2]:
        withdrawn = made.subjects[WITHOUT_CONSENT]
        network.ask(name, "bureau", "withdraw-consent", withdrawn, "--db", made.database(name))
    with ExitStack() as stack:
        network.cli("registrar", "registrar", "init", "--key-file", directory / "key.json", "--scrypt-n", "2")
        made.registrar_url, listen = (url := f"http://127.0.0.1:{free_port()}"), url.removeprefix("http://")
        arguments = ["--key-file", directory / "key.json", "--listen", listen, "--log", directory / "requests.jsonl"]
        stack.enter_context(network.daemon("registrar", "registrar", "serve", *arguments))
        wait_for(f"{made.registrar_url}/health")
        made.pack = invite(made, "originator")
        options = write_pack_files(made, "loans")
        network.ask("originator", "pack", "submit", *options, "--pack", str(made.pack), "--db", directory / "o.db")
        made.query = made.ask(made.file(), Purpose.UNDERWRITING)
        made.answers = {name: made.step(name, made.query) for name in BUREAUS}
        made.said = network.ask("risk", "risk", "query", str(made.pack))
        yield made


def without(file: PackFile, places: Iterable[int]) -> PackFile:
    """The pack as if it had no loans of these places."""
    loan_ids = {f"L{place}" for place in places}
    kept = [index for index, row in enumerate(file.rows) if row.loan_id not in loan_ids]
    rows = tuple(file.rows[index] for index in kept)
    return dataclasses.replace(file, rows=rows, receipts=tuple(file.receipts[index] for index in kept))


def values_at(scene: Scene, place: int, rules: RecordRules = RULES) -> CreditValues:
    return scene.records("risk", rules).by_handle[scene.handle_at(place)]


def test_every_recipient_merges_the_three_bureaus_to_the_same(scene: Scene) -> None:
    merged = scene.records("risk")
    assert len(merged.by_handle) == LOANS - 4
    for name in ("auditor", "trustee"):
        assert scene.records(name) == merged
    odd, even = values_at(scene, 41), values_at(scene, 42)
    assert [odd[INDEX[each]] for each in ("bankruptcies", "credit_age_months", "payments_late_12m")] == [3, 100, 2]
    assert [even[INDEX[each]] for each in ("bankruptcies", "credit_age_months", "payments_late_12m")] == [0, 100, 2]
    assert values_at(scene, 20)[0] == 15_250
    assert values_at(scene, LOANS - 2)[INDEX["payments_late_12m"]] is None


def test_order_of_sources_from_the_chain_decides_where_bureaus_disagree(scene: Scene) -> None:
    network = scene.network
    path = scene.directory / "sources.toml"
    path.write_text('[fields]\nopen_accounts = ["B"]\nrevolving_balance_cents = [3, "A"]\n')
    sources_id = network.ask("risk", "risk", "sources", "define", path)["sources"]
    assert network.ask("risk", "risk", "sources", "define", path)["sources"] == sources_id
    assert network.ask("risk", "risk", "sources", "show", str(sources_id)) == [
        {"field": "open_accounts", "organisations": ["B"]},
        {"field": "revolving_balance_cents", "organisations": ["C", "A"]},
    ]
    rules = dataclasses.replace(RULES, sources=read_sources(network.chain(), sources_id))
    odd, even = values_at(scene, 41, rules), values_at(scene, 42, rules)
    assert [odd[INDEX[each]] for each in ("open_accounts", "revolving_balance_cents")] == [6, 200_000]
    assert [even[INDEX[each]] for each in ("open_accounts", "revolving_balance_cents")] == [6, 100_000]
    assert values_at(scene, 41)[INDEX["open_accounts"]] == 5
    path.write_text("[fields]\nbankruptcies = [1]\n")
    refused = network.cli("risk", "risk", "sources", "define", path, check=False)
    assert (refused.returncode, "worst value counts" in refused.stderr) == (1, True)


def test_fields_of_explicit_consent_are_withheld_and_counted(scene: Scene) -> None:
    records = scene.records("risk").by_handle
    with_income = {handle for handle, values in records.items() if values[INDEX["income_cents"]] is not None}
    assert with_income == {scene.handle_at(place) for place in EXPLICIT}
    answer = scene.network.chain().call("CreditFileRegistry", "answerOf", scene.query, 1)
    assert answer.withheld == scene.answers["bureau"].withheld == answer.found - len(EXPLICIT) - 1
    assert scene.answers["bureau_b"].withheld == 0


def test_reasons_are_told_to_row_holders_and_only_counted_on_chain(scene: Scene) -> None:
    file = scene.file()
    place_of = {row.loan_id: index for index, row in enumerate(file.rows)}
    reasons = without_record(file, scene.records("auditor"))
    assert reasons == {
        place_of[f"L{WITHOUT_CONSENT}"]: NoRecord.REFUSED,
        place_of[f"L{NOWHERE}"]: NoRecord.MISSING,
        place_of[f"L{OLD}"]: NoRecord.TOO_OLD,
        place_of[f"L{BY_RELATION}"]: NoRecord.RELATION,
    }
    told = scene.network.ask("auditor", "risk", "left-out", str(scene.pack))
    assert (told["missing_count"], told["refused_count"], told["too_old_count"]) == (1, 1, 0)
    said = scene.said
    assert (said["query"], said["subjects_count"], said["records_count"]) == (scene.query, LOANS, LOANS - 3)
    assert [said[f"{name}_count"] for name in ("missing_everywhere", "refused", "by_relation")] == [1, 1, 1]
    assert [answer["withheld_count"] for answer in said["answers"]] == [scene.answers["bureau"].withheld, 0, 0]
    assert Counter(answer.refused for answer in scene.answers.values()) == {1: 2, 0: 1}


def test_spread_data_counts_only_where_the_policy_takes_it(scene: Scene) -> None:
    takes = dataclasses.replace(RULES, takes_relations=True)
    values = values_at(scene, BY_RELATION, takes)
    assert (values[INDEX["relation_distance"]], values[INDEX["income_cents"]]) == (1, None)
    assert [values[INDEX[name]] for name in ("credit_age_months", "open_accounts")] == [100, 5]
    flagged = [each for each in scene.records("risk", takes).by_handle.values() if each[INDEX["relation_distance"]]]
    assert len(flagged) == 1


@pytest.mark.parametrize("factor_ppm", [0, 1_500_000])
def test_policy_on_chain_decides_about_sources_and_relations_up_to_the_report(scene: Scene, factor_ppm: int) -> None:
    network, file = scene.network, scene.file()
    chain, risk = network.chain(), network.identities["risk"]
    sources_id = define_sources(chain, risk, SourceOrder({"revolving_balance_cents": (3,)}))
    policy = ScreeningPolicy(
        expected_bad_rate_ppm=100_000, age_days_max=730, sources_id=sources_id, relation_factor_ppm=factor_ppm
    )
    read = read_policy(chain, ensure_policy(chain, risk, policy))
    rules = record_rules(chain, read, cut_off_day=file.cut_off_day)
    records = scene.records("auditor", rules).by_handle
    assert records[scene.handle_at(41)][INDEX["revolving_balance_cents"]] == 200_000
    report = assess(
        ModelPackage.load(DEFAULT_MODEL),
        file.rows,
        records,
        cut_off_day=file.cut_off_day,
        fresh_days=read.fresh_days,
        age_days_max=read.age_days_max,
        allows_relations=read.relation_factor_ppm > 0,
    )
    words = {row.loan_id: word for row, word in zip(file.rows, words_of(report), strict=True)}
    spread = [place for place in range(LOANS) if is_by_relation(words[f"L{place}"])]
    assert spread == ([BY_RELATION] if factor_ppm else [])
    without = [place for place in range(LOANS) if words[f"L{place}"] == NO_RECORD]
    assert without == [WITHOUT_CONSENT, NOWHERE, OLD, *([] if factor_ppm else [BY_RELATION])]


def test_query_that_differs_by_one_person_is_refused_by_every_bureau(scene: Scene) -> None:
    file = scene.file()
    fewer, almost = without(file, range(41, 62)), without(file, [41])
    allowed = scene.ask(fewer, Purpose.MONITORING)
    assert scene.step("bureau", allowed).refusal is None
    near = scene.ask(almost, Purpose.MONITORING)
    assert [scene.step(name, near).refusal for name in BUREAUS] == [Refusal.BUDGET] * 3
    again = scene.ask(file, Purpose.MONITORING)
    assert scene.step("bureau", again, queries_per_month=2).refusal is None


def test_answer_about_a_handful_of_known_people_is_refused(scene: Scene) -> None:
    query = scene.ask(scene.file(), Purpose.MONITORING)
    assert scene.step("bureau_c", query, found_min=100).refusal is Refusal.SIZE


def test_superseded_record_brings_one_notice_without_content(scene: Scene) -> None:
    network, database = scene.network, scene.database("bureau_b")
    assert network.ask("bureau_b", "bureau", "notify", "--db", database)["queries"] == []
    upload(scene, "bureau_b", PAYMENTS | {"payments_late_12m": 9}, [50, 51], days={50: 15_330, 51: 15_330})
    told = network.ask("bureau_b", "bureau", "notify", "--db", database)["queries"]
    assert scene.query in told
    assert network.ask("bureau_b", "bureau", "notify", "--db", database)["queries"] == []
    listed = network.ask("risk", "risk", "notices", str(scene.pack))
    mine = [row for row in listed if row["query"] == scene.query]
    assert [(row["bureau"], row["queried_again"]) for row in mine] == [("B", False)]
    events = list(network.chain().events("CreditFileRegistry", "QueryAgain", filters={"queryId": scene.query}))
    assert [set(event.args) for event in events] == [{"queryId", "packId", "riskControl", "organisation"}]
    again = scene.ask(scene.file(), Purpose.MONITORING)
    assert scene.step("bureau_b", again).refusal is None
    assert network.ask("risk", "risk", "notices", str(scene.pack))[0]["queried_again"]


def test_daemon_collects_changes_before_it_tells_of_them(scene: Scene) -> None:
    bureau = scene.network.bureau(scene.database("bureau_c"), name="bureau_c")
    assert tell_when_due(bureau) == []
    upload(scene, "bureau_c", THIRD | {"bankruptcies": 4}, [51, 53], days={51: 15_330, 53: 15_330})
    assert tell_when_due(bureau) == []
    assert scene.query in tell_when_due(bureau, every_s=0)
    assert tell_when_due(bureau, every_s=0) == []


def test_withdrawal_of_the_related_person_takes_the_spread_record_back(scene: Scene) -> None:
    network, guarantor = scene.network, scene.subjects[LOANS]
    before = network.ask("bureau", "bureau", "status", "--db", scene.database("bureau"))
    network.ask("bureau", "bureau", "withdraw-consent", guarantor, "--db", scene.database("bureau"))
    after = network.ask("bureau", "bureau", "status", "--db", scene.database("bureau"))
    assert after.get("records_erased_count", 0) == before.get("records_erased_count", 0) + 1
    takes = dataclasses.replace(RULES, takes_relations=True)
    assert scene.handle_at(BY_RELATION) not in scene.records("risk", takes).by_handle


def test_row_of_the_future_is_refused_with_its_line(scene: Scene) -> None:
    path = scene.directory / "future.csv"
    columns = [spec.name for spec in CREDIT_FIELDS]
    path.write_text("subject_id," + ",".join(columns) + "\nX1,60000" + "," * (len(columns) - 1) + "\n")
    refused = scene.network.cli("bureau", "bureau", "upload", path, "--db", scene.database("bureau"), check=False)
    assert refused.returncode == 1
    assert "1 bad row (observed_day)" in refused.stderr
    assert "in the future" in refused.stdout + refused.stderr


def test_same_loan_offered_by_two_originators_is_refused_until_the_first_withdraws(scene: Scene) -> None:
    network = scene.network
    options = write_pack_files(scene, "same_loans")
    second = invite(scene, "originator_2")
    line = ("pack", "submit", *options, "--pack", str(second), "--db", scene.directory / "o2.db")
    refused = network.cli("originator_2", *line, check=False)
    assert refused.returncode == 1
    assert "PledgeAlreadyLive" in refused.stderr or "live pack" in refused.stderr
    assert json.loads((scene.directory / "requests.jsonl").read_text().splitlines()[-1])["outcome"] == "attested"
    network.cli("originator", "pack", "withdraw", str(scene.pack))
    assert network.ask("originator_2", *line)["assets_count"] == LOANS
