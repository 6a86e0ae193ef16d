// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Members of the consortium, their accounts, votes and validators
/// @notice Administrator of the AccessManager. Its storage layout is part of the node's rules: the node reads the slots of
/// accounts and organisations to judge senders.
interface IConsortium {
    /// @notice A key of a member. One slot, fields from the low bits up.
    /// @param organisation id of the member, from 1
    /// @param validFrom first second of validity
    /// @param validUntil first second after validity
    /// @param roles bitmap, bit = role id
    /// @param suspended whether the account may do nothing for now
    struct Account {
        uint32 organisation;
        uint40 validFrom;
        uint40 validUntil;
        uint64 roles;
        bool suspended;
    }

    /// @notice A member.
    /// @param suspended whether the member's accounts may do nothing and its votes do not count
    /// @param name in clear
    /// @param governor account that signs for the member
    struct Organisation {
        bool suspended;
        string name;
        address governor;
    }

    /// @notice A member at genesis; ids are 1 to n in order.
    /// @param name in clear
    /// @param governor account that signs for the member
    struct OrganisationInit {
        string name;
        address governor;
    }

    /// @notice An account at genesis.
    /// @param account address of the key
    /// @param organisation id of the member
    /// @param roles bitmap, bit = role id
    /// @param validFrom first second of validity
    /// @param validUntil first second after validity
    /// @param certificateHash sha256 of the certificate's DER
    struct AccountInit {
        address account;
        uint32 organisation;
        uint64 roles;
        uint40 validFrom;
        uint40 validUntil;
        bytes32 certificateHash;
    }

    /// @notice A validator at genesis.
    /// @param validator address of its key
    /// @param organisation member that runs it
    struct ValidatorInit {
        address validator;
        uint32 organisation;
    }

    /// @notice A node of a member: who may connect to the others' nodes, and where it is found.
    /// @param tlsKeyHash sha256 of the DER SubjectPublicKeyInfo of its TLS key
    /// @param validator address of the key it signs blocks with; zero for a node that only follows
    /// @param organisation member that runs it
    /// @param endpoint HOST:PORT where it listens for peers
    struct Node {
        bytes32 tlsKeyHash;
        address validator;
        uint32 organisation;
        string endpoint;
    }

    /// @notice One step of a proposal.
    /// @param target contract that is called by the Consortium
    /// @param data calldata
    struct Call {
        address target;
        bytes data;
    }

    /// @notice State of a proposal.
    /// @param callsHash keccak(abi.encode(calls))
    /// @param proposer organisation that proposed it
    /// @param createdAt second of the proposal
    /// @param executed whether it was carried out
    /// @param approvals organisations that approved, bit = organisation id
    struct Proposal {
        bytes32 callsHash;
        uint32 proposer;
        uint40 createdAt;
        bool executed;
        uint256 approvals;
    }

    /// @notice A member joined.
    /// @param organisation its id
    /// @param name in clear
    /// @param governor account that signs for it
    event OrganisationAdded(uint32 indexed organisation, string name, address indexed governor);

    /// @notice A member signs with another account from now on.
    /// @param organisation its id
    /// @param governor the new account
    event GovernorChanged(uint32 indexed organisation, address indexed governor);

    /// @notice A member was suspended or admitted again.
    /// @param organisation its id
    /// @param suspended the new state
    event OrganisationSuspended(uint32 indexed organisation, bool suspended);

    /// @notice An account was enrolled, or its enrolment replaced.
    /// @param account address of the key
    /// @param organisation id of the member
    /// @param roles bitmap, bit = role id
    /// @param validFrom first second of validity
    /// @param validUntil first second after validity
    /// @param certificateHash sha256 of the certificate's DER
    event AccountEnrolled(
        address indexed account,
        uint32 indexed organisation,
        uint64 roles,
        uint40 validFrom,
        uint40 validUntil,
        bytes32 certificateHash
    );

    /// @notice An account was suspended or admitted again.
    /// @param account address of the key
    /// @param suspended the new state
    event AccountSuspended(address indexed account, bool suspended);

    /// @notice An account is no account of a member any more.
    /// @param account address of the key
    event AccountRevoked(address indexed account);

    /// @notice A validator joined the set.
    /// @param validator address of its key
    /// @param organisation member that runs it
    event ValidatorAdded(address indexed validator, uint32 indexed organisation);

    /// @notice A validator left the set.
    /// @param validator address of its key
    event ValidatorRemoved(address indexed validator);

    /// @notice A member runs this node from now on, or runs it otherwise than before.
    /// @param tlsKeyHash sha256 of the DER SubjectPublicKeyInfo of its TLS key
    /// @param organisation member that runs it
    /// @param validator address of the key it signs blocks with; zero for a node that only follows
    /// @param endpoint HOST:PORT where it listens for peers
    event NodeSet(bytes32 indexed tlsKeyHash, uint32 indexed organisation, address validator, string endpoint);

    /// @notice A node is no member's any more.
    /// @param tlsKeyHash sha256 of the DER SubjectPublicKeyInfo of its TLS key
    event NodeRemoved(bytes32 indexed tlsKeyHash);

    /// @notice A proposal waits for approvals.
    /// @param id of the proposal
    /// @param organisation that proposes, and approves by it
    /// @param calls what it does
    /// @param description why
    event ProposalCreated(uint256 indexed id, uint32 indexed organisation, Call[] calls, string description);

    /// @notice A member approved.
    /// @param id of the proposal
    /// @param organisation that approved
    event ProposalApproved(uint256 indexed id, uint32 indexed organisation);

    /// @notice A proposal was carried out.
    /// @param id of the proposal
    event ProposalExecuted(uint256 indexed id);

    /// @notice Thrown when no member has this id.
    /// @param organisation the id given
    error ConsortiumUnknownOrganisation(uint32 organisation);

    /// @notice Thrown when a member has no name.
    error ConsortiumNameMissing();

    /// @notice Thrown when 255 members are reached.
    error ConsortiumFull();

    /// @notice Thrown when nobody would be left to vote.
    /// @param organisation the last member that is not suspended
    error ConsortiumLastOrganisation(uint32 organisation);

    /// @notice Thrown when the account is not enrolled.
    /// @param account address of the key
    error ConsortiumUnknownAccount(address account);

    /// @notice Thrown when an account belongs to another member already.
    /// @param account address of the key
    /// @param organisation the member it belongs to
    error ConsortiumAccountOfOther(address account, uint32 organisation);

    /// @notice Thrown when the address is zero.
    error ConsortiumZeroAddress();

    /// @notice Thrown when the bitmap is empty or has a role that accounts cannot have.
    /// @param roles the bitmap given
    error ConsortiumBadRoles(uint64 roles);

    /// @notice Thrown when validity ends before it begins.
    /// @param validFrom first second given
    /// @param validUntil end given
    error ConsortiumBadValidity(uint40 validFrom, uint40 validUntil);

    /// @notice Thrown when a member's governor would lose its vote; name another governor first.
    /// @param account the governor
    /// @param organisation the member
    error ConsortiumGovernorInOffice(address account, uint32 organisation);

    /// @notice Thrown when the validator is in the set already.
    /// @param validator address of its key
    error ConsortiumValidatorExists(address validator);

    /// @notice Thrown when the validator is not in the set.
    /// @param validator address of its key
    error ConsortiumUnknownValidator(address validator);

    /// @notice Thrown when the set would be empty.
    error ConsortiumLastValidator();

    /// @notice Thrown when a record names a validator of the set that another member runs.
    /// @param validator address of its key
    /// @param organisation member that runs it
    error ConsortiumValidatorOfOther(address validator, uint32 organisation);

    /// @notice Thrown when a node has no TLS key.
    error ConsortiumNodeKeyMissing();

    /// @notice Thrown when an endpoint is empty or longer than 255 bytes.
    /// @param size bytes given
    error ConsortiumBadEndpoint(uint256 size);

    /// @notice Thrown when a member has eight nodes already.
    /// @param organisation the member
    error ConsortiumTooManyNodes(uint32 organisation);

    /// @notice Thrown when a node is another member's, or the caller is no governor of its member.
    /// @param tlsKeyHash sha256 of the DER SubjectPublicKeyInfo of its TLS key
    /// @param organisation member that runs it
    error ConsortiumNodeOfOther(bytes32 tlsKeyHash, uint32 organisation);

    /// @notice Thrown when no node has this key.
    /// @param tlsKeyHash the hash given
    error ConsortiumUnknownNode(bytes32 tlsKeyHash);

    /// @notice Thrown when no proposal has this id.
    /// @param id the id given
    error ConsortiumUnknownProposal(uint256 id);

    /// @notice Thrown when a proposal does nothing.
    error ConsortiumNoCalls();

    /// @notice Thrown when the member has approved before.
    /// @param id of the proposal
    /// @param organisation the member
    error ConsortiumAlreadyApproved(uint256 id, uint32 organisation);

    /// @notice Thrown when the proposal was carried out before.
    /// @param id of the proposal
    error ConsortiumAlreadyExecuted(uint256 id);

    /// @notice Thrown when the proposal is too old to be approved or carried out.
    /// @param id of the proposal
    /// @param expiredAt second from which it is
    error ConsortiumProposalExpired(uint256 id, uint256 expiredAt);

    /// @notice Thrown when the calls are not those that were approved.
    /// @param expected hash that was approved
    /// @param actual hash of the calls given
    error ConsortiumWrongCalls(bytes32 expected, bytes32 actual);

    /// @notice Thrown when more approvals are needed.
    /// @param id of the proposal
    /// @param approvals of members that are not suspended
    /// @param needed majority of members that are not suspended
    error ConsortiumNotApproved(uint256 id, uint256 approvals, uint256 needed);

    /// @notice Thrown when a call of a proposal failed without a reason of its own.
    /// @param index of the call
    /// @param target contract that was called
    error ConsortiumCallFailed(uint256 index, address target);

    /// @notice Sets up members, accounts, validators and nodes, and who may call the Consortium and the ContractRegistry.
    /// @param authority AccessManager whose administrator this contract is
    /// @param registry ContractRegistry proxy, at its address already or later
    /// @param organisations members; each governor is enrolled with GOVERNOR unless `accounts` says more
    /// @param accounts further accounts
    /// @param validators initial set, at least one
    /// @param initialNodes the members' nodes
    function initialize(
        address authority,
        address registry,
        OrganisationInit[] calldata organisations,
        AccountInit[] calldata accounts,
        ValidatorInit[] calldata validators,
        Node[] calldata initialNodes
    ) external;

    /// @notice Proposes calls by the Consortium; approves them too.
    /// @param calls what it does
    /// @param description why
    /// @return id of the proposal, from 1
    function propose(Call[] calldata calls, string calldata description) external returns (uint256 id);

    /// @notice Approves for the caller's member; one vote a member.
    /// @param id of the proposal
    function approve(uint256 id) external;

    /// @notice Carries out a proposal that a majority of unsuspended members approved.
    /// @param id of the proposal
    /// @param calls the same as proposed
    function execute(uint256 id, Call[] calldata calls) external;

    /// @notice Admits a member; its governor is enrolled with GOVERNOR, without end.
    /// @param name in clear
    /// @param governor account that signs for it
    /// @return organisation its id
    function addOrganisation(string calldata name, address governor) external returns (uint32 organisation);

    /// @notice Lets a member sign with another account; the old one keeps its other roles.
    /// @param organisation its id
    /// @param governor the new account
    function setGovernor(uint32 organisation, address governor) external;

    /// @notice Enrols an account, or replaces its enrolment, and grants the roles.
    /// @param account address of the key
    /// @param organisation id of the member
    /// @param roles bitmap, bit = role id
    /// @param validFrom first second of validity
    /// @param validUntil first second after validity
    /// @param certificateHash sha256 of the certificate's DER
    function enrol(
        address account,
        uint32 organisation,
        uint64 roles,
        uint40 validFrom,
        uint40 validUntil,
        bytes32 certificateHash
    ) external;

    /// @notice Suspends an account or admits it again; its roles are taken back meanwhile.
    /// @param account address of the key
    /// @param suspended the new state
    function setSuspended(address account, bool suspended) external;

    /// @notice Suspends a member or admits it again; the roles of its accounts are taken back meanwhile.
    /// @param organisation its id
    /// @param suspended the new state
    function setOrganisationSuspended(uint32 organisation, bool suspended) external;

    /// @notice Removes an account and its roles.
    /// @param account address of the key
    function revoke(address account) external;

    /// @notice Adds a validator.
    /// @param validator address of its key
    /// @param organisation member that runs it
    function addValidator(address validator, uint32 organisation) external;

    /// @notice Removes a validator.
    /// @param validator address of its key
    function removeValidator(address validator) external;

    /// @notice Adds a node of the caller's member, or replaces the record of this key; at most eight a member.
    /// @param tlsKeyHash sha256 of the DER SubjectPublicKeyInfo of its TLS key
    /// @param validator address of the key it signs blocks with; zero for a node that only follows
    /// @param endpoint HOST:PORT where it listens for peers
    function setNode(bytes32 tlsKeyHash, address validator, string calldata endpoint) external;

    /// @notice Removes a node, by a governor of its member or by proposal.
    /// @param tlsKeyHash sha256 of the DER SubjectPublicKeyInfo of its TLS key
    function removeNode(bytes32 tlsKeyHash) external;

    /// @notice Nodes that may connect to one another; a suspended member's only while they validate.
    /// @return listed in no particular order; a validator that another member runs is shown as zero
    function nodes() external view returns (Node[] memory listed);

    /// @notice Member that runs a validator.
    /// @param validator address of its key
    /// @return organisation its id, 0 for none in the set
    function validatorOrganisation(address validator) external view returns (uint32 organisation);

    /// @notice The validator set; depends neither on time nor on the caller and is never empty.
    /// @return validators in the order they joined
    function getValidators() external view returns (address[] memory validators);

    /// @notice An account as enrolled.
    /// @param account_ address of the key
    /// @return enrolled all zero when unknown
    /// @return certificateHash sha256 of the certificate's DER
    function account(address account_) external view returns (Account memory enrolled, bytes32 certificateHash);

    /// @notice A member.
    /// @param organisation its id
    /// @return member all of it
    function organisation(uint32 organisation) external view returns (Organisation memory member);

    /// @notice Number of members, suspended ones included; ids are 1 to this.
    /// @return count of members
    function organisationCount() external view returns (uint32 count);

    /// @notice Accounts of a member.
    /// @param organisation its id
    /// @return accounts in no particular order
    function accountsOf(uint32 organisation) external view returns (address[] memory accounts);

    /// @notice Member that an account belongs to.
    /// @param account_ address of the key
    /// @return organisation its id, 0 for a stranger
    function organisationOf(address account_) external view returns (uint32 organisation);

    /// @notice Roles in force: none while the account or its member is suspended.
    /// @param account_ address of the key
    /// @return roles bitmap, bit = role id
    function rolesOf(address account_) external view returns (uint64 roles);

    /// @notice Number of accounts that have the role in force.
    /// @param role id
    /// @return count of accounts
    function roleCount(uint64 role) external view returns (uint256 count);

    /// @notice Accounts that have the role in force.
    /// @param role id
    /// @return accounts in no particular order
    function accountsWithRole(uint64 role) external view returns (address[] memory accounts);

    /// @notice A proposal.
    /// @param id of the proposal
    /// @return proposal_ all of it
    function proposal(uint256 id) external view returns (Proposal memory proposal_);

    /// @notice Number of proposals; ids are 1 to this.
    /// @return count of proposals
    function proposalCount() external view returns (uint256 count);
}
