// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IPledgeRegistry} from "./interfaces/IPledgeRegistry.sol";
import {IScreeningViews} from "./interfaces/IScreeningViews.sol";
import {PackStatus} from "./libraries/PackStatus.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title Which loan is in which pack, by nullifier
/// @notice See {IPledgeRegistry}.
contract PledgeRegistry is IPledgeRegistry, GovernedContract, EIP712Upgradeable {
    /// @custom:storage-location erc7201:tranchain.storage.PledgeRegistry
    struct PledgeRegistryStorage {
        /// @dev packId << 32 | index of the asset: one slot an asset is what a pack costs.
        mapping(bytes32 nullifier => uint256) placeByNullifier;
    }

    /// @notice Type of the message that the registrar signs.
    bytes32 public constant ATTESTATION_TYPEHASH =
        keccak256("Attestation(uint256 pack,uint32 firstIndex,bytes32 chunkHash)");

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.PledgeRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _PLEDGE_REGISTRY_SLOT = 0x63ab46473a0b67d41d48cea12f920f212735fa9fe327f2f26d1cf1cefa747900;

    /// @notice Sets authority, registry and the domain of signatures.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
        __EIP712_init("Tranchain PledgeRegistry", "1");
    }

    /// @inheritdoc IPledgeRegistry
    function pledge(
        uint256 packId,
        uint32 firstIndex,
        bytes32[] calldata nullifiers,
        bytes32 chunkHash,
        bytes calldata attestation
    ) external restricted {
        address registrar = _checkAttestation(attestationDigest(packId, firstIndex, chunkHash), attestation);
        PledgeRegistryStorage storage $ = _storage();
        uint256 place = packId << 32 | firstIndex;
        for (uint256 i = 0; i < nullifiers.length; ++i) {
            bytes32 nullifier = nullifiers[i];
            uint256 earlier = $.placeByNullifier[nullifier];
            if (earlier != 0 && _isPlaceLive(earlier)) revert PledgeAlreadyLive(nullifier, earlier >> 32);
            $.placeByNullifier[nullifier] = place + i;
        }
        emit AssetsPledged(packId, firstIndex, uint32(nullifiers.length), registrar);
    }

    /// @inheritdoc IPledgeRegistry
    function release(bytes32[] calldata nullifiers) external restricted {
        PledgeRegistryStorage storage $ = _storage();
        for (uint256 i = 0; i < nullifiers.length; ++i) {
            bytes32 nullifier = nullifiers[i];
            uint256 place = $.placeByNullifier[nullifier];
            if (place == 0) revert PledgeUnknown(nullifier);
            if (_isPlaceLive(place)) revert PledgeAlreadyLive(nullifier, place >> 32);
            delete $.placeByNullifier[nullifier];
            emit PledgeReleased(nullifier, place >> 32, uint32(place));
        }
    }

    /// @inheritdoc IPledgeRegistry
    function pledgeOf(bytes32 nullifier) external view returns (uint256 packId, uint32 index, bool live) {
        uint256 place = _storage().placeByNullifier[nullifier];
        return (place >> 32, uint32(place), place != 0 && _isPlaceLive(place));
    }

    /// @inheritdoc IPledgeRegistry
    function attestationDigest(uint256 packId, uint32 firstIndex, bytes32 chunkHash) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ATTESTATION_TYPEHASH, packId, firstIndex, chunkHash)));
    }

    function _checkAttestation(bytes32 digest, bytes calldata attestation) private view returns (address registrar) {
        (registrar,,) = ECDSA.tryRecover(digest, attestation);
        if (!Roles.has(_consortium().rolesOf(registrar), Roles.REGISTRAR)) revert PledgeNotAttested(registrar);
    }

    function _isPlaceLive(uint256 place) private view returns (bool) {
        uint256 packId = place >> 32;
        IAssetPackRegistry packs = IAssetPackRegistry(_addressOf("AssetPackRegistry"));
        if (!packs.isLive(packId)) return false;
        if (packs.statusOf(packId) < PackStatus.SCREENED) return true;
        return IScreeningViews(_addressOf("Screening")).isKept(packId, uint32(place));
    }

    function _storage() private pure returns (PledgeRegistryStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _PLEDGE_REGISTRY_SLOT
        }
    }
}
