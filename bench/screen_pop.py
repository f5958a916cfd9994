"""How soon a caller's card is on the screen: from the INVITE in the browser to the pop.

    python bench/screen_pop.py [--rings 40]

The whole hotline runs, SIPp calls, headless Chromium is the agent's desk. Both moments are taken
by the browser's own clock: when the telephone's socket brings the INVITE, and when the frame with
the caller's masked number has been drawn. A pop that is there before the ring counts as 0.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.async_api import Page, async_playwright

from deploy.stack import postgres
from deploy.stack.stack import Stack
from tests.real.desk import Desk, chromium, open_desk, write_microphone
from tests.real.hotline import MAIN, Hotline, write_tones

GOAL_MS: Final = 300
AGENT: Final = "a2001"
WATCH: Final = """
(() => {
  window.rings = []; window.pops = [];
  const Real = window.WebSocket;
  window.WebSocket = class extends Real {
    constructor(...options) {
      super(...options);
      this.addEventListener('message', ({ data }) => {
        if (typeof data === 'string' && data.startsWith('INVITE ')) rings.push(performance.now());
      });
    }
  };
  let stood = false;
  new MutationObserver(() => {
    const stands = document.querySelector('[data-test=number]') !== null;
    if (stands && !stood) requestAnimationFrame(() => { pops.push(performance.now()); });
    stood = stands;
  }).observe(document, { childList: true, subtree: true });
})();
"""


async def rung(hotline: Hotline, page: Page, before: int) -> float:
    """Let one caller ring and give up when his card is there; give the milliseconds it took."""
    async with hotline.caller() as caller:
        await caller.rtp.wait_for(MAIN, within=30)
        caller.press("0")
        both = f"Math.min(rings.length, pops.length) > {before}"
        await page.wait_for_function(both, timeout=30_000)
        caller.hang_up()
        await caller.ended(within=30)
    await page.wait_for_selector("[data-test=call]", state="detached")
    taken: float = await page.evaluate(f"pops[{before}] - rings[{before}]")
    return max(0.0, taken)


async def measure(rings: int) -> list[float]:
    """Start everything and let the telephone ring so often."""
    with tempfile.TemporaryDirectory() as folder:
        async with Stack(Path(folder) / "stack", rated_after_seconds=60) as stack:
            write_tones(stack.layout.sounds)
            await stack.start("postgres", "valkey", "migrate", "desktop")
            await stack.start("asterisk", "ivr", "ledger", "agents")
            database = postgres.url(stack.ports.postgres, stack.memory.secret("postgres"))
            hotline = Hotline(stack, Path(folder) / "sipp", database, Path(folder) / "hours")
            hotline.workspace.mkdir()
            microphone = hotline.workspace / "microphone.wav"
            write_microphone(microphone)
            async with (
                async_playwright() as playwright,
                chromium(playwright, microphone) as browser,
                open_desk(hotline, browser, AGENT) as desk,
            ):
                return await _measured(hotline, desk, rings)


async def _measured(hotline: Hotline, desk: Desk, rings: int) -> list[float]:
    await desk.page.add_init_script(WATCH)
    await desk.sign_in()
    await desk.line("ready")
    await desk.go_online()
    return [await rung(hotline, desk.page, before) for before in range(rings)]


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rings", type=int, default=40)
    taken = sorted(asyncio.run(measure(parser.parse_args().rings)))
    cuts = statistics.quantiles(taken, n=100, method="inclusive")
    print(
        f"{len(taken)} rings; from INVITE to card: p50 {cuts[49]:.0f} ms, p90 {cuts[89]:.0f} ms, "
        f"p99 {cuts[98]:.0f} ms, worst {taken[-1]:.0f} ms (goal: p99 <= {GOAL_MS} ms)"
    )


if __name__ == "__main__":
    main()
