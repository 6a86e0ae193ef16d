// Run by `hardhat run --network tranchain`; prints one JSON object with what was seen.
const hardhat = require("hardhat");

async function main() {
  const { ethers, network } = hardhat;
  const seen = {};
  const [signer] = await ethers.getSigners();
  seen.chainId = Number((await ethers.provider.getNetwork()).chainId);
  const fees = await ethers.provider.getFeeData();
  seen.fees = [fees.gasPrice, fees.maxFeePerGas, fees.maxPriorityFeePerGas].map((fee) =>
    fee === null ? null : Number(fee),
  );

  const ledger = await ethers.deployContract("Ledger", [7]);
  await ledger.waitForDeployment();
  seen.contract = ledger.target;
  seen.total = Number(await ledger.total());
  const heard = new Promise((resolve) => ledger.once("Deposited", (_account, _amount, note) => resolve(note)));
  const head = new Promise((resolve) => ethers.provider.once("block", resolve));
  await new Promise((resolve) => setTimeout(resolve, 300));

  seen.estimate = Number(await ledger.deposit.estimateGas(5, "first"));
  const receipt = await (await ledger.deposit(5, "first")).wait();
  seen.status = receipt.status;
  seen.gasUsed = Number(receipt.gasUsed);
  seen.heard = await heard;
  seen.isHeadHeard = (await head) > 0;
  seen.pastTotal = Number(await ledger.total({ blockTag: receipt.blockNumber - 1 }));
  seen.event = ledger.interface.parseLog(receipt.logs[0]).args.note;
  seen.logs = (await ledger.queryFilter(ledger.filters.Deposited(signer.address), 0)).map((log) => log.args.note);

  const number = "0x" + receipt.blockNumber.toString(16);
  const block = await network.provider.send("eth_getBlockByNumber", [number, false]);
  seen.isBlockOfLog = receipt.logs[0].blockHash === block.hash && block.transactions.includes(receipt.hash);
  const proof = await network.provider.send("eth_getProof", [ledger.target, ["0x1"], number]);
  seen.isProven = ethers.keccak256(proof.accountProof[0]) === block.stateRoot;
  seen.provenTotal = Number(proof.storageProof[0].value);

  try {
    await ledger.withdraw.staticCall(100);
  } catch (error) {
    const revert = error.revert ?? ledger.interface.parseError(error.data);
    seen.customError = { name: revert?.name, args: revert?.args.map(String) };
  }
  try {
    await ledger.refuse.staticCall();
  } catch (error) {
    seen.reason = error.reason ?? error.message;
  }
  try {
    const nonce = (await ethers.provider.getTransactionCount(signer.address)) - 1;
    await signer.sendTransaction({ to: signer.address, nonce });
  } catch (error) {
    seen.nonceError = error.code === "NONCE_EXPIRED" || /nonce too low/i.test(error.message) ? "NONCE_EXPIRED" : error.message;
  }
  console.log(JSON.stringify(seen));
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
