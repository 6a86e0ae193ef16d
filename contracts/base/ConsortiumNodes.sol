// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManagedUpgradeable} from "@openzeppelin/contracts-upgradeable/access/manager/AccessManagedUpgradeable.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {ConsortiumStorage} from "../libraries/ConsortiumStorage.sol";
import {Roles} from "../libraries/Roles.sol";

/// @title Nodes of the members and the validators among them
/// @notice Each member says by itself which nodes it runs; who is a validator is decided by vote.
abstract contract ConsortiumNodes is IConsortium, AccessManagedUpgradeable {
    using EnumerableSet for EnumerableSet.AddressSet;
    using EnumerableSet for EnumerableSet.Bytes32Set;

    /// @notice Records a member may have; two are in use while a key is rotated.
    uint256 public constant NODES_PER_ORGANISATION_MAX = 8;

    uint256 private constant _ENDPOINT_SIZE_BYTES_MAX = 255;

    /// @inheritdoc IConsortium
    function setNode(bytes32 tlsKeyHash, address validator, string calldata endpoint) external restricted {
        _setNode(Node(tlsKeyHash, validator, ConsortiumStorage.load().accounts[msg.sender].organisation, endpoint));
    }

    /// @inheritdoc IConsortium
    function removeNode(bytes32 tlsKeyHash) external restricted {
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        uint32 owner = $.nodes[tlsKeyHash].organisation;
        if (owner == 0) revert ConsortiumUnknownNode(tlsKeyHash);
        if (msg.sender != address(this)) {
            bool governs = Roles.has($.grantedRoles[msg.sender], Roles.GOVERNOR);
            if (!governs || $.accounts[msg.sender].organisation != owner) {
                revert ConsortiumNodeOfOther(tlsKeyHash, owner);
            }
        }
        delete $.nodes[tlsKeyHash];
        $.nodeKeys.remove(tlsKeyHash);
        --$.nodeCounts[owner];
        emit NodeRemoved(tlsKeyHash);
    }

    /// @inheritdoc IConsortium
    function removeValidator(address validator) external restricted {
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        if (!$.validators.remove(validator)) revert ConsortiumUnknownValidator(validator);
        if ($.validators.length() == 0) revert ConsortiumLastValidator();
        delete $.validatorOrganisations[validator];
        emit ValidatorRemoved(validator);
    }

    /// @inheritdoc IConsortium
    function getValidators() external view returns (address[] memory) {
        return ConsortiumStorage.load().validators.values();
    }

    /// @inheritdoc IConsortium
    function validatorOrganisation(address validator) external view returns (uint32) {
        return ConsortiumStorage.load().validatorOrganisations[validator];
    }

    /// @inheritdoc IConsortium
    function nodes() external view returns (Node[] memory listed) {
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        uint256 total = $.nodeKeys.length();
        listed = new Node[](total);
        uint256 count = 0;
        for (uint256 i = 0; i < total; ++i) {
            Node memory node = $.nodes[$.nodeKeys.at(i)];
            bool validates = $.validators.contains(node.validator);
            if (validates && $.validatorOrganisations[node.validator] != node.organisation) {
                // Voted in for another member after this record was made.
                validates = false;
                node.validator = address(0);
            }
            if (validates || !$.organisations[node.organisation].suspended) listed[count++] = node;
        }
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mstore(listed, count)
        }
    }

    function _addValidator(address validator, uint32 id) internal {
        if (validator == address(0)) revert ConsortiumZeroAddress();
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        if (!$.validators.add(validator)) revert ConsortiumValidatorExists(validator);
        $.validatorOrganisations[validator] = id;
        emit ValidatorAdded(validator, id);
    }

    function _setNode(Node memory node) internal {
        ConsortiumStorage.Layout storage $ = ConsortiumStorage.load();
        if (node.tlsKeyHash == 0) revert ConsortiumNodeKeyMissing();
        uint256 size = bytes(node.endpoint).length;
        if (size == 0 || size > _ENDPOINT_SIZE_BYTES_MAX) revert ConsortiumBadEndpoint(size);
        if ($.validators.contains(node.validator)) {
            uint32 runner = $.validatorOrganisations[node.validator];
            if (runner != node.organisation) revert ConsortiumValidatorOfOther(node.validator, runner);
        }
        if ($.nodeKeys.add(node.tlsKeyHash)) {
            if (++$.nodeCounts[node.organisation] > NODES_PER_ORGANISATION_MAX) {
                revert ConsortiumTooManyNodes(node.organisation);
            }
        } else {
            uint32 owner = $.nodes[node.tlsKeyHash].organisation;
            if (owner != node.organisation) revert ConsortiumNodeOfOther(node.tlsKeyHash, owner);
        }
        $.nodes[node.tlsKeyHash] = node;
        emit NodeSet(node.tlsKeyHash, node.organisation, node.validator, node.endpoint);
    }
}
