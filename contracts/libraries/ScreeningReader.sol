// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAssetPackRegistry} from "../interfaces/IAssetPackRegistry.sol";
import {IScoringRounds} from "../interfaces/IScoringRounds.sol";
import {ScreeningPolicy} from "./ScreeningPolicy.sol";
import {ScreeningRisk} from "./ScreeningRisk.sol";

/// @title Classes, buckets and report words of a pack, a chunk of 256 assets at a time
/// @notice Reads what the other contracts hold of a pack.
library ScreeningReader {
    /// @notice Where a pack's bytes come from, and the chunk that is in memory.
    /// @param packs registry of the pack
    /// @param rounds registry of the scores
    /// @param packId of the pack
    /// @param roundId of the scores
    /// @param assetCount of the pack
    /// @param dimensionCount bucket bytes of an asset
    /// @param data memory address of the chunk's classes, then its buckets
    /// @param words memory address of the chunk's report words
    /// @param loaded chunk in memory + 1
    /// @param wordPointer code with the words of wordChunk
    /// @param wordChunk chunk of 8,192 words + 1
    struct Source {
        IAssetPackRegistry packs;
        IScoringRounds rounds;
        uint256 packId;
        uint256 roundId;
        uint256 assetCount;
        uint256 dimensionCount;
        uint256 data;
        uint256 words;
        uint256 loaded;
        address wordPointer;
        uint256 wordChunk;
    }

    /// @notice One asset as the rules see it.
    /// @param code slot, NO_RECORD or NOT_ELIGIBLE
    /// @param class principal class
    /// @param groups the group of each limit, that of the first one in the highest byte
    struct Graded {
        uint256 code;
        uint256 class;
        uint256 groups;
    }

    uint256 private constant _CHUNK = 256;

    /// @notice Reads the chunk of an asset into memory.
    /// @param source of the pack
    /// @param index of the asset
    /// @return count of assets in the chunk
    function load(Source memory source, uint256 index) internal view returns (uint256 count) {
        uint256 chunk = index / _CHUNK;
        count = source.assetCount - chunk * _CHUNK;
        if (count > _CHUNK) count = _CHUNK;
        if (source.loaded == chunk + 1) return count;
        source.loaded = chunk + 1;
        if (source.wordChunk != (index >> 13) + 1) {
            source.wordChunk = (index >> 13) + 1;
            source.wordPointer = source.rounds.scoreChunkPointer(source.roundId, uint32(index >> 13));
        }
        _copy(source.packs.chunkPointer(source.packId, chunk), source.data, 0, count * (2 + source.dimensionCount));
        _copy(source.wordPointer, source.words, 2 * (chunk * _CHUNK & 0x1fff), 2 * count);
    }

    /// @notice Grades one asset, whatever an earlier run made of it.
    /// @param source of the pack
    /// @param index of the asset, below assetCount
    /// @param criteria what is asked of it
    /// @return graded the asset
    function grade(Source memory source, uint256 index, ScreeningPolicy.Criteria memory criteria)
        internal
        view
        returns (Graded memory graded)
    {
        uint256 count = load(source, index);
        uint256 place = index % _CHUNK;
        uint256 bucket = _word(source.data + 2 * count + source.dimensionCount * place);
        uint256 word = _word(source.words + 2 * place) >> 240;
        graded.class = _word(source.data + 2 * place) >> 240;
        graded.code = _word(criteria.slots + 2 * ((word & 0x7f) << 3 | word >> 8 & 7)) >> 240;
        for (uint256 i = 0; i < criteria.rules.length; i += 2) {
            bool eligible = criteria.rules[i + 1] >> _byteAt(bucket, criteria.rules[i]) & 1 == 1;
            if (!eligible) graded.code = ScreeningRisk.NOT_ELIGIBLE;
        }
        for (uint256 i = 0; i < criteria.limitCount; ++i) {
            graded.groups |= _byteAt(bucket, criteria.limits >> 8 * i & 0x7f) << (248 - 8 * i);
        }
    }

    /// @notice Makes room for a chunk.
    /// @param source with the first six fields set
    function open(Source memory source) internal pure {
        bytes memory room = new bytes((4 + source.dimensionCount) * _CHUNK + 64);
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mstore(add(source, 0xc0), add(room, 0x20))
        }
        // What is read as a whole word reaches beyond the last bucket, and beyond the last report word.
        source.words = source.data + (2 + source.dimensionCount) * _CHUNK + 32;
    }

    /// @notice Marks assets of the loaded chunk as brought down by an earlier run.
    /// @param source of the pack
    /// @param bits which, lowest bit first
    function takeOut(Source memory source, uint256 bits) internal pure {
        uint256 at = source.words;
        for (; bits != 0; (at += 2, bits >>= 1)) {
            if (bits & 1 == 0) continue;
            // solhint-disable-next-line no-inline-assembly
            assembly {
                mstore8(at, 7)
                mstore8(add(at, 1), 0)
            }
        }
        source.loaded = 0;
    }

    /// @dev Code is a STOP byte, then what ChunkStore wrote.
    function _copy(address pointer, uint256 to, uint256 start, uint256 size) private view {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            extcodecopy(pointer, to, add(start, 1), size)
        }
    }

    function _word(uint256 at) private pure returns (uint256 word) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            word := mload(at)
        }
    }

    function _byteAt(uint256 word, uint256 place) private pure returns (uint256 value) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            value := byte(place, word)
        }
    }
}
