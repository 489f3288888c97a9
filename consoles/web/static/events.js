// Puts events on the page as they come. Wherever the stream breaks, it goes on after the last event that is here: the browser
// says so by itself where it comes back by itself, and this says so where it does not.
"use strict";
(() => {
  const MOST = 500, PATIENCE = 2000;
  const events = document.getElementById("events");
  if (!events) return;
  const list = events.querySelector("ol");
  const button = events.querySelector("[data-hold]");
  const state = document.getElementById("events-state");
  let since = events.dataset.since;
  let source = null;

  const live = (is) => {
    events.toggleAttribute("data-live", is);
    events.toggleAttribute("data-not-live", !is && source !== null);
  };

  const address = () => {
    const to = new URL(events.dataset.stream, location.href);
    to.searchParams.set("since", since);
    return to;
  };

  const again = async () => {
    // Refused, and not just lost: the browser gives up then. Where the session is over, this page leads to the way in.
    source.close();
    const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" }).catch(() => null);
    if (answer?.type === "opaqueredirect") location.reload();
    else setTimeout(() => { if (source !== null) follow(); }, PATIENCE);
  };

  const follow = () => {
    const mine = source = new EventSource(address());
    mine.addEventListener("open", () => live(true));
    mine.addEventListener("error", () => {
      if (mine !== source) return;
      live(false);
      if (mine.readyState === EventSource.CLOSED) again();
    });
    mine.addEventListener("event", (event) => {
      since = event.lastEventId || since;
      list.insertAdjacentHTML("afterbegin", event.data);
      while (list.children.length > MOST) list.lastElementChild.remove();
    });
  };

  button.addEventListener("click", () => {
    if (source) {
      source.close();
      source = null;
      live(false);
    } else {
      follow();
    }
    button.textContent = source ? "Hold" : "Go on";
    state.textContent = source ? "" : "Held: what comes meanwhile is shown when you go on.";
  });
  button.hidden = false;
  follow();
})();
