// Holds a page up to date: every few seconds the parts marked `data-live` are fetched anew and exchanged.
// Without this script every page works; it just has to be reloaded.
"use strict";
(() => {
  const menu = document.querySelector(".menue");
  if (menu && !CSS.supports("selector(::details-content)")) menu.open = matchMedia("(min-width: 48.01rem)").matches;
  const parts = document.querySelectorAll("[data-live]");
  const note = document.getElementById("stand");
  if (!parts.length || !note) return;
  const EVERY = 10000;
  // What somebody reads or uses right now is left alone.
  const busy = (part) =>
    part.querySelector("details[open]") || (part.contains(document.activeElement) && document.activeElement !== document.body);
  const say = (text, role) => {
    if (note.textContent !== text) note.textContent = text;
    if (role) note.setAttribute("role", role); else note.removeAttribute("role");
  };
  async function look() {
    if (document.hidden) return;
    const answer = await fetch(location.href, { headers: { "X-Gateway-Live": "1" }, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of parts) {
      const next = fresh.getElementById(part.id);
      if (!next || busy(part) || next.innerHTML === part.innerHTML) continue;
      part.className = next.className;
      part.replaceChildren(...next.childNodes);
    }
    const time = new Date().toLocaleTimeString("de-DE", { hour: "2-digit", minute: "2-digit" });
    say(`Diese Seite hält sich selbst aktuell; zuletzt ${time} Uhr.`);
  }
  async function again() {
    try { await look(); } catch { say("Diese Seite ist gerade nicht aktuell; bitte neu laden.", "alert"); }
    setTimeout(again, EVERY);
  }
  say("Diese Seite hält sich selbst aktuell.");
  setTimeout(again, EVERY);
})();
