// ethers 6 against a running node.
// Usage: node ethers.mjs RPC_URL PRIVATE_KEY ARTIFACT_JSON; prints one JSON object with what was seen.
import { readFileSync } from "node:fs";
import { ContractFactory, JsonRpcProvider, Wallet, WebSocketProvider, keccak256 } from "ethers";

const [url, key, artifactPath] = process.argv.slice(2);
const artifact = JSON.parse(readFileSync(artifactPath, "utf8"));
const seen = {};

const provider = new JsonRpcProvider(url, undefined, { polling: true, pollingInterval: 50, cacheTimeout: -1 });
const wallet = new Wallet(key, provider);
seen.chainId = Number((await provider.getNetwork()).chainId);
const fees = await provider.getFeeData();
seen.fees = [fees.gasPrice, fees.maxFeePerGas, fees.maxPriorityFeePerGas].map((fee) => (fee === null ? null : Number(fee)));

const factory = new ContractFactory(artifact.abi, artifact.bytecode, wallet);
const ledger = await factory.deploy(7);
await ledger.waitForDeployment();
seen.contract = ledger.target;
seen.total = Number(await ledger.total());

const socket = new WebSocketProvider(url.replace("http", "ws"));
const heard = new Promise((resolve) => {
  socket.once({ address: ledger.target }, (log) => resolve(ledger.interface.parseLog(log).args.note));
});
const head = new Promise((resolve) => socket.once("block", resolve));
await socket.getBlockNumber();
await new Promise((resolve) => setTimeout(resolve, 300));

seen.estimate = Number(await ledger.deposit.estimateGas(5, "first"));
const receipt = await (await ledger.deposit(5, "first")).wait();
seen.status = receipt.status;
seen.gasUsed = Number(receipt.gasUsed);
seen.heard = await heard;
seen.isHeadHeard = (await head) > 0;
seen.pastTotal = Number(await ledger.total({ blockTag: receipt.blockNumber - 1 }));
seen.event = ledger.interface.parseLog(receipt.logs[0]).args.note;
seen.logs = (await ledger.queryFilter(ledger.filters.Deposited(wallet.address), 0)).map((log) => log.args.note);

const block = await provider.getBlock(receipt.blockNumber);
seen.isBlockOfLog = receipt.logs[0].blockHash === block.hash && block.transactions.includes(receipt.hash);
const proof = await provider.send("eth_getProof", [ledger.target, ["0x1"], "0x" + receipt.blockNumber.toString(16)]);
seen.isProven = keccak256(proof.accountProof[0]) === block.stateRoot;
seen.provenTotal = Number(proof.storageProof[0].value);

try {
  await ledger.withdraw.staticCall(100);
} catch (error) {
  seen.customError = { name: error.revert?.name, args: error.revert?.args.map(String) };
}
try {
  await ledger.refuse();
} catch (error) {
  seen.reason = error.reason;
}
try {
  const nonce = await provider.getTransactionCount(wallet.address);
  await (await wallet.sendTransaction({ to: wallet.address, nonce: nonce - 1 })).wait();
} catch (error) {
  seen.nonceError = error.code;
}
console.log(JSON.stringify(seen));
process.exit(0);
