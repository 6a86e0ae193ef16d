// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Which loan is in which pack, by nullifier
/// @notice The same loan cannot be in two live packs, and nothing here tells which loan it is.
interface IPledgeRegistry {
    /// @notice Assets are pledged by a pack.
    /// @param packId of the pack
    /// @param firstIndex of the chunk
    /// @param count of assets
    /// @param registrar account that attested them
    event AssetsPledged(uint256 indexed packId, uint32 firstIndex, uint32 count, address indexed registrar);

    /// @notice A pledge that was no longer live is forgotten.
    /// @param nullifier of the loan
    /// @param packId pack it was in
    /// @param index of the asset in that pack
    event PledgeReleased(bytes32 indexed nullifier, uint256 indexed packId, uint32 index);

    /// @notice Loans that had left a screened pack came back in another one; which ones is not said.
    /// @param packId pack they came back in
    /// @param originator of that pack
    /// @param count of loans of one chunk
    event LoansReturned(uint256 indexed packId, address indexed originator, uint32 count);

    /// @notice Thrown when the loan was never pledged, or was released.
    /// @param nullifier of the loan
    error PledgeUnknown(bytes32 nullifier);

    /// @notice Thrown when the loan is in a live pack.
    /// @param nullifier of the loan
    /// @param packId the pack it is in
    error PledgeAlreadyLive(bytes32 nullifier, uint256 packId);

    /// @notice Thrown when the signature is not that of an account with REGISTRAR in force.
    /// @param signer recovered account, zero for a malformed signature
    error PledgeNotAttested(address signer);

    /// @notice Pledges a chunk; called by the AssetPackRegistry.
    /// @param packId of the pack
    /// @param firstIndex of the chunk
    /// @param nullifiers one an asset
    /// @param chunkHash keccak(nullifiers ‖ leaves)
    /// @param attestation EIP-712 signature of the registrar
    function pledge(
        uint256 packId,
        uint32 firstIndex,
        bytes32[] calldata nullifiers,
        bytes32 chunkHash,
        bytes calldata attestation
    ) external;

    /// @notice Frees pledges that are no longer live; called by an originator before it offers such loans again.
    /// @dev To ask Screening whether an asset was removed takes some 200,000 gas: many of them do not fit into the call that
    /// adds a chunk. A pledge by a withdrawn or closed pack costs little and needs no release.
    /// @param nullifiers of the loans
    function release(bytes32[] calldata nullifiers) external;

    /// @notice Where a loan was pledged last.
    /// @param nullifier of the loan
    /// @return packId 0 when never
    /// @return index of the asset in the pack
    /// @return live whether it still is: the pack is live, the asset was not removed by its screening, and, once the pack is
    /// monitored, it is still in the pool
    function pledgeOf(bytes32 nullifier) external view returns (uint256 packId, uint32 index, bool live);

    /// @notice Packs in which loans were pledged last, for finding out cheaply which of them may have to be released.
    /// @param nullifiers of the loans
    /// @return packIds 0 where it was never pledged or is released
    function unreleasedPacksOf(bytes32[] calldata nullifiers) external view returns (uint256[] memory packIds);

    /// @notice Loans of a pack that had left another, screened pack before.
    /// @param packId pack they came back in
    /// @return count of loans
    function returnedInto(uint256 packId) external view returns (uint32 count);

    /// @notice Loans that left a screened pack and came back in other packs.
    /// @param packId pack they left
    /// @return count of loans
    function returnedFrom(uint256 packId) external view returns (uint32 count);

    /// @notice Loans that had left a screened pack and came back in packs of an originator.
    /// @param originator account
    /// @return count of loans
    function returnedBy(address originator) external view returns (uint64 count);

    /// @notice What the registrar signs for a chunk.
    /// @param packId of the pack
    /// @param firstIndex of the chunk
    /// @param chunkHash keccak(nullifiers ‖ leaves)
    /// @return digest of the EIP-712 message
    function attestationDigest(uint256 packId, uint32 firstIndex, bytes32 chunkHash)
        external
        view
        returns (bytes32 digest);
}
