// Light, dark, or what the system says; the choice is kept in this browser.
import { useEffect, useState } from "react";

export type Theme = "system" | "light" | "dark";
const KEY = "evenfall-theme";
const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

const system = window.matchMedia("(prefers-color-scheme: dark)");
const kept = () => (localStorage.getItem(KEY) as Theme | null) ?? "system";

function apply(): void {
  const theme = kept();
  document.documentElement.dataset.theme = theme === "system" ? (system.matches ? "dark" : "light") : theme;
  window.dispatchEvent(new Event("evenfall-theme"));
}
apply(); // before the first paint
system.addEventListener("change", apply);

export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(kept);
  const next = () => {
    localStorage.setItem(KEY, NEXT[theme]);
    setTheme(NEXT[theme]);
    apply();
  };
  return [theme, next];
}

/** A number that changes whenever the colours do, for what draws outside CSS. */
export function useThemeVersion(): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const bump = () => setVersion((old) => old + 1);
    window.addEventListener("evenfall-theme", bump);
    return () => window.removeEventListener("evenfall-theme", bump);
  }, []);
  return version;
}
