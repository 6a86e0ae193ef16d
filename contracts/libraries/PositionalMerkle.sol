// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/// @title Merkle trees in which the place of a leaf counts
/// @notice Leaves are padded with zeros up to the next power of two; an inner node is keccak(left ‖ right).
library PositionalMerkle {
    /// @notice The right edge of a tree that grows node by node.
    /// @dev `nodes[l]` is the root of the complete subtree of 2^l nodes that waits for its right sibling.
    struct Frontier {
        uint256 count;
        mapping(uint256 level => bytes32) nodes;
    }

    /// @notice Appends a node on the right: one slot written.
    /// @param self the tree
    /// @param node hash to append
    function append(Frontier storage self, bytes32 node) internal {
        uint256 position = self.count++;
        uint256 level = 0;
        while ((position >> level) & 1 == 1) {
            node = Hashes.efficientKeccak256(self.nodes[level], node);
            ++level;
        }
        self.nodes[level] = node;
    }

    /// @notice Root of the tree over all appended nodes.
    /// @param self the tree
    /// @param padding what a missing node counts as: the root of a subtree of zeros
    /// @return root zero for no node
    function rootOf(Frontier storage self, bytes32 padding) internal view returns (bytes32 root) {
        uint256 count = self.count;
        uint256 depth = depthOf(count);
        if (count == uint256(1) << depth && count != 0) return self.nodes[depth];
        root = padding;
        for (uint256 level = 0; level < depth; ++level) {
            if ((count >> level) & 1 == 1) {
                root = Hashes.efficientKeccak256(self.nodes[level], root);
            } else {
                root = Hashes.efficientKeccak256(root, padding);
            }
            padding = Hashes.efficientKeccak256(padding, padding);
        }
        if (count == 0) root = 0;
    }

    /// @notice Root over leaves in memory, which stay as they are.
    /// @param leaves 1 to 2^depth
    /// @param depth of the tree that they are padded to
    /// @return root of the tree
    function rootOfLeaves(bytes32[] memory leaves, uint256 depth) internal pure returns (bytes32 root) {
        bytes32[] memory nodes = leaves;
        bytes32 padding = 0;
        uint256 width = leaves.length;
        for (uint256 level = 0; level < depth; ++level) {
            uint256 pairs = (width + 1) / 2;
            bytes32[] memory parents = level == 0 ? new bytes32[](pairs) : nodes;
            for (uint256 i = 0; i < pairs; ++i) {
                bytes32 right = 2 * i + 1 < width ? nodes[2 * i + 1] : padding;
                parents[i] = Hashes.efficientKeccak256(nodes[2 * i], right);
            }
            padding = Hashes.efficientKeccak256(padding, padding);
            (nodes, width) = (parents, pairs);
        }
        root = nodes[0];
    }

    /// @notice Root of a tree of zeros.
    /// @param depth of the tree
    /// @return root zero for depth 0
    function zeroRoot(uint256 depth) internal pure returns (bytes32 root) {
        for (uint256 level = 0; level < depth; ++level) {
            root = Hashes.efficientKeccak256(root, root);
        }
    }

    /// @notice Depth of the smallest tree that holds this many leaves.
    /// @param count of leaves
    /// @return depth 0 for one leaf or none
    function depthOf(uint256 count) internal pure returns (uint256 depth) {
        while (uint256(1) << depth < count) ++depth;
    }
}
