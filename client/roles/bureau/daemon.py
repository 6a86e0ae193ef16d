"""The bureau's daemon: follows the chain, answers each query once, challenges new encryption keys of others.

Restarting it at any point is safe: a decision is written down before it is carried out, and whether it was carried out
is asked of the chain.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from client.roles.bureau.answer import make_bundle, put_answer
from client.roles.bureau.context import CREDIT_FILES, Bureau
from client.roles.bureau.decision import Decision, NotAskedError, decide, query_of
from client.roles.bureau.journal import Journal, Tally
from client.roles.bureau.notices import tell_when_due
from client.roles.bureau.query import Policy, Query, Refusal
from client.roles.bureau.revocation import expire
from client.roles.bureau.tables import QueryState
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.errors import InvalidInputError, RefusedError, UnavailableError

RETRY_S = 15.0
"""Pause before a query that could not be carried out is tried again."""
EXPIRE_EVERY_S = 3_600.0
NOTICE_LOOK_EVERY_S = 600.0
"""Pause between two looks whether it is time to tell of queries that are out of date."""
PAUSE_AFTER_FAILURE_S = 2.0
_KEYS = "EncryptionKeys"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """What became of one query."""

    query_id: int
    state: QueryState
    refusal: Refusal | None = None
    found: int = 0
    missing: int = 0
    refused: int = 0
    withheld: int = 0


class Daemon:
    """One bureau's daemon; `step` does what there is to do now, `run` repeats it."""

    def __init__(self, bureau: Bureau, policy: Policy):
        """Answer for `bureau` by the rules of `policy`."""
        self._bureau, self._policy = bureau, policy
        self._journal = Journal(bureau.store)
        self._keys = KeyDirectory(bureau.chain)
        self._organisation = bureau.organisation()
        self._retry_at = 0.0

    def run(self, *, interval_s: float, is_stopping: Callable[[], bool], report: Callable[[Handled], None]) -> None:
        """Work until told to stop; chain and vault may come and go meanwhile."""
        expire_at = 0.0
        notice_at = 0.0
        while not is_stopping():
            try:
                for handled in self.step():
                    report(handled)
                if time.monotonic() >= expire_at:
                    expire_at = time.monotonic() + EXPIRE_EVERY_S
                    expired = expire(self._bureau)
                    _log.info("%d records expired", expired)
                if time.monotonic() >= notice_at:
                    notice_at = time.monotonic() + NOTICE_LOOK_EVERY_S
                    for query_id in tell_when_due(self._bureau):
                        _log.info("query %d is out of date, its risk control was told", query_id)
            except (UnavailableError, RefusedError) as error:
                _log.warning("waiting: %s", error)
                time.sleep(PAUSE_AFTER_FAILURE_S)
            time.sleep(interval_s)

    def step(self) -> list[Handled]:
        """Deal with everything that happened since the last call.

        Raises:
            UnavailableError: chain or vault are away; the same events come again at the next call.
        """
        chain = self._bureau.chain
        first, head = self._journal.followed_to() + 1, chain.head()
        handled = self._retry()
        if first <= head:
            if chain.has_events([_KEYS, CREDIT_FILES], first_block=first, last_block=head):
                self._challenge_new_keys(first, head)
                for event in chain.events(CREDIT_FILES, "CreditRequested", first_block=first, last_block=head):
                    handled.append(self._handle(query_of(self._bureau, event)))
            self._journal.set_followed_to(head)
        return [one for one in handled if one is not None]

    def _retry(self) -> list[Handled | None]:
        """Try again what was decided and not carried out."""
        if time.monotonic() < self._retry_at:
            return []
        self._retry_at = time.monotonic() + RETRY_S
        handled: list[Handled | None] = []
        for query_id in self._journal.unsettled():
            events = self._bureau.chain.events(CREDIT_FILES, "CreditRequested", filters={"queryId": query_id})
            handled += [self._handle(query_of(self._bureau, event)) for event in events]
        return handled

    def _handle(self, query: Query) -> Handled | None:
        """Answer or refuse a query unless that was done; None when it is not for this bureau or cannot be done yet."""
        state = self._journal.state_of(query.id)
        if state not in (None, QueryState.PREPARED):
            return None
        answer = self._bureau.chain.call(CREDIT_FILES, "answerOf", query.id, self._organisation)
        if int(answer.bureau, 16):
            return self._overtaken(query, state, answer)
        is_closed = self._bureau.chain.call(CREDIT_FILES, "query", query.id).closed
        if is_closed or self._bureau.chain.block_second() >= query.expires_at:
            self._journal.keep(query, originator="", state=QueryState.LAPSED)
            return Handled(query_id=query.id, state=QueryState.LAPSED)
        try:
            decision = decide(self._bureau, self._journal, query, self._policy)
            return self._carry_out(query, decision)
        except NotAskedError:
            self._journal.keep(query, originator="", state=QueryState.LAPSED)
            return None
        except (RefusedError, InvalidInputError) as error:
            _log.warning("query %d waits: %s", query.id, error)
            if state is None and self._journal.state_of(query.id) is None:
                self._journal.keep(query, originator="", state=QueryState.PREPARED)
            return None

    def _carry_out(self, query: Query, decision: Decision) -> Handled:
        chain, account = self._bureau.chain, self._bureau.identity.account
        refusal, tally = decision.refusal, decision.tally
        self._journal.keep(
            query,
            originator=decision.originator,
            state=QueryState.PREPARED,
            reason=int(refusal or 0),
            tally=tally,
            handles=decision.handles,
            named=decision.named,
        )
        if refusal is not None:
            chain.send(CREDIT_FILES, "refuseCredit", [query.id, int(refusal)], account)
            self._journal.settle(query.id, QueryState.REFUSED)
            return Handled(query_id=query.id, state=QueryState.REFUSED, refusal=refusal)
        bundle = make_bundle(self._bureau, query, decision.given_by_handle, decision.refused_handles)
        answer = put_answer(self._bureau, query, bundle, self._keys)
        counts = [tally.found, tally.missing, tally.refused, tally.withheld]
        chain.send(CREDIT_FILES, "answerCredit", [query.id, answer, *counts], account)
        self._journal.settle(query.id, QueryState.ANSWERED)
        return _answered(query, tally)

    def _overtaken(self, query: Query, state: QueryState | None, answer: Any) -> Handled:
        """Settle a query that the chain shows dealt with: by this daemon before a crash, or by a colleague."""
        counts = Tally(found=answer.found, missing=answer.missing, refused=answer.refused, withheld=answer.withheld)
        is_own = answer.bureau == self._bureau.identity.address and state is QueryState.PREPARED
        if not is_own or self._journal.decision_of(query.id) != (answer.refusal, counts):
            self._journal.keep(query, originator="", state=QueryState.LAPSED)
            return Handled(query_id=query.id, state=QueryState.LAPSED)
        if answer.refusal:
            self._journal.settle(query.id, QueryState.REFUSED)
            return Handled(query_id=query.id, state=QueryState.REFUSED, refusal=Refusal(answer.refusal))
        self._journal.settle(query.id, QueryState.ANSWERED)
        return _answered(query, counts)

    def _challenge_new_keys(self, first: int, head: int) -> None:
        """Challenge keys that accounts of other organisations announced and nobody proved or challenged yet."""
        chain = self._bureau.chain
        challenged = {
            (event.args["account"], event.args["keyHash"])
            for event in chain.events(_KEYS, "KeyChallenged", first_block=first, last_block=head)
        }
        for event in chain.events(_KEYS, "KeyAnnounced", first_block=first, last_block=head):
            account, key_hash = event.args["account"], event.args["keyHash"]
            status = self._keys.status(account)
            organisation = chain.call("Consortium", "organisationOf", account)
            is_open = status.key_hash == key_hash and not status.proven_at and (account, key_hash) not in challenged
            if is_open and organisation not in (0, self._organisation):
                try:
                    self._keys.challenge(account, self._bureau.identity.account)
                except RefusedError as error:
                    _log.warning("key of %s not challenged: %s", account, error)


def _answered(query: Query, tally: Tally) -> Handled:
    return Handled(
        query_id=query.id,
        state=QueryState.ANSWERED,
        found=tally.found,
        missing=tally.missing,
        refused=tally.refused,
        withheld=tally.withheld,
    )
