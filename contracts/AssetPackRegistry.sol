// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IDisputes} from "./interfaces/IDisputes.sol";
import {IMeasuresViews} from "./interfaces/IMeasuresViews.sol";
import {IPledgeRegistry} from "./interfaces/IPledgeRegistry.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {PackStatus} from "./libraries/PackStatus.sol";
import {PositionalMerkle} from "./libraries/PositionalMerkle.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title Packs of assets from invitation to closing
/// @notice See {IAssetPackRegistry}.
contract AssetPackRegistry is IAssetPackRegistry, GovernedContract {
    using PositionalMerkle for PositionalMerkle.Frontier;

    /// @dev `pointer` holds classes, then buckets.
    struct Chunk {
        bytes32 root;
        bytes32 rowsBlob;
        address pointer;
        uint32 count;
    }

    /// @dev The document itself is in the event.
    struct BucketLayout {
        bytes32 documentHash;
        uint8 dimensionCount;
    }

    /// @custom:storage-location erc7201:tranchain.storage.AssetPackRegistry
    struct AssetPackRegistryStorage {
        mapping(uint256 packId => Pack) packs;
        mapping(uint256 packId => Chunk[]) chunks;
        mapping(uint256 packId => PositionalMerkle.Frontier) frontiers;
        uint256 packCount;
        uint32 minimumAssets;
        uint32 layoutCount;
        mapping(uint32 layoutId => BucketLayout) layouts;
    }

    /// @notice Assets per call of `addAssets`.
    uint32 public constant CHUNK_COUNT = 256;
    /// @notice Largest pack.
    uint32 public constant ASSET_COUNT_MAX = 1 << 20;
    /// @notice Most bucket bytes of an asset.
    uint8 public constant DIMENSION_COUNT_MAX = 16;

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.AssetPackRegistry")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _ASSET_PACK_REGISTRY_SLOT = 0x4ce886510009d66dad73882aa412688a4efdc91080e5b0a9626e30ac61a2ed00;
    uint256 private constant _CHUNK_DEPTH = 8;

    /// @notice Sets authority, registry and the least number of assets.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
        _storage().minimumAssets = 100;
        emit MinimumAssetsSet(100);
    }

    /// @inheritdoc IAssetPackRegistry
    function defineLayout(uint8 dimensionCount, bytes calldata document)
        external
        restricted
        returns (uint32 layoutId)
    {
        if (dimensionCount == 0 || dimensionCount > DIMENSION_COUNT_MAX || document.length == 0) {
            revert AssetPackBadLayout(dimensionCount, document.length);
        }
        layoutId = ++_storage().layoutCount;
        _storage().layouts[layoutId] = BucketLayout(keccak256(document), dimensionCount);
        emit LayoutDefined(layoutId, msg.sender, dimensionCount, document);
    }

    /// @inheritdoc IAssetPackRegistry
    function invite(address originator, bytes32 keyCommitment, bytes32 keyBlob, uint32 layoutId)
        external
        restricted
        returns (uint256 packId)
    {
        if (keyCommitment == 0) revert AssetPackHashMissing("keyCommitment");
        if (keyBlob == 0) revert AssetPackHashMissing("keyBlob");
        if (!Roles.has(_consortium().rolesOf(originator), Roles.ORIGINATOR)) revert AssetPackNotOriginator(originator);
        if (_storage().layouts[layoutId].dimensionCount == 0) revert AssetPackUnknownLayout(layoutId);
        packId = ++_storage().packCount;
        Pack storage stored = _storage().packs[packId];
        stored.riskControl = msg.sender;
        stored.originator = originator;
        stored.status = PackStatus.INVITED;
        stored.keyCommitment = keyCommitment;
        stored.keyBlob = keyBlob;
        stored.layoutId = layoutId;
        emit PackInvited(packId, msg.sender, originator, keyCommitment, keyBlob, layoutId);
    }

    /// @inheritdoc IAssetPackRegistry
    function open(uint256 packId, PackHeader calldata header) external restricted {
        Pack storage stored = _owned(packId, PackStatus.INVITED);
        _checkHeader(header);
        stored.status = PackStatus.OPEN;
        stored.currency = header.currency;
        stored.cutOff = header.cutOff;
        stored.closing = header.closing;
        stored.count = header.count;
        stored.classUnit = header.classUnit;
        stored.totalPrincipalCents = header.totalPrincipalCents;
        stored.rowKeyBlob = header.rowKeyBlob;
        emit PackOpened(packId, header);
    }

    /// @inheritdoc IAssetPackRegistry
    function addAssets(
        uint256 packId,
        uint32 firstIndex,
        bytes32[] memory leaves,
        bytes32[] memory nullifiers,
        bytes memory classes,
        bytes memory buckets,
        bytes32 rowsBlob,
        bytes memory attestation
    ) external restricted {
        _checkNext(packId, firstIndex, leaves.length);
        if (nullifiers.length != leaves.length) {
            revert AssetPackBadLength("nullifiers", leaves.length, nullifiers.length);
        }
        _checkClasses(firstIndex, leaves.length, classes);
        uint256 bucketSize = _dimensionCount(packId) * leaves.length;
        if (buckets.length != bucketSize) revert AssetPackBadLength("buckets", bucketSize, buckets.length);
        if (rowsBlob == 0) revert AssetPackHashMissing("rowsBlob");
        _pledge(packId, firstIndex, nullifiers, leaves, attestation);
        _keep(packId, leaves, bytes.concat(classes, buckets), rowsBlob); // last, for it folds the leaves in place
    }

    /// @inheritdoc IAssetPackRegistry
    function submit(uint256 packId) external restricted {
        Pack storage stored = _owned(packId, PackStatus.OPEN);
        if (stored.added != stored.count) revert AssetPackIncomplete(packId, stored.count, stored.added);
        stored.root = _storage().frontiers[packId].rootOf(PositionalMerkle.zeroRoot(_CHUNK_DEPTH));
        stored.status = PackStatus.SUBMITTED;
        emit PackSubmitted(packId, stored.root, stored.count, stored.totalPrincipalCents);
    }

    /// @inheritdoc IAssetPackRegistry
    function withdraw(uint256 packId) external restricted {
        Pack storage stored = _storage().packs[packId];
        if (stored.originator != msg.sender) revert AssetPackNotOwner(packId, msg.sender);
        if (stored.status >= PackStatus.TRANSFERRED) revert AssetPackNotWithdrawable(packId, stored.status);
        stored.status = PackStatus.WITHDRAWN;
        emit PackWithdrawn(packId);
    }

    /// @inheritdoc IAssetPackRegistry
    function assign(uint256 packId, bytes32 documentHash) external restricted {
        Pack storage stored = _owned(packId, PackStatus.BROUGHT_DOWN);
        if (documentHash == 0) revert AssetPackHashMissing("documentHash");
        if (stored.documentHash != 0) revert AssetPackAlreadyAssigned(packId, stored.documentHash);
        IMeasuresViews measures = IMeasuresViews(_registry().entry("Measures").proxy);
        if (address(measures) != address(0) && measures.isReserve(packId)) revert AssetPackIsReserve(packId);
        stored.documentHash = documentHash;
        emit PackAssigned(packId, documentHash);
    }

    /// @inheritdoc IAssetPackRegistry
    function acceptTransfer(uint256 packId) external restricted {
        Pack storage stored = _storage().packs[packId];
        _requireStatus(packId, PackStatus.BROUGHT_DOWN, stored.status);
        if (stored.documentHash == 0) revert AssetPackNotAssigned(packId);
        if (IDisputes(_addressOf("Disputes")).hasOpenDispute(packId)) revert AssetPackDisputed(packId);
        stored.status = PackStatus.TRANSFERRED;
        stored.trustee = msg.sender;
        emit PackTransferred(packId, msg.sender);
    }

    /// @inheritdoc IAssetPackRegistry
    function advance(uint256 packId, uint8 status) external restricted {
        bool byAccount = status <= PackStatus.SUBMITTED || status == PackStatus.TRANSFERRED;
        if (byAccount || status > PackStatus.CLOSED) revert AssetPackBadAdvance(status);
        Pack storage stored = _storage().packs[packId];
        _requireStatus(packId, status - 1, stored.status);
        stored.status = status;
        emit PackAdvanced(packId, status);
    }

    /// @inheritdoc IAssetPackRegistry
    function setBack(uint256 packId) external restricted {
        Pack storage stored = _storage().packs[packId];
        uint8 status = stored.status;
        if (status < PackStatus.SCORED || status > PackStatus.TRANSFERRED) {
            revert AssetPackWrongStatus(packId, PackStatus.SCORED, status);
        }
        (stored.status, stored.documentHash, stored.trustee) = (PackStatus.QUERIED, 0, address(0));
        emit PackSetBack(packId, status);
    }

    /// @inheritdoc IAssetPackRegistry
    function setMinimumAssets(uint32 minimum) external restricted {
        _storage().minimumAssets = minimum;
        emit MinimumAssetsSet(minimum);
    }

    /// @inheritdoc IAssetPackRegistry
    function minimumAssets() external view returns (uint32) {
        return _storage().minimumAssets;
    }

    /// @inheritdoc IAssetPackRegistry
    function layoutCount() external view returns (uint32) {
        return _storage().layoutCount;
    }

    /// @inheritdoc IAssetPackRegistry
    function layout(uint32 layoutId) external view returns (uint8 dimensionCount, bytes32 documentHash) {
        BucketLayout storage stored = _storage().layouts[layoutId];
        return (stored.dimensionCount, stored.documentHash);
    }

    /// @inheritdoc IAssetPackRegistry
    function packCount() external view returns (uint256) {
        return _storage().packCount;
    }

    /// @inheritdoc IAssetPackRegistry
    function pack(uint256 packId) external view returns (Pack memory) {
        return _storage().packs[packId];
    }

    /// @inheritdoc IAssetPackRegistry
    function statusOf(uint256 packId) external view returns (uint8) {
        return _storage().packs[packId].status;
    }

    /// @inheritdoc IAssetPackRegistry
    function assetCount(uint256 packId) external view returns (uint32) {
        return _storage().packs[packId].added;
    }

    /// @inheritdoc IAssetPackRegistry
    function chunk(uint256 packId, uint256 chunkIndex)
        external
        view
        returns (bytes32 root, bytes memory classes, bytes memory buckets, bytes32 rowsBlob)
    {
        Chunk storage stored = _chunk(packId, chunkIndex);
        uint256 count = stored.count;
        classes = ChunkStore.readSlice(stored.pointer, 0, 2 * count);
        buckets = ChunkStore.readSlice(stored.pointer, 2 * count, _dimensionCount(packId) * count);
        return (stored.root, classes, buckets, stored.rowsBlob);
    }

    /// @inheritdoc IAssetPackRegistry
    function chunkPointer(uint256 packId, uint256 chunkIndex) external view returns (address) {
        return _chunk(packId, chunkIndex).pointer;
    }

    /// @inheritdoc IAssetPackRegistry
    function isLive(uint256 packId) external view returns (bool) {
        uint8 status = _storage().packs[packId].status;
        return status >= PackStatus.OPEN && status <= PackStatus.MONITORED;
    }

    /// @dev Chunks of a pack with several are padded to 256, so that their roots are nodes of the tree over all leaves.
    function _keep(uint256 packId, bytes32[] memory leaves, bytes memory data, bytes32 rowsBlob) private {
        Pack storage stored = _storage().packs[packId];
        uint32 firstIndex = stored.added;
        uint32 count = uint32(leaves.length);
        uint256 depth = stored.count > CHUNK_COUNT ? _CHUNK_DEPTH : PositionalMerkle.depthOf(count);
        bytes32 root = PositionalMerkle.rootOfLeaves(leaves, depth);
        stored.added = firstIndex + count;
        _storage().frontiers[packId].append(root);
        address pointer = ChunkStore.write(data);
        _storage().chunks[packId].push(Chunk({root: root, rowsBlob: rowsBlob, pointer: pointer, count: count}));
        emit AssetsAdded(packId, firstIndex, count, root, rowsBlob);
    }

    function _pledge(
        uint256 packId,
        uint32 firstIndex,
        bytes32[] memory nullifiers,
        bytes32[] memory leaves,
        bytes memory attestation
    ) private {
        bytes32 chunkHash = keccak256(abi.encodePacked(nullifiers, leaves));
        IPledgeRegistry(_addressOf("PledgeRegistry")).pledge(packId, firstIndex, nullifiers, chunkHash, attestation);
    }

    /// @dev The caller owns the open pack and continues it by one whole chunk, or by what is left.
    function _checkNext(uint256 packId, uint32 firstIndex, uint256 leafCount) private view {
        Pack storage stored = _owned(packId, PackStatus.OPEN);
        if (firstIndex != stored.added) revert AssetPackWrongIndex(packId, stored.added, firstIndex);
        uint256 left = stored.count - firstIndex;
        uint256 expected = left < CHUNK_COUNT ? left : CHUNK_COUNT;
        if (leafCount != expected || leafCount == 0) revert AssetPackBadChunkLength(expected, leafCount);
    }

    function _checkHeader(PackHeader calldata header) private view {
        uint32 minimum = _storage().minimumAssets;
        if (header.count < minimum) revert AssetPackTooFewAssets(header.count, minimum);
        if (header.count > ASSET_COUNT_MAX) revert AssetPackTooManyAssets(header.count, ASSET_COUNT_MAX);
        if (header.currency == 0) revert AssetPackBadHeader("currency");
        if (header.cutOff == 0) revert AssetPackBadHeader("cutOff");
        if (header.closing < header.cutOff) revert AssetPackBadHeader("closing");
        if (header.classUnit == 0) revert AssetPackBadHeader("classUnit");
        if (header.totalPrincipalCents == 0) revert AssetPackBadHeader("totalPrincipalCents");
        if (header.rowKeyBlob == 0) revert AssetPackHashMissing("rowKeyBlob");
    }

    function _owned(uint256 packId, uint8 status) private view returns (Pack storage stored) {
        stored = _storage().packs[packId];
        if (stored.originator != msg.sender) revert AssetPackNotOwner(packId, msg.sender);
        _requireStatus(packId, status, stored.status);
    }

    function _chunk(uint256 packId, uint256 chunkIndex) private view returns (Chunk storage) {
        Chunk[] storage chunks = _storage().chunks[packId];
        if (chunkIndex >= chunks.length) revert AssetPackUnknownChunk(packId, chunkIndex);
        return chunks[chunkIndex];
    }

    function _dimensionCount(uint256 packId) private view returns (uint256) {
        return _storage().layouts[_storage().packs[packId].layoutId].dimensionCount;
    }

    function _checkClasses(uint32 firstIndex, uint256 leafCount, bytes memory classes) private pure {
        if (classes.length != 2 * leafCount) revert AssetPackBadLength("classes", 2 * leafCount, classes.length);
        for (uint256 i = 0; i < leafCount; ++i) {
            if (classes[2 * i] == 0 && classes[2 * i + 1] == 0) revert AssetPackZeroClass(firstIndex + i);
        }
    }

    function _requireStatus(uint256 packId, uint8 expected, uint8 actual) private pure {
        if (actual != expected) revert AssetPackWrongStatus(packId, expected, actual);
    }

    function _storage() private pure returns (AssetPackRegistryStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _ASSET_PACK_REGISTRY_SLOT
        }
    }
}
