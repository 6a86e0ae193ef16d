// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMonitoring} from "../interfaces/IMonitoring.sol";
import {MonitoringTallies} from "./MonitoringTallies.sol";

/// @title Entries of a servicer's report, checked against those of the period before
/// @notice An entry is four bytes: state, days-past-due band, balance class. The band of a stored one has the bit DEFAULTED
/// from the asset's default on.
library MonitoringEntries {
    /// @notice Entries of a chunk and what they are judged by.
    /// @param firstIndex index of the first
    /// @param before entries of the period before, as stored
    /// @param entries as reported; the bits DEFAULTED are set in it
    /// @param words report words of the newest scores
    /// @param closingWords report words of the scores at closing
    /// @param repurchased bitmaps of assets that a measure repurchased, 256 assets each, lowest bit first
    /// @param substituted bitmaps of assets that a measure replaced
    struct EntryChunk {
        uint256 firstIndex;
        bytes before;
        bytes entries;
        bytes words;
        bytes closingWords;
        uint256[4] repurchased;
        uint256[4] substituted;
    }

    /// @notice Bytes of an entry.
    uint256 internal constant SIZE_BYTES = 4;
    /// @notice Bit of the band: 91 days past due or charged off, now or before.
    uint256 internal constant DEFAULTED = 0x80;
    /// @notice Largest class: the next one stands for everything above too.
    uint256 internal constant CLASS_MAX = 65_534;
    uint8 internal constant CURRENT = 1;
    uint8 internal constant HOLIDAY = 2;
    uint8 internal constant MODIFIED = 4;
    uint8 internal constant CHARGED_OFF = 5;
    uint8 internal constant REPURCHASED = 7;
    uint8 internal constant SUBSTITUTED = 8;

    /// @dev Sets of states, one bit a state.
    uint256 private constant _LIVE = 0x016;
    uint256 private constant _WITH_BALANCE = 0x036;
    uint256 private constant _OWNED = 0x076;
    /// @dev States that may follow, 16 bits for each state before, that of state 0 lowest. A holiday ends in any live state,
    /// a modification stays one, a default is recovered or repurchased, what left stays out.
    uint256 private constant _NEXT = 0x00020001000080004000e003b8000803be03be0001;
    uint256 private constant _DEFAULTED_BIT = DEFAULTED << 16;
    /// @dev Floor of the level, one byte a band.
    uint256 private constant _FLOORS = 0x0a0a090800;

    /// @notice Checks every entry and adds it up.
    /// @param chunk entries and what they are judged by
    /// @param tallies sums to add to
    /// @return defaults new ones by score at closing, two scores a word: count << 64 | sum of classes, the lower score low
    function walk(EntryChunk memory chunk, MonitoringTallies.Tallies memory tallies)
        internal
        pure
        returns (uint256[50] memory defaults)
    {
        uint256 count = chunk.entries.length / SIZE_BYTES;
        bool hasMarks = false;
        for (uint256 i = 0; i < 4; ++i) {
            if (chunk.repurchased[i] | chunk.substituted[i] != 0) hasMarks = true;
        }
        // Cannot wrap: places are below 2^21, classes below 2^16.
        unchecked {
            for (uint256 i = 0; i < count; ++i) {
                uint256 before = _entryAt(chunk.before, i);
                uint256 entry = _entryAt(chunk.entries, i);
                if (before == 0 && entry == 0) continue;
                uint256 state = entry >> 24;
                _check(chunk.firstIndex + i, before, entry);
                if (hasMarks) _checkMark(chunk, i, state);
                if (before & _DEFAULTED_BIT != 0) {
                    _markDefaulted(chunk.entries, i);
                } else if (_isDefault(entry)) {
                    _markDefaulted(chunk.entries, i);
                    _addDefault(chunk, tallies, defaults, i, before);
                }
                MonitoringTallies.add(tallies, MonitoringTallies.STATES + state, uint16(entry));
                if (isLive(state)) _addLive(chunk, tallies, i, entry);
                if (state != before >> 24) _addMove(chunk, tallies, i, before, entry);
            }
        }
    }

    /// @notice Level of a live asset.
    /// @param word report word of its newest score
    /// @param closingWord report word at closing, which stands in where there was no usable record
    /// @param band of days past due, without DEFAULTED
    /// @return level 1 to 10
    function levelOf(uint256 word, uint256 closingWord, uint256 band) internal pure returns (uint256 level) {
        unchecked {
            uint256 score = uint8(word);
            if (score == 0) score = uint8(closingWord);
            level = (score + 9) / 10;
            uint256 floor = uint8(_FLOORS >> (8 * band));
            if (level < floor) level = floor;
        }
    }

    /// @notice Whether a state is live: current, holiday or modified.
    /// @param state 0 to 9
    /// @return live true if so
    function isLive(uint256 state) internal pure returns (bool live) {
        return _LIVE >> state & 1 == 1;
    }

    /// @notice Whether the pool owns an asset of this state: live, defaulted, recovered.
    /// @param state 0 to 9
    /// @return owned true if so
    function isOwned(uint256 state) internal pure returns (bool owned) {
        return _OWNED >> state & 1 == 1;
    }

    /// @notice Days-past-due band of an entry.
    /// @param entry as reported or stored
    /// @return band 0 to 4
    function bandOf(uint256 entry) internal pure returns (uint256 band) {
        return entry >> 16 & 0x7f;
    }

    /// @notice Report word, or class, of an asset.
    /// @param words two bytes an asset, big-endian
    /// @param i place of the asset
    /// @return word its two bytes
    function wordAt(bytes memory words, uint256 i) internal pure returns (uint256 word) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            word := shr(240, mload(add(add(words, 0x20), shl(1, i))))
        }
    }

    function _check(uint256 index, uint256 before, uint256 entry) private pure {
        uint256 state = entry >> 24;
        uint256 class = uint16(entry);
        uint256 band = uint8(entry >> 16);
        bool hasBalance = _WITH_BALANCE >> state & 1 == 1;
        if (state > 9 || band > 4 || class > CLASS_MAX || hasBalance != (class != 0) || (band != 0 && !hasBalance)) {
            revert IMonitoring.MonitoringBadEntry(index, bytes4(uint32(entry)));
        }
        unchecked {
            if (_NEXT >> (16 * (before >> 24)) >> state & 1 == 0) {
                revert IMonitoring.MonitoringBadTransition(index, uint8(before >> 24), uint8(state));
            }
        }
        if (class > uint16(before) && state != HOLIDAY && state != MODIFIED) {
            revert IMonitoring.MonitoringBalanceGrew(index, uint16(before), uint16(class));
        }
    }

    function _checkMark(EntryChunk memory chunk, uint256 i, uint256 state) private pure {
        uint256 expected = _markOf(chunk, i);
        if (expected != 0 && state != expected) {
            revert IMonitoring.MonitoringMeasureIgnored(chunk.firstIndex + i, uint8(expected), uint8(state));
        }
    }

    function _addLive(EntryChunk memory chunk, MonitoringTallies.Tallies memory tallies, uint256 i, uint256 entry)
        private
        pure
    {
        uint256 class = uint16(entry);
        uint256 band = bandOf(entry);
        uint256 level = levelOf(wordAt(chunk.words, i), wordAt(chunk.closingWords, i), band);
        unchecked {
            MonitoringTallies.add(tallies, MonitoringTallies.LEVELS + level - 1, class);
            MonitoringTallies.add(tallies, MonitoringTallies.BANDS + band, class);
            tallies.squares += class * class;
        }
    }

    /// @dev An asset whose state is another one than before.
    function _addMove(
        EntryChunk memory chunk,
        MonitoringTallies.Tallies memory tallies,
        uint256 i,
        uint256 before,
        uint256 entry
    ) private pure {
        uint256 state = entry >> 24;
        uint256 class = uint16(before);
        if (state == CHARGED_OFF) MonitoringTallies.add(tallies, MonitoringTallies.CHARGED_OFF, uint16(entry));
        if (state != REPURCHASED && state != SUBSTITUTED) return;
        MonitoringTallies.add(tallies, MonitoringTallies.LEFT + state - REPURCHASED, class);
        if (_markOf(chunk, i) == 0) MonitoringTallies.add(tallies, MonitoringTallies.UNMEASURED, class);
        uint256 level = levelOf(wordAt(chunk.words, i), wordAt(chunk.closingWords, i), bandOf(before));
        if (isLive(before >> 24) && level >= 8) MonitoringTallies.add(tallies, MonitoringTallies.LEFT_TOP, class);
    }

    function _addDefault(
        EntryChunk memory chunk,
        MonitoringTallies.Tallies memory tallies,
        uint256[50] memory defaults,
        uint256 i,
        uint256 before
    ) private pure {
        uint256 place = uint8(wordAt(chunk.closingWords, i)) - 1;
        uint256 one = MonitoringTallies.ONE | uint16(before);
        MonitoringTallies.add(tallies, MonitoringTallies.DEFAULTS, uint16(before));
        defaults[place / 2] += place % 2 == 0 ? one : one << 128;
    }

    function _isDefault(uint256 entry) private pure returns (bool) {
        return uint8(entry >> 16) == 4 || entry >> 24 == CHARGED_OFF;
    }

    /// @dev State that a measure wants the asset to have; 0 if none.
    function _markOf(EntryChunk memory chunk, uint256 i) private pure returns (uint256) {
        uint256 word = i >> 8;
        uint256 repurchased = chunk.repurchased[word];
        uint256 substituted = chunk.substituted[word];
        if (repurchased | substituted == 0) return 0;
        if (repurchased >> (i & 0xff) & 1 == 1) return REPURCHASED;
        return substituted >> (i & 0xff) & 1 == 1 ? SUBSTITUTED : 0;
    }

    function _markDefaulted(bytes memory entries, uint256 i) private pure {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let place := add(add(entries, 0x21), shl(2, i))
            mstore8(place, or(byte(0, mload(place)), 0x80))
        }
    }

    function _entryAt(bytes memory entries, uint256 i) private pure returns (uint256 entry) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            entry := shr(224, mload(add(add(entries, 0x20), shl(2, i))))
        }
    }
}
