"""What there is on a chain: contracts and versions, members, accounts, roles, validity, nodes, validators.

Everything is read from the chain; nothing is remembered.
"""

from dataclasses import dataclass

from client.sdk.chain import ChainClient
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.errors import RefusedError
from client.sdk.role import roles_of

_EXPIRES_SOON_S = 30 * 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractStatus:
    """One entry of the ContractRegistry."""

    name: str
    address: str
    version: int
    state: str
    """`in use`, `frozen` or `retired`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatus:
    """One enrolled account."""

    address: str
    organisation: int
    roles: tuple[str, ...]
    valid_from: int
    valid_until: int
    state: str
    """`in force`, `suspended`, `not valid yet`, `expired` or `expires soon`."""
    key: str
    """Of its encryption key: `usable`, or why nobody may seal to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationStatus:
    """One member."""

    id: int
    name: str
    governor: str
    is_suspended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """One node that may connect to the others."""

    organisation: int
    endpoint: str
    tls_key_hash: str
    validator: str | None
    """Key it signs blocks with; None: it only follows."""
    is_in_set: bool
    """Whether that key is in the validator set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatStatus:
    """One validator of the set."""

    validator: str
    organisation: int
    endpoints: tuple[str, ...]
    """Where the nodes that sign with it listen for peers."""


def contracts(chain: ChainClient) -> list[ContractStatus]:
    """Return every contract ever registered, in the order of registration."""
    found = []
    for name in chain.call("ContractRegistry", "names"):
        entry = chain.call("ContractRegistry", "entry", name)
        is_frozen = not entry.retired and chain.call("ContractRegistry", "isFrozen", name)
        state = "retired" if entry.retired else "frozen" if is_frozen else "in use"
        found.append(ContractStatus(name=name, address=entry.proxy, version=entry.version, state=state))
    return found


def organisations(chain: ChainClient) -> list[OrganisationStatus]:
    """Return the members by id."""
    found = []
    for organisation in range(1, chain.call("Consortium", "organisationCount") + 1):
        member = chain.call("Consortium", "organisation", organisation)
        found.append(
            OrganisationStatus(
                id=organisation, name=member.name, governor=member.governor, is_suspended=member.suspended
            )
        )
    return found


def accounts(chain: ChainClient) -> list[AccountStatus]:
    """Return every account of every member, by member and address."""
    now = chain.block_second()
    keys = _keys(chain)
    found = []
    for member in organisations(chain):
        addresses = chain.call("Consortium", "accountsOf", member.id)
        for address in sorted(addresses, key=str.lower):
            enrolled, _ = chain.call("Consortium", "account", address)
            found.append(
                AccountStatus(
                    address=address,
                    organisation=member.id,
                    roles=tuple(role.name for role in roles_of(enrolled.roles)),
                    valid_from=enrolled.validFrom,
                    valid_until=enrolled.validUntil,
                    state=_state(
                        now,
                        valid_from=enrolled.validFrom,
                        valid_until=enrolled.validUntil,
                        is_suspended=enrolled.suspended or member.is_suspended,
                    ),
                    key=(keys.status(address).problem(now) or "usable") if keys else "no contract EncryptionKeys",
                )
            )
    return found


def nodes(chain: ChainClient) -> list[NodeStatus]:
    """Return the members' nodes, by member and endpoint."""
    validating = set(chain.call("Consortium", "getValidators"))
    found = [
        NodeStatus(
            organisation=node.organisation,
            endpoint=node.endpoint,
            tls_key_hash=bytes(node.tlsKeyHash).hex(),
            validator=node.validator if int(node.validator, 16) else None,
            is_in_set=node.validator in validating,
        )
        for node in chain.call("Consortium", "nodes")
    ]
    return sorted(found, key=lambda node: (node.organisation, node.endpoint))


def seats(chain: ChainClient) -> list[SeatStatus]:
    """Return the validator set, in the order they joined."""
    known = nodes(chain)
    return [
        SeatStatus(
            validator=validator,
            organisation=chain.call("Consortium", "validatorOrganisation", validator),
            endpoints=tuple(node.endpoint for node in known if node.validator == validator),
        )
        for validator in chain.call("Consortium", "getValidators")
    ]


def _keys(chain: ChainClient) -> KeyDirectory | None:
    try:
        chain.address_of("EncryptionKeys")
    except RefusedError:
        return None
    return KeyDirectory(chain)


def _state(now: int, *, valid_from: int, valid_until: int, is_suspended: bool) -> str:
    if is_suspended:
        return "suspended"
    if now < valid_from:
        return "not valid yet"
    if now >= valid_until:
        return "expired"
    return "expires soon" if valid_until - now < _EXPIRES_SOON_S else "in force"
