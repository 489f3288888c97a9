// What pages share: whether what they show is live, and the way to sign in where the session is over.
"use strict";
(() => {
  const live = (element, is) => {
    element.toggleAttribute("data-live", is);
    element.toggleAttribute("data-not-live", !is);
  };
  const look = async () => {
    const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" });
    if (answer.type === "opaqueredirect") location.reload();
  };
  document.addEventListener("htmx:sseOpen", (event) => live(event.target, true));
  document.addEventListener("htmx:sseError", (event) => {
    live(event.target, false);
    // Refused, not just lost.
    if (event.detail.source?.readyState === EventSource.CLOSED) look().catch(() => {});
  });
})();
