// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Packs of assets from invitation to closing
/// @notice Status: 0 none, 1 invited, 2 open, 3 submitted, 4 queried, 5 scored, 6 screened, 7 broughtDown, 8 transferred,
/// 9 issued, 10 monitored, 11 closed, 12 withdrawn.
interface IAssetPackRegistry {
    /// @notice What the originator says of a pack when it opens it.
    /// @param currency ISO 4217 code
    /// @param cutOff day at which balances and days past due are taken
    /// @param closing day of the transfer
    /// @param count of assets
    /// @param totalPrincipalCents balance of all assets at cut-off
    /// @param classUnit currency units per principal class
    /// @param rowKeyBlob vault hash of the sealed row keys
    struct PackHeader {
        bytes3 currency;
        uint40 cutOff;
        uint40 closing;
        uint32 count;
        uint256 totalPrincipalCents;
        uint32 classUnit;
        bytes32 rowKeyBlob;
    }

    /// @notice Everything of a pack but its assets.
    /// @param riskControl account that invited it
    /// @param status see above
    /// @param currency ISO 4217 code
    /// @param cutOff day
    /// @param originator account that offers it
    /// @param closing day
    /// @param count of assets announced
    /// @param added assets so far
    /// @param trustee account that took the title, zero before
    /// @param classUnit currency units per principal class
    /// @param layoutId layout of its bucket bytes
    /// @param keyCommitment keccak of the pack key
    /// @param keyBlob vault hash of the sealed pack keys
    /// @param totalPrincipalCents balance of all assets at cut-off
    /// @param rowKeyBlob vault hash of the sealed row keys
    /// @param root Merkle root over all leaves, zero before submission
    /// @param documentHash of the assignment of title, zero before
    struct Pack {
        address riskControl;
        uint8 status;
        bytes3 currency;
        uint40 cutOff;
        address originator;
        uint40 closing;
        uint32 count;
        uint32 added;
        address trustee;
        uint32 classUnit;
        uint32 layoutId;
        bytes32 keyCommitment;
        bytes32 keyBlob;
        uint256 totalPrincipalCents;
        bytes32 rowKeyBlob;
        bytes32 root;
        bytes32 documentHash;
    }

    /// @notice Packs may be invited with this layout of their bucket bytes.
    /// @param layoutId from 1
    /// @param author who defined it
    /// @param dimensionCount bucket bytes of an asset
    /// @param document what each of them says, canonical CBOR
    event LayoutDefined(uint32 indexed layoutId, address indexed author, uint8 dimensionCount, bytes document);

    /// @notice An originator may offer a pack.
    /// @param packId of the pack
    /// @param riskControl account that invites
    /// @param originator account that may open it
    /// @param keyCommitment keccak of the pack key
    /// @param keyBlob vault hash of the sealed pack keys
    /// @param layoutId layout of its bucket bytes
    event PackInvited(
        uint256 indexed packId,
        address indexed riskControl,
        address indexed originator,
        bytes32 keyCommitment,
        bytes32 keyBlob,
        uint32 layoutId
    );

    /// @notice A pack takes assets.
    /// @param packId of the pack
    /// @param header what the originator says of it
    event PackOpened(uint256 indexed packId, PackHeader header);

    /// @notice Assets joined a pack.
    /// @param packId of the pack
    /// @param firstIndex of the chunk
    /// @param count of assets in the chunk
    /// @param root of the chunk's tree
    /// @param rowsBlob vault hash of the encrypted rows
    event AssetsAdded(uint256 indexed packId, uint32 firstIndex, uint32 count, bytes32 root, bytes32 rowsBlob);

    /// @notice A pack is complete.
    /// @param packId of the pack
    /// @param root Merkle root over all leaves
    /// @param count of assets
    /// @param totalPrincipalCents balance of all assets at cut-off
    event PackSubmitted(uint256 indexed packId, bytes32 root, uint32 count, uint256 totalPrincipalCents);

    /// @notice A pack reached its next status through another contract.
    /// @param packId of the pack
    /// @param status the new one
    event PackAdvanced(uint256 indexed packId, uint8 status);

    /// @notice The originator took its pack back.
    /// @param packId of the pack
    event PackWithdrawn(uint256 indexed packId);

    /// @notice The originator offers the title.
    /// @param packId of the pack
    /// @param documentHash of the assignment
    event PackAssigned(uint256 indexed packId, bytes32 documentHash);

    /// @notice The trustee took the title.
    /// @param packId of the pack
    /// @param trustee account of the SPV
    event PackTransferred(uint256 indexed packId, address indexed trustee);

    /// @notice Packs have at least this many assets from now on.
    /// @param minimum count
    event MinimumAssetsSet(uint32 minimum);

    /// @notice The pack is queried again, because its scores were void.
    /// @param packId of the pack
    /// @param status it had
    event PackSetBack(uint256 indexed packId, uint8 status);

    /// @notice Thrown when title would pass while the pack's scores are disputed.
    /// @param packId of the pack
    error AssetPackDisputed(uint256 packId);

    /// @notice Thrown when a layout has no or too many dimensions, or no document.
    /// @param dimensionCount given
    /// @param documentSize bytes given
    error AssetPackBadLayout(uint8 dimensionCount, uint256 documentSize);

    /// @notice Thrown when no layout has this id.
    /// @param layoutId given
    error AssetPackUnknownLayout(uint32 layoutId);

    /// @notice Thrown when the pack is not in the status that the call needs.
    /// @param packId of the pack
    /// @param expected status needed
    /// @param actual status in force
    error AssetPackWrongStatus(uint256 packId, uint8 expected, uint8 actual);

    /// @notice Thrown when the caller is not the pack's originator.
    /// @param packId of the pack
    /// @param caller who called
    error AssetPackNotOwner(uint256 packId, address caller);

    /// @notice Thrown when the invited account has no ORIGINATOR role in force.
    /// @param account that was to be invited
    error AssetPackNotOriginator(address account);

    /// @notice Thrown when a required hash is zero.
    /// @param field that lacks it
    error AssetPackHashMissing(string field);

    /// @notice Thrown when a field of the header cannot be used.
    /// @param field its name
    error AssetPackBadHeader(string field);

    /// @notice Thrown when a pack would be so small that it singles people out.
    /// @param count announced
    /// @param minimum in force
    error AssetPackTooFewAssets(uint32 count, uint32 minimum);

    /// @notice Thrown when a pack is larger than the registry takes.
    /// @param count announced
    /// @param maximum taken
    error AssetPackTooManyAssets(uint32 count, uint32 maximum);

    /// @notice Thrown when a chunk does not continue the pack.
    /// @param packId of the pack
    /// @param expected first index
    /// @param actual first index given
    error AssetPackWrongIndex(uint256 packId, uint32 expected, uint32 actual);

    /// @notice Thrown when a chunk has not the length it must have at its place.
    /// @param expected assets
    /// @param actual leaves given
    error AssetPackBadChunkLength(uint256 expected, uint256 actual);

    /// @notice Thrown when a list does not belong to the leaves by its length.
    /// @param field name of the list
    /// @param expected bytes or items
    /// @param actual bytes or items given
    error AssetPackBadLength(string field, uint256 expected, uint256 actual);

    /// @notice Thrown when an asset has principal class 0.
    /// @param index of the asset
    error AssetPackZeroClass(uint256 index);

    /// @notice Thrown when assets are missing at submission.
    /// @param packId of the pack
    /// @param expected count announced
    /// @param actual assets so far
    error AssetPackIncomplete(uint256 packId, uint32 expected, uint32 actual);

    /// @notice Thrown when the pack cannot be withdrawn any more.
    /// @param packId of the pack
    /// @param status in force
    error AssetPackNotWithdrawable(uint256 packId, uint8 status);

    /// @notice Thrown when the title was offered before.
    /// @param packId of the pack
    /// @param documentHash of that offer
    error AssetPackAlreadyAssigned(uint256 packId, bytes32 documentHash);

    /// @notice Thrown when the title of a pack is offered whose assets replaced some of another pack's pool.
    /// @param packId of the pack
    error AssetPackIsReserve(uint256 packId);

    /// @notice Thrown when there is no offer of title to accept.
    /// @param packId of the pack
    error AssetPackNotAssigned(uint256 packId);

    /// @notice Thrown when another contract asks for a status that only an account can bring about.
    /// @param status asked for
    error AssetPackBadAdvance(uint8 status);

    /// @notice Thrown when the chunk does not exist.
    /// @param packId of the pack
    /// @param chunkIndex asked for
    error AssetPackUnknownChunk(uint256 packId, uint256 chunkIndex);

    /// @notice Defines what the bucket bytes of an asset say; called by risk control. Layouts are never changed.
    /// @param dimensionCount bucket bytes of an asset, 1 to 16
    /// @param document what each of them says, canonical CBOR
    /// @return layoutId from 1
    function defineLayout(uint8 dimensionCount, bytes calldata document) external returns (uint32 layoutId);

    /// @notice Invites an originator; called by risk control.
    /// @param originator account that may open the pack
    /// @param keyCommitment keccak of the pack key
    /// @param keyBlob vault hash of the sealed pack keys
    /// @param layoutId layout of the bucket bytes
    /// @return packId from 1
    function invite(address originator, bytes32 keyCommitment, bytes32 keyBlob, uint32 layoutId)
        external
        returns (uint256 packId);

    /// @notice Opens a pack for its assets; called by the invited originator.
    /// @param packId of the pack
    /// @param header what the originator says of it
    function open(uint256 packId, PackHeader calldata header) external;

    /// @notice Adds the next chunk of 256 assets (the last may be shorter).
    /// @param packId of the pack
    /// @param firstIndex number of assets so far
    /// @param leaves salted hashes of the rows
    /// @param nullifiers one an asset, attested by the registrar
    /// @param classes principal class, 2 bytes an asset
    /// @param buckets a class of each dimension of the layout, one byte each
    /// @param rowsBlob vault hash of the encrypted rows
    /// @param attestation signature of the registrar over nullifiers and leaves
    function addAssets(
        uint256 packId,
        uint32 firstIndex,
        bytes32[] calldata leaves,
        bytes32[] calldata nullifiers,
        bytes calldata classes,
        bytes calldata buckets,
        bytes32 rowsBlob,
        bytes calldata attestation
    ) external;

    /// @notice Ends the offer: all assets are in.
    /// @param packId of the pack
    function submit(uint256 packId) external;

    /// @notice Takes the pack back; possible before the transfer.
    /// @param packId of the pack
    function withdraw(uint256 packId) external;

    /// @notice Offers the title to the SPV; called by the originator, once.
    /// @param packId of the pack
    /// @param documentHash of the assignment
    function assign(uint256 packId, bytes32 documentHash) external;

    /// @notice Takes the title; called by the trustee.
    /// @param packId of the pack
    function acceptTransfer(uint256 packId) external;

    /// @notice Moves a pack to its next status; called by the contracts of the consortium.
    /// @param packId of the pack
    /// @param status one above the status in force
    function advance(uint256 packId, uint8 status) external;

    /// @notice Makes a pack *queried* again whose scores a dispute voided; an offer of title and its acceptance are undone.
    /// @param packId scored pack, up to transferred
    function setBack(uint256 packId) external;

    /// @notice Sets the least number of assets of packs opened from now on; governance.
    /// @param minimum count
    function setMinimumAssets(uint32 minimum) external;

    /// @notice Least number of assets of a pack.
    /// @return minimum count
    function minimumAssets() external view returns (uint32 minimum);

    /// @notice Number of layouts; ids are 1 to this.
    /// @return count of layouts
    function layoutCount() external view returns (uint32 count);

    /// @notice A layout; its document is in the event.
    /// @param layoutId given by `defineLayout`
    /// @return dimensionCount bucket bytes of an asset; 0 when unknown
    /// @return documentHash keccak of the document
    function layout(uint32 layoutId) external view returns (uint8 dimensionCount, bytes32 documentHash);

    /// @notice Number of packs ever invited; ids are 1 to this.
    /// @return count of packs
    function packCount() external view returns (uint256 count);

    /// @notice A pack.
    /// @param packId of the pack
    /// @return all zero when unknown
    function pack(uint256 packId) external view returns (Pack memory);

    /// @notice Status alone.
    /// @param packId of the pack
    /// @return status 0 when unknown
    function statusOf(uint256 packId) external view returns (uint8 status);

    /// @notice Assets added so far.
    /// @param packId of the pack
    /// @return count of assets
    function assetCount(uint256 packId) external view returns (uint32 count);

    /// @notice A chunk of assets.
    /// @param packId of the pack
    /// @param chunkIndex first index / 256
    /// @return root of the chunk's tree
    /// @return classes 2 bytes an asset
    /// @return buckets a class of each dimension of the layout, one byte each
    /// @return rowsBlob vault hash of the encrypted rows
    function chunk(uint256 packId, uint256 chunkIndex)
        external
        view
        returns (bytes32 root, bytes memory classes, bytes memory buckets, bytes32 rowsBlob);

    /// @notice Where the classes and buckets of a chunk are kept: code of one STOP byte, classes, buckets.
    /// @param packId of the pack
    /// @param chunkIndex first index / 256
    /// @return pointer address with the code
    function chunkPointer(uint256 packId, uint256 chunkIndex) external view returns (address pointer);

    /// @notice Whether assets of the pack are pledged by it: open to monitored.
    /// @param packId of the pack
    /// @return live true while so
    function isLive(uint256 packId) external view returns (bool live);
}
