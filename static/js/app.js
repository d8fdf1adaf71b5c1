/* Progressive enhancement only: every page works without this file. No inline code elsewhere, no eval anywhere. */
(() => {
  "use strict";
  const all = (selector, root) => [...root.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);

  // What a page or a swapped fragment needs once it stands.
  const greet = (root) => {
    all(".js-only[hidden]", root).forEach((element) => { element.hidden = false; });
    const first = root.querySelector("[data-focus-first]") ?? (root.matches?.("[data-focus]") ? root : root.querySelector("[data-focus]"));
    first?.focus();
  };

  // Success toasts leave after 6 s and only repeat what the page shows. Errors stay until dismissed (WCAG 2.2.1).
  const toast = (words, isError = false) => {
    const box = document.createElement("div");
    box.className = "toast";
    box.append(words);
    if (isError) {
      box.setAttribute("role", "alert");
      const dismiss = document.createElement("button");
      dismiss.type = "button";
      dismiss.textContent = "Dismiss";
      dismiss.addEventListener("click", () => box.remove());
      box.append(dismiss);
    } else {
      setTimeout(() => box.remove(), 6000);
    }
    byId("toasts")?.append(box);
  };

  // After a payment's POST the outcome is unknown, and its key makes a second try safe. Never say "nothing happened".
  const failure = (element, offline) => {
    if (element?.closest?.("[data-once]")) return "We could not confirm this. Try again: you will not be charged twice.";
    return offline ? "We could not reach the server. Check your connection and try again." : "Something went wrong on our side. Try again.";
  };

  document.addEventListener("click", async (event) => {
    const target = event.target;
    const copy = target.closest("[data-copy]");
    if (copy) {
      try {
        await navigator.clipboard.writeText(copy.dataset.copy);
        toast("Copied");
      } catch {
        toast("Your browser did not allow copying. Select the text and copy it.", true);
      }
    }
    if (target.closest("[data-print]")) window.print();
    // For browsers without invoker commands (Baseline since December 2025).
    const invoker = target.closest("button[commandfor]");
    if (invoker && !("commandForElement" in HTMLButtonElement.prototype)) {
      byId(invoker.getAttribute("commandfor"))?.[invoker.getAttribute("command") === "close" ? "close" : "showModal"]();
    }
    if (target.matches("dialog[open]")) target.close();
    all(".menu[open]", document).forEach((menu) => { if (!menu.contains(target)) menu.open = false; });
  });

  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && document.querySelector(".menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  // The mailed code: digits only; a pasted whole code signs in at once.
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (field.matches("[data-code]")) field.value = field.value.replace(/\D/g, "").slice(0, field.dataset.code);
  });
  document.addEventListener("paste", (event) => {
    const field = event.target.closest?.("[data-code]");
    if (!field) return;
    event.preventDefault();
    const digits = (event.clipboardData?.getData("text") ?? "").replace(/\D/g, "").slice(0, field.dataset.code);
    field.value = digits;
    if (digits.length === Number(field.dataset.code)) field.form?.requestSubmit();
  });

  // "Viewed" needs a person: one POST after a real interaction and two seconds on screen, never a GET.
  const watchViewed = (element) => {
    let touched = false;
    let shownFor = 0;
    let tick;
    const touch = (event) => { touched ||= event.isTrusted; };
    const kinds = ["pointerdown", "keydown", "scroll"];
    kinds.forEach((kind) => addEventListener(kind, touch, { capture: true, passive: true }));
    const settle = () => {
      if (document.visibilityState === "visible") shownFor += 250;
      if (!touched || shownFor < 2000) return;
      clearInterval(tick);
      kinds.forEach((kind) => removeEventListener(kind, touch, { capture: true }));
      const headers = JSON.parse(document.body.getAttribute("hx-headers:inherited") ?? "{}");
      fetch(element.dataset.viewedUrl, { method: "POST", headers, keepalive: true }).catch(() => {});
    };
    tick = setInterval(settle, 250);
  };

  document.addEventListener("toast", (event) => toast(event.detail.message ?? event.detail.value));
  document.addEventListener("htmx:before:request", (event) => event.detail.ctx.sourceElement.setAttribute?.("aria-busy", "true"));
  document.addEventListener("htmx:finally:request", (event) => event.detail.ctx.sourceElement.removeAttribute?.("aria-busy"));
  document.addEventListener("htmx:response:error", (event) => {
    if (event.detail.ctx.response.status >= 500) toast(failure(event.detail.ctx.sourceElement, false), true);
  });
  document.addEventListener("htmx:error", (event) => toast(failure(event.detail.ctx?.sourceElement, true), true));
  document.addEventListener("htmx:after:swap", (event) => {
    const target = event.detail.ctx.target;
    const swapped = typeof target === "string" ? document.querySelector(target) : byId(target?.id);
    if (swapped) greet(swapped);
  });
  // Back from the payment page: never a stale, disabled form out of the back/forward cache.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  greet(document);
  const viewed = document.querySelector("[data-viewed-url]");
  if (viewed) watchViewed(viewed);
})();
