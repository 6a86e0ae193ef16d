// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Store of records, for measuring networks
/// @notice Anybody may write; it holds nothing of value. One put writes one slot and logs once.
contract RecordStore {
    /// @notice Value last put under each key.
    mapping(uint256 key => bytes32 value) public records;

    /// @notice A record was put.
    /// @param key the record's key
    /// @param value what is stored under it now
    event RecordPut(uint256 indexed key, bytes32 value);

    /// @notice Store a record.
    /// @param key where
    /// @param value what
    function put(uint256 key, bytes32 value) external {
        records[key] = value;
        emit RecordPut(key, value);
    }

    /// @notice Store many records at once, without logs: grows the state before something is measured on it.
    /// @param first key of the first one; the others follow it
    /// @param count how many
    function fill(uint256 first, uint256 count) external {
        for (uint256 key = first; key < first + count; ++key) {
            records[key] = bytes32(key + 1);
        }
    }
}
