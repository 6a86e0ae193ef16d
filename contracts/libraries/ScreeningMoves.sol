// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ChunkStore} from "./ChunkStore.sol";

/// @title How the cuts of a run moved
/// @notice A list of moves, number of the cut (2 bytes) and its new key (4), in the order in which they were made; each call
/// of `step` keeps its own as code. An asset left with the first move that passed it, and whose cut that was tells why.
library ScreeningMoves {
    /// @notice Moves of one call.
    /// @param data they are in, 6 bytes each
    /// @param count of moves so far
    /// @param marks by cut: round << 32 | place of its move in that round
    struct Log {
        bytes data;
        uint256 count;
        uint256[] marks;
    }

    /// @notice All moves of a run, by cut. A node is next << 32 | key, nodes are numbered from 1.
    /// @param first node of each cut
    /// @param nodes moves in their order
    struct History {
        uint256[] first;
        uint256[] nodes;
    }

    /// @notice Most moves of one call: they are kept in one contract's code.
    uint256 internal constant COUNT_MAX = 4_095;
    uint256 private constant _SIZE = 6;

    /// @notice All moves of a run.
    /// @param pointers to the moves of each call
    /// @param cutCount number of cuts
    /// @return history to ask
    function read(address[] memory pointers, uint256 cutCount) internal view returns (History memory history) {
        bytes memory data;
        uint256 count = 0;
        for (uint256 i = 0; i < pointers.length; ++i) {
            count += (pointers[i].code.length - 1) / _SIZE;
        }
        history.first = new uint256[](cutCount);
        history.nodes = new uint256[](count + 1);
        uint256[] memory last = new uint256[](cutCount);
        count = 0;
        for (uint256 i = 0; i < pointers.length; ++i) {
            data = ChunkStore.read(pointers[i]);
            for (uint256 offset = 0; offset < data.length; offset += _SIZE) {
                uint256 move;
                // solhint-disable-next-line no-inline-assembly
                assembly {
                    move := shr(208, mload(add(add(data, 0x20), offset)))
                }
                history.nodes[++count] = uint32(move);
                uint256 cut = move >> 32;
                if (last[cut] == 0) history.first[cut] = count;
                else history.nodes[last[cut]] |= count << 32;
                last[cut] = count;
            }
        }
    }

    /// @notice The move of a cut that passed an asset.
    /// @param history of the run
    /// @param cut in question
    /// @param key of the asset
    /// @return number of the move; type(uint256).max when none did
    function findPassing(History memory history, uint256 cut, uint256 key) internal pure returns (uint256 number) {
        number = history.first[cut];
        while (number != 0 && key >= uint32(history.nodes[number])) {
            number = history.nodes[number] >> 32;
        }
        if (number == 0) return type(uint256).max;
    }

    /// @notice Makes room for the moves of a call.
    /// @param cutCount number of cuts
    /// @return log empty
    function open(uint256 cutCount) internal pure returns (Log memory log) {
        log.data = new bytes(_SIZE * COUNT_MAX + 32);
        log.marks = new uint256[](cutCount);
    }

    /// @notice Notes where a cut is now. Within one round of steps 3 and 4 a cut has one move.
    /// @param log of the call
    /// @param round of steps 3 and 4, from 1
    /// @param cut that moved
    /// @param key of it
    /// @return added whether the log grew
    function note(Log memory log, uint256 round, uint256 cut, uint256 key) internal pure returns (bool added) {
        uint256 mark = log.marks[cut];
        added = mark >> 32 != round;
        if (added) {
            mark = round << 32 | log.count++;
            log.marks[cut] = mark;
        }
        bytes memory data = log.data;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let at := add(add(data, 0x20), mul(and(mark, 0xffffffff), 6))
            mstore(at, or(shl(208, or(shl(32, cut), key)), shr(48, shl(48, mload(at)))))
        }
    }

    /// @notice What is to be kept of a call.
    /// @param log of the call
    /// @return data of all its moves
    function close(Log memory log) internal pure returns (bytes memory data) {
        data = log.data;
        uint256 size = _SIZE * log.count;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mstore(data, size)
        }
    }
}
