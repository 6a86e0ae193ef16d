// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IScreeningViews} from "./IScreeningViews.sol";

/// @title Grading and screening of packs
/// @notice Removes assets from a scored pack until its bad rate is at most the expected one, in the order and for the reasons
/// of docs/screening.md. A run goes on in calls of `step` of any size and ends in a result that does not depend on how it was
/// cut. Reasons by number: 0 kept, 1 not eligible, 2 no usable record, 3 concentration, 4 screened, 5 brought down.
interface IScreening is IScreeningViews {
    /// @notice Where a run is.
    /// @dev Sorting reads the pack and orders it by risk; Limiting is step 3 of the rules, Selecting step 4. Done waits for the
    /// bring-down; BroughtDown and Missed say whether the target still held after it. Unreachable changed nothing.
    enum Phase {
        None,
        Sorting,
        Limiting,
        Selecting,
        Done,
        Unreachable,
        BroughtDown,
        Missed
    }

    /// @notice What keeps a target out of reach.
    /// @dev Eligibility: no asset has a record and is eligible. Concentration: the limits leave nothing, alone or together with
    /// the target. Profile: the levels that the profile spares are above the target. Target: even the safest assets are.
    enum Binding {
        None,
        Eligibility,
        Concentration,
        Profile,
        Target
    }

    /// @notice Which classes of a dimension are eligible.
    /// @param dimension of the layout, from 0
    /// @param classes bit c set: class c is eligible
    struct EligibilityRule {
        uint8 dimension;
        uint256 classes;
    }

    /// @notice Largest share of a group, the assets of one class of a dimension, in what is kept.
    /// @param dimension of the layout, from 0
    /// @param limitPpm share, 1 to 1,000,000
    /// @param exemptsZero whether class 0 is no group: it is never over the limit
    struct Limit {
        uint8 dimension;
        uint32 limitPpm;
        bool exemptsZero;
    }

    /// @notice The rules of a screening.
    /// @param expectedBadRatePpm target: the bad rate is at most this
    /// @param mode 0 whole pack, 1 per level
    /// @param byCount whether an asset weighs 1 instead of its principal class
    /// @param profile k of levels 1 to 10 in ppm, for mode 1
    /// @param emphasis m of levels 1 to 10, at least 1, not falling
    /// @param freshDays age above which a record is aged
    /// @param maxAgeDays age beyond which a record is not used
    /// @param layoutId layout of the packs that it can screen; 0, without rules and limits, where it only says how records age
    /// @param sourcesId order of the bureaus per field; 0 is the default
    /// @param ageFactorPpm factors on the pd of records of age bands 1 to 3, at least 1,000,000, not falling
    /// @param relationFactorPpm factor on the pd of records that were spread from related persons, at least 1,000,000; 0: they
    /// are no usable records
    /// @param eligible classes that are eligible, dimensions strictly ascending; every class of a dimension without rule is
    /// @param limits at most 4, dimensions strictly ascending
    struct Policy {
        uint32 expectedBadRatePpm;
        uint8 mode;
        bool byCount;
        uint32[10] profile;
        uint32[10] emphasis;
        uint16 freshDays;
        uint16 maxAgeDays;
        uint32 layoutId;
        uint32 sourcesId;
        uint32[3] ageFactorPpm;
        uint32 relationFactorPpm;
        EligibilityRule[] eligible;
        Limit[] limits;
    }

    /// @notice A screening and its figures. Rates are rounded up, so a rate is at most the target exactly when the true one is.
    /// @param packId pack that is screened
    /// @param roundId final scoring round that it goes by
    /// @param policyId rules
    /// @param modelId model of the round
    /// @param previousRunId run whose brought-down assets take no part in this one; 0 for a first screening
    /// @param phase where it is
    /// @param binding what keeps the target out of reach
    /// @param assetCount assets of the pack
    /// @param sortedCount assets read so far
    /// @param keptCount assets that are kept so far
    /// @param roundCount how often steps 3 and 4 ran so far
    /// @param lowestReachablePpm of an unreachable target: the lowest bad rate seen; otherwise the bad rate after
    /// @param beforeBalancePpm bad rate by balance of what steps 1 and 2 leave
    /// @param beforeCountPpm the same by count
    /// @param afterBalancePpm bad rate by balance of what is kept
    /// @param afterCountPpm the same by count
    struct Run {
        uint256 packId;
        uint256 roundId;
        uint256 policyId;
        uint256 modelId;
        uint256 previousRunId;
        Phase phase;
        Binding binding;
        uint32 assetCount;
        uint32 sortedCount;
        uint32 keptCount;
        uint32 roundCount;
        uint32 lowestReachablePpm;
        uint32 beforeBalancePpm;
        uint32 beforeCountPpm;
        uint32 afterBalancePpm;
        uint32 afterCountPpm;
    }

    /// @notice Rules can be used from now on.
    /// @param policyId from 1
    /// @param author who defined them
    /// @param policy the rules
    event PolicyDefined(uint256 indexed policyId, address indexed author, Policy policy);

    /// @notice A screening began.
    /// @param runId from 1
    /// @param packId pack that is screened
    /// @param policyId rules
    /// @param roundId scoring round
    event ScreeningStarted(uint256 indexed runId, uint256 indexed packId, uint256 indexed policyId, uint256 roundId);

    /// @notice A call of `step` ended before the run did.
    /// @param runId of the screening
    /// @param phase where it is
    /// @param sortedCount assets read so far
    event ScreeningProgressed(uint256 indexed runId, Phase phase, uint32 sortedCount);

    /// @notice A screening met its target; the pack is screened.
    /// @param runId of the screening
    /// @param packId of the pack
    /// @param keptCount assets that are kept
    /// @param badRatePpm bad rate of what is kept, as the policy weighs it
    event ScreeningDone(uint256 indexed runId, uint256 indexed packId, uint32 keptCount, uint32 badRatePpm);

    /// @notice A screening cannot meet its target; the pack is as it was.
    /// @param runId of the screening
    /// @param packId of the pack
    /// @param lowestReachablePpm lowest bad rate seen
    /// @param binding what keeps the target out of reach
    event ScreeningUnreachable(
        uint256 indexed runId, uint256 indexed packId, uint32 lowestReachablePpm, Binding binding
    );

    /// @notice Assets left since cut-off.
    /// @param runId of the screening
    /// @param indices of the assets
    /// @param reasons 1 prepaid, 2 modified, 3 thirty or more days past due
    event AssetsBroughtDown(uint256 indexed runId, uint32[] indices, uint8[] reasons);

    /// @notice The originator's report at closing is complete.
    /// @param runId of the screening
    /// @param packId of the pack
    /// @param met whether the target still holds; if not, the pack stays screened and is to be screened again
    /// @param badRatePpm bad rate of what is kept, as the policy weighs it
    event PackBroughtDown(uint256 indexed runId, uint256 indexed packId, bool met, uint32 badRatePpm);

    /// @notice Thrown when a field of a policy is out of its range.
    /// @param field its name
    error ScreeningBadPolicy(string field);

    /// @notice Thrown when no policy has this id.
    /// @param policyId given
    error ScreeningUnknownPolicy(uint256 policyId);

    /// @notice Thrown when no run has this id.
    /// @param runId given
    error ScreeningUnknownRun(uint256 runId);

    /// @notice Thrown when the run is not where the call needs it.
    /// @param runId of the screening
    /// @param phase where it is
    error ScreeningWrongPhase(uint256 runId, Phase phase);

    /// @notice Thrown when the pack is neither scored nor waiting for another screening after a bring-down.
    /// @param packId of the pack
    /// @param status of the pack
    error ScreeningWrongPackStatus(uint256 packId, uint8 status);

    /// @notice Thrown when the pack got another result since the run began.
    /// @param basis run whose result the pack had then; 0 for none
    /// @param current run whose result the pack has now
    error ScreeningSuperseded(uint256 basis, uint256 current);

    /// @notice Thrown when the round is not final, is of another pack, or is not one of underwriting.
    /// @param roundId given
    /// @param packId given
    error ScreeningWrongRound(uint256 roundId, uint256 packId);

    /// @notice Thrown when the policy is not of the pack's layout.
    /// @param policyLayoutId layout of the policy
    /// @param packLayoutId layout of the pack
    error ScreeningWrongLayout(uint32 policyLayoutId, uint32 packLayoutId);

    /// @notice Thrown when the policy takes other records than the one that the scores were made by: other ages, another order
    /// of sources, or spread records allowed by one of the two.
    /// @param roundId given
    /// @param scoredBy policy of the round
    error ScreeningRecordRulesDiffer(uint256 roundId, uint256 scoredBy);

    /// @notice Thrown when the gas of the call is not enough to get any further, or of `whatIf`, to get to the end.
    /// @param available gas
    /// @param needed gas
    error ScreeningGasTooLow(uint256 available, uint256 needed);

    /// @notice Thrown when the caller did not offer the pack.
    /// @param packId of the pack
    /// @param caller who called
    error ScreeningNotOriginator(uint256 packId, address caller);

    /// @notice Thrown when not every asset has one reason.
    /// @param indices number of assets
    /// @param reasons number of reasons
    error ScreeningLengthMismatch(uint256 indices, uint256 reasons);

    /// @notice Thrown when the reason is not 1, 2 or 3.
    /// @param index of the asset
    /// @param reason given
    error ScreeningBadReason(uint32 index, uint8 reason);

    /// @notice Thrown when an asset that is to be brought down is not in the kept set.
    /// @param index of the asset
    error ScreeningAssetNotKept(uint32 index);

    /// @notice Thrown when assets to bring down are not in ascending order.
    /// @param previous index
    /// @param index that follows it
    error ScreeningNotAscending(uint32 previous, uint32 index);

    /// @notice Defines rules; called by risk control. Policies are never changed.
    /// @param policy_ the rules
    /// @return policyId from 1
    function definePolicy(Policy calldata policy_) external returns (uint256 policyId);

    /// @notice Begins a screening of a scored pack, or of a screened one that missed its target at the bring-down; called by
    /// risk control. Several may be under way; the first that is done screens the pack.
    /// @param packId pack to screen
    /// @param roundId final scoring round of it
    /// @param policyId rules, of the pack's layout, that take the records that the scores were made by
    /// @return runId from 1
    function start(uint256 packId, uint256 roundId, uint256 policyId) external returns (uint256 runId);

    /// @notice Goes on with a run as far as the gas of the call reaches; called by risk control until the phase is Done or
    /// Unreachable. Never leaves half a state.
    /// @param runId of the screening
    function step(uint256 runId) external;

    /// @notice Takes out assets that left since cut-off, and leaves the report open; for reports larger than a transaction.
    /// @param runId of the screening whose result the pack carries
    /// @param indices of kept assets, ascending
    /// @param reasons_ 1 prepaid, 2 modified, 3 thirty or more days past due
    function reportBringDown(uint256 runId, uint32[] calldata indices, uint8[] calldata reasons_) external;

    /// @notice Takes out assets that left since cut-off, ends the report and tests the target again: if it still holds the
    /// pack is brought down, if not it stays screened and risk control screens it again without those assets. Called by the
    /// pack's originator; empty lists when there is nothing (more) to report.
    /// @param runId of the screening whose result the pack carries
    /// @param indices of kept assets, ascending
    /// @param reasons_ 1 prepaid, 2 modified, 3 thirty or more days past due
    function bringDown(uint256 runId, uint32[] calldata indices, uint8[] calldata reasons_) external;

    /// @notice What a screening by some rules would end in. Runs it to the end and keeps none of it in storage: for `eth_call`,
    /// from an account of risk control.
    /// @param packId of a pack that was scored
    /// @param roundId final scoring round of it
    /// @param policy_ rules, defined or not
    /// @return run_ as it would end
    /// @return counts assets by reason
    /// @return classes sum of principal classes by reason
    /// @return levelCounts assets kept, level 1 first
    /// @return levelClasses sum of principal classes kept, level 1 first
    function whatIf(uint256 packId, uint256 roundId, Policy calldata policy_)
        external
        returns (
            Run memory run_,
            uint32[6] memory counts,
            uint64[6] memory classes,
            uint32[10] memory levelCounts,
            uint64[10] memory levelClasses
        );

    /// @notice Rules.
    /// @param policyId given by `definePolicy`
    /// @return the rules
    function policy(uint256 policyId) external view returns (Policy memory);

    /// @notice Assets that a run, or one that it follows, brought down.
    /// @param runId of the screening
    /// @param chunkIndex chunk of 256 assets
    /// @return bitmap lowest bit first
    function broughtDown(uint256 runId, uint256 chunkIndex) external view returns (uint256 bitmap);

    /// @notice Number of runs; ids are 1 to this.
    /// @return count of runs
    function runCount() external view returns (uint256 count);

    /// @notice A screening.
    /// @param runId given by `start`
    /// @return the run as it is now
    function run(uint256 runId) external view returns (Run memory);

    /// @notice Why each asset left, one byte an asset, derived from scores, classes and the run's cuts.
    /// @param runId of the screening
    /// @param chunkIndex chunk of 256 assets
    /// @return reasons_ one byte an asset; of an unreachable target only 0, 1, 2 and 5
    function reasons(uint256 runId, uint256 chunkIndex) external view returns (bytes memory reasons_);

    /// @notice From offered to kept: the six add up to the pack.
    /// @param runId of the screening
    /// @return counts assets by reason
    /// @return classes sum of principal classes by reason
    function bridge(uint256 runId) external view returns (uint32[6] memory counts, uint64[6] memory classes);
}
