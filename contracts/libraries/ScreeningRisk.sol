// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreening} from "../interfaces/IScreening.sol";

/// @title Order of risk and probability of default by report byte
/// @notice A slot is a place in the order of step 4: score descending, then pd descending. Slots are 0, the riskiest, to 199;
/// aged and fresh assets of one score share a slot where their pd is the same, because the index decides between equals.
library ScreeningRisk {
    /// @notice Number of slots.
    uint256 internal constant SLOT_COUNT = 200;
    /// @notice Code of an asset without usable record.
    uint256 internal constant NO_RECORD = 200;
    /// @notice Code of an asset that is not eligible.
    uint256 internal constant NOT_ELIGIBLE = 201;
    /// @notice Number of codes: slots and the two others.
    uint256 internal constant CODE_COUNT = 202;
    /// @notice One.
    uint256 internal constant PPM = 1_000_000;

    uint256 private constant _AGED = 0x80;
    uint256 private constant _TABLE_SIZE = 256 + 4 * 200;

    /// @notice Combines a policy with a model: slot, or NO_RECORD, of each of 256 report bytes, then 4 bytes of pd of each slot.
    /// @param policy age factor is used
    /// @param pdPpm 100 times 4 bytes, score 1 first
    /// @param marginPpm by level
    /// @return table to keep
    function encode(IScreening.Policy memory policy, bytes memory pdPpm, uint32[10] memory marginPpm)
        internal
        pure
        returns (bytes memory table)
    {
        table = new bytes(_TABLE_SIZE);
        for (uint256 i = 0; i < 256; ++i) {
            table[i] = bytes1(uint8(NO_RECORD));
        }
        for (uint256 score = 1; score <= 100; ++score) {
            uint256 withMargin = divideUp(_pdAt(pdPpm, 4 * (score - 1)) * marginPpm[(score - 1) / 10], PPM);
            uint256 slot = 2 * (100 - score) + 1;
            uint256 fresh = _atMostOne(withMargin);
            uint256 aged = _atMostOne(divideUp(withMargin * policy.ageFactorPpm, PPM));
            _fill(table, slot, score, fresh);
            _fill(table, aged == fresh ? slot : slot - 1, score | _AGED, aged);
        }
    }

    /// @notice Probability of default of a slot, with margin and age factor.
    /// @param table from `encode`
    /// @param slot below SLOT_COUNT
    /// @return pdPpm of no meaning for a slot that no byte leads to
    function pdPpmOf(bytes memory table, uint256 slot) internal pure returns (uint256 pdPpm) {
        return _pdAt(table, 256 + 4 * slot);
    }

    /// @notice Level of a slot.
    /// @param slot below SLOT_COUNT
    /// @return 0 for level 1 to 9 for level 10
    function levelOf(uint256 slot) internal pure returns (uint256) {
        // Cannot wrap: a slot is below 200.
        unchecked {
            return (99 - slot / 2) / 10;
        }
    }

    /// @notice First slot of a level.
    /// @param level 0 for level 1 to 9 for level 10
    /// @return its riskiest slot; it has 20
    function firstSlotOf(uint256 level) internal pure returns (uint256) {
        return 180 - 20 * level;
    }

    /// @notice Quotient, rounded up; 0 when there is nothing to divide by.
    /// @param numerator any
    /// @param denominator any
    /// @return the quotient
    function divideUp(uint256 numerator, uint256 denominator) internal pure returns (uint256) {
        return denominator == 0 ? 0 : (numerator + denominator - 1) / denominator;
    }

    function _fill(bytes memory table, uint256 slot, uint256 reportByte, uint256 pdPpm) private pure {
        table[reportByte] = bytes1(uint8(slot));
        for (uint256 i = 0; i < 4; ++i) {
            table[256 + 4 * slot + i] = bytes1(uint8(pdPpm >> (24 - 8 * i)));
        }
    }

    function _pdAt(bytes memory table, uint256 offset) private pure returns (uint256 value) {
        // solhint-disable-next-line no-inline-assembly
        assembly {
            value := shr(224, mload(add(add(table, 0x20), offset)))
        }
    }

    function _atMostOne(uint256 valuePpm) private pure returns (uint256) {
        return valuePpm < PPM ? valuePpm : PPM;
    }
}
