// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Products issued on screened packs
/// @notice An issuance is taken only with the levels that the pack's screening left, and only after the transfer of title.
interface IExchange {
    /// @notice What is issued.
    /// @param productId chosen by the exchange, never used before
    /// @param packId transferred pack
    /// @param runId screening whose result the pack carries
    /// @param totalCents principal of the kept assets
    /// @param levelCounts kept assets by level
    /// @param levelClasses sum of their principal classes by level
    /// @param documentHash of the prospectus
    struct Issuance {
        bytes32 productId;
        uint256 packId;
        uint256 runId;
        uint256 totalCents;
        uint32[10] levelCounts;
        uint64[10] levelClasses;
        bytes32 documentHash;
    }

    /// @notice A product.
    /// @param packId pack it is issued on
    /// @param runId screening whose result the pack carries
    /// @param totalCents principal of the kept assets
    /// @param levelCounts kept assets by level
    /// @param levelClasses sum of their principal classes by level
    /// @param documentHash of the prospectus
    /// @param issuer account of the exchange
    /// @param issuedAt second, 0 when unknown
    struct Product {
        uint256 packId;
        uint256 runId;
        uint256 totalCents;
        uint32[10] levelCounts;
        uint64[10] levelClasses;
        bytes32 documentHash;
        address issuer;
        uint40 issuedAt;
    }

    /// @notice A product exists.
    /// @param productId of the product
    /// @param packId pack it is issued on
    /// @param runId screening whose result the pack carries
    /// @param totalCents principal of the kept assets
    /// @param documentHash of the prospectus
    event ProductIssued(
        bytes32 indexed productId, uint256 indexed packId, uint256 runId, uint256 totalCents, bytes32 documentHash
    );

    /// @notice Thrown when a product would be issued while the pack's scores are disputed.
    /// @param packId of the pack
    error ExchangeDisputed(uint256 packId);

    /// @notice Thrown when a required hash is zero.
    /// @param field that lacks it
    error ExchangeHashMissing(string field);

    /// @notice Thrown when the product exists.
    /// @param productId given
    error ExchangeProductExists(bytes32 productId);

    /// @notice Thrown when the pack is not transferred.
    /// @param packId of the pack
    /// @param status in force
    error ExchangePackNotTransferred(uint256 packId, uint8 status);

    /// @notice Thrown when the pack carries another screening's result.
    /// @param packId of the pack
    /// @param expected screening of the pack
    /// @param actual screening given
    error ExchangeWrongRun(uint256 packId, uint256 expected, uint256 actual);

    /// @notice Thrown when the total is zero or above the principal of the pack.
    /// @param given in cents
    /// @param maximum in cents
    error ExchangeBadTotal(uint256 given, uint256 maximum);

    /// @notice Thrown when a level is not as the screening left it.
    /// @param level from 1
    /// @param expectedCount assets
    /// @param actualCount assets given
    /// @param expectedClasses sum of principal classes
    /// @param actualClasses sum given
    error ExchangeWrongLevel(
        uint256 level, uint256 expectedCount, uint256 actualCount, uint256 expectedClasses, uint256 actualClasses
    );

    /// @notice Issues a product; called by the exchange.
    /// @param issuance what is issued
    function issue(Issuance calldata issuance) external;

    /// @notice A product.
    /// @param productId of the product
    /// @return all zero when unknown
    function product(bytes32 productId) external view returns (Product memory);

    /// @notice Every product.
    /// @return productIds in the order of issuance
    function products() external view returns (bytes32[] memory productIds);
}
