// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Versions of the risk model
/// @notice Proposed by risk control, activated by a vote of the members from a block on. Status: 1 proposed (or waiting for
/// its block), 2 active, 3 retired. Of the active versions one is the champion, whose scores decide; challengers score
/// beside it and decide nothing.
interface IRiskModelRegistry {
    /// @notice What a model is proposed with.
    /// @param modelHash of the ONNX file
    /// @param manifestHash of its manifest
    /// @param featureSpecHash of the canonical feature spec
    /// @param programHash of the program that RiskModel executes
    /// @param pdPpm probability of default by score, 100 × uint32 big-endian, score 1 first, not falling
    /// @param calibration 100 × (uint32 total, uint32 defaults) big-endian, score 1 first
    /// @param marginPpm prudence factor by level, at least 1,050,000
    /// @param validUntil second from which no round may use it
    struct ModelInit {
        bytes32 modelHash;
        bytes32 manifestHash;
        bytes32 featureSpecHash;
        bytes32 programHash;
        bytes pdPpm;
        bytes calibration;
        uint32[10] marginPpm;
        uint40 validUntil;
    }

    /// @notice A model version without its tables. Blocks are 0 where nothing was voted.
    /// @param modelHash of the ONNX file
    /// @param manifestHash of its manifest
    /// @param featureSpecHash of the canonical feature spec
    /// @param programHash of the program that RiskModel executes
    /// @param proposer account of risk control
    /// @param proposedAt second
    /// @param validUntil second from which no round may use it
    /// @param status at this block, see above
    /// @param challengerFrom block from which it is a challenger
    /// @param championFrom block from which it is the champion
    /// @param untilBlock first block in which it is retired
    /// @param marginPpm prudence factor by level
    struct Model {
        bytes32 modelHash;
        bytes32 manifestHash;
        bytes32 featureSpecHash;
        bytes32 programHash;
        address proposer;
        uint40 proposedAt;
        uint40 validUntil;
        uint8 status;
        uint64 challengerFrom;
        uint64 championFrom;
        uint64 untilBlock;
        uint32[10] marginPpm;
    }

    /// @notice A model waits for the vote.
    /// @param modelId of the version
    /// @param modelHash of the ONNX file
    /// @param proposer account of risk control
    event ModelProposed(uint256 indexed modelId, bytes32 indexed modelHash, address indexed proposer);

    /// @notice A model becomes the champion.
    /// @param modelId of the version
    /// @param fromBlock first block in which it is
    /// @param formerId champion that is retired from that block on; 0 where there was none
    event ModelActivated(uint256 indexed modelId, uint64 fromBlock, uint256 indexed formerId);

    /// @notice A model becomes a challenger.
    /// @param modelId of the version
    /// @param fromBlock first block in which it is
    event ChallengerActivated(uint256 indexed modelId, uint64 fromBlock);

    /// @notice A model cannot be used any more.
    /// @param modelId of the version
    event ModelRetired(uint256 indexed modelId);

    /// @notice Thrown when a required hash is zero.
    /// @param field that lacks it
    error RiskModelHashMissing(string field);

    /// @notice Thrown when a table has the wrong length.
    /// @param field its name
    /// @param expected bytes
    /// @param actual bytes given
    error RiskModelBadLength(string field, uint256 expected, uint256 actual);

    /// @notice Thrown when a probability is above 1,000,000 ppm or below that of the score before.
    /// @param score the offending one
    /// @param pdPpm its probability
    error RiskModelBadPd(uint256 score, uint256 pdPpm);

    /// @notice Thrown when a score has more defaults than loans.
    /// @param score the offending one
    /// @param total loans
    /// @param defaults of them
    error RiskModelBadCalibration(uint256 score, uint256 total, uint256 defaults);

    /// @notice Thrown when a margin is below the least one.
    /// @param level from 1
    /// @param marginPpm given
    /// @param minimum in ppm
    error RiskModelMarginTooLow(uint256 level, uint32 marginPpm, uint32 minimum);

    /// @notice Thrown when validity is over before it begins.
    /// @param validUntil given
    /// @param time of the block
    error RiskModelExpired(uint40 validUntil, uint256 time);

    /// @notice Thrown when the model is not in a status that allows the call.
    /// @param modelId of the version
    /// @param status in force; 0 when unknown
    error RiskModelWrongStatus(uint256 modelId, uint8 status);

    /// @notice Thrown when a champion was voted that has not begun yet; retire it first.
    /// @param modelId that waits
    /// @param fromBlock in which it begins
    error RiskModelActivationPending(uint256 modelId, uint64 fromBlock);

    /// @notice Thrown when a version is activated whose program is not on the chain.
    /// @param modelId of the version
    error RiskModelProgramMissing(uint256 modelId);

    /// @notice Proposes a version; called by risk control.
    /// @param init what it is
    /// @return modelId from 1
    function propose(ModelInit calldata init) external returns (uint256 modelId);

    /// @notice Makes a proposed version, or a challenger, the champion; governance. The champion before it can be used until
    /// that block.
    /// @param modelId of the version, whose program is published
    /// @param fromBlock first block in which it is the champion; the block of the vote's execution where that is later
    function activate(uint256 modelId, uint64 fromBlock) external;

    /// @notice Lets a proposed version score beside the champion; governance.
    /// @param modelId of the version, whose program is published
    /// @param fromBlock first block in which it may; the block of the vote's execution where that is later
    function activateChallenger(uint256 modelId, uint64 fromBlock) external;

    /// @notice Takes a version out of use at once; governance. If it is a champion that has not begun, the one before it
    /// stays; if it is the champion, there is none until another is voted.
    /// @param modelId of the version
    function retire(uint256 modelId) external;

    /// @notice Number of versions; ids are 1 to this.
    /// @return count of versions
    function modelCount() external view returns (uint256 count);

    /// @notice A version.
    /// @param modelId of the version
    /// @return all zero when unknown
    function model(uint256 modelId) external view returns (Model memory);

    /// @notice The version whose scores decide at this block.
    /// @return modelId of the version; 0 when there is none
    function champion() external view returns (uint256 modelId);

    /// @notice The versions that score beside the champion at this block.
    /// @return modelIds ascending
    function challengers() external view returns (uint256[] memory modelIds);

    /// @notice Whether a version is the champion at this block.
    /// @param modelId of the version
    /// @return true while so
    function isChampion(uint256 modelId) external view returns (bool);

    /// @notice Whether rounds may use the version now: active and valid, as champion or as challenger.
    /// @param modelId of the version
    /// @return usable true while so
    function isUsable(uint256 modelId) external view returns (bool usable);

    /// @notice Probabilities of default.
    /// @param modelId of the version
    /// @return pdPpm 100 × uint32 big-endian, score 1 first
    function pdTable(uint256 modelId) external view returns (bytes memory pdPpm);

    /// @notice Calibration counts.
    /// @param modelId of the version
    /// @return calibration 100 × (uint32 total, uint32 defaults) big-endian, score 1 first
    function calibrationTable(uint256 modelId) external view returns (bytes memory calibration);
}
