"use strict";
// The text that was deflated into base64 within the page.
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
}

// Players and configurations of cards come into being when they are opened.
for (const details of document.querySelectorAll("details.player-of")) {
  details.addEventListener(
    "toggle",
    async () => {
      const frame = details.querySelector("iframe");
      frame.srcdoc = await unpacked(details.querySelector("script").textContent);
    },
    { once: true },
  );
}
