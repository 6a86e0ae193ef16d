// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManagedUpgradeable} from "@openzeppelin/contracts-upgradeable/access/manager/AccessManagedUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";
import {IConsortium} from "../interfaces/IConsortium.sol";
import {IContractRegistry} from "../interfaces/IContractRegistry.sol";

/// @title What every contract that governance registers has in common
/// @notice UUPS proxy, guarded by the consortium's AccessManager, finds its neighbours through the ContractRegistry.
/// A function that is `restricted` and has no role configured can be called by governance alone.
abstract contract GovernedContract is AccessManagedUpgradeable, UUPSUpgradeable {
    /// @custom:storage-location erc7201:tranchain.storage.GovernedContract
    struct GovernedContractStorage {
        IContractRegistry registry;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.GovernedContract")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _GOVERNED_CONTRACT_SLOT = 0x0d28fbf251a69d1948da6b17ef46e62d55628a95c3191c746c6910684ff50200;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @notice The list through which this contract finds its neighbours.
    /// @return the ContractRegistry
    function registry() external view returns (IContractRegistry) {
        return _registry();
    }

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    // solhint-disable-next-line func-name-mixedcase
    function __GovernedContract_init(address authority, address registry_) internal onlyInitializing {
        __AccessManaged_init(authority);
        _governedContractStorage().registry = IContractRegistry(registry_);
    }

    /// @dev Only the ContractRegistry holds the role that is configured for `upgradeToAndCall`.
    // solhint-disable-next-line no-empty-blocks
    function _authorizeUpgrade(address) internal override restricted {}

    function _registry() internal view returns (IContractRegistry) {
        return _governedContractStorage().registry;
    }

    function _addressOf(string memory name) internal view returns (address) {
        return _governedContractStorage().registry.addressOf(name);
    }

    function _consortium() internal view returns (IConsortium) {
        return IConsortium(_addressOf("Consortium"));
    }

    function _governedContractStorage() private pure returns (GovernedContractStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _GOVERNED_CONTRACT_SLOT
        }
    }
}
