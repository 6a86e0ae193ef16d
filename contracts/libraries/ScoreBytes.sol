// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Checks bytes of score reports, 32 at a time
/// @notice Valid are 0, 1 to 100, and 0x81 to 0xe4 (an aged record's score).
library ScoreBytes {
    /// @dev 0x80, 0x7f and 0x1b in every byte. 0x1b = 127 - 100: added to 7 bits it reaches the top bit from 101 on.
    uint256 private constant _TOP = 0x8080808080808080808080808080808080808080808080808080808080808080;
    uint256 private constant _LOW = 0x7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f;
    uint256 private constant _ABOVE_100 = 0x1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b;

    /// @notice First word that has a byte which is no score.
    /// @param scores one byte an asset
    /// @return index of the word of 32 bytes; type(uint256).max when all are valid
    function findBadWord(bytes calldata scores) internal pure returns (uint256 index) {
        uint256 words = scores.length / 32;
        for (index = 0; index < words; ++index) {
            if (_isBad(uint256(bytes32(scores[32 * index:])))) return index;
        }
        // Conversion pads the rest with zeros, which are valid.
        if (scores.length % 32 != 0 && _isBad(uint256(bytes32(scores[32 * words:])))) return words;
        return type(uint256).max;
    }

    function _isBad(uint256 word) private pure returns (bool) {
        uint256 score = word & _LOW;
        uint256 tooHigh;
        uint256 agedWithoutScore;
        unchecked {
            // No byte carries into the next: 0x7f + 0x7f < 0x100.
            tooHigh = (score + _ABOVE_100) & _TOP;
            agedWithoutScore = word & _TOP & ~(score + _LOW);
        }
        return tooHigh | agedWithoutScore != 0;
    }
}
