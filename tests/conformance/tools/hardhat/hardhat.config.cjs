// Hardhat 2 with the compiler of npm, so that nothing is downloaded.
const path = require("node:path");
const { subtask } = require("hardhat/config");
const { TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD } = require("hardhat/builtin-tasks/task-names");
require("@nomicfoundation/hardhat-ethers");

subtask(TASK_COMPILE_SOLIDITY_GET_SOLC_BUILD, async ({ solcVersion }) => ({
  compilerPath: require.resolve("solc/soljson.js"),
  isSolcJs: true,
  version: solcVersion,
  longVersion: require("solc/package.json").version,
}));

module.exports = {
  solidity: { version: "0.8.30", settings: { evmVersion: "berlin", optimizer: { enabled: true, runs: 200 } } },
  // Left to itself, Hardhat offers a tip of 1 wei even where gas is free.
  networks: { tranchain: { url: process.env.RPC_URL, accounts: [process.env.PRIVATE_KEY], gasPrice: 0 } },
  paths: {
    root: path.resolve(__dirname, "../.."),
    sources: path.resolve(__dirname, "../../contracts"),
    artifacts: path.join(process.env.BUILD_DIRECTORY, "artifacts"),
    cache: path.join(process.env.BUILD_DIRECTORY, "cache"),
  },
};
