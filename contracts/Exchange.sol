// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IExchange} from "./interfaces/IExchange.sol";
import {IScreeningViews} from "./interfaces/IScreeningViews.sol";
import {PackStatus} from "./libraries/PackStatus.sol";

/// @title Products issued on screened packs
/// @notice See {IExchange}.
contract Exchange is IExchange, GovernedContract {
    /// @custom:storage-location erc7201:tranchain.storage.Exchange
    struct ExchangeStorage {
        mapping(bytes32 productId => Product) products;
        bytes32[] productIds;
    }

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.Exchange")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _EXCHANGE_SLOT = 0x0a07364270735f2f5ce545aab031f834f7fc71c7717a4422901918dfe95b2a00;
    uint256 private constant _LEVEL_COUNT = 10;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IExchange
    function issue(Issuance calldata issuance) external restricted {
        if (issuance.productId == 0) revert ExchangeHashMissing("productId");
        if (issuance.documentHash == 0) revert ExchangeHashMissing("documentHash");
        Product storage issued = _storage().products[issuance.productId];
        if (issued.issuedAt != 0) revert ExchangeProductExists(issuance.productId);
        IAssetPackRegistry packs = IAssetPackRegistry(_addressOf("AssetPackRegistry"));
        _checkPack(packs.pack(issuance.packId), issuance);
        _checkLevels(issuance);

        issued.packId = issuance.packId;
        issued.runId = issuance.runId;
        issued.totalCents = issuance.totalCents;
        issued.levelCounts = issuance.levelCounts;
        issued.levelClasses = issuance.levelClasses;
        issued.documentHash = issuance.documentHash;
        issued.issuer = msg.sender;
        issued.issuedAt = uint40(block.timestamp);
        _storage().productIds.push(issuance.productId);
        emit ProductIssued(
            issuance.productId, issuance.packId, issuance.runId, issuance.totalCents, issuance.documentHash
        );
        packs.advance(issuance.packId, PackStatus.ISSUED);
    }

    /// @inheritdoc IExchange
    function product(bytes32 productId) external view returns (Product memory) {
        return _storage().products[productId];
    }

    /// @inheritdoc IExchange
    function products() external view returns (bytes32[] memory) {
        return _storage().productIds;
    }

    function _checkPack(IAssetPackRegistry.Pack memory pack, Issuance calldata issuance) private view {
        if (pack.status != PackStatus.TRANSFERRED) revert ExchangePackNotTransferred(issuance.packId, pack.status);
        if (IDisputes(_addressOf("Disputes")).hasOpenDispute(issuance.packId)) revert ExchangeDisputed(issuance.packId);
        uint256 runId = IScreeningViews(_addressOf("Screening")).runOf(issuance.packId);
        if (runId != issuance.runId) revert ExchangeWrongRun(issuance.packId, runId, issuance.runId);
        if (issuance.totalCents == 0 || issuance.totalCents > pack.totalPrincipalCents) {
            revert ExchangeBadTotal(issuance.totalCents, pack.totalPrincipalCents);
        }
    }

    function _checkLevels(Issuance calldata issuance) private view {
        IScreeningViews screening = IScreeningViews(_addressOf("Screening"));
        (uint32[10] memory counts, uint64[10] memory classes) = screening.levels(issuance.runId, true);
        for (uint256 i = 0; i < _LEVEL_COUNT; ++i) {
            if (counts[i] != issuance.levelCounts[i] || classes[i] != issuance.levelClasses[i]) {
                revert ExchangeWrongLevel(
                    i + 1, counts[i], issuance.levelCounts[i], classes[i], issuance.levelClasses[i]
                );
            }
        }
    }

    function _storage() private pure returns (ExchangeStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _EXCHANGE_SLOT
        }
    }
}
