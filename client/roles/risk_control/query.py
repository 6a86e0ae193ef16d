"""Querying the credit files of a pack's borrowers. Source: docs/protocol.md, 5."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from client.sdk import cipher, merkle
from client.sdk.chain import ChainClient
from client.sdk.consent import Purpose
from client.sdk.credit_bundle import CreditRequest, encode_request, encode_request_of_parts, encode_request_part
from client.sdk.credit_parts import PART_COUNT_MAX, cut
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.errors import InvalidInputError, RefusedError, UnavailableError
from client.sdk.handle import handles_tree
from client.sdk.hashing import keccak
from client.sdk.keystore import Identity
from client.sdk.pack.credit_record import CreditValues, NoRecord
from client.sdk.pack.reader import PackFile, read_credit
from client.sdk.recipients import sealable_with
from client.sdk.role import Role
from client.sdk.vault_client import PackBlob, VaultClient

RECIPIENT_ROLES = (Role.RISK_CONTROL, Role.TRUSTEE, Role.AUDITOR)
RECIPIENTS_MAX = 16
"""More the contract does not take."""
QUERY_LIFETIME_S = 7 * 86_400
"""After this nobody answers the query or opens its bundles any more."""
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one bureau said."""

    bureau: str
    found: int
    missing: int
    refused: int
    withheld: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryResult:
    """A closed query and the records it brought, opened and checked."""

    query_id: int
    subject_count: int
    answers: tuple[Answer, ...]
    record_by_handle: Mapping[bytes, CreditValues]
    """Of subjects with data of their own."""
    without_record: Mapping[NoRecord, int]
    """How many subjects have none, by reason; whether a record is too old, a policy decides later."""


def open_query(
    chain: ChainClient,
    vault: VaultClient,
    identity: Identity,
    pack: PackFile,
    purpose: Purpose,
    *,
    recipients: Sequence[str] = (),
) -> int:
    """Ask all bureaus for the credit files of a pack's borrowers; returns the query id.

    `recipients` get the bundles beside this account; none named means every risk control, trustee and auditor.

    Raises:
        RefusedError: no bureau has a proven key, or the contract's reason (fewer than 100 subjects, a pack that is not
            submitted, an account that is not risk control).
    """
    receipt_by_handle = dict(zip(pack.table.decoded.handles, pack.receipts, strict=True))
    handles = tuple(sorted(receipt_by_handle))
    request = CreditRequest(handles=handles, receipts=tuple(receipt_by_handle[each] for each in handles))
    expires_at = chain.block_second() + QUERY_LIFETIME_S
    keys = KeyDirectory(chain)
    bureaus = keys.sealable(Role.BUREAU)
    if not bureaus:
        raise RefusedError("EncryptionKeys", "no bureau has a proven key", "bureaus run `tranchain keys announce`")
    recipients = sorted({identity.address, *recipients}) if recipients else sealable_with(keys, RECIPIENT_ROLES)
    if len(recipients) > RECIPIENTS_MAX:
        raise InvalidInputError(
            "recipients", got=len(recipients), expected=f"at most {RECIPIENTS_MAX}", remedy="name them with --recipient"
        )
    if identity.address not in recipients:
        raise RefusedError("EncryptionKeys", f"{identity.address} has no proven key", "run `tranchain keys announce`")
    request_key = cipher.new_key()
    sealed = keys.seal_to(bureaus, request_key, label="request-key", subject=pack.pack_id, expires_at=expires_at)
    blob = _put_request(vault, pack.pack_id, request, request_key, sealed)
    terms = {
        "packId": pack.pack_id,
        "purpose": int(purpose),
        "recipients": recipients,
        "handlesRoot": handles_tree(handles).root,
        "count": len(handles),
        "consentRoot": merkle.compute_root([keccak(each) for each in request.receipts]),
        "requestBlob": keccak(blob),
        "expiresAt": expires_at,
    }
    receipt = chain.send("CreditFileRegistry", "requestCredit", [terms], identity.account)
    return int(receipt.event("CreditRequested").args["queryId"])


def _put_request(
    vault: VaultClient, pack_id: int, request: CreditRequest, request_key: bytes, sealed: Mapping[str, bytes]
) -> bytes:
    """Put a request into the vault, in parts where it names many subjects; returns the blob that leads to all of it."""

    def readable(blob: bytes) -> PackBlob:
        return PackBlob(pack=pack_id, readers=list(sealed), roles=[Role.AUDITOR], blob=blob)

    if len(request.handles) <= PART_COUNT_MAX:
        blob = encode_request(request, request_key, sealed)
    else:
        part_hashes = []
        for handles, receipts in cut(request.handles, request.receipts):
            part = encode_request_part(request_key, handles, receipts)
            vault.put([readable(part)])
            part_hashes.append(keccak(part))
        blob = encode_request_of_parts(part_hashes, request_key, sealed)
    vault.put([readable(blob)])
    return blob


def wait_for_answers(chain: ChainClient, query_id: int, *, timeout_s: float) -> tuple[Answer, ...]:
    """Wait until every organisation whose bureau was asked answered or refused; returns the answers.

    Answers that came in time are returned even where other bureaus are late.

    Raises:
        RefusedError: every bureau refused the query.
        UnavailableError: no bureau said anything in time.
    """
    bureaus = KeyDirectory(chain).sealable(Role.BUREAU)
    asked_count = len({chain.call("Consortium", "account", bureau)[0].organisation for bureau in bureaus})
    deadline = time.monotonic() + timeout_s
    while True:
        query = chain.call("CreditFileRegistry", "query", query_id)
        if query.answerCount + query.refusalCount >= asked_count:
            break
        if time.monotonic() > deadline:
            if query.answerCount:
                break
            late = f"none answered query {query_id} within {timeout_s:.0f} s; run the same command again"
            raise UnavailableError("bureaus", late)
        time.sleep(_POLL_S)
    filters = {"queryId": query_id}
    if not query.answerCount:
        refusals = chain.events("CreditFileRegistry", "CreditRefused", filters=filters)
        reasons = ", ".join(_REFUSALS.get(event.args["reason"], "another reason") for event in refusals)
        raise RefusedError("every bureau", f"query {query_id}: {reasons}")
    return tuple(
        Answer(
            bureau=event.args["bureau"],
            found=event.args["found"],
            missing=event.args["missing"],
            refused=event.args["refused"],
            withheld=event.args["withheld"],
        )
        for event in chain.events("CreditFileRegistry", "CreditAnswered", filters=filters)
    )


def open_query_of(chain: ChainClient, identity: Identity, pack_id: int) -> int | None:
    """Return this account's newest query for a pack that can still be finished, so that a query is continued."""
    filters = {"packId": pack_id, "requester": identity.address}
    for event in reversed(list(chain.events("CreditFileRegistry", "CreditRequested", filters=filters))):
        query_id = int(event.args["queryId"])
        query = chain.call("CreditFileRegistry", "query", query_id)
        all_refused = query.refusalCount and not query.answerCount
        if not query.closed and not all_refused and query.expiresAt > chain.block_second():
            return query_id
    return None


def closed_query_of(chain: ChainClient, pack_id: int, *purposes: Purpose) -> int:
    """Return the newest closed query of a pack for one of these purposes; InvalidInputError when there is none."""
    for event in reversed(list(chain.events("CreditFileRegistry", "CreditRequested", filters={"packId": pack_id}))):
        is_wanted = event.args["purpose"] in purposes
        if is_wanted and chain.call("CreditFileRegistry", "query", event.args["queryId"]).closed:
            return int(event.args["queryId"])
    words = " or ".join(each.name.lower() for each in purposes)
    raise InvalidInputError(
        f"pack {pack_id}",
        got=f"no closed query for {words}",
        expected="one",
        remedy=f"`tranchain risk query {pack_id} --purpose {purposes[-1].name.lower()}`",
    )


def finish_query(
    chain: ChainClient, vault: VaultClient, identity: Identity, query_id: int, answers: tuple[Answer, ...]
) -> QueryResult:
    """Open and check every record, then close the query so that the pack is *queried*."""
    records = read_credit(chain, vault, identity, query_id)
    chain.send("CreditFileRegistry", "closeQuery", [query_id], identity.account)
    count = int(chain.call("CreditFileRegistry", "query", query_id).count)
    by_handle = records.by_handle
    reasons = Counter(why for handle, why in records.reason_by_handle.items() if handle not in by_handle)
    reasons[NoRecord.MISSING] = count - len(by_handle) - reasons.total()
    return QueryResult(
        query_id=query_id,
        subject_count=count,
        answers=answers,
        record_by_handle=by_handle,
        without_record=reasons,
    )


_REFUSALS = {1: "role", 2: "purpose", 3: "consent", 4: "size", 5: "budget", 6: "malformed request"}
