// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";

/// @title Where the Consortium keeps its state
/// @notice The first two members are read by the node, slot by slot: their place and layout can never change.
library ConsortiumStorage {
    /// @custom:storage-location erc7201:tranchain.storage.Consortium
    struct Layout {
        mapping(address account => IConsortium.Account) accounts;
        mapping(uint32 organisation => IConsortium.Organisation) organisations;
        mapping(address account => bytes32) certificateHashes;
        mapping(address account => uint64) grantedRoles;
        mapping(uint64 role => EnumerableSet.AddressSet) accountsByRole;
        mapping(uint32 organisation => EnumerableSet.AddressSet) accountsByOrganisation;
        mapping(uint256 id => IConsortium.Proposal) proposals;
        EnumerableSet.AddressSet validators;
        uint256 proposalCount;
        uint32 organisationCount;
        mapping(address validator => uint32 organisation) validatorOrganisations;
        EnumerableSet.Bytes32Set nodeKeys;
        mapping(bytes32 tlsKeyHash => IConsortium.Node) nodes;
        mapping(uint32 organisation => uint256) nodeCounts;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.Consortium")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _SLOT = 0x2b0f35606c05aec1cd097fd0ec4e33c185aae70f9045f912b5cd374421e1a200;

    /// @notice The one instance.
    /// @return layout storage of the calling contract
    function load() internal pure returns (Layout storage layout) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            layout.slot := _SLOT
        }
    }
}
