// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessManagedUpgradeable} from "@openzeppelin/contracts-upgradeable/access/manager/AccessManagedUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts-upgradeable/proxy/utils/UUPSUpgradeable.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {IContractRegistry} from "./interfaces/IContractRegistry.sol";

/// @title The consortium's list of contracts by name
/// @notice See {IContractRegistry}.
contract ContractRegistry is IContractRegistry, AccessManagedUpgradeable, UUPSUpgradeable {
    /// @custom:storage-location erc7201:tranchain.storage.ContractRegistry
    struct ContractRegistryStorage {
        mapping(string name => Entry) entries;
        string[] names;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.ContractRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _CONTRACT_REGISTRY_SLOT = 0xfae2b4aaadab42b665ae1555b8019a15cd6bd908e51b39d6f55811138c59e200;
    uint256 private constant _NAME_BYTES_MAX = 64;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc IContractRegistry
    function initialize(address authority, address consortium) external initializer {
        __AccessManaged_init(authority);
        _list("Consortium", consortium, true);
        _list("AccessManager", authority, false);
        _list("ContractRegistry", address(this), true);
    }

    /// @inheritdoc IContractRegistry
    function deployImplementation(bytes calldata initCode) external restricted returns (address implementation) {
        bytes memory code = initCode;
        implementation = Create2.computeAddress(0, keccak256(code));
        if (implementation.code.length != 0) return implementation;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            // OpenZeppelin's Create2.deploy would hide which contract failed behind an error of its own.
            implementation := create2(0, add(code, 0x20), mload(code), 0)
        }
        if (implementation == address(0)) revert ContractRegistryDeployFailed();
        emit ImplementationDeployed(implementation);
    }

    /// @inheritdoc IContractRegistry
    function register(string calldata name, uint32 version, address implementation, bytes calldata initData)
        external
        restricted
    {
        if (implementation.code.length == 0) revert ContractRegistryNoCode(implementation);
        Entry storage known = _storage().entries[name];
        if (version <= known.version) revert ContractRegistryVersionNotRising(name, version, known.version);
        address proxy = known.proxy;
        if (proxy == address(0)) {
            proxy = _create(name, version, implementation, initData);
            emit ContractRegistered(keccak256(bytes(name)), proxy, version, name, implementation);
            return;
        }
        if (known.retired) revert ContractRegistryRetired(name);
        if (!known.upgradeable) revert ContractRegistryNotUpgradeable(name);
        known.version = version;
        emit ContractRegistered(keccak256(bytes(name)), proxy, version, name, implementation);
        UUPSUpgradeable(proxy).upgradeToAndCall(implementation, initData);
    }

    /// @inheritdoc IContractRegistry
    function retire(string calldata name) external restricted {
        Entry storage known = _storage().entries[name];
        if (known.proxy == address(0)) revert ContractRegistryUnknownName(name);
        if (known.retired) revert ContractRegistryRetired(name);
        known.retired = true;
        emit ContractRetired(keccak256(bytes(name)), name);
    }

    /// @inheritdoc IContractRegistry
    function addressOf(string calldata name) external view returns (address) {
        Entry storage known = _storage().entries[name];
        if (known.proxy == address(0)) revert ContractRegistryUnknownName(name);
        if (known.retired) revert ContractRegistryRetired(name);
        return known.proxy;
    }

    /// @inheritdoc IContractRegistry
    function entry(string calldata name) external view returns (Entry memory) {
        return _storage().entries[name];
    }

    /// @inheritdoc IContractRegistry
    function names() external view returns (string[] memory) {
        return _storage().names;
    }

    /// @inheritdoc IContractRegistry
    function isFrozen(string calldata name) external view returns (bool) {
        return IAccessManager(authority()).isTargetClosed(_storage().entries[name].proxy);
    }

    /// @inheritdoc IContractRegistry
    function implementationAddress(bytes calldata initCode) external view returns (address) {
        return Create2.computeAddress(0, keccak256(initCode));
    }

    /// @inheritdoc IContractRegistry
    function proxyAddress(string calldata name, address implementation, bytes calldata initData)
        external
        view
        returns (address)
    {
        bytes memory code = abi.encodePacked(type(ERC1967Proxy).creationCode, abi.encode(implementation, initData));
        return Create2.computeAddress(keccak256(bytes(name)), keccak256(code));
    }

    /// @dev Only this contract holds the role that is configured for `upgradeToAndCall`.
    // solhint-disable-next-line no-empty-blocks
    function _authorizeUpgrade(address) internal override restricted {}

    function _create(string calldata name, uint32 version, address implementation, bytes calldata initData)
        private
        returns (address proxy)
    {
        if (bytes(name).length == 0 || bytes(name).length > _NAME_BYTES_MAX) revert ContractRegistryBadName(name);
        if (initData.length == 0) revert ContractRegistryInitDataMissing(name);
        proxy = address(new ERC1967Proxy{salt: keccak256(bytes(name))}(implementation, initData));
        _storage().entries[name] = Entry({proxy: proxy, version: version, upgradeable: true, retired: false});
        _storage().names.push(name);
    }

    function _list(string memory name, address proxy, bool upgradeable) private {
        ContractRegistryStorage storage $ = _storage();
        $.entries[name] = Entry({proxy: proxy, version: 1, upgradeable: upgradeable, retired: false});
        $.names.push(name);
        emit ContractRegistered(keccak256(bytes(name)), proxy, 1, name, address(0));
    }

    function _storage() private pure returns (ContractRegistryStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _CONTRACT_REGISTRY_SLOT
        }
    }
}
