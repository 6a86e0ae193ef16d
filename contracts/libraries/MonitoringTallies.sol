// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ChunkStore} from "./ChunkStore.sol";

/// @title Sums over the entries of a period
/// @notice Each is count << 64 | sum of classes; 2^21 assets of 16 bits fit. Packed they are what
/// {IMonitoring-talliesPointer} describes.
library MonitoringTallies {
    /// @notice Sums by number, and the squares.
    /// @param sums see the constants
    /// @param squares sum of the squares of the classes of live assets
    struct Tallies {
        uint256[31] sums;
        uint256 squares;
    }

    /// @notice What a trigger looks at in a period.
    /// @param top classes of levels 8 to 10
    /// @param live classes of all live assets
    /// @param squares of the classes of live assets
    /// @param arrears classes 61 and more days past due
    /// @param netLossCents cumulative
    struct Point {
        uint256 top;
        uint256 live;
        uint256 squares;
        uint256 arrears;
        int256 netLossCents;
    }

    /// @notice Place of level 1; those of the other levels follow.
    uint256 internal constant LEVELS = 0;
    /// @notice Place of band 0.
    uint256 internal constant BANDS = 10;
    /// @notice Place of state 0.
    uint256 internal constant STATES = 15;
    /// @notice Place of new defaults.
    uint256 internal constant DEFAULTS = 25;
    /// @notice Place of assets charged off.
    uint256 internal constant CHARGED_OFF = 26;
    /// @notice Place of assets repurchased; that of those substituted follows.
    uint256 internal constant LEFT = 27;
    /// @notice Place of those of both that were of levels 8 to 10.
    uint256 internal constant LEFT_TOP = 29;
    /// @notice Place of those of both that no measure took out.
    uint256 internal constant UNMEASURED = 30;
    /// @notice One in the count of a sum.
    uint256 internal constant ONE = 1 << 64;

    uint256 private constant _SUM_COUNT = 31;
    uint256 private constant _SIZE_BYTES = 12 * _SUM_COUNT + 16;

    /// @notice Reads tallies.
    /// @param pointer code that has them packed; zero: none
    /// @return tallies unpacked
    function read(address pointer) internal view returns (Tallies memory tallies) {
        if (pointer == address(0)) return tallies;
        bytes memory packed = ChunkStore.readSlice(pointer, 0, _SIZE_BYTES);
        for (uint256 i = 0; i < _SUM_COUNT; ++i) {
            tallies.sums[i] = _wordAt(packed, 12 * i) >> 160;
        }
        tallies.squares = _wordAt(packed, 12 * _SUM_COUNT) >> 128;
    }

    /// @notice What a trigger looks at.
    /// @param pointer code that has the tallies packed
    /// @param netLossCents cumulative
    /// @return point of the period
    function pointOf(address pointer, int256 netLossCents) internal view returns (Point memory point) {
        Tallies memory tallies = read(pointer);
        for (uint256 i = 0; i < 5; ++i) {
            point.live += uint64(tallies.sums[BANDS + i]);
        }
        for (uint256 i = 7; i < 10; ++i) {
            point.top += uint64(tallies.sums[LEVELS + i]);
        }
        point.arrears = uint256(uint64(tallies.sums[BANDS + 3])) + uint64(tallies.sums[BANDS + 4]);
        (point.squares, point.netLossCents) = (tallies.squares, netLossCents);
    }

    /// @notice Adds an asset to a sum.
    /// @param tallies in question
    /// @param place of the sum, see the constants
    /// @param class of the asset
    function add(Tallies memory tallies, uint256 place, uint256 class) internal pure {
        // The struct begins with the address of the sums; counts stay below 2^64, sums of classes too.
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let at := add(mload(tallies), shl(5, place))
            mstore(at, add(mload(at), or(shl(64, 1), class)))
        }
    }

    /// @notice Packs tallies.
    /// @param tallies in question
    /// @return packed 388 bytes
    function pack(Tallies memory tallies) internal pure returns (bytes memory packed) {
        packed = new bytes(_SIZE_BYTES + 32);
        for (uint256 i = 0; i < _SUM_COUNT; ++i) {
            _put(packed, 12 * i, tallies.sums[i] << 160);
        }
        _put(packed, 12 * _SUM_COUNT, tallies.squares << 128);
        // Values are written as whole words; 32 spare bytes took the last one's tail.
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mstore(packed, sub(mload(packed), 32))
        }
    }

    function _wordAt(bytes memory data, uint256 at) private pure returns (uint256 word) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            word := mload(add(add(data, 0x20), at))
        }
    }

    function _put(bytes memory data, uint256 at, uint256 word) private pure {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mstore(add(add(data, 0x20), at), word)
        }
    }
}
