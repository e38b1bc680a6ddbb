// Whoever owns an address proves it by a signature of its wallet, and sets what only an owner may.
// The pool's own address is the one whose wallet the simulated network has, so it mines here too.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { openPage, settled, shots } from "./browser.mjs";
import { violations } from "./pages.mjs";
import { json, startMiner, until } from "./pool.mjs";

const WORKER = "owned";
const LABEL = "Cellar, left";
/** More than is ever earned here: a payout from the pool to itself would only be in the way. */
const THRESHOLD = { typed: "5000", atomic: "500000000000" };

/** Has the wallet of the simulated network sign a text, as its owner would by hand. */
function signWith({ url, user, password }) {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  return async (text) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "sign_data", params: text }),
      signal: AbortSignal.timeout(10_000),
    });
    const { result, error } = await response.json();
    assert.match(String(result), /^[0-9a-f]{128}$/, JSON.stringify(error));
    return result;
  };
}

export function ownershipTests(world) {
  test("the owner of an address proves it, and what they set holds on another node", async () => {
    const wallet = world.pool.wallet();
    const { address } = wallet;
    const api = (path) => json(`${world.pool.api(2)}/api/v1/miners/${address}${path}`);
    const stopMiner = startMiner(world.pool.stratum(2), address, WORKER);
    const { page, complaints, close } = await openPage(world.browser);
    try {
      await until("a share of the owner", async () => (await api(""))?.shares > 0, 90_000);
      await page.goto(`${world.pool.api(1)}/miner/${address}?tab=settings`);
      await settled(page);
      await prove(page, signWith(wallet));
      assert.equal(await secretsLeftBehind(page), 0, "the session is in what outlives the tab");

      await setThreshold(page, THRESHOLD.typed);
      await until(
        "the threshold on another node",
        async () => (await api(""))?.preferences.own_threshold_atomic === THRESHOLD.atomic,
      );
      await nameWorker(page);
      await until(
        "the label on another node",
        async () => (await api(`/workers/${WORKER}`))?.label === LABEL,
      );
      const token = await makeToken(page);
      await page.screenshot({ path: join(shots, "ownership.png"), fullPage: true });
      assert.deepEqual(await violations(page), []);
      await revokeToken(page);
      assert.equal(await page.getByText(token).count(), 0, "a token was shown again");

      await page.reload();
      await page.getByText("You have proved that this address is yours.").waitFor();
      await page.getByRole("button", { name: "End the session" }).click();
      await page.getByText("You have ended the session.").waitFor();
      await page.reload();
      await page.getByRole("button", { name: "Get a text to sign" }).waitFor();
      assert.deepEqual(complaints, []);
    } finally {
      stopMiner();
      await close();
    }
  });

  test("a signature of another text opens nothing", async () => {
    const wallet = world.pool.wallet();
    const { page, close } = await openPage(world.browser);
    try {
      await page.goto(`${world.pool.api(1)}/miner/${wallet.address}?tab=settings`);
      await settled(page);
      await page.getByRole("button", { name: "Get a text to sign" }).click();
      await page.getByLabel("Signature").fill(await signWith(wallet)("something else"));
      await page.getByRole("button", { name: "Open the settings" }).click();
      await page.getByRole("alert").waitFor();
      assert.equal(await page.getByText("Smallest payout").count(), 0);
      const status = await fetch(
        `${world.pool.api(1)}/api/v1/miners/${wallet.address}/settings`,
      ).then((response) => response.status);
      assert.equal(status, 401, "settings without a session");
    } finally {
      await close();
    }
  });
}

/** From "get a text" to the settings, with the text that the page shows and no other. */
async function prove(page, sign) {
  await page.getByRole("button", { name: "Get a text to sign" }).click();
  const step = page.getByRole("region", { name: "1. This is the text" });
  const text = await step.locator("code").textContent();
  const command = await page.locator("code", { hasText: /^curl/ }).textContent();
  assert.ok(command.includes("sign_data"), command);
  await page.getByLabel("Signature").fill(await sign(text));
  await page.getByRole("button", { name: "Open the settings" }).click();
  await page.getByRole("region", { name: "Smallest payout" }).waitFor();
  await settled(page);
  await page.getByText(/^The session ends in (29|30) minutes/).waitFor();
}

/** How much of the session is kept where another visitor of this browser would find it. */
function secretsLeftBehind(page) {
  return page.evaluate(
    () =>
      [...Object.values(localStorage), document.cookie, location.href].filter((kept) =>
        kept.includes("rps_"),
      ).length,
  );
}

async function setThreshold(page, amount) {
  const section = page.getByRole("region", { name: "Smallest payout" });
  await section.getByLabel("Pay me from, in XEL").fill(amount);
  await section.getByRole("button", { name: "Save" }).click();
  await section.getByText("your own choice").waitFor();
}

async function nameWorker(page) {
  const section = page.getByRole("region", { name: "Names for workers" });
  await section.getByRole("button", { name: `Edit the label of ${WORKER}` }).click();
  await section.getByLabel(`Label of ${WORKER}`).fill(LABEL);
  await page.keyboard.press("Enter");
  await section.getByText(LABEL).waitFor();
}

async function makeToken(page) {
  const section = page.getByRole("region", { name: "Tokens" });
  await section.getByLabel("What it is for").fill("browser test");
  await section.getByRole("button", { name: "Make the token" }).click();
  const dialog = page.locator("dialog[open]");
  const token = await dialog.locator("code", { hasText: /^rpt_/ }).textContent();
  await dialog.getByRole("button", { name: "I have copied it" }).click();
  await section.getByRole("cell", { name: "browser test", exact: true }).waitFor();
  return token;
}

async function revokeToken(page) {
  const section = page.getByRole("region", { name: "Tokens" });
  await section.getByRole("button", { name: "Revoke the token “browser test”" }).click();
  const dialog = page.locator("dialog[open]");
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await section.getByText("No token yet").waitFor();
}
