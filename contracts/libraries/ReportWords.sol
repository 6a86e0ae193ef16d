// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Checks words of score reports, 16 at a time
/// @notice A word has 16 bits: quality (age band in bits 8 and 9, spread by relations in bit 10) and score 1 to 100. Valid
/// is 0, no usable record, and every score with any of these qualities.
library ReportWords {
    /// @notice Bytes of a word.
    uint256 internal constant SIZE_BYTES = 2;

    /// @dev In every word: bits that no valid one has, the 7 bits of the score, and their top bit moved up by one.
    uint256 private constant _UNUSED = 0xf880f880f880f880f880f880f880f880f880f880f880f880f880f880f880f880;
    uint256 private constant _LOW = 0x007f007f007f007f007f007f007f007f007f007f007f007f007f007f007f007f;
    uint256 private constant _TOP = 0x0080008000800080008000800080008000800080008000800080008000800080;
    /// @dev 127 - 100: added to 7 bits it reaches the bit above them from 101 on.
    uint256 private constant _ABOVE_100 = 0x001b001b001b001b001b001b001b001b001b001b001b001b001b001b001b001b;

    /// @notice First 32 bytes in which a word is no valid one.
    /// @param report words, big-endian
    /// @return index position / 32; type(uint256).max when all are valid
    function findBad(bytes calldata report) internal pure returns (uint256 index) {
        uint256 slots = report.length / 32;
        for (index = 0; index < slots; ++index) {
            if (_isBad(uint256(bytes32(report[32 * index:])))) return index;
        }
        // Conversion pads the rest with zeros, which are valid.
        if (report.length % 32 != 0 && _isBad(uint256(bytes32(report[32 * slots:])))) return slots;
        return type(uint256).max;
    }

    function _isBad(uint256 slot) private pure returns (bool) {
        uint256 tooHigh;
        uint256 qualityAlone;
        unchecked {
            // No word carries into the next: 0x7f + 0x7f < 0x100.
            tooHigh = ((slot & _LOW) + _ABOVE_100) & _TOP;
            uint256 hasScore = (slot & _LOW) + _LOW;
            uint256 hasQuality = ((slot >> 8) & _LOW) + _LOW;
            qualityAlone = hasQuality & ~hasScore & _TOP;
        }
        return (slot & _UNUSED) | tooHigh | qualityAlone != 0;
    }
}
