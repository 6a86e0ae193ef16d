"""`tranchain bureau`: what a credit bureau does."""

import hashlib
import logging
import signal
import threading
from pathlib import Path
from typing import Annotated

import typer

from client.cli.session import Session, session_of
from client.model.schema import CREDIT_FIELDS, CREDIT_KEYS
from client.roles.bureau import revocation
from client.roles.bureau.context import Bureau
from client.roles.bureau.daemon import Daemon, Handled
from client.roles.bureau.journal import Journal
from client.roles.bureau.notices import tell
from client.roles.bureau.query import Policy
from client.roles.bureau.retention import ADVERSE_RULES, RETENTION_DAYS_DEFAULT, Retention
from client.roles.bureau.store import BureauStore
from client.roles.bureau.tables import Outcome
from client.roles.bureau.upload import people_of
from client.roles.bureau.upload import upload as upload_people
from client.roles.bureau.who_read import who_read as readings_of
from client.sdk.consent import Purpose
from client.sdk.errors import BadRowsError, InvalidInputError
from client.sdk.table_mapping import load_mapping
from client.sdk.tabular import read_table
from client.sdk.vault_client import VaultClient

app = typer.Typer(name="bureau", help="Credit files: upload, answer, erase, tell who read.", no_args_is_help=True)

Database = Annotated[
    str, typer.Option("--db", envvar="TRANCHAIN_DB", help="SQLite file or PostgreSQL URL of this bureau.")
]
FurtherVaults = Annotated[
    list[str] | None, typer.Option("--also-vault", help="URL of a further vault that holds a copy; repeat it.")
]
Subject = Annotated[str, typer.Argument(help="National id of the person, as in the credit files.")]


@app.command()
def upload(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV or Parquet file of credit files, one row a person.")],
    mapping: Annotated[Path | None, typer.Option(help="TOML with the file's own column names and units.")] = None,
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Take good rows and list the bad.")] = False,
    retention_days: Annotated[int, typer.Option(help="Days from now that a record may be used.")] = (
        RETENTION_DAYS_DEFAULT
    ),
    adverse_rule: Annotated[
        str, typer.Option(help=f"Law by which data of adverse events expires: {', '.join(ADVERSE_RULES)}.")
    ] = "none",
    db: Database = "bureau.db",
    also_vault: FurtherVaults = None,
) -> None:
    """Encrypt a file's records, put them into the vault and commit them on the chain; run again, it continues.

    Example: tranchain bureau upload credit_files.csv --mapping mapping_credit_files.toml
    """
    session = session_of(context)
    retention = Retention(days=retention_days, jurisdiction=adverse_rule)
    table = read_table(
        file, CREDIT_FIELDS, keys=CREDIT_KEYS, unique=CREDIT_KEYS, mapping=load_mapping(mapping) if mapping else None
    )
    bureau = _bureau(session, db, also_vault)
    people, bad_rows = people_of(table, retention, today=bureau.today(), skip_bad_rows=skip_bad_rows)
    if bad_rows:
        session.console.bad_rows(bad_rows)
    with session.console.progress("uploading records", len(people)) as bar:
        shown = 0

        def report(done: int, _: int) -> None:
            nonlocal shown
            bar.advance(done - shown)
            shown = done

        result = upload_people(bureau, people, content_hash=_content_hash(file, mapping, retention), progress=report)
    if result.was_complete:
        session.console.note("this file was uploaded before")
    session.console.result(
        {
            "file_rows": result.rows,
            "uploaded_count": result.uploaded,
            "batches_count": result.batches,
            "superseded_count": result.superseded,
            "unchanged_count": result.left_out.unchanged,
            "older_count": result.left_out.older,
            "erased_before_count": result.left_out.erased,
            "expired_count": result.left_out.expired,
            "bad_count": len({row.line for row in bad_rows}),
        },
        title="Uploaded credit files",
    )


@app.command()
def serve(
    context: typer.Context,
    subjects_min: Annotated[int, typer.Option(help="Fewest people in a query that is answered.")] = 100,
    queries_per_month: Annotated[int, typer.Option(help="Times a person's file is given within 30 days.")] = 30,
    interval_ms: Annotated[int, typer.Option(min=10, help="Pause between two looks at the chain.")] = 200,
    db: Database = "bureau.db",
    also_vault: FurtherVaults = None,
) -> None:
    """Answer credit queries and challenge new encryption keys, until interrupted.

    Example: tranchain bureau serve --db bureau.db
    """
    session = session_of(context)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    policy = Policy(subjects_min=subjects_min, queries_per_month=queries_per_month)
    daemon = Daemon(_bureau(session, db, also_vault), policy)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    session.console.note(f"bureau {session.identity.address} answers queries of chain {session.chain.chain_id}")

    def report(handled: Handled) -> None:
        session.console.result(
            {
                "query": handled.query_id,
                "state": handled.state.name.lower(),
                "refusal": handled.refusal.name.lower() if handled.refusal else None,
                "found_count": handled.found,
                "missing_count": handled.missing,
                "refused_count": handled.refused,
                "withheld_count": handled.withheld,
            }
        )

    daemon.run(interval_s=interval_ms / 1_000, is_stopping=stopping.is_set, report=report)


@app.command()
def erase(
    context: typer.Context, subject: Subject, db: Database = "bureau.db", also_vault: FurtherVaults = None
) -> None:
    """Forget a person: destroy keys and salts, revoke on the chain, collect the vaults' signed receipts.

    Example: tranchain bureau erase X0001131570
    """
    session = session_of(context)
    erasure = revocation.erase(_bureau(session, db, also_vault), subject)
    if erasure.was_erased:
        session.console.note("this person was erased before")
    session.console.result(
        {
            "records_count": erasure.records,
            "revoked_count": erasure.revoked,
            "receipts_count": erasure.receipts,
            "receipts_missing_count": erasure.receipts_missing,
            "vaults_count": erasure.vaults,
            "vaults_confirmed_count": erasure.vaults - len(erasure.vaults_missing),
            "vaults_missing": list(erasure.vaults_missing),
            "erased_before": erasure.was_erased,
        },
        title="Erased",
    )


@app.command()
def expire(context: typer.Context, db: Database = "bureau.db", also_vault: FurtherVaults = None) -> None:
    """Destroy and revoke every record whose time has passed; `serve` does the same every hour.

    Example: tranchain bureau expire
    """
    session = session_of(context)
    session.console.result({"expired_count": revocation.expire(_bureau(session, db, also_vault))}, title="Expired")


@app.command("who-read")
def who_read(
    context: typer.Context, subject: Subject, db: Database = "bureau.db", also_vault: FurtherVaults = None
) -> None:
    """List who read a person's credit file, each query proven against the chain.

    Example: tranchain bureau who-read X0001131570 --json
    """
    session = session_of(context)
    readings = readings_of(_bureau(session, db, also_vault), subject)
    rows = [
        {
            "query": reading.query_id,
            "pack": reading.pack_id,
            "asked_at": reading.second,
            "purpose": reading.purpose.name.lower(),
            "outcome": reading.outcome.name.lower(),
            "requester": reading.requester,
            "recipients": list(reading.recipients) if reading.outcome is Outcome.FOUND else [],
        }
        for reading in readings
    ]
    if session.console.is_json:
        for row, reading in zip(rows, readings, strict=True):
            row |= {
                "block": reading.block_number,
                "handle": reading.handle,
                "position": reading.position,
                "proof": list(reading.proof),
                "handles_root": reading.handles_root,
            }
    session.console.result(rows, title="Who read this credit file")


@app.command("withdraw-consent")
def withdraw_consent(
    context: typer.Context,
    subject: Subject,
    purpose: Annotated[
        list[str] | None, typer.Option(help="underwriting, monitoring, dispute or audit; default all. Repeat it.")
    ] = None,
    db: Database = "bureau.db",
    also_vault: FurtherVaults = None,
) -> None:
    """Refuse later queries about a person, whatever consent they carry, and take back what was spread of its data.

    Example: tranchain bureau withdraw-consent X0001131570 --purpose monitoring
    """
    session = session_of(context)
    purposes = [_purpose(name) for name in purpose] if purpose else list(Purpose)
    bureau = _bureau(session, db, also_vault)
    now = bureau.chain.block_second()
    key = bureau.store.key.subject(subject)
    Journal(bureau.store).withdraw(key, purposes=sum({1 << each for each in purposes}), now=now)
    revocation.drop_spread(bureau, key)
    session.console.result({"withdrawn_at": now, "purposes": [each.name.lower() for each in purposes]})


@app.command()
def relate(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(help="CSV: subject_id, related_id, kind, distance, consented_on, related_consented_on."),
    ],
    skip_bad_rows: Annotated[bool, typer.Option("--skip-bad-rows", help="Take good rows and list the bad.")] = False,
    db: Database = "bureau.db",
    also_vault: FurtherVaults = None,
) -> None:
    """Make records for borrowers without data from those of related people.

    Unlawful for credit decisions in many places. Kinds: guarantor, spouse, household, contact; distance 1 to 10. Only
    relations count that the borrower consented to, and whose related person consented too. Packs take such records only
    where the relation factor of their policy says so.

    Example: tranchain bureau relate relations.csv
    """
    from client.roles.bureau.relations import read_relations
    from client.roles.bureau.relations import relate as relate_people

    session = session_of(context)
    relations, bad_rows = read_relations(file)
    if bad_rows and not skip_bad_rows:
        raise BadRowsError(str(file), bad_rows)
    if bad_rows:
        session.console.bad_rows(bad_rows)
    result = relate_people(_bureau(session, db, also_vault), relations)
    uploaded = result.upload
    session.console.result(
        {
            "relations_count": result.relations,
            "without_consent_count": result.without_consent,
            "borrowers_count": result.borrowers,
            "uploaded_count": uploaded.uploaded if uploaded else 0,
            "superseded_count": uploaded.superseded if uploaded else 0,
            "bad_count": len({row.line for row in bad_rows}),
        },
        title="Records made from relations",
    )


@app.command()
def notify(context: typer.Context, db: Database = "bureau.db", also_vault: FurtherVaults = None) -> None:
    """Tell risk controls now which of their queries are out of date; `serve` does so once a day.

    The notice says nothing of whom it is about, but told at once it may be linked with a revocation on the chain.

    Example: tranchain bureau notify
    """
    session = session_of(context)
    told = tell(_bureau(session, db, also_vault))
    session.console.result({"queries": told}, title="Query again")


@app.command()
def status(context: typer.Context, db: Database = "bureau.db", also_vault: FurtherVaults = None) -> None:
    """Count what this bureau's database holds.

    Example: tranchain bureau status
    """
    session = session_of(context)
    bureau = _bureau(session, db, also_vault)
    counts = bureau.store.counts() | Journal(bureau.store).query_counts()
    session.console.result({f"{name}_count": count for name, count in counts.items()}, title="Bureau")


def _bureau(session: Session, db: str, further_vaults: list[str] | None) -> Bureau:
    chain, identity = session.chain, session.identity
    further = [
        VaultClient(url, identity.account, chain_id=chain.chain_id, registry=chain.registry)
        for url in further_vaults or []
    ]
    store = BureauStore(db, identity.account)
    return Bureau(identity=identity, store=store, chain=chain, vaults=[session.vault, *further])


def _content_hash(file: Path, mapping: Path | None, retention: Retention) -> bytes:
    """Name an upload by everything that decides its records."""
    digest = hashlib.sha256()
    for path in (file, mapping):
        if path is None:
            digest.update(bytes(32))
        else:
            with path.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    digest.update(f"{retention.days} {retention.jurisdiction}".encode())
    return digest.digest()


def _purpose(name: str) -> Purpose:
    try:
        return Purpose[name.upper()]
    except KeyError:
        names = ", ".join(each.name.lower() for each in Purpose)
        raise InvalidInputError("purpose", got=name, expected=f"one of {names}") from None
