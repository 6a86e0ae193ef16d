"""Registrar, queries and answers against a real node: one pack of 150 loans, from invitation to erasure."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import polars as pl
import pytest

from client.roles.bureau.daemon import Daemon
from client.roles.bureau.journal import Journal
from client.roles.bureau.query import Policy
from client.roles.bureau.tables import QueryState
from client.roles.originator.registrar_client import RegistrarClient
from client.roles.risk_control.query import open_query
from client.sdk.chain import ChainClient
from client.sdk.consent import Purpose
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.errors import RefusedError, RequestRefusedError, UnavailableError
from client.sdk.handle import handle as handle_of
from client.sdk.handle import new_pack_key
from client.sdk.hashing import keccak
from client.sdk.keystore import add_encryption_key, unlock
from client.sdk.merkle import root_of_proof
from client.sdk.pack.asset_row import AssetRow
from client.sdk.pack.credit_record import NoRecord
from client.sdk.pack.reader import read_credit, read_pack
from tests.e2e.credit.credit_network import PASSWORD, SCRYPT_N, CreditNetwork
from tests.e2e.node_kit import ROOT

EXAMPLE = ROOT / "examples/lendingclub_2011"
LOANS = 150


@dataclass
class Market:
    """A submitted pack, the bureau's files about its borrowers, and a running registrar."""

    network: CreditNetwork
    directory: Path
    registrar_url: str
    pack: int
    subjects: list[str]
    known: list[str]
    """Subjects that the bureau has a file of."""

    @property
    def database(self) -> Path:
        return self.directory / "bureau.db"

    def ask(self, purpose: Purpose = Purpose.UNDERWRITING) -> int:
        """Open a query about all borrowers of the pack."""
        risk, chain, vault = self.network.identities["risk"], self.network.chain(), self.network.vault("risk")
        return open_query(chain, vault, risk, read_pack(chain, vault, risk, self.pack, with_receipts=True), purpose)

    def daemon(self, **policy: object) -> Daemon:
        return Daemon(self.network.bureau(self.database), Policy(**policy))

    def answered(self, query: int) -> list[object]:
        chain = self.network.chain()
        filters = {"queryId": query}
        return [
            *chain.events("CreditFileRegistry", "CreditAnswered", filters=filters),
            *chain.events("CreditFileRegistry", "CreditRefused", filters=filters),
        ]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def market(network: CreditNetwork, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    directory = tmp_path_factory.mktemp("market")
    loans = pl.read_csv(EXAMPLE / "loans.csv", infer_schema=False)
    key = next(column for column in loans.columns if loans[column][0].startswith("X"))
    loans.unique(key, maintain_order=True)[:LOANS].write_csv(directory / "loans.csv")
    subjects = pl.read_csv(directory / "loans.csv", infer_schema=False)[key].to_list()
    files = pl.read_csv(EXAMPLE / "credit_files.csv", infer_schema=False)
    files = files.filter(pl.col("national_id").is_in(subjects[:-7]))
    files.write_csv(directory / "files.csv")
    mapping = EXAMPLE / "mapping_credit_files.toml"
    network.ask(
        "bureau", "bureau", "upload", directory / "files.csv", "--mapping", mapping, "--db", directory / "bureau.db"
    )
    network.cli("registrar", "registrar", "init", "--key-file", directory / "key.json", "--scrypt-n", "2")
    url = f"127.0.0.1:{free_port()}"
    arguments = ["--key-file", directory / "key.json", "--listen", url, "--log", directory / "requests.jsonl"]
    with network.daemon("registrar", "registrar", "serve", *arguments):
        wait_for(f"http://{url}/health")
        originator = network.identities["originator"].address
        pack = network.ask("risk", "risk", "invite", "--originator", originator, "--db", directory / "risk.db")["pack"]
        market = Market(network, directory, f"http://{url}", pack, subjects, files["national_id"].to_list())
        submit(market, pack)
        yield market


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=1).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def submit(market: Market, pack: int) -> None:
    market.network.ask(
        *("originator", "pack", "submit", market.directory / "loans.csv", "--pack", str(pack)),
        *("--consents", EXAMPLE / "consents.csv", "--mapping", EXAMPLE / "mapping_loans.toml"),
        *("--registrar", market.registrar_url, "--cut-off", "2011-12-31", "--closing", "2012-01-15"),
        *("--db", market.directory / "originator.db"),
    )


def test_query_of_a_pack_brings_every_record_checked_and_is_answered_once(market: Market):
    network = market.network
    bureau = network.bureau(market.database)
    withdrawn, erased = market.known[0], market.known[1]
    network.ask("bureau", "bureau", "withdraw-consent", withdrawn, "--db", market.database)
    erasure = network.ask("bureau", "bureau", "erase", erased, "--db", market.database)
    assert erasure["receipts_missing_count"] == 0
    query = market.ask()
    handled = [one for one in market.daemon().step() if one.query_id == query]
    assert [(one.state, one.found, one.missing, one.refused) for one in handled] == [
        (QueryState.ANSWERED, len(market.known) - 2, LOANS - len(market.known) + 1, 1)
    ]
    assert market.daemon().step() == []
    assert len(market.answered(query)) == 1
    for name in ("risk", "auditor", "trustee"):
        records = read_credit(network.chain(), network.vault(name), network.identities[name], query)
        assert len(records.by_handle) == len(market.known) - 2
    with pytest.raises(RefusedError):
        read_credit(network.chain(), network.vault("originator"), network.identities["originator"], query)
    assert Journal(bureau.store).state_of(query) is QueryState.ANSWERED
    network.chain().send("CreditFileRegistry", "closeQuery", [query], network.identities["risk"].account)


def test_who_read_lists_each_query_with_a_proof_that_anyone_can_check(market: Market):
    rows = market.network.ask("bureau", "bureau", "who-read", market.known[5], "--db", market.database)
    assert len(rows) >= 1
    row = rows[0]
    assert (row["purpose"], row["outcome"], row["pack"]) == ("underwriting", "found", market.pack)
    root = market.network.chain().call("CreditFileRegistry", "query", row["query"]).handlesRoot
    proof = [bytes.fromhex(each[2:]) for each in row["proof"]]
    assert root_of_proof(keccak(bytes.fromhex(row["handle"][2:])), row["position"], proof) == bytes(root)
    assert market.network.identities["risk"].address in row["recipients"]
    withdrawn = market.network.ask("bureau", "bureau", "who-read", market.known[0], "--db", market.database)
    assert [(one["outcome"], one["recipients"]) for one in withdrawn] == [("refused", [])]
    unknown = market.network.cli("bureau", "bureau", "who-read", "nobody", "--db", market.database, check=False)
    assert unknown.returncode == 1
    assert "no credit file of this subject" in unknown.stderr


def test_query_for_a_purpose_that_nobody_consented_to_is_refused_on_the_chain(market: Market):
    query = market.ask(Purpose.DISPUTE)
    market.daemon().step()
    (event,) = market.answered(query)
    assert (event.name, event.args["reason"]) == ("CreditRefused", 3)


def test_query_below_the_bureaus_own_minimum_is_refused_for_its_size(market: Market):
    query = market.ask(Purpose.MONITORING)
    market.daemon(subjects_min=LOANS + 1).step()
    (event,) = market.answered(query)
    assert event.args["reason"] == 4


def test_subject_given_too_often_is_refused_in_silence(market: Market):
    query = market.ask(Purpose.MONITORING)
    handled = [one for one in market.daemon(queries_per_month=1).step() if one.query_id == query]
    (event,) = market.answered(query)
    assert event.args["reason" if event.name == "CreditRefused" else "refused"] >= len(market.known) - 2
    assert handled[0].found == 0


@pytest.mark.parametrize("step", ["before the transaction", "after the transaction"])
def test_daemon_killed_around_its_answer_answers_exactly_once(
    market: Market, monkeypatch: pytest.MonkeyPatch, step: str
):
    query = market.ask(Purpose.MONITORING)
    original = ChainClient.send

    class Killed(BaseException):
        pass

    def dying(self, contract, function, *args, **options):
        if function != "answerCredit":
            return original(self, contract, function, *args, **options)
        if step == "after the transaction":
            original(self, contract, function, *args, **options)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(ChainClient, "send", dying)
        with pytest.raises(Killed):
            market.daemon().step()
    assert Journal(market.network.bureau(market.database).store).state_of(query) is QueryState.PREPARED
    market.daemon().step()
    assert [event.name for event in market.answered(query)] == ["CreditAnswered"]
    assert Journal(market.network.bureau(market.database).store).state_of(query) is QueryState.ANSWERED
    records = read_credit(
        market.network.chain(), market.network.vault("risk"), market.network.identities["risk"], query
    )
    assert len(records.by_handle) == len(market.known) - 2


def test_chain_away_while_answering_is_waited_out(market: Market, monkeypatch: pytest.MonkeyPatch):
    query = market.ask(Purpose.MONITORING)
    daemon = market.daemon()

    def unavailable(*_, **__):
        raise UnavailableError("the vault", "no connection")

    with monkeypatch.context() as patch:
        patch.setattr("client.sdk.vault_client.VaultClient.put", unavailable)
        with pytest.raises(UnavailableError):
            daemon.step()
    assert market.answered(query) == []
    daemon.step()
    assert [event.name for event in market.answered(query)] == ["CreditAnswered"]


def test_daemon_process_answers_queries_and_challenges_new_keys(market: Market):
    network = market.network
    originator = network.identities["originator"]
    keys = KeyDirectory(network.chain())
    filters = {"account": originator.address}

    def challenge_count() -> int:
        return len(list(network.chain().events("EncryptionKeys", "KeyChallenged", filters=filters)))

    before = challenge_count()
    with network.daemon("bureau", "bureau", "serve", "--db", market.database, "--interval-ms", "50"):
        query = market.ask(Purpose.MONITORING)
        keys.announce(add_encryption_key(originator, PASSWORD, scrypt_n=SCRYPT_N), originator.account)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not (market.answered(query) and challenge_count() > before):
            time.sleep(0.2)
    assert len(market.answered(query)) == 1
    assert challenge_count() == before + 1
    network.identities["originator"] = unlock(originator.path, PASSWORD)
    keys.prove(network.identities["originator"])
    lines = [line for line in (network.directory / "bureau.log").read_text().splitlines() if line.startswith("{")]
    assert orjson.loads(lines[-1])["query"] == query
    log = (network.directory / "bureau.log").read_text() + network.node.log.read_text()
    assert not any(subject in log for subject in market.subjects)


def attest(market: Market, name: str, pack: int, rows: list[tuple[str, bytes, bytes]], first_index: int = 0):
    chain = market.network.chain()
    account = market.network.identities[name].account
    client = RegistrarClient(market.registrar_url, account, chain_id=chain.chain_id, registry=chain.registry)
    return client.attest(pack_id=pack, first_index=first_index, rows=rows)


def some_rows(market: Market, pack_key: bytes, subjects: list[str]) -> list[tuple[str, bytes, bytes]]:
    risk = market.network.identities["risk"]
    loan = read_pack(market.network.chain(), market.network.vault("risk"), risk, market.pack).rows[0]
    return [
        (subject, AssetRow(handle_of(pack_key, subject), f"L{at}", loan.values).to_bytes(), bytes([at]) * 32)
        for at, subject in enumerate(subjects)
    ]


def test_registrar_refuses_strangers_packs_that_are_not_open_and_other_members(market: Market):
    rows = some_rows(market, new_pack_key(), market.subjects[:100])
    for name, code in (("risk", "wrong_role"), ("originator", "pack_not_open")):
        with pytest.raises(RequestRefusedError) as refusal:
            attest(market, name, market.pack, rows)
        assert (refusal.value.status, refusal.value.code) == (403, code)
    with pytest.raises(RequestRefusedError) as refusal:
        attest(market, "originator", 999, rows)
    assert refusal.value.code == "wrong_account"


def test_registrar_attests_an_open_chunk_only_as_it_is(market: Market):
    network = market.network
    originator = network.identities["originator"]
    invited = network.ask(
        "risk", "risk", "invite", "--originator", originator.address, "--db", market.directory / "risk.db"
    )
    header = {
        "currency": b"USD",
        "cutOff": 15_339,
        "closing": 15_354,
        "count": 100,
        "totalPrincipalCents": 10**9,
        "classUnit": 1_000,
        "rowKeyBlob": b"\x01" * 32,
    }
    chain, pack = network.chain(), invited["pack"]
    chain.send("AssetPackRegistry", "open", [pack, header], originator.account)
    pack_key = pack_key_of(market, pack)
    rows = some_rows(market, pack_key, market.subjects[:100])
    attested = attest(market, "originator", pack, rows)
    assert len(set(attested.nullifiers)) == 100
    assert attest(market, "originator", pack, rows) == attested
    other_subject = [(market.subjects[120], *rows[0][1:]), *rows[1:]]
    twice = [rows[0], (rows[0][0], rows[0][1], b"\x77" * 32), *rows[2:]]
    for bad, code in (
        (rows[:99], "bad_chunk"),
        (other_subject, "wrong_handle"),
        (twice, "double_pledge"),
        ([(rows[0][0], b"\x00", rows[0][2]), *rows[1:]], "bad_row"),
        ([(rows[0][0], rows[0][1], b"short"), *rows[1:]], "bad_row"),
    ):
        with pytest.raises(RequestRefusedError) as refusal:
            attest(market, "originator", pack, bad)
        assert (refusal.value.status, refusal.value.code) == (422, code)
    logged = [orjson.loads(line) for line in (market.directory / "requests.jsonl").read_text().splitlines()]
    assert {"attested", "wrong_handle", "double_pledge", "bad_row"} <= {line["outcome"] for line in logged}
    text = (market.directory / "requests.jsonl").read_text()
    assert not any(subject in text for subject in market.subjects)


def pack_key_of(market: Market, pack: int) -> bytes:
    from client.roles.registrar.pack_keys import PackKeys

    network = market.network
    return PackKeys(network.chain(), network.vault("registrar"), network.identities["registrar"]).of(pack)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [(b"", {}, 401), (b"x" * (1 << 21), {}, 413), (b"\xa0", {"X-Tranchain-Account": "0x12"}, 401)],
)
def test_registrar_answers_bad_requests_with_a_code(market: Market, body: bytes, headers: dict[str, str], status: int):
    response = httpx.post(f"{market.registrar_url}/registrar/v1/attest", content=body, headers=headers)
    assert response.status_code == status
    assert set(response.json()["error"]) == {"code", "message"}


def test_registrar_on_a_taken_port_or_without_its_role_says_so_and_ends(market: Market):
    key_file = market.directory / "key.json"
    port = market.registrar_url.rpartition(":")[2]
    for name, reason in (("registrar", "another program listens there"), ("bureau", "is no registrar in force")):
        arguments = ["registrar", "serve", "--key-file", key_file, "--listen", f"127.0.0.1:{port}"]
        ended = market.network.cli(name, *arguments, "--log", market.directory / "other.jsonl", check=False)
        assert ended.returncode == 1
        assert reason in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


def test_query_in_parts_brings_what_a_whole_one_brings_and_what_was_erased_since_is_named(
    market: Market, monkeypatch: pytest.MonkeyPatch
):
    network, erased = market.network, market.known[2]
    for module in ("sdk.credit_parts", "roles.risk_control.query"):
        monkeypatch.setattr(f"client.{module}.PART_COUNT_MAX", 40)
    query = market.ask(Purpose.MONITORING)
    (handled,) = [one for one in market.daemon().step() if one.query_id == query]
    assert (handled.found, handled.refused) == (len(market.known) - 2, 1)
    chain, risk = network.chain(), network.identities["risk"]
    answered_in = chain.head()
    whole = read_credit(chain, network.vault("risk"), risk, query)
    assert (len(whole.by_handle), whole.erased_handles) == (len(market.known) - 2, frozenset())
    assert list(whole.reason_by_handle.values()) == [NoRecord.REFUSED]
    network.ask("bureau", "bureau", "erase", erased, "--db", market.database)
    now = read_credit(chain, network.vault("risk"), risk, query)
    then = read_credit(chain, network.vault("risk"), risk, query, as_of_block=answered_in)
    assert len(now.by_handle) == len(then.by_handle) == len(whole.by_handle) - 1
    assert then.erased_handles == whole.by_handle.keys() - now.by_handle.keys()
    assert now.erased_handles == frozenset()
