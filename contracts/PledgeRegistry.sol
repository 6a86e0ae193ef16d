// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EIP712Upgradeable} from "@openzeppelin/contracts-upgradeable/utils/cryptography/EIP712Upgradeable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IMeasuresViews} from "./interfaces/IMeasuresViews.sol";
import {IMonitoringViews} from "./interfaces/IMonitoringViews.sol";
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
        mapping(uint256 packId => uint32) returnedInto;
        mapping(uint256 packId => uint32) returnedFrom;
        mapping(address originator => uint64) returnedBy;
    }

    /// @notice Type of the message that the registrar signs.
    bytes32 public constant ATTESTATION_TYPEHASH =
        keccak256("Attestation(uint256 pack,uint32 firstIndex,bytes32 chunkHash)");

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.PledgeRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _PLEDGE_REGISTRY_SLOT = 0x63ab46473a0b67d41d48cea12f920f212735fa9fe327f2f26d1cf1cefa747900;

    /// @dev Bit of a place whose pledge was released: the loan was there, and is free.
    uint256 private constant _RELEASED = 1 << 255;

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
        uint32 returned = 0;
        for (uint256 i = 0; i < nullifiers.length; ++i) {
            bytes32 nullifier = nullifiers[i];
            uint256 earlier = $.placeByNullifier[nullifier];
            if (earlier != 0) {
                if (_isPlaceLive(earlier)) revert PledgeAlreadyLive(nullifier, earlier >> 32);
                if (_hasLeftScreenedPack(earlier, packId)) {
                    ++returned;
                    ++$.returnedFrom[_packOf(earlier)];
                }
            }
            $.placeByNullifier[nullifier] = place + i;
        }
        emit AssetsPledged(packId, firstIndex, uint32(nullifiers.length), registrar);
        if (returned != 0) _countReturned(packId, returned);
    }

    /// @inheritdoc IPledgeRegistry
    function release(bytes32[] calldata nullifiers) external restricted {
        PledgeRegistryStorage storage $ = _storage();
        for (uint256 i = 0; i < nullifiers.length; ++i) {
            bytes32 nullifier = nullifiers[i];
            uint256 place = $.placeByNullifier[nullifier];
            if (place == 0 || place & _RELEASED != 0) revert PledgeUnknown(nullifier);
            if (_isPlaceLive(place)) revert PledgeAlreadyLive(nullifier, place >> 32);
            $.placeByNullifier[nullifier] = place | _RELEASED;
            emit PledgeReleased(nullifier, place >> 32, uint32(place));
        }
    }

    /// @inheritdoc IPledgeRegistry
    function pledgeOf(bytes32 nullifier) external view returns (uint256 packId, uint32 index, bool live) {
        uint256 place = _storage().placeByNullifier[nullifier];
        return (_packOf(place), uint32(place), place != 0 && _isPlaceLive(place));
    }

    /// @inheritdoc IPledgeRegistry
    function unreleasedPacksOf(bytes32[] calldata nullifiers) external view returns (uint256[] memory packIds) {
        packIds = new uint256[](nullifiers.length);
        for (uint256 i = 0; i < nullifiers.length; ++i) {
            uint256 place = _storage().placeByNullifier[nullifiers[i]];
            if (place & _RELEASED == 0) packIds[i] = place >> 32;
        }
    }

    /// @inheritdoc IPledgeRegistry
    function returnedInto(uint256 packId) external view returns (uint32) {
        return _storage().returnedInto[packId];
    }

    /// @inheritdoc IPledgeRegistry
    function returnedFrom(uint256 packId) external view returns (uint32) {
        return _storage().returnedFrom[packId];
    }

    /// @inheritdoc IPledgeRegistry
    function returnedBy(address originator) external view returns (uint64) {
        return _storage().returnedBy[originator];
    }

    /// @inheritdoc IPledgeRegistry
    function attestationDigest(uint256 packId, uint32 firstIndex, bytes32 chunkHash) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(ATTESTATION_TYPEHASH, packId, firstIndex, chunkHash)));
    }

    function _countReturned(uint256 packId, uint32 count) private {
        address originator = _packs().pack(packId).originator;
        _storage().returnedInto[packId] += count;
        _storage().returnedBy[originator] += count;
        emit LoansReturned(packId, originator, count);
    }

    function _checkAttestation(bytes32 digest, bytes calldata attestation) private view returns (address registrar) {
        (registrar,,) = ECDSA.tryRecover(digest, attestation);
        if (!Roles.has(_consortium().rolesOf(registrar), Roles.REGISTRAR)) revert PledgeNotAttested(registrar);
    }

    /// @dev Of a monitored pack the pool tells; before that, what screening and bring-down left in it.
    function _isPlaceLive(uint256 place) private view returns (bool) {
        if (place & _RELEASED != 0) return false;
        uint256 packId = place >> 32;
        (bool used, bool owned) = _isOwnedAsReplacement(packId, uint32(place));
        if (used) return owned;
        uint8 status = _packs().statusOf(packId);
        if (status < PackStatus.OPEN || status > PackStatus.MONITORED) return false;
        if (status < PackStatus.SCREENED) return true;
        if (status >= PackStatus.ISSUED) {
            IMonitoringViews monitoring = IMonitoringViews(_registry().entry("Monitoring").proxy);
            if (address(monitoring) != address(0) && monitoring.isMonitored(packId)) {
                return monitoring.isInPool(packId, uint32(place));
            }
        }
        return IScreeningViews(_addressOf("Screening")).isKept(packId, uint32(place));
    }

    /// @dev Whether an asset replaced one of a pool, and that pool still owns it. A replacement that waits for the trustee does.
    function _isOwnedAsReplacement(uint256 packId, uint32 index) private view returns (bool used, bool owned) {
        IMeasuresViews measures = IMeasuresViews(_registry().entry("Measures").proxy);
        if (address(measures) == address(0)) return (false, false);
        (uint256 measureId, uint256 poolId, uint32 poolIndex) = measures.useOf(packId, index);
        if (measureId == 0) return (false, false);
        if (poolIndex == 0) return (true, true);
        return (true, IMonitoringViews(_addressOf("Monitoring")).isInPool(poolId, poolIndex));
    }

    /// @dev Whether a loan that is free was in another pack that was screened, and not withdrawn as a whole.
    function _hasLeftScreenedPack(uint256 place, uint256 packId) private view returns (bool) {
        uint256 earlier = _packOf(place);
        if (earlier == packId) return false;
        uint8 status = _packs().statusOf(earlier);
        return status >= PackStatus.SCREENED && status <= PackStatus.CLOSED;
    }

    function _packs() private view returns (IAssetPackRegistry) {
        return IAssetPackRegistry(_addressOf("AssetPackRegistry"));
    }

    function _packOf(uint256 place) private pure returns (uint256) {
        return (place & ~_RELEASED) >> 32;
    }

    function _storage() private pure returns (PledgeRegistryStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _PLEDGE_REGISTRY_SLOT
        }
    }
}
