// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Bytes kept as contract code
/// @notice 200 gas a byte instead of 690 in slots, and one address to remember. The code begins with STOP, so that nobody
/// can run it.
library ChunkStore {
    /// @notice Largest chunk: code may have 24,576 bytes (EIP-170), one of which is STOP.
    uint256 internal constant SIZE_BYTES_MAX = 24_575;

    /// @dev PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN; then the code itself, from STOP on.
    bytes1 private constant _PUSH2 = 0x61;
    bytes8 private constant _COPY_AND_RETURN = 0x80600a3d393df300;

    /// @notice Thrown when a chunk does not fit into one contract.
    /// @param size bytes given
    /// @param maximum bytes that fit
    error ChunkStoreTooLarge(uint256 size, uint256 maximum);

    /// @notice Thrown when the code could not be created, for want of gas.
    error ChunkStoreFailed();

    /// @notice Keeps bytes as code.
    /// @param data at most SIZE_BYTES_MAX bytes
    /// @return pointer address to read them from
    function write(bytes memory data) internal returns (address pointer) {
        if (data.length > SIZE_BYTES_MAX) revert ChunkStoreTooLarge(data.length, SIZE_BYTES_MAX);
        bytes memory initCode = abi.encodePacked(_PUSH2, uint16(data.length + 1), _COPY_AND_RETURN, data);
        // Solidity creates only contracts whose code it compiled itself.
        // solhint-disable-next-line no-inline-assembly
        assembly {
            pointer := create(0, add(initCode, 0x20), mload(initCode))
        }
        if (pointer == address(0)) revert ChunkStoreFailed();
    }

    /// @notice Reads all bytes that `write` kept.
    /// @param pointer address that `write` gave
    /// @return data the bytes; empty where there is no code
    function read(address pointer) internal view returns (bytes memory data) {
        uint256 codeSize = pointer.code.length;
        return codeSize == 0 ? data : readSlice(pointer, 0, codeSize - 1);
    }

    /// @notice Reads some of the bytes that `write` kept.
    /// @param pointer address that `write` gave
    /// @param start first byte
    /// @param size number of bytes; past the end they are zero
    /// @return data the bytes
    function readSlice(address pointer, uint256 start, uint256 size) internal view returns (bytes memory data) {
        data = new bytes(size);
        // `pointer.code` would copy everything and once more to cut the first byte off.
        // solhint-disable-next-line no-inline-assembly
        assembly {
            extcodecopy(pointer, add(data, 0x20), add(start, 1), size)
        }
    }
}
