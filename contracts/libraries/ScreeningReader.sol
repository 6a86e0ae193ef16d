// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAssetPackRegistry} from "../interfaces/IAssetPackRegistry.sol";
import {IScoringRounds} from "../interfaces/IScoringRounds.sol";
import {ScreeningRisk} from "./ScreeningRisk.sol";

/// @title Classes, buckets and scores of a pack, a chunk of 256 assets at a time
/// @notice Reads what the other contracts hold of a pack.
library ScreeningReader {
    /// @notice Where a pack's bytes come from, and the chunk that is in memory.
    /// @param packs registry of the pack
    /// @param rounds registry of the scores
    /// @param packId of the pack
    /// @param roundId of the scores
    /// @param assetCount of the pack
    /// @param data memory address of the chunk's classes, then its buckets
    /// @param scores memory address of the chunk's report bytes
    /// @param loaded chunk in memory + 1
    /// @param scorePointer code with the scores of scoreChunk
    /// @param scoreChunk chunk of 16,384 scores + 1
    /// @param class of the asset that `codeOf` was asked for last
    /// @param group of that asset
    struct Source {
        IAssetPackRegistry packs;
        IScoringRounds rounds;
        uint256 packId;
        uint256 roundId;
        uint256 assetCount;
        uint256 data;
        uint256 scores;
        uint256 loaded;
        address scorePointer;
        uint256 scoreChunk;
        uint256 class;
        uint256 group;
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
        if (source.scoreChunk != (index >> 14) + 1) {
            source.scoreChunk = (index >> 14) + 1;
            source.scorePointer = source.rounds.scoreChunkPointer(source.roundId, uint32(index >> 14));
        }
        address pointer = source.packs.chunkPointer(source.packId, chunk);
        address scorePointer = source.scorePointer;
        uint256 offset = chunk * _CHUNK & 0x3fff;
        // Code of a STOP byte, then the bytes; an address is read here as a whole word.
        // solhint-disable-next-line no-inline-assembly
        assembly {
            extcodecopy(pointer, mload(add(source, 0xa0)), 1, mul(count, 6))
            extcodecopy(scorePointer, mload(add(source, 0xc0)), add(offset, 1), count)
        }
    }

    /// @notice Code of one asset; its class and group are left in the source.
    /// @param source of the pack
    /// @param index of the asset, below assetCount
    /// @param codes slot of each report byte
    /// @param limits highest eligible term, rate and dpd class, in the three highest bytes
    /// @return code slot, NO_RECORD or NOT_ELIGIBLE
    function codeOf(Source memory source, uint256 index, bytes memory codes, uint256 limits)
        internal
        view
        returns (uint256 code)
    {
        uint256 count = load(source, index);
        uint256 data = source.data;
        uint256 scores = source.scores;
        uint256 bucket;
        uint256 class;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let place := and(index, 0xff)
            class := shr(240, mload(add(data, shl(1, place))))
            bucket := mload(add(add(data, shl(1, count)), shl(2, place)))
            code := byte(0, mload(add(add(codes, 0x20), byte(0, mload(add(scores, place))))))
        }
        (source.class, source.group) = (class, uint8(bucket >> 224));
        bool eligible = bucket >> 248 <= limits >> 248 && uint8(bucket >> 240) <= uint8(limits >> 240)
            && uint8(bucket >> 232) <= uint8(limits >> 232);
        if (!eligible) code = ScreeningRisk.NOT_ELIGIBLE;
    }

    /// @notice Makes room for a chunk.
    /// @param source with the first five fields set
    function open(Source memory source) internal pure {
        bytes memory room = new bytes(7 * _CHUNK + 32);
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mstore(add(source, 0xa0), add(room, 0x20))
            mstore(add(source, 0xc0), add(room, 0x620))
        }
    }

    /// @notice Makes assets of the loaded chunk look like ones without record.
    /// @param source of the pack
    /// @param bits which, lowest bit first
    /// @param count of assets in the chunk
    /// @return tally of those assets, count << 64 | class sum
    function takeOut(Source memory source, uint256 bits, uint256 count) internal pure returns (uint256 tally) {
        for (uint256 i = 0; bits != 0; (++i, bits >>= 1)) {
            if (bits & 1 == 0) continue;
            uint256 data = source.data;
            uint256 scores = source.scores;
            // Bucket 0 is eligible under any policy, report byte 0 is no record.
            // solhint-disable-next-line no-inline-assembly
            assembly {
                tally := add(tally, or(shl(64, 1), shr(240, mload(add(data, shl(1, i))))))
                let bucket := add(add(data, shl(1, count)), shl(2, i))
                mstore(bucket, shr(32, shl(32, mload(bucket))))
                mstore8(add(scores, i), 0)
            }
        }
        source.loaded = 0;
    }
}
