// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title The consortium's list of contracts by name
/// @notice Contracts and clients find one another here; governance registers, upgrades and retires through it.
/// Freezing a contract is a call of governance to the AccessManager (`setTargetClosed`), seen here by `isFrozen`.
interface IContractRegistry {
    /// @notice What is known of a name.
    /// @param proxy address that callers use
    /// @param version number of the implementation in force, rises with every upgrade
    /// @param upgradeable whether `register` can upgrade it
    /// @param retired whether governance took it out of use
    struct Entry {
        address proxy;
        uint32 version;
        bool upgradeable;
        bool retired;
    }

    /// @notice An implementation can now be registered.
    /// @param implementation its address, by CREATE2 from its init code
    event ImplementationDeployed(address indexed implementation);

    /// @notice A name got its first or a newer implementation.
    /// @param nameHash keccak of the name
    /// @param proxy address that callers use
    /// @param version number of the implementation
    /// @param name the name
    /// @param implementation the code in force
    event ContractRegistered(
        bytes32 indexed nameHash, address indexed proxy, uint32 version, string name, address implementation
    );

    /// @notice A name is out of use.
    /// @param nameHash keccak of the name
    /// @param name the name
    event ContractRetired(bytes32 indexed nameHash, string name);

    /// @notice Thrown when no contract has this name.
    /// @param name the name asked for
    error ContractRegistryUnknownName(string name);

    /// @notice Thrown when the contract of this name is out of use.
    /// @param name the name asked for
    error ContractRegistryRetired(string name);

    /// @notice Thrown when a name is empty or longer than 64 bytes.
    /// @param name the name given
    error ContractRegistryBadName(string name);

    /// @notice Thrown when an upgrade does not raise the version.
    /// @param name the name
    /// @param given version of the upgrade
    /// @param current version in force
    error ContractRegistryVersionNotRising(string name, uint32 given, uint32 current);

    /// @notice Thrown when there is no code at the implementation's address.
    /// @param implementation the address given
    error ContractRegistryNoCode(address implementation);

    /// @notice Thrown when a first registration would leave the proxy without owner.
    /// @param name the name
    error ContractRegistryInitDataMissing(string name);

    /// @notice Thrown when the contract of this name cannot be upgraded.
    /// @param name the name
    error ContractRegistryNotUpgradeable(string name);

    /// @notice Thrown when an implementation's constructor failed.
    error ContractRegistryDeployFailed();

    /// @notice Sets the authority and lists the three contracts of the genesis allocation.
    /// @param authority AccessManager of the consortium
    /// @param consortium Consortium proxy
    function initialize(address authority, address consortium) external;

    /// @notice Deploys an implementation by CREATE2 with salt 0; the same init code again only returns its address.
    /// @param initCode creation bytecode
    /// @return implementation its address
    function deployImplementation(bytes calldata initCode) external returns (address implementation);

    /// @notice Creates the proxy of a new name by CREATE2 with salt keccak(name), or upgrades an existing one.
    /// @param name of the contract
    /// @param version number of the implementation, above the one in force
    /// @param implementation deployed before
    /// @param initData call that initializes the proxy or migrates its state; may be empty in an upgrade
    function register(string calldata name, uint32 version, address implementation, bytes calldata initData) external;

    /// @notice Takes a name out of use for good; its contract and state stay where they are.
    /// @param name of the contract
    function retire(string calldata name) external;

    /// @notice Address of the contract in use under this name.
    /// @param name of the contract
    /// @return proxy its address
    function addressOf(string calldata name) external view returns (address proxy);

    /// @notice What is known of a name.
    /// @param name of the contract
    /// @return entry all of it; proxy is zero for an unknown name
    function entry(string calldata name) external view returns (Entry memory entry);

    /// @notice Every name ever registered.
    /// @return all in the order of their registration
    function names() external view returns (string[] memory all);

    /// @notice Whether governance froze the contract of this name: every guarded function refuses.
    /// @param name of the contract
    /// @return frozen true while frozen
    function isFrozen(string calldata name) external view returns (bool frozen);

    /// @notice Address that `deployImplementation` gives this init code.
    /// @param initCode creation bytecode
    /// @return implementation the address
    function implementationAddress(bytes calldata initCode) external view returns (address implementation);

    /// @notice Address that `register` will give the proxy of a new name.
    /// @param name of the contract
    /// @param implementation deployed before
    /// @param initData call that initializes the proxy
    /// @return proxy the address
    function proxyAddress(string calldata name, address implementation, bytes calldata initData)
        external
        view
        returns (address proxy);
}
