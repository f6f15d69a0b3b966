// Only for filters; the page works without it. Filters and the view of the matrix are kept in the
// address's fragment, so that a view can be shared: #model=…&exporter=…&operator=…&view=…
// The search leads to models and operators, by name or by what torch calls them: #find=…
"use strict";
(() => {
  const form = document.getElementById("filters");
  const status = form.querySelector("output");
  const views = [...document.querySelectorAll("[name=view]")];
  const fields = ["model", "exporter", "operator", "outcome", "opset", "upto"];
  const words = (item, name) => (item.dataset[name] === undefined ? null : item.dataset[name].split(" "));
  const read = (element) => ({
    element,
    shown: true,
    models: words(element, "model"),
    lower: (element.dataset.model ?? "").toLowerCase().split(" "),
    exporter: words(element, "exporter"),
    operator: words(element, "operators"),
    outcome: words(element, "outcome"),
    at: words(element, "at"),
  });

  // An outcome at one opset; without an outcome, whether there is a file of that opset.
  const without = ["refused", "moved", "no-model", "unsupported", "crashed", "timeout", "internal-error"];
  const standsAt = (at, opset, outcome) =>
    at.some((part) => {
      const [key, first, last] = part.split(/[:-](?=\d)/);
      return Number(first) <= opset && opset <= Number(last) && (outcome ? key === outcome : !without.includes(key));
    });
  const items = [...document.querySelectorAll("[data-model], [data-exporter], [data-outcome]")].map(read);
  const byElement = new Map(items.map((item) => [item.element, item]));
  const lines = items.filter((item) => item.element.matches(".line"));
  const groups = [...document.querySelectorAll("[data-group]")].map((element) => ({
    element,
    shown: true,
    open: element.open,
    items: [...element.querySelectorAll("[data-model]")].map((inner) => byElement.get(inner)),
  }));

  const show = (part, wanted) => {
    if (part.shown !== wanted) part.element.hidden = !(part.shown = wanted);
  };

  // The search: links to what matches, an exact name first, and the operators that do not, dimmed.
  const lookup = document.getElementById("lookup");
  const [list, told] = [lookup.querySelector("ul"), lookup.querySelector("output")];
  const MOST = 12;
  const entry = (kind, link, also = "") => {
    const name = link.querySelector(".id")?.textContent ?? link.textContent;
    return { kind, name, href: link.getAttribute("href"), also, words: `${name} ${also}`.toLowerCase() };
  };
  const seen = new Set();
  const entries = [
    ...[...document.querySelectorAll(".atlas li")].map((item) => entry("operator", item.firstElementChild, item.dataset.aten)),
    ...[...document.querySelectorAll("#matrix :is(th[scope=row], .model) a.id")].map((link) => entry("model", link)),
  ].filter((each) => !seen.has(each.href) && seen.add(each.href));
  const operators = [...document.querySelectorAll(".atlas li")];
  let sought = null;
  const look = () => {
    const text = lookup.elements.find.value.trim();
    if (text === sought) return text;
    sought = text;
    const word = text.toLowerCase().replace(/^torch\.(ops\.)?/, "");
    const rank = (each) => (each.name.toLowerCase() === word ? 0 : each.also.split(" ").includes(word) ? 1 : 2);
    const found = word ? entries.filter((each) => each.words.includes(word)).sort((a, b) => rank(a) - rank(b)) : [];
    list.replaceChildren(
      ...found.slice(0, MOST).map((each) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        [link.href, link.textContent, link.className] = [each.href, each.name, "id"];
        const names = each.also.split(" ").filter((name) => name.includes(word)).slice(0, 3);
        item.append(link, ` ${[each.kind, ...names].join(", ")}`);
        return item;
      }),
    );
    told.textContent = !word ? "" : found.length > MOST ? `and ${found.length - MOST} more` : found.length ? "" : "nothing found";
    const matches = new Set(found.map((each) => each.href));
    for (const item of operators) item.hidden = Boolean(word && matches.size && !matches.has(item.firstElementChild.getAttribute("href")) && found.some((each) => each.kind === "operator"));
    return text;
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
          (wanted.opset && item.at
            ? standsAt(item.at, Number(wanted.opset), wanted.outcome)
            : !wanted.outcome || !item.outcome || item.outcome.includes(wanted.outcome)) &&
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
    if (view && view !== "outcome") wanted.view = view;
    const sought = look();
    if (sought) wanted.find = sought;
    return new URLSearchParams(wanted).toString();
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
    lookup.elements.find.value = found.get("find") ?? "";
    for (const each of views) each.checked = each.value === (found.get("view") ?? "outcome");
    apply();
  };

  form.addEventListener("input", keep);
  form.addEventListener("reset", () => setTimeout(keep));
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const each of views) each.addEventListener("change", keep);
  lookup.addEventListener("input", keep);
  lookup.addEventListener("submit", (event) => {
    event.preventDefault();
    list.querySelector("a")?.click(); // Enter goes to the best match
  });
  addEventListener("hashchange", restore);
  form.hidden = lookup.hidden = false;
  restore();
})();
