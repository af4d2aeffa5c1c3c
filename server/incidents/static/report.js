// The report form: a guess beside a field is taken by its button; nothing is filled in by itself.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-take]"), form = button?.closest("form");
  if (!form) return;
  let field;
  for (const [name, value] of Object.entries(JSON.parse(button.dataset.take))) {
    form.elements[name].value = value;
    form.elements[name].dataset && (form.elements[name].dataset.guessed = "");
    field = document.getElementById(`in-${name}`) ?? form.querySelector(`[name="${CSS.escape(name)}"]:checked`);
  }
  button.parentElement.replaceChildren();
  field?.focus();
  form.dataset.dirty = "1";
  field?.dispatchEvent(new Event("change", { bubbles: true }));
});
