// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ScreeningRisk} from "./ScreeningRisk.sol";

/// @title Counting sort of some chunks of a pack by slot
/// @notice The sorted batch is kept as code: a directory of 201 two-byte positions (slot s has entries [s], [s + 1]), then the
/// entries of 5 bytes: index within the batch (2), principal class (2), region group (1), in the order of slot and index.
/// Loops over assets are assembly: memory is addressed without bounds checks, which would double the gas of an asset. All
/// addresses come from `open`, which sizes the tables for the number of assets that it is told.
library ScreeningSort {
    /// @notice A batch that is being read.
    /// @param tables memory address: 256 words of class sums by group, CODE_COUNT words of tallies by code, 256 bytes of codes
    /// @param items memory address: a word an asset, code << 24 | class << 8 | group
    /// @param limits highest eligible term, rate and dpd class, in the three highest bytes
    /// @param count assets so far
    struct Batch {
        uint256 tables;
        uint256 items;
        uint256 limits;
        uint256 count;
    }

    /// @notice Bytes of the directory.
    uint256 internal constant DIRECTORY_SIZE = 402;
    /// @notice Bytes of an entry.
    uint256 internal constant ENTRY_SIZE = 5;
    /// @notice Most assets of a batch: 18 chunks of 256, the most whose entries fit into one contract's code.
    uint256 internal constant COUNT_MAX = 4_608;

    uint256 private constant _TALLIES = 8_192;
    uint256 private constant _CODES = 8_192 + 32 * 202;

    /// @notice Reads the entries of one slot.
    /// @param pointer where the sorted batch is kept
    /// @param slot below 200
    /// @param buffer memory address with room for COUNT_MAX entries and a word
    /// @return count of entries
    function readSlot(address pointer, uint256 slot, uint256 buffer) internal view returns (uint256 count) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            extcodecopy(pointer, buffer, add(1, shl(1, slot)), 4)
            let positions := mload(buffer)
            let first := shr(240, positions)
            count := sub(and(shr(224, positions), 0xffff), first)
            extcodecopy(pointer, buffer, add(403, mul(first, 5)), mul(count, 5))
        }
    }

    /// @notice Makes room for a batch.
    /// @param codes slot of each report byte
    /// @param limits see Batch
    /// @param count assets that will be added at most
    /// @return batch empty
    function open(bytes memory codes, uint256 limits, uint256 count) internal pure returns (Batch memory batch) {
        // A fresh array is zero, and nothing of it is read as an array again.
        uint256[] memory tables = new uint256[](256 + ScreeningRisk.CODE_COUNT + 8);
        uint256[] memory items = new uint256[](count);
        batch.limits = limits;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let at := add(tables, 0x20)
            mstore(batch, at)
            mstore(add(batch, 0x20), add(items, 0x20))
            for { let i := 0x20 } lt(i, 0x121) { i := add(i, 0x20) } {
                mstore(add(add(at, _CODES), sub(i, 0x20)), mload(add(codes, i)))
            }
        }
    }

    /// @notice Classifies and counts assets.
    /// @param batch they join
    /// @param data memory address of their classes, then their buckets
    /// @param scores memory address of their report bytes
    /// @param count of assets
    function add(Batch memory batch, uint256 data, uint256 scores, uint256 count) internal pure {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let tables := mload(batch)
            let item := add(mload(add(batch, 0x20)), shl(5, mload(add(batch, 0x60))))
            mstore(add(batch, 0x60), add(mload(add(batch, 0x60)), count))
            let limits := mload(add(batch, 0x40))
            let buckets := add(data, shl(1, count))
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                let bucket := mload(add(buckets, shl(2, i)))
                let value := shr(240, mload(add(data, shl(1, i))))
                let code := byte(0, mload(add(add(tables, _CODES), byte(0, mload(add(scores, i))))))
                if or(
                    or(gt(byte(0, bucket), byte(0, limits)), gt(byte(1, bucket), byte(1, limits))),
                    gt(byte(2, bucket), byte(2, limits))
                ) { code := 201 }
                let place := add(add(tables, _TALLIES), shl(5, code))
                mstore(place, add(mload(place), or(0x10000000000000000, value)))
                if lt(code, 200) {
                    place := add(tables, shl(5, byte(3, bucket)))
                    mstore(place, add(mload(place), value))
                }
                mstore(add(item, shl(5, i)), or(or(shl(24, code), shl(8, value)), byte(3, bucket)))
            }
        }
    }

    /// @notice Tally of a code, count << 64 | class sum.
    /// @param batch in question
    /// @param code slot, NO_RECORD or NOT_ELIGIBLE
    /// @return tally of the assets added so far
    function tallyOf(Batch memory batch, uint256 code) internal pure returns (uint256 tally) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            tally := mload(add(add(mload(batch), _TALLIES), shl(5, code)))
        }
    }

    /// @notice Class sum of the sorted assets of a region group.
    /// @param batch in question
    /// @param group 0 to 255
    /// @return sum of the assets added so far
    function groupSumOf(Batch memory batch, uint256 group) internal pure returns (uint256 sum) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            sum := mload(add(mload(batch), shl(5, group)))
        }
    }

    /// @notice Sorts the batch. The tallies are used up as the positions to write to.
    /// @param batch all assets are in
    /// @return sorted directory and entries
    function close(Batch memory batch) internal pure returns (bytes memory sorted) {
        uint256 total = 0;
        for (uint256 slot = 0; slot < ScreeningRisk.SLOT_COUNT; ++slot) {
            total += tallyOf(batch, slot) >> 64;
        }
        // An entry is written as a whole word: the last one reaches 27 bytes further.
        sorted = new bytes(DIRECTORY_SIZE + ENTRY_SIZE * total + 32);
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let tallies := add(mload(batch), _TALLIES)
            let entries := add(sorted, 434)
            let position := 0
            for { let slot := 0 } lt(slot, 200) { slot := add(slot, 1) } {
                let place := add(tallies, shl(5, slot))
                let count := shr(64, mload(place))
                mstore(place, add(entries, mul(position, 5)))
                position := add(position, count)
                let at := add(sorted, add(34, shl(1, slot)))
                mstore8(at, shr(8, position))
                mstore8(add(at, 1), position)
            }
            let items := mload(add(batch, 0x20))
            let count := mload(add(batch, 0x60))
            let mask := sub(shl(216, 1), 1)
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                let item := mload(add(items, shl(5, i)))
                let code := shr(24, item)
                if lt(code, 200) {
                    let place := add(tallies, shl(5, code))
                    let at := mload(place)
                    mstore(place, add(at, 5))
                    mstore(at, or(and(mload(at), mask), or(shl(240, i), shl(216, and(item, 0xffffff)))))
                }
            }
            mstore(sorted, sub(mload(sorted), 32))
        }
    }

    /// @notice Room for the entries of one slot.
    /// @return buffer memory address
    function newBuffer() internal pure returns (uint256 buffer) {
        bytes memory room = new bytes(COUNT_MAX * ENTRY_SIZE + 32);
        // solhint-disable-next-line no-inline-assembly
        assembly {
            buffer := add(room, 0x20)
        }
    }

    /// @notice One of the entries that `readSlot` read.
    /// @param buffer memory address
    /// @param i number of the entry
    /// @return entry index in the batch << 24 | class << 8 | group
    function entryAt(uint256 buffer, uint256 i) internal pure returns (uint256 entry) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            entry := shr(216, mload(add(buffer, mul(i, 5))))
        }
    }
}
