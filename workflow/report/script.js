// Filters only; the page reads without it. The state of the filters is the address's fragment, so
// that a filtered view can be sent around: #model=…&exporter=…&outcome=…
"use strict";
(() => {
  const form = document.getElementById("filters");
  const status = form.querySelector("output");
  const items = [...document.querySelectorAll("[data-model], [data-exporter], [data-outcome]")];
  const groups = [...document.querySelectorAll("[data-group]")];
  const lines = items.filter((item) => item.matches(".matrix .line"));
  const fields = ["model", "exporter", "outcome"];

  // An element that says nothing about a field is not hidden by it.
  const tests = {
    model: (item, wanted) =>
      item.dataset.model.split(" ").some((id) => id.toLowerCase().includes(wanted.toLowerCase())),
    exporter: (item, wanted) => item.dataset.exporter.split(" ").includes(wanted),
    outcome: (item, wanted) => item.dataset.outcome.split(" ").includes(wanted),
  };

  const apply = () => {
    const wanted = fields
      .map((name) => [name, form.elements[name].value.trim()])
      .filter(([, value]) => value);
    for (const item of items) {
      item.hidden = wanted.some(
        ([name, value]) => item.dataset[name] !== undefined && !tests[name](item, value),
      );
    }
    for (const group of groups) {
      const inside = [...group.querySelectorAll("[data-model]")];
      group.hidden = inside.length > 0 && inside.every((item) => item.hidden);
    }
    const shown = lines.filter((line) => !line.hidden).length;
    status.textContent = wanted.length ? `${shown} of ${lines.length} rows` : "";
    return new URLSearchParams(wanted).toString();
  };

  const keep = () => {
    const state = apply();
    history.replaceState(null, "", state ? `#${state}` : location.pathname + location.search);
  };

  const restore = () => {
    const state = location.hash.slice(1);
    if (!state.includes("=")) return; // a link to a place on the page leaves the filters alone
    const found = new URLSearchParams(state);
    for (const name of fields) form.elements[name].value = found.get(name) ?? "";
    apply();
  };

  form.addEventListener("input", keep);
  form.addEventListener("reset", () => setTimeout(keep));
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", restore);
  form.hidden = false;
  restore();
})();
