// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;
/// Workloads of `scripts/bench_engine.py`.
contract Bench {
    struct Record { bytes32 dataHash; address owner; uint64 time; uint256 amount; }
    mapping(bytes32 => Record) public records;
    event Stored(bytes32 indexed id, address indexed owner, bytes32 dataHash, uint256 amount);
    error AlreadyStored(bytes32 id);
    function put(bytes32 id, bytes32 dataHash, uint256 amount) external {
        Record storage record = records[id];
        if (record.owner != address(0)) revert AlreadyStored(id);
        record.dataHash = dataHash;
        record.owner = msg.sender;
        record.time = uint64(block.timestamp);
        record.amount = amount;
        emit Stored(id, msg.sender, dataHash, amount);
    }
    function sum(uint256 n) external pure returns (uint256 total) {
        unchecked { for (uint256 i = 0; i < n; ++i) { total += i * i % 7919; } }
    }
    function histogram(bytes calldata scores) external pure returns (uint256[101] memory counts) {
        for (uint256 i = 0; i < scores.length; i++) { counts[uint8(scores[i])] += i; }
    }
    function chain(uint256 n) external pure returns (bytes32 h) {
        for (uint256 i = 0; i < n; i++) { h = keccak256(abi.encode(h, i)); }
    }
}
