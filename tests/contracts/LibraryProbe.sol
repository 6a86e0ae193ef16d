// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ChunkStore} from "../../contracts/libraries/ChunkStore.sol";
import {PositionalMerkle} from "../../contracts/libraries/PositionalMerkle.sol";
import {ReportWords} from "../../contracts/libraries/ReportWords.sol";

/// @title Opens the libraries to the tests, up to limits that no contract reaches
contract LibraryProbe {
    using PositionalMerkle for PositionalMerkle.Frontier;

    PositionalMerkle.Frontier private _frontier;
    address public pointer;

    function write(uint256 size, bytes1 filler) external {
        bytes memory data = new bytes(size);
        for (uint256 i = 0; i < size; i += 1000) data[i] = filler;
        pointer = ChunkStore.write(data);
    }

    function append(bytes32[] calldata nodes) external {
        for (uint256 i = 0; i < nodes.length; ++i) _frontier.append(nodes[i]);
    }

    function read(address from) external view returns (bytes memory) {
        return ChunkStore.read(from);
    }

    function readSlice(address from, uint256 start, uint256 size) external view returns (bytes memory) {
        return ChunkStore.readSlice(from, start, size);
    }

    function root(bytes32 padding) external view returns (bytes32) {
        return _frontier.rootOf(padding);
    }

    function rootOfLeaves(bytes32[] memory leaves) external pure returns (bytes32 computed, bytes32[] memory after_) {
        return (PositionalMerkle.rootOfLeaves(leaves, PositionalMerkle.depthOf(leaves.length)), leaves);
    }

    function zeroRoot(uint256 depth) external pure returns (bytes32) {
        return PositionalMerkle.zeroRoot(depth);
    }

    function findBad(bytes calldata report) external pure returns (uint256) {
        return ReportWords.findBad(report);
    }
}
