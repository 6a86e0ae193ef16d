// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {GovernedContract} from "./base/GovernedContract.sol";
import {IAssetPackRegistry} from "./interfaces/IAssetPackRegistry.sol";
import {IExchange} from "./interfaces/IExchange.sol";
import {IMonitoring} from "./interfaces/IMonitoring.sol";
import {IMonitoringEngine} from "./interfaces/IMonitoringEngine.sol";
import {IScoringRounds} from "./interfaces/IScoringRounds.sol";
import {IScreening} from "./interfaces/IScreening.sol";
import {ChunkStore} from "./libraries/ChunkStore.sol";
import {MonitoringChunks} from "./libraries/MonitoringChunks.sol";
import {MonitoringEntries} from "./libraries/MonitoringEntries.sol";
import {MonitoringTallies} from "./libraries/MonitoringTallies.sol";
import {MonitoringTerms} from "./libraries/MonitoringTerms.sol";
import {MonitoringTriggers} from "./libraries/MonitoringTriggers.sol";
import {Months} from "./libraries/Months.sol";
import {PackStatus} from "./libraries/PackStatus.sol";
import {Roles} from "./libraries/Roles.sol";

/// @title What the Monitoring contract has computed
/// @notice See {IMonitoringEngine}.
contract MonitoringEngine is IMonitoringEngine, GovernedContract {
    using MonitoringChunks for Range;

    /// @notice Sets authority and registry.
    /// @param authority AccessManager of the consortium
    /// @param registry_ ContractRegistry proxy
    function initialize(address authority, address registry_) external initializer {
        __GovernedContract_init(authority, registry_);
    }

    /// @inheritdoc IMonitoringEngine
    function checkServicer(address servicer) external view {
        _checkServicer(servicer);
    }

    /// @inheritdoc IMonitoringEngine
    function open(uint256 packId, address caller, bytes calldata encodedTerms)
        external
        view
        returns (IMonitoring.Pool memory pool)
    {
        IMonitoring.Terms memory decoded = abi.decode(encodedTerms, (IMonitoring.Terms));
        IAssetPackRegistry.Pack memory pack = _packs().pack(packId);
        if (pack.riskControl != caller) revert IMonitoring.MonitoringNotRiskControl(packId, caller);
        if (pack.status != PackStatus.ISSUED) revert IMonitoring.MonitoringPackNotIssued(packId, pack.status);
        _checkServicer(decoded.servicer);
        MonitoringTerms.validate(decoded, pack.cutOff);
        IExchange.Product memory product = IExchange(_addressOf("Exchange")).product(decoded.productId);
        if (product.issuedAt == 0 || product.packId != packId || product.totalCents > type(uint64).max) {
            revert IMonitoring.MonitoringWrongProduct(packId, decoded.productId);
        }
        IScreening.Run memory run = IScreening(_addressOf("Screening")).run(product.runId);
        (pool.riskControl, pool.servicer) = (caller, decoded.servicer);
        (pool.classUnit, pool.assetCount, pool.keptCount) = (pack.classUnit, pack.count, run.keptCount);
        (pool.firstMonth, pool.clearPeriods) = (decoded.firstMonth, decoded.clearPeriods);
        (pool.cleanUpPpm, pool.cutOffBalanceCents) = (decoded.cleanUpPpm, uint64(product.totalCents));
        (pool.closingRunId, pool.closingRoundId) = (product.runId, run.roundId);
    }

    /// @inheritdoc IMonitoringEngine
    function checkOpening(
        uint32 month,
        IMonitoring.Totals calldata totals,
        bytes32 keyBlob,
        uint256 expectedCents
    ) external view {
        if (keyBlob == 0) revert IMonitoring.MonitoringHashMissing("keyBlob");
        uint256 endsAt = Months.startOf(uint256(month) + 1);
        if (block.timestamp < endsAt) revert IMonitoring.MonitoringMonthNotOver(month, endsAt);
        if (totals.beginningCents != expectedCents) {
            revert IMonitoring.MonitoringWrongBeginning(expectedCents, totals.beginningCents);
        }
        int256 ending = int256(uint256(totals.beginningCents)) + int256(uint256(totals.substitutedInCents))
            + int256(uint256(totals.capitalisedCents)) - int256(uint256(totals.scheduledCents))
            - int256(uint256(totals.prepaidCents)) - int256(uint256(totals.defaultedCents))
            - int256(uint256(totals.repurchasedCents)) - int256(uint256(totals.substitutedOutCents));
        if (ending != int256(uint256(totals.endingCents))) {
            revert IMonitoring.MonitoringOutOfBalance(ending, totals.endingCents);
        }
    }

    /// @inheritdoc IMonitoringEngine
    function closing(uint256 packId, uint256 runId, uint256 chunkIndex)
        external
        view
        returns (uint256 count, uint256 bitmap, uint256 squares)
    {
        bytes memory reasons = IScreening(_addressOf("Screening")).reasons(runId, chunkIndex);
        count = reasons.length;
        bytes memory classes = ChunkStore.readSlice(_packs().chunkPointer(packId, chunkIndex), 0, 2 * count);
        for (uint256 i = 0; i < count; ++i) {
            if (reasons[i] != 0) continue;
            uint256 class = MonitoringEntries.wordAt(classes, i);
            if (class > MonitoringEntries.CLASS_MAX) revert IMonitoring.MonitoringBadTerms("productId");
            bitmap |= 1 << i;
            squares += class * class;
        }
    }

    /// @inheritdoc IMonitoringEngine
    function closingTallies(uint256 runId, uint256 squares) external view returns (bytes memory packed) {
        (uint32[10] memory counts, uint64[10] memory classes) =
            IScreening(_addressOf("Screening")).levels(runId, true);
        MonitoringTallies.Tallies memory tallies_;
        uint256 all = 0;
        for (uint256 i = 0; i < 10; ++i) {
            tallies_.sums[MonitoringTallies.LEVELS + i] = MonitoringTallies.ONE * counts[i] + classes[i];
            all += tallies_.sums[MonitoringTallies.LEVELS + i];
        }
        tallies_.sums[MonitoringTallies.BANDS] = all;
        tallies_.sums[MonitoringTallies.STATES + MonitoringEntries.CURRENT] = all;
        tallies_.squares = squares;
        return MonitoringTallies.pack(tallies_);
    }

    /// @inheritdoc IMonitoringEngine
    function walk(Range calldata range, bytes memory entries, address before)
        external
        view
        returns (Walked memory walked)
    {
        uint256 expected = MonitoringEntries.SIZE_BYTES * range.count;
        if (entries.length != expected) revert IMonitoring.MonitoringWrongLength(expected, entries.length);
        MonitoringEntries.EntryChunk memory chunk;
        chunk.firstIndex = range.first;
        chunk.before = range.entries(_packs());
        chunk.entries = entries;
        chunk.words = range.words(_rounds(), range.roundId);
        chunk.closingWords = range.words(_rounds(), range.closingRoundId);
        (chunk.repurchased, chunk.substituted) = (range.repurchased, range.substituted);
        MonitoringTallies.Tallies memory tallies_ = MonitoringTallies.read(before);
        walked.defaults = MonitoringEntries.walk(chunk, tallies_);
        (walked.entries, walked.tallies) = (chunk.entries, MonitoringTallies.pack(tallies_));
    }

    /// @inheritdoc IMonitoringEngine
    function look(Range calldata range) external view returns (uint256 entry, uint256 level) {
        entry = uint32(bytes4(range.entries(_packs())));
        if (!MonitoringEntries.isLive(entry >> 24)) return (entry, 0);
        uint256 word = MonitoringEntries.wordAt(range.words(_rounds(), range.roundId), 0);
        uint256 closingWord = MonitoringEntries.wordAt(range.words(_rounds(), range.closingRoundId), 0);
        level = MonitoringEntries.levelOf(word, closingWord, MonitoringEntries.bandOf(entry));
    }

    /// @inheritdoc IMonitoringEngine
    function judge(Case calldata case_) external view returns (IMonitoring.Trigger[4] memory triggers) {
        MonitoringTallies.Point[] memory points = new MonitoringTallies.Point[](case_.tallies.length);
        for (uint256 i = 0; i < points.length; ++i) {
            points[i] = MonitoringTallies.pointOf(case_.tallies[i], case_.netLossCents[i]);
        }
        MonitoringTallies.Point memory atClosing = MonitoringTallies.pointOf(case_.closing, 0);
        return MonitoringTriggers.judge(_terms(case_.terms), case_.period, atClosing, points, case_.cutOffBalanceCents);
    }

    /// @inheritdoc IMonitoringEngine
    function terms(address pointer) external view returns (IMonitoring.Terms memory) {
        return _terms(pointer);
    }

    /// @inheritdoc IMonitoringEngine
    function tallies(address pointer)
        external
        view
        returns (uint32[31] memory counts, uint64[31] memory classes, uint128 squares)
    {
        MonitoringTallies.Tallies memory read = MonitoringTallies.read(pointer);
        for (uint256 i = 0; i < 31; ++i) {
            (counts[i], classes[i]) = (uint32(read.sums[i] >> 64), uint64(read.sums[i]));
        }
        squares = uint128(read.squares);
    }

    /// @inheritdoc IMonitoringEngine
    function checkTotals(
        IMonitoring.Totals calldata totals,
        address pointer,
        uint256 unitCents,
        uint32[] calldata admitted
    ) external view returns (uint256 defaults) {
        uint256[31] memory sums = MonitoringTallies.read(pointer).sums;
        uint256 sum = 0;
        for (uint256 i = 0; i < 5; ++i) {
            sum += sums[MonitoringTallies.BANDS + i];
        }
        _requireNear("endingCents", totals.endingCents, sum, unitCents);
        _requireNear("defaultedCents", totals.defaultedCents, sums[MonitoringTallies.CHARGED_OFF], unitCents);
        sum = 0;
        for (uint256 i = 0; i < admitted.length; ++i) {
            sum += MonitoringTallies.ONE | uint16(admitted[i]);
        }
        _requireNear("substitutedInCents", totals.substitutedInCents, sum, unitCents);
        // Part of the balance before may have been paid in the same month.
        sum = sums[MonitoringTallies.LEFT];
        _require("repurchasedCents", totals.repurchasedCents, 0, ((sum >> 64) + uint64(sum)) * unitCents);
        sum = sums[MonitoringTallies.LEFT + 1];
        _require("substitutedOutCents", totals.substitutedOutCents, 0, ((sum >> 64) + uint64(sum)) * unitCents);
        return sums[MonitoringTallies.DEFAULTS];
    }

    function _terms(address pointer) private view returns (IMonitoring.Terms memory) {
        return abi.decode(ChunkStore.read(pointer), (IMonitoring.Terms));
    }

    function _checkServicer(address servicer) private view {
        if (!Roles.has(_consortium().rolesOf(servicer), Roles.SERVICER)) {
            revert IMonitoring.MonitoringServicerLacksRole(servicer);
        }
    }

    function _packs() private view returns (IAssetPackRegistry) {
        return IAssetPackRegistry(_addressOf("AssetPackRegistry"));
    }

    function _rounds() private view returns (IScoringRounds) {
        return IScoringRounds(_addressOf("ScoringRounds"));
    }

    /// @dev A balance is less than a unit away from its class.
    function _requireNear(string memory field, uint256 cents, uint256 sum, uint256 unitCents) private pure {
        (uint256 count, uint256 classes) = (sum >> 64, uint64(sum));
        _require(field, cents, (classes - count) * unitCents, (classes + count) * unitCents);
    }

    function _require(string memory field, uint256 cents, uint256 least, uint256 most) private pure {
        if (cents < least || cents > most) revert IMonitoring.MonitoringTotalsDiffer(field, cents, least, most);
    }
}
