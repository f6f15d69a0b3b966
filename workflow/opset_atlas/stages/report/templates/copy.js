// Buttons that copy the text beside them; without a script they are not shown.
"use strict";
(() => {
  for (const button of document.querySelectorAll("button.copy")) {
    const said = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await copyText(button.parentElement.querySelector("pre").textContent);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not copied";
      }
      setTimeout(() => (button.textContent = said), 2000);
    });
  }
})();
