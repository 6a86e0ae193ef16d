// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreening} from "../interfaces/IScreening.sol";

/// @title Order of risk and probability of default by report word
/// @notice A slot is a place in the order of step 4: score descending, then pd descending. Slot 0 is the riskiest. Words of
/// one score share a slot where their pd is the same, because the index decides between equals; so there are as many slots
/// as the policy's factors make differences, 100 to 800.
library ScreeningRisk {
    /// @notice Most slots: 100 scores of 8 qualities.
    uint256 internal constant SLOT_COUNT_MAX = 800;
    /// @notice Code of an asset without usable record.
    uint256 internal constant NO_RECORD = 800;
    /// @notice Code of an asset that is not eligible.
    uint256 internal constant NOT_ELIGIBLE = 801;
    /// @notice Code of an asset that an earlier run brought down.
    uint256 internal constant GONE = 802;
    /// @notice Number of codes: slots and the three others.
    uint256 internal constant CODE_COUNT = 803;
    /// @notice One.
    uint256 internal constant PPM = 1_000_000;

    /// @dev Table: first slot of levels 10 to 1 and the number of slots, 2 bytes each; slot or code of the words of scores 0
    /// to 100 with qualities 0 to 7, 2 bytes each; score and pd of each slot, 1 and 3 bytes.
    uint256 private constant _WORDS = 22;
    uint256 private constant _SLOTS = 22 + 1616;
    uint256 private constant _GONE_PLACE = 7;

    /// @notice Combines a policy with a model.
    /// @param policy age factors and relation factor are used
    /// @param pdPpm 100 times 4 bytes, score 1 first
    /// @param marginPpm by level
    /// @return table to keep
    function encode(IScreening.Policy memory policy, bytes memory pdPpm, uint32[10] memory marginPpm)
        internal
        pure
        returns (bytes memory table)
    {
        table = new bytes(_SLOTS + 4 * SLOT_COUNT_MAX);
        for (uint256 place = 0; place < 101 * 8; ++place) {
            _put(table, _WORDS + 2 * place, place == _GONE_PLACE ? GONE : NO_RECORD, 2);
        }
        uint256 slot = 0;
        for (uint256 score = 100; score > 0; --score) {
            uint256 level = (score - 1) / 10;
            if (score % 10 == 0) _put(table, 2 * (9 - level), slot, 2);
            uint256 withMargin = divideUp(_get(pdPpm, 4 * (score - 1), 4) * marginPpm[level], PPM);
            slot = _addScore(table, score, slot, _pdsOf(policy, withMargin));
        }
        _put(table, 20, slot, 2);
        uint256 size = _SLOTS + 4 * slot;
        // solhint-disable-next-line no-inline-assembly
        assembly {
            mstore(table, size)
        }
    }

    /// @notice Number of slots.
    /// @param table from `encode`
    /// @return count 100 to SLOT_COUNT_MAX
    function slotCountOf(bytes memory table) internal pure returns (uint256 count) {
        return _get(table, 20, 2);
    }

    /// @notice Where the slots of report words are: 2 bytes at (score << 3 | quality) * 2.
    /// @param table from `encode`
    /// @return at memory address
    function wordsOf(bytes memory table) internal pure returns (uint256 at) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            at := add(table, add(0x20, _WORDS))
        }
    }

    /// @notice Probability of default of a slot, with margin and factors.
    /// @param table from `encode`
    /// @param slot below the number of slots
    /// @return pdPpm at most 1,000,000
    function pdPpmOf(bytes memory table, uint256 slot) internal pure returns (uint256 pdPpm) {
        return _get(table, _SLOTS + 4 * slot, 4) & 0xffffff;
    }

    /// @notice Level of a slot.
    /// @param table from `encode`
    /// @param slot below the number of slots
    /// @return level 0 for level 1 to 9 for level 10
    function levelOf(bytes memory table, uint256 slot) internal pure returns (uint256 level) {
        // Cannot wrap: scores begin at 1.
        unchecked {
            return (scoreOf(table, slot) - 1) / 10;
        }
    }

    /// @notice Score of a slot.
    /// @param table from `encode`
    /// @param slot below the number of slots
    /// @return score 1 to 100
    function scoreOf(bytes memory table, uint256 slot) internal pure returns (uint256 score) {
        return _get(table, _SLOTS + 4 * slot, 1);
    }

    /// @notice Slots of a level.
    /// @param table from `encode`
    /// @param level 0 for level 1 to 9 for level 10
    /// @return first its riskiest slot
    /// @return end the slot after its safest one
    function slotsOf(bytes memory table, uint256 level) internal pure returns (uint256 first, uint256 end) {
        return (_get(table, 18 - 2 * level, 2), _get(table, 20 - 2 * level, 2));
    }

    /// @notice Quotient, rounded up; 0 when there is nothing to divide by.
    /// @param numerator any
    /// @param denominator any
    /// @return the quotient
    function divideUp(uint256 numerator, uint256 denominator) internal pure returns (uint256) {
        return denominator == 0 ? 0 : (numerator + denominator - 1) / denominator;
    }

    /// @dev Gives each pd of a score a slot, the highest first; pds are one too high, and 0 says that the quality is unused.
    function _addScore(bytes memory table, uint256 score, uint256 slot, uint256[8] memory pds)
        private
        pure
        returns (uint256 next)
    {
        for (next = slot; true; ++next) {
            uint256 highest = 0;
            for (uint256 quality = 0; quality < 8; ++quality) {
                if (pds[quality] > highest) highest = pds[quality];
            }
            if (highest == 0) return next;
            _put(table, _SLOTS + 4 * next, score << 24 | (highest - 1), 4);
            for (uint256 quality = 0; quality < 8; ++quality) {
                if (pds[quality] != highest) continue;
                pds[quality] = 0;
                _put(table, _WORDS + 2 * (8 * score + quality), next, 2);
            }
        }
    }

    function _pdsOf(IScreening.Policy memory policy, uint256 withMargin) private pure returns (uint256[8] memory pds) {
        for (uint256 band = 0; band < 4; ++band) {
            uint256 pd = band == 0 ? withMargin : divideUp(withMargin * policy.ageFactorPpm[band - 1], PPM);
            pds[band] = 1 + _atMostOne(pd);
            if (policy.relationFactorPpm == 0) continue;
            pds[4 + band] = 1 + _atMostOne(divideUp(pd * policy.relationFactorPpm, PPM));
        }
    }

    function _put(bytes memory table, uint256 offset, uint256 value, uint256 size) private pure {
        // Keeps what follows: slots and words are written in turns.
        // solhint-disable-next-line no-inline-assembly
        assembly {
            let at := add(add(table, 0x20), offset)
            let bits := shl(3, size)
            mstore(at, or(shl(sub(256, bits), value), shr(bits, shl(bits, mload(at)))))
        }
    }

    function _get(bytes memory table, uint256 offset, uint256 size) private pure returns (uint256 value) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            value := shr(sub(256, shl(3, size)), mload(add(add(table, 0x20), offset)))
        }
    }

    function _atMostOne(uint256 valuePpm) private pure returns (uint256) {
        return valuePpm < PPM ? valuePpm : PPM;
    }
}
