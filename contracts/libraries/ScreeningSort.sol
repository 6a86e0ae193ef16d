// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ScreeningPolicy} from "./ScreeningPolicy.sol";
import {ScreeningRisk} from "./ScreeningRisk.sol";

/// @title Counting sort of some chunks of a pack by slot
/// @notice The sorted batch is kept as code: a directory of two-byte positions (slot s has entries [s], [s + 1]), then the
/// entries in the order of slot and index: index within the batch (2 bytes), principal class (2), the group of each limit (1).
/// Loops over assets are assembly: memory is addressed without bounds checks, which would double the gas of an asset. All
/// addresses come from `open`, which sizes the tables for the number of assets that it is told.
library ScreeningSort {
    /// @notice A batch that is being read. The first seven fields are read by assembly, by their place.
    /// @param sums memory address: 256 words of class sums by group, for each limit
    /// @param tallies memory address: CODE_COUNT words of tallies by code
    /// @param items memory address: a word an asset, code << 64 | class and groups as in its entry
    /// @param count assets so far
    /// @param limitCount groups of an asset
    /// @param slotCount number of slots
    /// @param criteria what is asked of each asset
    struct SortBatch {
        uint256 sums;
        uint256 tallies;
        uint256 items;
        uint256 count;
        uint256 limitCount;
        uint256 slotCount;
        ScreeningPolicy.Criteria criteria;
    }

    /// @notice How to read the batches of a run. The fields are read by assembly, by their place.
    /// @param buffer memory address of the entries of one slot
    /// @param slotCount number of slots
    /// @param entrySize bytes of an entry
    /// @param count of entries read last
    struct Reader {
        uint256 buffer;
        uint256 slotCount;
        uint256 entrySize;
        uint256 count;
    }

    uint256 private constant _CODE_SIZE_MAX = 24_575;

    /// @notice Reads the entries of one slot.
    /// @param reader of the run
    /// @param pointer where the sorted batch is kept
    /// @param slot below the number of slots
    /// @return count of entries
    function readSlot(Reader memory reader, address pointer, uint256 slot) internal view returns (uint256 count) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let buffer := mload(reader)
            let size := mload(add(reader, 0x40))
            extcodecopy(pointer, buffer, add(1, shl(1, slot)), 4)
            let positions := mload(buffer)
            let first := shr(240, positions)
            count := sub(and(shr(224, positions), 0xffff), first)
            let entries := add(3, shl(1, mload(add(reader, 0x20))))
            extcodecopy(pointer, buffer, add(entries, mul(first, size)), mul(count, size))
            mstore(add(reader, 0x60), count)
        }
    }

    /// @notice Makes room for a batch.
    /// @param criteria what is asked of each asset
    /// @param slotCount number of slots
    /// @param count assets that will be added at most
    /// @return batch empty
    function open(ScreeningPolicy.Criteria memory criteria, uint256 slotCount, uint256 count)
        internal
        pure
        returns (SortBatch memory batch)
    {
        batch.limitCount = criteria.limitCount;
        (batch.criteria, batch.slotCount) = (criteria, slotCount);
        batch.sums = _addressOf(new uint256[](256 * batch.limitCount));
        batch.tallies = _addressOf(new uint256[](ScreeningRisk.CODE_COUNT));
        batch.items = _addressOf(new uint256[](count));
    }

    /// @notice Most assets of a batch: whole chunks of 256 whose entries fit into one contract's code.
    /// @param slotCount number of slots
    /// @param limitCount groups of an asset
    /// @return count of assets
    function countMax(uint256 slotCount, uint256 limitCount) internal pure returns (uint256 count) {
        return (_CODE_SIZE_MAX - 2 * (slotCount + 1)) / (4 + limitCount) / 256 * 256;
    }

    /// @notice Classifies and counts assets.
    /// @param batch they join
    /// @param data memory address of their classes, then their buckets
    /// @param words memory address of their report words
    /// @param count of assets
    function add(SortBatch memory batch, uint256 data, uint256 words, uint256 count) internal pure {
        ScreeningPolicy.Criteria memory criteria = batch.criteria;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let item := add(mload(add(batch, 0x40)), shl(5, mload(add(batch, 0x60))))
            mstore(add(batch, 0x60), add(mload(add(batch, 0x60)), count))
            let bucket := add(data, shl(1, count))
            let slots := mload(add(criteria, 0x60))
            for { let end := bucket } lt(data, end) {} {
                let asset := mload(bucket)
                let code := mload(words)
                code := or(shl(3, and(byte(1, code), 0x7f)), and(byte(0, code), 7))
                code := shr(240, mload(add(slots, shl(1, code))))
                let value := 1
                let rule := mload(add(criteria, 0x20))
                for { let last := add(rule, shl(5, mload(rule))) } lt(rule, last) { rule := add(rule, 0x40) } {
                    value := and(value, shr(byte(mload(add(rule, 0x20)), asset), mload(add(rule, 0x40))))
                }
                if iszero(value) { if lt(code, 802) { code := 801 } }
                value := shr(240, mload(data))
                let place := add(mload(add(batch, 0x20)), shl(5, code))
                mstore(place, add(mload(place), or(0x10000000000000000, value)))
                let sums := mload(batch)
                let entry := value
                for { let limits := mload(add(criteria, 0x40)) } limits { limits := shr(8, limits) } {
                    place := byte(and(limits, 0x7f), asset)
                    entry := or(shl(8, entry), place)
                    if lt(code, 800) {
                        place := add(sums, shl(5, place))
                        mstore(place, add(mload(place), value))
                        sums := add(sums, 0x2000)
                    }
                }
                mstore(item, or(shl(64, code), entry))
                item := add(item, 0x20)
                data := add(data, 2)
                words := add(words, 2)
                bucket := add(bucket, mload(criteria))
            }
        }
    }

    /// @notice Tally of a code, count << 64 | class sum.
    /// @param batch in question
    /// @param code slot, NO_RECORD, NOT_ELIGIBLE or GONE
    /// @return tally of the assets added so far
    function tallyOf(SortBatch memory batch, uint256 code) internal pure returns (uint256 tally) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            tally := mload(add(mload(add(batch, 0x20)), shl(5, code)))
        }
    }

    /// @notice Sorts the batch. The tallies are used up as the positions to write to.
    /// @param batch all assets are in
    /// @return sorted directory and entries
    function close(SortBatch memory batch) internal pure returns (bytes memory sorted) {
        uint256 total = batch.count - (tallyOf(batch, ScreeningRisk.NO_RECORD) >> 64)
            - (tallyOf(batch, ScreeningRisk.NOT_ELIGIBLE) >> 64) - (tallyOf(batch, ScreeningRisk.GONE) >> 64);
        uint256 size = 4 + batch.limitCount;
        uint256 directorySize = 2 * (batch.slotCount + 1);
        // An entry is written as a whole word: the last one reaches beyond its end.
        sorted = new bytes(directorySize + size * total + 32);
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let tallies := mload(add(batch, 0x20))
            let entries := add(add(sorted, 0x20), directorySize)
            let at := add(sorted, 0x22)
            for { let position := 0 } lt(at, entries) { at := add(at, 2) } {
                let count := shr(64, mload(tallies))
                mstore(tallies, add(entries, mul(position, size)))
                tallies := add(tallies, 0x20)
                position := add(position, count)
                mstore8(at, shr(8, position))
                mstore8(add(at, 1), position)
            }
            tallies := mload(add(batch, 0x20))
            let bits := shl(3, size)
            let low := sub(shl(sub(bits, 16), 1), 1)
            let items := mload(add(batch, 0x40))
            let count := mload(add(batch, 0x60))
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                let item := mload(add(items, shl(5, i)))
                if lt(shr(64, item), 800) {
                    let place := add(tallies, shl(5, shr(64, item)))
                    at := mload(place)
                    mstore(place, add(at, size))
                    item := shl(sub(256, bits), or(shl(sub(bits, 16), i), and(item, low)))
                    mstore(at, or(item, shr(bits, shl(bits, mload(at)))))
                }
            }
            mstore(sorted, sub(mload(sorted), 32))
        }
    }

    /// @notice Prepares to read batches.
    /// @param slotCount number of slots
    /// @param limitCount groups of an asset
    /// @return reader with room for the entries of one slot
    function newReader(uint256 slotCount, uint256 limitCount) internal pure returns (Reader memory reader) {
        reader.buffer = _addressOf(new uint256[]((_CODE_SIZE_MAX + 63) / 32));
        (reader.slotCount, reader.entrySize) = (slotCount, 4 + limitCount);
    }

    /// @notice One of the entries that `readSlot` read.
    /// @param reader of the run
    /// @param i number of the entry
    /// @return index in the batch
    /// @return class principal class
    /// @return groups the group of each limit, that of the first one in the highest byte
    function entryAt(Reader memory reader, uint256 i)
        internal
        pure
        returns (uint256 index, uint256 class, uint256 groups)
    {
        uint256 entry;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            entry := mload(add(mload(reader), mul(i, mload(add(reader, 0x40)))))
        }
        return (entry >> 240, uint16(entry >> 224), entry << 32);
    }

    /// @dev A fresh array is zero, and nothing of it is read as an array again.
    function _addressOf(uint256[] memory array) private pure returns (uint256 at) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            at := add(array, 0x20)
        }
    }
}
