// Light, dark, or what the system says; the choice is kept in this browser.
import { useEffect, useState } from "react";

export type Theme = "system" | "light" | "dark";
const KEY = "evenfall-theme";
const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

export function useTheme(): [Theme, () => void] {
  const [theme, setTheme] = useState<Theme>(() => (localStorage.getItem(KEY) as Theme | null) ?? "system");
  useEffect(() => {
    if (theme === "system") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.dataset.theme = theme;
    localStorage.setItem(KEY, theme);
    window.dispatchEvent(new Event("evenfall-theme"));
  }, [theme]);
  return [theme, () => setTheme(NEXT[theme])];
}

/** A number that changes whenever the colours do, for what draws outside CSS. */
export function useThemeVersion(): number {
  const [version, setVersion] = useState(0);
  useEffect(() => {
    const bump = () => setVersion((old) => old + 1);
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", bump);
    window.addEventListener("evenfall-theme", bump);
    return () => {
      system.removeEventListener("change", bump);
      window.removeEventListener("evenfall-theme", bump);
    };
  }, []);
  return version;
}
