// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {ConsortiumNodes} from "./base/ConsortiumNodes.sol";
import {ConsortiumProposals} from "./base/ConsortiumProposals.sol";
import {IConsortium} from "./interfaces/IConsortium.sol";
import {IContractRegistry} from "./interfaces/IContractRegistry.sol";
import {ConsortiumStorage} from "./libraries/ConsortiumStorage.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title Members of the consortium, their accounts, votes and validators
/// @notice See {IConsortium}. Functions without a role of their own are called by the Consortium itself, by proposal.
contract Consortium is ConsortiumProposals, ConsortiumNodes, UUPSUpgradeable {
    using EnumerableSet for EnumerableSet.AddressSet;

    /// @dev A vote is one bit of a word, bit 0 unused.
    uint32 private constant _ORGANISATION_COUNT_MAX = 255;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IConsortium
    function initialize(
        address authority,
        address registry,
        OrganisationInit[] calldata organisations,
        AccountInit[] calldata accounts,
        ValidatorInit[] calldata validators,
        Node[] calldata initialNodes
    ) external initializer {
        __AccessManaged_init(authority);
        _setFunctionRoles(registry);
        _admit(organisations, accounts);
        _start(validators, initialNodes);
    }

    /// @inheritdoc IConsortium
    function addOrganisation(string calldata name, address governor) external restricted returns (uint32) {
        return _addOrganisation(name, governor);
    }

    /// @inheritdoc IConsortium
    function setGovernor(uint32 id, address governor) external restricted {
        Organisation storage member = _member(id);
        Account storage enrolled = ConsortiumStorage.load().accounts[governor];
        if (enrolled.organisation == 0) {
            _enrolGovernor(governor, id);
        } else {
            _requireMemberOf(governor, enrolled.organisation, id);
            enrolled.roles |= uint64(1) << Roles.GOVERNOR;
            enrolled.suspended = false;
            _grantRoles(governor);
        }
        address previous = member.governor;
        member.governor = governor;
        emit GovernorChanged(id, governor);
        if (previous != governor) _dropGovernorRole(previous);
    }

    /// @inheritdoc IConsortium
    function enrol(
        address account_,
        uint32 id,
        uint64 roles,
        uint40 validFrom,
        uint40 validUntil,
        bytes32 certificateHash
    ) external restricted {
        _enrol(account_, id, roles, validFrom, validUntil, certificateHash);
    }

    /// @inheritdoc IConsortium
    function setSuspended(address account_, bool suspended) external restricted {
        Account storage enrolled = _enrolled(account_);
        if (suspended) _requireNotGovernor(account_, enrolled.organisation);
        enrolled.suspended = suspended;
        emit AccountSuspended(account_, suspended);
        _grantRoles(account_);
    }

    /// @inheritdoc IConsortium
    function setOrganisationSuspended(uint32 id, bool suspended) external restricted {
        _member(id).suspended = suspended;
        if (suspended) _requireVoterBeside(id);
        emit OrganisationSuspended(id, suspended);
        EnumerableSet.AddressSet storage accounts = ConsortiumStorage.load().accountsByOrganisation[id];
        for (uint256 i = 0; i < accounts.length(); ++i) {
            _grantRoles(accounts.at(i));
        }
    }

    /// @inheritdoc IConsortium
    function revoke(address account_) external restricted {
        uint32 id = _enrolled(account_).organisation;
        _requireNotGovernor(account_, id);
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        delete $.accounts[account_];
        delete $.certificateHashes[account_];
        $.accountsByOrganisation[id].remove(account_);
        emit AccountRevoked(account_);
        _grantRoles(account_);
    }

    /// @inheritdoc IConsortium
    function addValidator(address validator, uint32 id) external restricted {
        _member(id);
        _addValidator(validator, id);
    }

    /// @inheritdoc IConsortium
    function account(address account_) external view returns (Account memory enrolled, bytes32 certificateHash) {
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        return ($.accounts[account_], $.certificateHashes[account_]);
    }

    /// @inheritdoc IConsortium
    function organisation(uint32 id) external view returns (Organisation memory) {
        return ConsortiumStorage.load().organisations[id];
    }

    /// @inheritdoc IConsortium
    function organisationCount() external view returns (uint32) {
        return ConsortiumStorage.load().organisationCount;
    }

    /// @inheritdoc IConsortium
    function accountsOf(uint32 id) external view returns (address[] memory) {
        return ConsortiumStorage.load().accountsByOrganisation[id].values();
    }

    /// @inheritdoc IConsortium
    function organisationOf(address account_) external view returns (uint32) {
        return ConsortiumStorage.load().accounts[account_].organisation;
    }

    /// @inheritdoc IConsortium
    function rolesOf(address account_) external view returns (uint64) {
        return ConsortiumStorage.load().grantedRoles[account_];
    }

    /// @inheritdoc IConsortium
    function roleCount(uint64 role) external view returns (uint256) {
        return ConsortiumStorage.load().accountsByRole[role].length();
    }

    /// @inheritdoc IConsortium
    function accountsWithRole(uint64 role) external view returns (address[] memory) {
        return ConsortiumStorage.load().accountsByRole[role].values();
    }

    /// @dev Only the ContractRegistry holds the role that is configured for `upgradeToAndCall`.
    // solhint-disable-next-line no-empty-blocks
    function _authorizeUpgrade(address) internal override restricted {}

    /// @dev Makes governance work from the first block on; all other contracts are wired by proposal.
    function _setFunctionRoles(address registry) private {
        IAccessManager manager = IAccessManager(authority());
        bytes4[] memory governing = new bytes4[](4);
        (governing[0], governing[1]) = (this.propose.selector, this.approve.selector);
        (governing[2], governing[3]) = (this.execute.selector, this.setNode.selector);
        manager.setTargetFunctionRole(address(this), governing, Roles.GOVERNOR);
        manager.setTargetFunctionRole(address(this), _one(this.removeNode.selector), Roles.PUBLIC);
        manager.setTargetFunctionRole(registry, _one(IContractRegistry.deployImplementation.selector), Roles.DEPLOYER);
        manager.setTargetFunctionRole(address(this), _one(this.upgradeToAndCall.selector), Roles.UPGRADER);
        manager.setTargetFunctionRole(registry, _one(this.upgradeToAndCall.selector), Roles.UPGRADER);
        manager.grantRole(Roles.UPGRADER, registry, 0);
    }

    function _admit(OrganisationInit[] calldata organisations, AccountInit[] calldata accounts) private {
        for (uint256 i = 0; i < organisations.length; ++i) {
            _addOrganisation(organisations[i].name, organisations[i].governor);
        }
        for (uint256 i = 0; i < accounts.length; ++i) {
            AccountInit calldata a = accounts[i];
            _enrol(a.account, a.organisation, a.roles, a.validFrom, a.validUntil, a.certificateHash);
        }
    }

    function _start(ValidatorInit[] calldata validators, Node[] calldata initialNodes) private {
        if (validators.length == 0) revert ConsortiumLastValidator();
        for (uint256 i = 0; i < validators.length; ++i) {
            _member(validators[i].organisation);
            _addValidator(validators[i].validator, validators[i].organisation);
        }
        for (uint256 i = 0; i < initialNodes.length; ++i) {
            _member(initialNodes[i].organisation);
            _setNode(initialNodes[i]);
        }
    }

    function _addOrganisation(string calldata name, address governor) private returns (uint32 id) {
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        if (bytes(name).length == 0) revert ConsortiumNameMissing();
        if ($.organisationCount == _ORGANISATION_COUNT_MAX) revert ConsortiumFull();
        uint32 owner = $.accounts[governor].organisation;
        if (owner != 0) revert ConsortiumAccountOfOther(governor, owner);
        id = ++$.organisationCount;
        $.organisations[id] = Organisation({suspended: false, name: name, governor: governor});
        emit OrganisationAdded(id, name, governor);
        _enrolGovernor(governor, id);
    }

    function _enrolGovernor(address governor, uint32 id) private {
        _enrol(governor, id, uint64(1) << Roles.GOVERNOR, uint40(block.timestamp), type(uint40).max, 0);
    }

    function _enrol(
        address account_,
        uint32 id,
        uint64 roles,
        uint40 validFrom,
        uint40 validUntil,
        bytes32 certificateHash
    ) private {
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        if (account_ == address(0)) revert ConsortiumZeroAddress();
        if (roles == 0 || roles & ~Roles.ACCOUNT_ROLES != 0) revert ConsortiumBadRoles(roles);
        if (validFrom >= validUntil) revert ConsortiumBadValidity(validFrom, validUntil);
        Account storage enrolled = $.accounts[account_];
        if (enrolled.organisation != 0) _requireMemberOf(account_, enrolled.organisation, id);
        if (!Roles.has(roles, Roles.GOVERNOR)) _requireNotGovernor(account_, id);
        _member(id);
        $.accounts[account_] = Account(id, validFrom, validUntil, roles, enrolled.suspended);
        $.certificateHashes[account_] = certificateHash;
        $.accountsByOrganisation[id].add(account_);
        emit AccountEnrolled(account_, id, roles, validFrom, validUntil, certificateHash);
        _grantRoles(account_);
    }

    /// @dev Brings the AccessManager and the lists by role in line with the account's roles in force.
    function _grantRoles(address account_) private {
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        Account storage enrolled = $.accounts[account_];
        bool inForce = !enrolled.suspended && !$.organisations[enrolled.organisation].suspended;
        uint64 wanted = inForce ? enrolled.roles : 0;
        uint64 changes = wanted ^ $.grantedRoles[account_];
        $.grantedRoles[account_] = wanted;
        IAccessManager manager = IAccessManager(authority());
        for (uint64 role = 1; changes >> role != 0; ++role) {
            if (!Roles.has(changes, role)) continue;
            if (Roles.has(wanted, role)) {
                $.accountsByRole[role].add(account_);
                manager.grantRole(role, account_, 0);
            } else {
                $.accountsByRole[role].remove(account_);
                manager.revokeRole(role, account_);
            }
        }
    }

    /// @dev A former governor that had no other role is no account any more.
    function _dropGovernorRole(address previous) private {
        Account storage enrolled = ConsortiumStorage.load().accounts[previous];
        enrolled.roles &= ~(uint64(1) << Roles.GOVERNOR);
        _grantRoles(previous);
    }

    function _member(uint32 id) private view returns (Organisation storage member) {
        member = ConsortiumStorage.load().organisations[id];
        if (bytes(member.name).length == 0) revert ConsortiumUnknownOrganisation(id);
    }

    function _enrolled(address account_) private view returns (Account storage enrolled) {
        enrolled = ConsortiumStorage.load().accounts[account_];
        if (enrolled.organisation == 0) revert ConsortiumUnknownAccount(account_);
    }

    function _requireNotGovernor(address account_, uint32 id) private view {
        if (ConsortiumStorage.load().organisations[id].governor != account_) return;
        revert ConsortiumGovernorInOffice(account_, id);
    }

    function _requireVoterBeside(uint32 id) private view {
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        for (uint32 other = 1; other <= $.organisationCount; ++other) {
            if (!$.organisations[other].suspended) return;
        }
        revert ConsortiumLastOrganisation(id);
    }

    function _requireMemberOf(address account_, uint32 actual, uint32 expected) private pure {
        if (actual != expected) revert ConsortiumAccountOfOther(account_, actual);
    }

    function _one(bytes4 selector) private pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](1);
        selectors[0] = selector;
    }
}
