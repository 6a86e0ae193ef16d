"""What an originator must remember of a submission: it is continued, never doubled, never with new salts."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from eth_hash.backends.pysha3 import preimage
from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, String, Table, delete, insert, select

from client.sdk import cipher
from client.sdk.at_rest import database_key
from client.sdk.database import ensure_schema
from client.sdk.errors import InvalidInputError
from client.sdk.keystore import Identity

_METADATA = MetaData()
_SUBMISSIONS = Table(
    "submissions",
    _METADATA,
    Column("registry", String(42), primary_key=True),
    Column("chain_id", Integer, primary_key=True),
    Column("pack_id", Integer, primary_key=True),
    Column("file_hash", LargeBinary(32), nullable=False),
    Column("secrets", LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSecrets:
    """The random values a submission is made of."""

    seed: bytes
    """Gives the shuffle and the salts; 32 bytes. Dies with the pack."""
    row_key: bytes
    """Encrypts the rows; 32 bytes."""


class SubmissionStore:
    """The submissions of one originator account, in its database."""

    def __init__(self, engine: Engine, identity: Identity):
        """Open or create the tables; secrets are encrypted under a key of the account."""
        ensure_schema(engine, _METADATA, component="originator", version=1)
        self._engine = engine
        self._key = database_key(identity.account, "originator")

    def begin_or_continue(
        self, *, chain_id: int, registry: str, pack_id: int, content: Iterable[bytes], is_opened: bool
    ) -> PackSecrets:
        """Return the secrets of a submission: new ones the first time, the same ones ever after.

        As long as the pack is not opened on the chain, other content begins it anew.

        Raises:
            InvalidInputError: the pack was opened with other content.
        """
        digest = preimage(b"")
        for part in content:
            digest.update(len(part).to_bytes(8, "big") + part)
        content_hash = digest.digest()
        where = {"registry": registry, "chain_id": chain_id, "pack_id": pack_id}
        with self._engine.begin() as connection:
            row = connection.execute(select(_SUBMISSIONS).filter_by(**where)).one_or_none()
            if row is not None and row.file_hash == content_hash:
                opened = cipher.decrypt(self._key, row.secrets, what=f"secrets of pack {pack_id}")
                return PackSecrets(seed=opened[:32], row_key=opened[32:])
            if is_opened:
                got = "another tape than it was begun with" if row is not None else "nothing of it in this database"
                remedy = "submit the same file with the same --db, or withdraw"
                raise InvalidInputError(f"pack {pack_id}", got=got, remedy=remedy)
            connection.execute(delete(_SUBMISSIONS).where(*(_SUBMISSIONS.c[name] == where[name] for name in where)))
            fresh = PackSecrets(seed=secrets.token_bytes(32), row_key=cipher.new_key())
            encrypted = cipher.encrypt(self._key, fresh.seed + fresh.row_key)
            connection.execute(insert(_SUBMISSIONS).values(**where, file_hash=content_hash, secrets=encrypted))
            return fresh
