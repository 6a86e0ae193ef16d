// ethers 6 against a running node: deploy, send, call, estimate, revert, logs, subscription.
// Usage: node ethers.mjs RPC_URL PRIVATE_KEY ARTIFACT_JSON; prints one JSON object with what was seen.
import { readFileSync } from "node:fs";
import { ContractFactory, JsonRpcProvider, Wallet, WebSocketProvider } from "ethers";

const [url, key, artifactPath] = process.argv.slice(2);
const artifact = JSON.parse(readFileSync(artifactPath, "utf8"));
const seen = {};

const provider = new JsonRpcProvider(url, undefined, { polling: true, pollingInterval: 50, cacheTimeout: -1 });
const wallet = new Wallet(key, provider);
seen.chainId = Number((await provider.getNetwork()).chainId);
const fees = await provider.getFeeData();
seen.gasPrice = Number(fees.gasPrice);

const factory = new ContractFactory(artifact.abi, artifact.bytecode, wallet);
const ledger = await factory.deploy(7);
await ledger.waitForDeployment();
seen.total = Number(await ledger.total());

seen.estimate = Number(await ledger.deposit.estimateGas(5, "first"));
const receipt = await (await ledger.deposit(5, "first")).wait();
seen.status = receipt.status;
seen.gasUsed = Number(receipt.gasUsed);
seen.event = ledger.interface.parseLog(receipt.logs[0]).args.note;
seen.pastTotal = Number(await ledger.total({ blockTag: receipt.blockNumber - 1 }));
seen.logs = (await ledger.queryFilter(ledger.filters.Deposited(), 0)).map((log) => log.args.note);

try {
  await ledger.withdraw.staticCall(100);
} catch (error) {
  seen.customError = { code: error.code, name: error.revert?.name, args: error.revert?.args.map(String) };
}
try {
  await ledger.refuse();
} catch (error) {
  seen.revert = { code: error.code, reason: error.reason };
}
try {
  const nonce = await provider.getTransactionCount(wallet.address);
  await (await wallet.sendTransaction({ to: wallet.address, nonce: nonce - 1 })).wait();
} catch (error) {
  seen.nonce = error.code;
}

const socket = new WebSocketProvider(url.replace("http", "ws"));
const heard = new Promise((resolve) => {
  socket.once({ address: ledger.target }, (log) => resolve(ledger.interface.parseLog(log).args.note));
});
const head = new Promise((resolve) => socket.once("block", resolve));
await socket.getBlockNumber();
await new Promise((resolve) => setTimeout(resolve, 300));
await (await ledger.deposit(1, "heard")).wait();
seen.heard = await heard;
seen.head = (await head) > 0;
console.log(JSON.stringify(seen));
process.exit(0);
