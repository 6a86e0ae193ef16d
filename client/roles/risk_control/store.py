"""The pack keys of a risk control, in its database, until their packs end."""

from sqlalchemy import Column, Engine, Integer, LargeBinary, MetaData, String, Table, delete, insert, select

from client.sdk import cipher
from client.sdk.at_rest import database_key
from client.sdk.database import ensure_schema
from client.sdk.errors import InvalidInputError
from client.sdk.handle import key_commitment
from client.sdk.keystore import Identity

_METADATA = MetaData()
_PACK_KEYS = Table(
    "pack_keys",
    _METADATA,
    Column("registry", String(42), primary_key=True),
    Column("chain_id", Integer, primary_key=True),
    Column("commitment", LargeBinary(32), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
)


class PackKeyStore:
    """Pack keys by their commitment on one chain, encrypted under a key of the account."""

    def __init__(self, engine: Engine, identity: Identity, *, chain_id: int, registry: str):
        """Open or create the table."""
        ensure_schema(engine, _METADATA, component="risk_control", version=1)
        self._engine, self._where = engine, {"chain_id": chain_id, "registry": registry}
        self._key = database_key(identity.account, "risk_control")

    def keep(self, pack_key: bytes) -> None:
        """Store a new key; must be done before its commitment is on the chain."""
        secret, commitment = cipher.encrypt(self._key, pack_key), key_commitment(pack_key)
        with self._engine.begin() as connection:
            connection.execute(insert(_PACK_KEYS).values(commitment=commitment, secret=secret, **self._where))

    def get(self, commitment: bytes) -> bytes:
        """Return a key; InvalidInputError when this database never had it or it was destroyed."""
        with self._engine.begin() as connection:
            secret = connection.scalar(select(_PACK_KEYS.c.secret).filter_by(commitment=commitment, **self._where))
        if secret is None:
            raise InvalidInputError(
                "pack key", got="none in this database", expected="the database that `tranchain risk invite` used"
            )
        return cipher.decrypt(self._key, secret, what="pack key")

    def destroy(self, commitment: bytes) -> None:
        """Forget a key for ever; without it nobody links the pack's handles to people."""
        with self._engine.begin() as connection:
            connection.execute(
                delete(_PACK_KEYS).where(
                    _PACK_KEYS.c.commitment == commitment,
                    _PACK_KEYS.c.chain_id == self._where["chain_id"],
                    _PACK_KEYS.c.registry == self._where["registry"],
                )
            )
