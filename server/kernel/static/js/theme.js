// Runs before the first paint: the theme and density of this device.
{
  const root = document.documentElement;
  const wish = root.dataset.theme;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => {
    const theme = root.dataset.theme;
    root.dataset.bsTheme = theme === "system" ? (dark.matches ? "dark" : "light") : theme;
    root.dispatchEvent(new CustomEvent("wd:theme"));
  };
  if (wish === "system" && dark.matches) root.dataset.bsTheme = "dark";
  dark.addEventListener("change", apply);
  window.wdApplyTheme = apply;
  if (matchMedia("(max-width: 720px)").matches) root.dataset.density = "touch";
}
