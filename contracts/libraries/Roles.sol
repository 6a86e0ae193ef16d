// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Roles of the consortium
/// @notice Ids are those of the AccessManager; the id is also the bit of the role in an account's role bitmap.
library Roles {
    uint64 internal constant BUREAU = 1;
    uint64 internal constant ORIGINATOR = 2;
    uint64 internal constant RISK_CONTROL = 3;
    uint64 internal constant ORACLE = 4;
    uint64 internal constant REGISTRAR = 5;
    uint64 internal constant EXCHANGE = 6;
    uint64 internal constant TRUSTEE = 7;
    uint64 internal constant AUDITOR = 8;
    uint64 internal constant DEPLOYER = 9;
    uint64 internal constant GOVERNOR = 10;
    uint64 internal constant SERVICER = 11;
    uint64 internal constant REGULATOR = 12;
    /// @dev Contracts of the consortium that drive one another; never an account.
    uint64 internal constant SYSTEM = 20;
    /// @dev The ContractRegistry, when it upgrades a proxy by order of governance.
    uint64 internal constant UPGRADER = 21;

    /// @dev Everybody: a function that judges its caller itself.
    uint64 internal constant PUBLIC = type(uint64).max;

    /// @dev Every role that an account can be enrolled with: bits 1 to 12.
    uint64 internal constant ACCOUNT_ROLES = 0x1ffe;

    /// @notice Whether the bitmap has the role.
    /// @param bitmap one bit a role
    /// @param role id of the role
    /// @return true when the bit is set
    function has(uint64 bitmap, uint64 role) internal pure returns (bool) {
        return (bitmap >> role) & 1 == 1;
    }
}
