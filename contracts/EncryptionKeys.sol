// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IEncryptionKeys} from "./interfaces/IEncryptionKeys.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title Public HPKE keys of accounts, with proof of possession
/// @notice See {IEncryptionKeys}.
contract EncryptionKeys is IEncryptionKeys, GovernedContract {
    /// @dev A key that an account announced.
    struct Key {
        bytes32 keyHash;
        uint40 announcedAt;
        uint40 provenAt;
    }

    /// @custom:storage-location erc7201:tranchain.storage.EncryptionKeys
    struct EncryptionKeysStorage {
        mapping(address account => Key) keys;
        mapping(address account => mapping(bytes32 keyHash => mapping(bytes32 nonceHash => bool))) challenges;
    }

    /// @notice Least length of a key or a sealed nonce, in bytes.
    uint256 public constant LENGTH_MIN = 32;
    /// @notice Largest length of a key or a sealed nonce, in bytes.
    uint256 public constant LENGTH_MAX = 4096;

    /// @dev keccak256(abi.encode(uint256(keccak256("tranchain.storage.EncryptionKeys")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 private constant _ENCRYPTION_KEYS_SLOT = 0xc2198d953939bd964e0f9291eee27f06c19c42cde5fe06f76e07da20a546b300;
    uint64 private constant _CHALLENGER_ROLES = uint64(
        (1 << Roles.BUREAU) | (1 << Roles.REGISTRAR) | (1 << Roles.RISK_CONTROL) | (1 << Roles.AUDITOR)
    );

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IEncryptionKeys
    function announce(bytes calldata publicKey) external restricted {
        if (_consortium().rolesOf(msg.sender) == 0) revert EncryptionKeysNotEnrolled(msg.sender);
        _checkLength(publicKey.length);
        bytes32 keyHash = keccak256(publicKey);
        _storage().keys[msg.sender] = Key({keyHash: keyHash, announcedAt: uint40(block.timestamp), provenAt: 0});
        emit KeyAnnounced(msg.sender, keyHash, publicKey);
    }

    /// @inheritdoc IEncryptionKeys
    function challenge(address account, bytes calldata sealedNonce, bytes32 nonceHash) external restricted {
        if (_consortium().rolesOf(msg.sender) & _CHALLENGER_ROLES == 0) revert EncryptionKeysNotChallenger(msg.sender);
        _checkLength(sealedNonce.length);
        bytes32 keyHash = _storage().keys[account].keyHash;
        if (keyHash == 0) revert EncryptionKeysNoKey(account);
        uint32 organisation = _consortium().organisationOf(account);
        if (organisation == _consortium().organisationOf(msg.sender)) {
            revert EncryptionKeysSameOrganisation(organisation);
        }
        _storage().challenges[account][keyHash][nonceHash] = true;
        emit KeyChallenged(account, msg.sender, keyHash, sealedNonce, nonceHash);
    }

    /// @inheritdoc IEncryptionKeys
    function prove(bytes32 nonce) external restricted {
        Key storage key = _storage().keys[msg.sender];
        bytes32 nonceHash = keccak256(abi.encode(nonce));
        if (!_storage().challenges[msg.sender][key.keyHash][nonceHash]) {
            revert EncryptionKeysWrongNonce(msg.sender, nonceHash);
        }
        key.provenAt = uint40(block.timestamp);
        emit KeyProven(msg.sender, key.keyHash);
    }

    /// @inheritdoc IEncryptionKeys
    function keyOf(address account) external view returns (bytes32 keyHash, uint40 announcedAt, uint40 provenAt) {
        Key storage key = _storage().keys[account];
        return (key.keyHash, key.announcedAt, key.provenAt);
    }

    function _checkLength(uint256 length) private pure {
        if (length < LENGTH_MIN || length > LENGTH_MAX) {
            revert EncryptionKeysBadLength(length, LENGTH_MIN, LENGTH_MAX);
        }
    }

    function _storage() private pure returns (EncryptionKeysStorage storage $) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            $.slot := _ENCRYPTION_KEYS_SLOT
        }
    }
}
