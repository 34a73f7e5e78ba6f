// What a person chose for this browser: theme and time zone. Nothing about orders is ever stored.
import { store } from "./ui.js";

const read = (name) => {
  try {
    return localStorage.getItem(`waybill.${name}`);
  } catch {
    return null;
  }
};
const write = (name, value) => {
  try {
    if (value === null) localStorage.removeItem(`waybill.${name}`);
    else localStorage.setItem(`waybill.${name}`, value);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
};

const theme = read("theme");
export const prefs = store({
  theme: theme === "dark" || theme === "light" ? theme : "system",
  zone: read("zone") === "UTC" ? "UTC" : "IST",
});

export function setTheme(theme) {
  write("theme", theme === "system" ? null : theme);
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  prefs.set((old) => ({ ...old, theme }));
}

export const nextTheme = () => {
  const order = ["system", "light", "dark"];
  setTheme(order[(order.indexOf(prefs.get().theme) + 1) % order.length]);
};

export function setZone(zone) {
  write("zone", zone);
  prefs.set((old) => ({ ...old, zone }));
}
