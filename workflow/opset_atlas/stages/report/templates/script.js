// Only for filters; the page works without it. Filters and the view of the matrix are kept in the
// address's fragment, so that a view can be shared: #model=…&exporter=…&operator=…&view=…
"use strict";
(() => {
  const form = document.getElementById("filters");
  const status = form.querySelector("output");
  const views = [...document.querySelectorAll("[name=view]")];
  const fields = ["model", "exporter", "operator", "outcome", "upto"];
  const words = (item, name) => (item.dataset[name] === undefined ? null : item.dataset[name].split(" "));
  const read = (element) => ({
    element,
    shown: true,
    models: words(element, "model"),
    lower: (element.dataset.model ?? "").toLowerCase().split(" "),
    exporter: words(element, "exporter"),
    operator: words(element, "operators"),
    outcome: words(element, "outcome"),
  });
  const items = [...document.querySelectorAll("[data-model], [data-exporter], [data-outcome]")].map(read);
  const byElement = new Map(items.map((item) => [item.element, item]));
  const lines = items.filter((item) => item.element.matches(".matrix .line"));
  const groups = [...document.querySelectorAll("[data-group]")].map((element) => ({
    element,
    shown: true,
    open: element.open,
    items: [...element.querySelectorAll("[data-model]")].map((inner) => byElement.get(inner)),
  }));

  const show = (part, wanted) => {
    if (part.shown !== wanted) part.element.hidden = !(part.shown = wanted);
  };

  const apply = () => {
    const wanted = Object.fromEntries(
      fields.map((name) => [name, form.elements[name].value.trim()]).filter(([, value]) => value),
    );
    const text = (wanted.model ?? "").toLowerCase();
    const number = form.elements.operator.selectedOptions[0]?.dataset.number;
    const uses = wanted.operator
      ? new Set(lines.filter((line) => line.operator.includes(number)).map((line) => line.models[0]))
      : null;
    for (const item of items) {
      // Elements without a field are not hidden by its filter.
      show(
        item,
        (!text || !item.models || item.lower.some((id) => id.includes(text))) &&
          (!wanted.exporter || !item.exporter || item.exporter.includes(wanted.exporter)) &&
          (!wanted.outcome || !item.outcome || item.outcome.includes(wanted.outcome)) &&
          (!uses ||
            (item.operator ? item.operator.includes(number) : !item.models || item.models.some((id) => uses.has(id)))),
      );
    }
    document.dispatchEvent(new Event("filtered"));
    const filtered = Object.keys(wanted).some((name) => name !== "upto");
    for (const group of groups) {
      show(group, !group.items.length || group.items.some((item) => item.shown));
      if ("open" in group.element) group.element.open = filtered || group.open;
    }
    const shown = lines.filter((line) => line.shown).length;
    status.textContent = filtered ? `${shown} of ${lines.length} rows` : "";
    const view = views.find((each) => each.checked)?.value;
    return new URLSearchParams(view && view !== "outcome" ? { ...wanted, view } : wanted).toString();
  };

  const keep = () => {
    const state = apply();
    history.replaceState(null, "", state ? `#${state}` : location.pathname + location.search);
  };

  const restore = () => {
    const state = location.hash.slice(1);
    if (!state.includes("=")) return; // an ordinary anchor leaves the filters alone
    const found = new URLSearchParams(state);
    for (const name of fields) form.elements[name].value = found.get(name) ?? "";
    for (const each of views) each.checked = each.value === (found.get("view") ?? "outcome");
    apply();
  };

  form.addEventListener("input", keep);
  form.addEventListener("reset", () => setTimeout(keep));
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const each of views) each.addEventListener("change", keep);
  addEventListener("hashchange", restore);
  form.hidden = false;
  restore();
})();
