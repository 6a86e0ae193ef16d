// web3 4 against a running node.
// Usage: node web3.mjs RPC_URL PRIVATE_KEY ARTIFACT_JSON; prints one JSON object with what was seen.
import { readFileSync } from "node:fs";
import { Web3 } from "web3";

const [url, key, artifactPath] = process.argv.slice(2);
const { abi, bytecode } = JSON.parse(readFileSync(artifactPath, "utf8"));
const seen = {};

const web3 = new Web3(url);
web3.eth.transactionPollingInterval = 50;
const account = web3.eth.accounts.wallet.add(key).get(0);
seen.chainId = Number(await web3.eth.getChainId());
const block = await web3.eth.getBlock();
const isLondon = block.baseFeePerGas !== undefined;
const price = isLondon ? {} : { type: 0, gasPrice: 0 };
const fees = isLondon ? await web3.eth.calculateFeeData() : { gasPrice: await web3.eth.getGasPrice() };
seen.fees = [fees.gasPrice, fees.maxFeePerGas, fees.maxPriorityFeePerGas].map((fee) =>
  fee === undefined ? null : Number(fee),
);

const from = account.address;
const ledger = await new web3.eth.Contract(abi).deploy({ data: bytecode, arguments: [7] }).send({ from, ...price });
const address = ledger.options.address;
seen.contract = address;
seen.total = Number(await ledger.methods.total().call());

const socket = new Web3(url.replace("http", "ws"));
const watched = new socket.eth.Contract(abi, address);
const heard = new Promise((resolve) =>
  watched.events.Deposited().on("data", (event) => resolve(event.returnValues.note)),
);
const heads = await socket.eth.subscribe("newHeads");
const head = new Promise((resolve) => heads.on("data", (header) => resolve(Number(header.number))));
await new Promise((resolve) => setTimeout(resolve, 500));

const deposit = ledger.methods.deposit(5, "first");
seen.estimate = Number(await deposit.estimateGas({ from }));
const receipt = await deposit.send({ from, ...price });
seen.status = Number(receipt.status);
seen.gasUsed = Number(receipt.gasUsed);
seen.heard = await heard;
seen.isHeadHeard = (await head) > 0;
seen.pastTotal = Number(await ledger.methods.total().call({}, Number(receipt.blockNumber) - 1));
seen.event = receipt.events.Deposited.returnValues.note;
const filter = { fromBlock: 0, filter: { account: from } };
seen.logs = (await ledger.getPastEvents("Deposited", filter)).map((event) => event.returnValues.note);

const included = await web3.eth.getBlock(receipt.blockNumber);
seen.isBlockOfLog =
  receipt.events.Deposited.blockHash === included.hash && included.transactions.includes(receipt.transactionHash);
const proof = await web3.eth.getProof(address, ["0x" + "0".repeat(63) + "1"], receipt.blockNumber);
seen.isProven = web3.utils.keccak256(proof.accountProof[0]) === included.stateRoot;
seen.provenTotal = Number(proof.storageProof[0].value);
const list = await web3.eth.createAccessList({ from, to: address, data: ledger.methods.total().encodeABI() });
seen.accessList = list.accessList.map((entry) => entry.storageKeys.map(Number));

try {
  await ledger.methods.withdraw(100).call({ from });
} catch (error) {
  const { errorName, errorArgs } = error.cause ?? error;
  seen.customError = {
    name: errorName,
    args: ["account", "has", "wants"].map((name) => String(errorArgs?.[name])),
  };
}
try {
  await ledger.methods.refuse().call({ from });
} catch (error) {
  seen.reason = error.cause?.errorArgs?.message ?? error.cause?.message ?? String(error);
}
try {
  const nonce = Number(await web3.eth.getTransactionCount(from)) - 1;
  await web3.eth.sendTransaction({ from, to: from, nonce, gas: 21000, ...price });
} catch (error) {
  seen.nonceError = /nonce too low/.test(String(error.cause?.message ?? error)) ? "NONCE_EXPIRED" : String(error);
}
console.log(JSON.stringify(seen));
process.exit(0);
