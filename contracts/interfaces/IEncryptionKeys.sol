// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Public HPKE keys of accounts, with proof of possession
/// @notice Nobody seals to a key that is unproven or older than 90 days.
interface IEncryptionKeys {
    /// @notice An account announced a key; its older one is void.
    /// @param account owner
    /// @param keyHash keccak of the key
    /// @param publicKey as the HPKE library writes it
    event KeyAnnounced(address indexed account, bytes32 indexed keyHash, bytes publicKey);

    /// @notice A member asks an account to show that it can open what is sealed to its key.
    /// @param account owner
    /// @param challenger who asks
    /// @param keyHash keccak of the key
    /// @param sealedNonce nonce sealed to the key
    /// @param nonceHash keccak of the nonce
    event KeyChallenged(
        address indexed account, address indexed challenger, bytes32 keyHash, bytes sealedNonce, bytes32 nonceHash
    );

    /// @notice An account opened a challenge.
    /// @param account owner
    /// @param keyHash keccak of the key
    event KeyProven(address indexed account, bytes32 keyHash);

    /// @notice Thrown when the caller is no enrolled account.
    /// @param caller who called
    error EncryptionKeysNotEnrolled(address caller);

    /// @notice Thrown when a key or sealed nonce cannot be one by its length.
    /// @param length bytes given
    /// @param minimum bytes
    /// @param maximum bytes
    error EncryptionKeysBadLength(uint256 length, uint256 minimum, uint256 maximum);

    /// @notice Thrown when the caller has none of the roles that may challenge.
    /// @param caller who called
    error EncryptionKeysNotChallenger(address caller);

    /// @notice Thrown when the account has announced no key.
    /// @param account asked
    error EncryptionKeysNoKey(address account);

    /// @notice Thrown when challenger and account belong to the same organisation.
    /// @param organisation of both
    error EncryptionKeysSameOrganisation(uint32 organisation);

    /// @notice Thrown when the nonce answers no challenge of the caller's key.
    /// @param account the caller
    /// @param nonceHash keccak of the nonce given
    error EncryptionKeysWrongNonce(address account, bytes32 nonceHash);

    /// @notice Announces the caller's key.
    /// @param publicKey as the HPKE library writes it, 32 to 4096 bytes
    function announce(bytes calldata publicKey) external;

    /// @notice Asks an account to prove its key; BUREAU, REGISTRAR, RISK_CONTROL or AUDITOR of another organisation.
    /// @param account owner
    /// @param sealedNonce nonce sealed to the key, 32 to 4096 bytes
    /// @param nonceHash keccak of the nonce
    function challenge(address account, bytes calldata sealedNonce, bytes32 nonceHash) external;

    /// @notice Proves the caller's key by the nonce of a challenge.
    /// @param nonce opened
    function prove(bytes32 nonce) external;

    /// @notice The key of an account.
    /// @param account owner
    /// @return keyHash keccak of the key, zero when none
    /// @return announcedAt second
    /// @return provenAt second, 0 before
    function keyOf(address account) external view returns (bytes32 keyHash, uint40 announcedAt, uint40 provenAt);
}
