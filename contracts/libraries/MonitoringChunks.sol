// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IAssetPackRegistry} from "../interfaces/IAssetPackRegistry.sol";
import {IMonitoringEngine} from "../interfaces/IMonitoringEngine.sol";
import {IScoringRounds} from "../interfaces/IScoringRounds.sol";
import {ChunkStore} from "./ChunkStore.sol";
import {MonitoringEntries} from "./MonitoringEntries.sol";

/// @title What entries are judged by: those of the period before, and scores
/// @notice Assets that measures took in have neither before their first report: they are current, with the score they came with.
library MonitoringChunks {
    /// @dev Assets a chunk of the pack, of monitoring, of a score report.
    uint256 private constant _PACK_CHUNK = 256;
    uint256 private constant _CHUNK = 1024;
    uint256 private constant _SCORE_CHUNK = 8192;

    /// @notice Report words of a round; of assets taken in, their scores then.
    /// @param range of assets
    /// @param rounds registry of scores
    /// @param roundId of the round
    /// @return data two bytes an asset
    function words(IMonitoringEngine.Range calldata range, IScoringRounds rounds, uint256 roundId)
        internal
        view
        returns (bytes memory data)
    {
        (uint256 first, uint256 assetCount) = (range.first, range.assetCount);
        address pointer = address(0);
        if (first < assetCount) pointer = rounds.scoreChunkPointer(roundId, uint32(first / _SCORE_CHUNK));
        data = ChunkStore.readSlice(pointer, 2 * (first % _SCORE_CHUNK), 2 * range.count);
        for (uint256 i = assetCount > first ? assetCount - first : 0; i < range.count; ++i) {
            data[2 * i + 1] = bytes1(uint8(_admitted(range, first + i) >> 24));
        }
    }

    /// @notice Entries of the range's period; of assets taken in since, current and of the class they came with.
    /// @param range of assets
    /// @param packs registry of the pack
    /// @return entries as stored
    function entries(IMonitoringEngine.Range calldata range, IAssetPackRegistry packs)
        internal
        view
        returns (bytes memory)
    {
        bytes memory stored = range.pointer == address(0) ? _closing(range, packs) : _stored(range);
        uint256 index = range.knownCount > range.first ? range.knownCount : range.first;
        for (; index < range.first + range.count; ++index) {
            uint256 class = uint16(_admitted(range, index));
            _put(stored, index - range.first, uint256(MonitoringEntries.CURRENT) << 24 | class);
        }
        return stored;
    }

    function _stored(IMonitoringEngine.Range calldata range) private view returns (bytes memory) {
        uint256 size = MonitoringEntries.SIZE_BYTES;
        return ChunkStore.readSlice(range.pointer, size * (range.first % _CHUNK), size * range.count);
    }

    /// @dev Entries of the closing: what was kept is current, of the class that the pack has.
    function _closing(IMonitoringEngine.Range calldata range, IAssetPackRegistry packs)
        private
        view
        returns (bytes memory stored)
    {
        stored = new bytes(MonitoringEntries.SIZE_BYTES * range.count);
        uint256 end = range.first + range.count;
        if (end > range.assetCount) end = range.assetCount;
        for (uint256 at = range.first; at < end;) {
            uint256 chunkIndex = at / _PACK_CHUNK;
            uint256 next = (chunkIndex + 1) * _PACK_CHUNK;
            if (next > end) next = end;
            uint256 bits = range.kept[chunkIndex % 4] >> (at % _PACK_CHUNK);
            address pointer = packs.chunkPointer(range.packId, chunkIndex);
            bytes memory classes = ChunkStore.readSlice(pointer, 2 * (at % _PACK_CHUNK), 2 * (next - at));
            for (uint256 i = 0; at < next; (++i, ++at, bits >>= 1)) {
                if (bits & 1 == 0) continue;
                uint256 class = MonitoringEntries.wordAt(classes, i);
                _put(stored, at - range.first, uint256(MonitoringEntries.CURRENT) << 24 | class);
            }
        }
    }

    function _admitted(IMonitoringEngine.Range calldata range, uint256 index) private pure returns (uint256) {
        uint256 base = range.first > range.assetCount ? range.first : range.assetCount;
        return range.admitted[index - base];
    }

    function _put(bytes memory stored, uint256 i, uint256 entry) private pure {
        // What follows the entry is written over with itself.
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let place := add(add(stored, 0x20), shl(2, i))
            mstore(place, or(shl(224, entry), shr(32, shl(32, mload(place)))))
        }
    }
}
