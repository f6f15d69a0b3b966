// What to use if a runtime reads opsets up to a bound. Every answer is in the page (`data-upto`: one
// per bound, exporter.opset); the choice is a field of the filters, which keep it in the address.
"use strict";
(() => {
  const control = document.getElementById("upto");
  if (!control) return;
  const select = control.querySelector("select");
  const bounds = [...select.options].map((option) => option.value).filter(Boolean);
  const exporters = control.dataset.exporters.split(" ");
  const lines = [...document.querySelectorAll("[data-upto]")];
  const leads = [...document.querySelectorAll("[data-bound]")];

  const show = () => {
    const bound = select.value;
    for (const lead of leads) lead.hidden = lead.dataset.bound !== bound;
    for (const line of lines) {
      const [all, own] = line.querySelectorAll(":scope > .all, :scope > .own");
      all.hidden = Boolean(bound);
      own.hidden = !bound;
      if (!bound) continue;
      const found = line.dataset.upto.split(" ")[bounds.indexOf(bound)];
      const [exporter, opset] = found.split(".");
      const short = line.dataset.short !== undefined;
      const use = short ? `${exporters[exporter]} ${opset}` : `Use ${exporters[exporter]} at opset ${opset}`;
      own.textContent = found === "-" ? `None is right up to opset ${bound}` : use;
      own.classList.toggle("none-fits", found === "-");
    }
  };

  select.addEventListener("change", () => select.form.dispatchEvent(new Event("input")));
  document.addEventListener("filtered", show);
  control.hidden = false;
})();
