"""Deciding a query: who is asked about, who agreed, whose record is given. Reads chain, vault and database only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from client.roles.bureau.answer import Given, records_to_give
from client.roles.bureau.context import CREDIT_FILES, DAY_S, Bureau
from client.roles.bureau.journal import Journal, Named, Tally
from client.roles.bureau.query import (
    Policy,
    Query,
    Refusal,
    Standing,
    check_request,
    consents,
    is_too_near,
    refusal_of,
)
from client.roles.bureau.tables import Outcome, Part
from client.sdk.credit_bundle import (
    CreditRequest,
    open_request,
    open_request_part,
    request_parts,
    sealed_request_keys,
)
from client.sdk.errors import InvalidInputError, RefusedError
from client.sdk.event_log import Event
from client.sdk.handle import key_commitment, subjects_by_handle
from client.sdk.hpke import SealInfo, decode_key_blob
from client.sdk.recipients import open_sealed

_PACKS = "AssetPackRegistry"


class NotAskedError(RefusedError):
    """The query's request is not sealed to this bureau."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a bureau will say to a query."""

    originator: str
    refusal: Refusal | None = None
    """Of the whole query; nothing else counts then."""
    handles: tuple[bytes, ...] = ()
    named: tuple[Named, ...] = ()
    """The subjects of this bureau among the handles."""
    tally: Tally = field(default_factory=Tally)
    given_by_handle: Mapping[bytes, Sequence[Given]] = field(default_factory=dict)
    """Records to give, in the order of the handles."""
    refused_handles: tuple[bytes, ...] = ()


def query_of(bureau: Bureau, event: Event) -> Query:
    """Return the query of a CreditRequested event."""
    args = event.args
    return Query(
        id=args["queryId"],
        pack_id=args["packId"],
        requester=args["requester"],
        purpose=args["purpose"],
        count=args["count"],
        recipients=tuple(args["recipients"]),
        handles_root=args["handlesRoot"],
        consent_root=args["consentRoot"],
        request_blob=args["requestBlob"],
        expires_at=args["expiresAt"],
        second=bureau.chain.block_second(event.block_number),
        block_number=event.block_number,
    )


def decide(bureau: Bureau, journal: Journal, query: Query, policy: Policy) -> Decision:
    """Decide about a query.

    Raises:
        NotAskedError: the request is for other bureaus.
        UnavailableError: chain or vault are away.
        RefusedError: the vault does not give the request or the pack key (yet).
    """
    originator = str(bureau.chain.call(_PACKS, "pack", query.pack_id).originator)
    standing = _standing(bureau, query)
    refusal = refusal_of(query, standing, policy)
    if refusal is not None:
        return Decision(originator=originator, refusal=refusal)
    try:
        request = _request(bureau, query)
        check_request(query, request)
        pack_key = _pack_key(bureau, query)
    except InvalidInputError:
        return Decision(originator=originator, refusal=Refusal.MALFORMED)
    is_explicit = dict(zip(request.handles, consents(query, request, standing, originator=originator), strict=True))
    del request  # its receipts are most of what is in memory
    handles = tuple(is_explicit)
    if all(each is None for each in is_explicit.values()):
        return Decision(originator=originator, refusal=Refusal.CONSENT)
    subject_by_handle = _subjects(bureau, pack_key, handles)
    earlier = journal.earlier_subjects(originator, query.requester, now=query.second, but=query.id)
    if is_too_near(set(subject_by_handle.values()), earlier, policy.difference_min):
        return Decision(originator=originator, refusal=Refusal.BUDGET)
    permitted = _permitted(journal, query, policy, is_explicit, subject_by_handle)
    decision = _answer(bureau, query, originator, handles, permitted, subject_by_handle)
    if 0 < decision.tally.found < policy.found_min:
        return Decision(originator=originator, refusal=Refusal.SIZE)
    return decision


def _answer(
    bureau: Bureau,
    query: Query,
    originator: str,
    handles: tuple[bytes, ...],
    permitted: Mapping[bytes, bool],
    subject_by_handle: Mapping[bytes, bytes],
) -> Decision:
    """Give every record that there is of the permitted handles, as far as its consent goes: explicit or not."""
    open_subjects = [subject for handle, subject in subject_by_handle.items() if handle in permitted]
    records = records_to_give(bureau, open_subjects, now=query.second, today=query.second // DAY_S)
    named: list[Named] = []
    given: dict[bytes, Sequence[Given]] = {}
    withheld = 0
    for position, handle in enumerate(handles):
        subject = subject_by_handle.get(handle)
        if subject is None:
            continue
        outcome = Outcome.MISSING if handle in permitted else Outcome.REFUSED
        found = records.get(subject, []) if handle in permitted else []
        if found:
            outcome = Outcome.FOUND
            covered = [one for one in found if one.part != Part.EXPLICIT or permitted[handle]]
            withheld += len(covered) < len(found)
            given[handle] = covered
        record = (found[0].batch_id, found[0].position) if found else None
        named.append(Named(position=position, subject=subject, outcome=outcome, record=record))
    refused = tuple(handle for handle in handles if handle not in permitted)
    missing = len(handles) - len(given) - len(refused)
    return Decision(
        originator=originator,
        handles=handles,
        named=tuple(named),
        tally=Tally(found=len(given), missing=missing, refused=len(refused), withheld=withheld),
        given_by_handle=given,
        refused_handles=refused,
    )


def _permitted(
    journal: Journal,
    query: Query,
    policy: Policy,
    explicit_by_handle: Mapping[bytes, bool | None],
    subject_by_handle: Mapping[bytes, bytes],
) -> dict[bytes, bool]:
    """Return the handles with consent that was not withdrawn, not given too often, and whether it is explicit."""
    withdrawn = journal.withdrawn(query.purpose)
    times = journal.times_given(list(subject_by_handle.values()), now=query.second)
    permitted = {}
    for handle, is_explicit in explicit_by_handle.items():
        subject = subject_by_handle.get(handle, b"")
        is_open = subject not in withdrawn and times.get(subject, 0) < policy.queries_per_month
        if is_explicit is not None and is_open:
            permitted[handle] = is_explicit
    return permitted


def _standing(bureau: Bureau, query: Query) -> Standing:
    def roles(account: str) -> int:
        return int(bureau.chain.call("Consortium", "rolesOf", account))

    return Standing(
        requester_roles=roles(query.requester),
        recipient_roles=[roles(recipient) for recipient in query.recipients],
        minimum_subjects=int(bureau.chain.call(CREDIT_FILES, "minimumSubjects")),
    )


def _request(bureau: Bureau, query: Query) -> CreditRequest:
    blob = bureau.fetch(query.request_blob)
    sealed = sealed_request_keys(blob).get(bureau.identity.address)
    if sealed is None:
        raise NotAskedError(f"query {query.id}", f"its request is not sealed to {bureau.identity.address}")
    info = SealInfo(
        label="request-key",
        chain_id=bureau.chain.chain_id,
        registry=bureau.chain.registry,
        subject=query.pack_id,
        recipient=bureau.identity.address,
        expires_at=query.expires_at,
    )
    key = open_sealed(bureau.identity, sealed, info)
    part_hashes = request_parts(key, blob)
    if not part_hashes:
        return open_request(key, blob)
    parts = [open_request_part(key, bureau.fetch(each)) for each in part_hashes]
    return CreditRequest(
        handles=tuple(handle for part in parts for handle in part.handles),
        receipts=tuple(receipt for part in parts for receipt in part.receipts),
    )


def _pack_key(bureau: Bureau, query: Query) -> bytes:
    pack = bureau.chain.call(_PACKS, "pack", query.pack_id)
    commitment = bytes(pack.keyCommitment)
    sealed = decode_key_blob(bureau.fetch(bytes(pack.keyBlob))).get(bureau.identity.address)
    if sealed is None:
        raise InvalidInputError(
            f"pack {query.pack_id}", got="a pack key sealed to others", expected="to this bureau too"
        )
    info = SealInfo(
        label="pack-key",
        chain_id=bureau.chain.chain_id,
        registry=bureau.chain.registry,
        subject=int.from_bytes(commitment[:8], "big"),
        recipient=bureau.identity.address,
        expires_at=0,
    )
    pack_key = open_sealed(bureau.identity, sealed, info)
    if key_commitment(pack_key) != commitment:
        raise InvalidInputError(f"pack {query.pack_id}", got="another pack key", expected="the one it commits to")
    return pack_key


def _subjects(bureau: Bureau, pack_key: bytes, handles: Sequence[bytes]) -> dict[bytes, bytes]:
    """Return the subject of each handle that belongs to one of this bureau, in the order of the handles."""
    id_by_handle = subjects_by_handle(pack_key, bureau.store.national_ids())
    return {handle: bureau.store.key.subject(id_by_handle[handle]) for handle in handles if handle in id_by_handle}
