// viem 2 against a running node.
// Usage: node viem.mjs RPC_URL PRIVATE_KEY ARTIFACT_JSON; prints one JSON object with what was seen.
import { readFileSync } from "node:fs";
import {
  BaseError,
  ContractFunctionRevertedError,
  NonceTooLowError,
  createPublicClient,
  createWalletClient,
  decodeEventLog,
  defineChain,
  http,
  keccak256,
  webSocket,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";

const [url, key, artifactPath] = process.argv.slice(2);
const { abi, bytecode } = JSON.parse(readFileSync(artifactPath, "utf8"));
const seen = {};

const id = await createPublicClient({ transport: http(url) }).getChainId();
const chain = defineChain({
  id,
  name: "Tranchain",
  nativeCurrency: { name: "none", symbol: "NONE", decimals: 18 },
  rpcUrls: { default: { http: [url] } },
});
const account = privateKeyToAccount(key);
const client = createPublicClient({ chain, transport: http(url), pollingInterval: 50, cacheTime: 0 });
const wallet = createWalletClient({ account, chain, transport: http(url) });
const socket = createPublicClient({ chain, transport: webSocket(url.replace("http", "ws")) });
seen.chainId = id;
const block = await client.getBlock();
const type = block.baseFeePerGas === null ? { type: "legacy", gasPrice: 0n } : {};
if (block.baseFeePerGas === null) {
  seen.fees = [Number(await client.getGasPrice()), null, null];
} else {
  const fees = await client.estimateFeesPerGas();
  seen.fees = [Number(await client.getGasPrice()), Number(fees.maxFeePerGas), Number(fees.maxPriorityFeePerGas)];
}

const deployment = await wallet.deployContract({ abi, bytecode, args: [7n], ...type });
const address = (await client.waitForTransactionReceipt({ hash: deployment })).contractAddress;
const ledger = { address, abi };
seen.contract = address;
seen.total = Number(await client.readContract({ ...ledger, functionName: "total" }));

const heard = new Promise((resolve) => {
  socket.watchContractEvent({ ...ledger, eventName: "Deposited", onLogs: ([log]) => resolve(log.args.note) });
});
const head = new Promise((resolve) => socket.watchBlockNumber({ onBlockNumber: resolve }));
const polled = new Promise((resolve) => {
  client.watchContractEvent({ ...ledger, eventName: "Deposited", onLogs: ([log]) => resolve(log.args.note) });
});
await new Promise((resolve) => setTimeout(resolve, 500));

const deposit = { ...ledger, account, functionName: "deposit", args: [5n, "first"] };
seen.estimate = Number(await client.estimateContractGas(deposit));
const { request } = await client.simulateContract({ ...deposit, ...type });
const receipt = await client.waitForTransactionReceipt({ hash: await wallet.writeContract(request) });
seen.status = receipt.status === "success" ? 1 : 0;
seen.gasUsed = Number(receipt.gasUsed);
seen.heard = await heard;
seen.polled = await polled;
seen.isHeadHeard = (await head) > 0n;
const past = receipt.blockNumber - 1n;
seen.pastTotal = Number(await client.readContract({ ...ledger, functionName: "total", blockNumber: past }));
seen.event = decodeEventLog({ abi, ...receipt.logs[0] }).args.note;
const filter = { ...ledger, eventName: "Deposited", args: { account: account.address }, fromBlock: 0n };
seen.logs = (await client.getContractEvents(filter)).map((log) => log.args.note);

const included = await client.getBlock({ blockNumber: receipt.blockNumber });
seen.isBlockOfLog =
  receipt.logs[0].blockHash === included.hash && included.transactions.includes(receipt.transactionHash);
const slot = "0x" + "0".repeat(63) + "1";
const proof = await client.getProof({ address, storageKeys: [slot], blockNumber: receipt.blockNumber });
seen.isProven = keccak256(proof.accountProof[0]) === included.stateRoot;
seen.provenTotal = Number(proof.storageProof[0].value);
const list = await client.createAccessList({
  to: address,
  account,
  data: "0x2ddbd13a", // total()
});
seen.accessList = list.accessList.map((entry) => entry.storageKeys.map(Number));
seen.next = Number((await client.getBlock({ blockTag: "pending" })).number) > Number(included.number);

function revertOf(error) {
  return error instanceof BaseError && error.walk((cause) => cause instanceof ContractFunctionRevertedError);
}
try {
  await client.simulateContract({ ...ledger, account, functionName: "withdraw", args: [100n] });
} catch (error) {
  const revert = revertOf(error);
  seen.customError = { name: revert?.data?.errorName, args: revert?.data?.args.map(String) };
}
try {
  await client.simulateContract({ ...ledger, account, functionName: "refuse" });
} catch (error) {
  seen.reason = revertOf(error)?.reason;
}
try {
  const nonce = await client.getTransactionCount({ address: account.address });
  await wallet.sendTransaction({ to: account.address, nonce: nonce - 1, ...type });
} catch (error) {
  seen.nonceError = error.walk((cause) => cause instanceof NonceTooLowError) ? "NONCE_EXPIRED" : String(error);
}
console.log(JSON.stringify(seen));
process.exit(0);
